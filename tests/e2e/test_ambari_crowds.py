"""Many clients of Ambari's REST interface at once, and requests that nobody sends in earnest."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from support.ambari_tree import needs
from support.resources import Resources
from support.running import ADMIN, PASSWORD, Platform, make_platform

pytestmark = pytest.mark.e2e

CLIENTS = 20
READERS = 20
STACKS = 10
EXTENSIONS = 6
ODD_NAMES = ("Über", "a b", "a%2Fb", "a+b", "a&b=c", "a'b\"c", "a#b?c", "(a|b)!", "\N{GRINNING FACE}", "a,b", "a;b=c")


@pytest.fixture(scope="module", params=["up", "services"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with stacks and extensions that all fit one another."""
    root = tmp_path_factory.mktemp(request.param)
    tree = Resources(root / "resources")
    for number in range(STACKS + 1):
        tree.stack(f"HDP/1.{number}")
    for number in range(EXTENSIONS + 1):
        tree.extension(f"E{number}/1.0", needs("HDP", "1.0"), **{f"S{number}": ""})
    for name in ODD_NAMES:
        tree.extension(f"{name}/1.0 {name}", needs("HDP", "1.0"), ODD="")
    running = make_platform(request.param, root / "platform", GRAFT_RESOURCES_DIR=str(tree.root))
    try:
        running.start_all()
        yield running
    finally:
        running.kill_all()


@pytest.fixture
async def http(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=READERS + CLIENTS)
    async with httpx.AsyncClient(
        base_url=f"{platform.url}/api/v1",
        auth=(ADMIN, PASSWORD),
        headers={"X-Requested-By": "ambari"},
        timeout=60,
        limits=limits,
        trust_env=False,
        verify=False,
    ) as client:
        await client.get("/links")
        yield client


def link(stack: int, extension: int) -> dict[str, Any]:
    return {
        "ExtensionLink": {
            "stack_name": "HDP",
            "stack_version": f"1.{stack}",
            "extension_name": f"E{extension}",
            "extension_version": "1.0",
        }
    }


async def test_one_of_many_makes_a_link(http: httpx.AsyncClient) -> None:
    asked = [http.post("/links", json=link(STACKS, EXTENSIONS)) for _ in range(CLIENTS)]
    answers = await asyncio.gather(*asked)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}, [a.text for a in answers]
    made = next(answer.headers["location"] for answer in answers if answer.status_code == 201)
    gone = await asyncio.gather(*(http.delete(made.removeprefix("/api/v1")) for _ in range(CLIENTS)))
    assert Counter(answer.status_code for answer in gone) == {200: 1, 404: CLIENTS - 1}, [a.text for a in gone]


async def test_readers_see_whole_states_while_links_are_made(http: httpx.AsyncClient) -> None:
    """Whoever reads sees each link that was acknowledged before, and none twice."""
    made: list[str] = []

    async def read() -> int:
        times = 0
        while len(made) < STACKS * EXTENSIONS:
            before = set(made)
            answer = await http.get("/links", headers={"Content-Type": "application/json"})
            assert answer.status_code == 200
            hrefs = [item["href"].rpartition("/")[2] for item in answer.json()["items"]]
            assert len(hrefs) == len(set(hrefs))
            assert before <= set(hrefs)
            times += 1
        return times

    async def write(extension: int) -> None:
        for stack in range(STACKS):
            answer = await http.post("/links", json=link(stack, extension))
            assert answer.status_code == 201, answer.text
            made.append(answer.headers["location"].rpartition("/")[2])

    readers = [asyncio.create_task(read()) for _ in range(READERS)]
    await asyncio.gather(*(write(extension) for extension in range(EXTENSIONS)))
    assert all(times > 0 for times in await asyncio.gather(*readers))
    services = (await http.get("/stacks/HDP/versions/1.0/services")).json()["items"]
    assert len(services) == EXTENSIONS


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names(http: httpx.AsyncClient, name: str) -> None:
    """Whatever a folder may be called, its hrefs lead to it, and a link to it can be made and found."""
    listed = (await http.get("/extensions")).json()["items"]
    href = next(item["href"] for item in listed if item["Extensions"]["extension_name"] == name)
    shown = (await http.get(href)).json()
    version = (await http.get(shown["versions"][0]["href"])).json()
    assert version["Versions"]["extension_version"] == f"1.0 {name}"
    assert version["Versions"]["extension-errors"] == []
    wanted = link(STACKS, 0)
    wanted["ExtensionLink"] |= {"extension_name": name, "extension_version": f"1.0 {name}"}
    made = await http.post("/links", json=wanted)
    assert made.status_code == 201, made.text
    found = (await http.get(f"{version['href']}/links")).json()["items"]
    assert [item["ExtensionLink"]["extension_name"] for item in found] == [name]
    if "=" not in name:  # as in Ambari, operators count though they are encoded, wherever they make a predicate
        filtered = await http.get("/links", params={"ExtensionLink/extension_name": name})
        assert [item["ExtensionLink"] for item in filtered.json()["items"]] == [found[0]["ExtensionLink"]]
    assert (await http.delete(made.headers["location"].removeprefix("/api/v1"))).status_code == 200


def said(platform: Platform, head: str, body: bytes = b"") -> tuple[int, str]:
    """Send a request as it stands, and return the status and the whole answer."""
    credentials = b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
    more = f"Authorization: Basic {credentials}\r\nX-Requested-By: x\r\nConnection: close\r\n"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    with socket.create_connection(("127.0.0.1", platform.http), timeout=30) as connection:
        connection.sendall(f"{head}\r\n{more}{length}\r\n".encode("latin-1") + body)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split(b" ", 2)[1]), answer.decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("extensions/E1", 200),
        ("extensions/E1/", 200),
        ("extensions/E%31", 200),
        ("extensions/E1%2Fversions", 404),
        ("extensions//E1", 404),
        ("/extensions", 404),
        ("extensions/../links", 404),
        ("extensions/%FF", 404),
        ("extensions/%00", 404),
        ("extensions/%C3%BC", 404),
        ("links/99999999999999999999", 400),
        ("links?page_size=1&page_size=x", 200),
        ("links?ExtensionLink/stack_name=%FF", 400),
        ("links?" + "(" * 5000, 400),
        ("extensions/" + "x" * 12_000, 404),
        ("links?" + "x" * 100_000, 431),
    ],
)
def test_odd_paths(platform: Platform, path: str, status: int) -> None:
    got, answer = said(platform, f"GET /api/v1/{path} HTTP/1.1\r\nHost: h")
    assert got == status, answer
    assert "http.crashed" not in platform.logs()


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("graft.example:8080", "http://graft.example:8080/"),
        ("[::1]:80", "http://[::1]:80/"),
        ("evil.example/path", None),
        ("<script>", None),
        ("a@b", None),
        ("", None),
    ],
)
def test_odd_hosts(platform: Platform, host: str, shown: str | None) -> None:
    """A name that could not be one is not repeated; the address stands instead."""
    got, answer = said(platform, f"GET /api/v1/links HTTP/1.1\r\nHost: {host}")
    assert got == 200
    assert f'"href" : "{shown or f"http://127.0.0.1:{platform.http}/"}api/v1/links"' in answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * (10 << 20), 413),
        (b"[" * 1_000_000, 400),
        (b'{"a":' * 500_000, 400),
        (b"\xff", 400),
        (b"null", 400),
        (b'{"ExtensionLink": {"stack_name": "%s", "stack_version": "1", "extension_name": "E", "extension_version": "1"}}' % (b"x" * 1_000_000), 404),
        ('{"ExtensionLink": {"stack_name": "\N{GREEK SMALL LETTER OMEGA}\N{GRINNING FACE}", "stack_version": "1", "extension_name": "E", "extension_version": "1"}}'.encode(), 404),
    ],
    ids=["10 MiB", "deep lists", "deep objects", "not UTF-8", "null", "long name", "Unicode"],
)  # fmt: skip
def test_odd_bodies(platform: Platform, body: bytes, status: int) -> None:
    got, answer = said(platform, "POST /api/v1/links HTTP/1.1\r\nHost: h", body)
    assert got == status, answer[:1000]
    assert "http.crashed" not in platform.logs()
