"""Management packs over REST: real sockets all the way."""

from __future__ import annotations

import asyncio
import base64
import functools
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from graft.registry.v1 import identity_pb2
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata
from support.packs import extension_pack, write_pack
from support.resources import Resources
from support.rest import ADMIN, CSRF, READER, Rest, message, running_rest

LIMIT = 1 << 20


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    Resources(tmp_path / "resources").stack("HDP/2.4", HDFS="")
    async with running_rest(tmp_path / "data", tmp_path / "resources", mpack_max_archive=LIMIT) as running:
        yield running


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(
        tmp_path / "packs" / "foo-1.0.tar.gz", "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "OOZIE"})
    )


@pytest.fixture
def content(pack: Path) -> bytes:
    return pack.read_bytes()


async def sent(rest: Rest, content: bytes, **more: Any) -> httpx.Response:
    return await rest.post("mpacks", content, **more)


async def test_a_pack_comes_and_goes(rest: Rest, content: bytes) -> None:
    made = await sent(rest, content)
    assert made.status_code == 201, made.text
    [resource] = made.json()["resources"]
    number = resource["MpackInfo"]["id"]
    assert made.headers["location"] == f"/api/v1/mpacks/{number}"
    assert resource["href"] == f"{rest.url}/mpacks/{number}"
    shown = await rest.json("mpacks")
    assert shown == {
        "href": f"{rest.url}/mpacks",
        "items": [{"href": f"{rest.url}/mpacks/{number}", "MpackInfo": {"id": number}}],
    }
    one = await rest.json(f"mpacks/{number}")
    digest = one["MpackInfo"].pop("digest")
    assert len(digest) == 64
    assert one["MpackInfo"] == {
        "extension_versions": ["EXT/1.0"],
        "id": number,
        "mpack_description": "",
        "mpack_name": "foo",
        "mpack_uri": one["MpackInfo"]["mpack_uri"],
        "mpack_version": "1.0",
        "services": [],
        "stack_name": None,
        "stack_version": None,
        "stack_versions": [],
    }
    assert one["MpackInfo"]["mpack_uri"].startswith("mpacks/cache/")
    assert (await rest.json("mpacks/foo-1.0"))["MpackInfo"]["id"] == number
    assert (await rest.json("mpacks?MpackInfo/mpack_name=foo"))["items"]
    assert not (await rest.json("mpacks?MpackInfo/mpack_name=bar"))["items"]
    assert [item["Extensions"]["extension_name"] for item in (await rest.json("extensions"))["items"]] == ["EXT"]

    again = await sent(rest, content)
    assert (again.status_code, message(again)) == (409, "Management pack foo-1.0 already installed!")
    await rest.link("EXT/1.0 HDP/2.4")
    assert (await rest.delete("mpacks/foo-1.0")).status_code == 409
    await rest.delete(f"links/{(await rest.json('links'))['items'][0]['ExtensionLink']['link_id']}")
    gone = await rest.delete("mpacks/foo-1.0")
    assert (gone.status_code, gone.text) == (200, "")
    missing = await rest.delete("mpacks/foo-1.0")
    text = "The requested resource doesn't exist: Management pack foo-1.0 is not installed"
    assert (missing.status_code, message(missing)) == (404, text)
    for path in ("mpacks/foo-1.0", f"mpacks/{number}", "mpacks/0"):
        assert (await rest.get(path)).status_code == 404


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
async def test_every_kind_of_archive_by_curl(rest: Rest, tmp_path: Path, suffix: str) -> None:
    """`--data-binary` sends a form's content type; `-T` an archive in chunks, without telling its size."""
    path = write_pack(tmp_path / f"p{suffix}", "p-1.0", extension_pack("p", "1.0", {"P/1.0": "P"}))
    for how in (["--data-binary", f"@{path}"], ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-T", str(path)]):
        command = ["curl", "-s", "-u", ":".join(ADMIN), "-H", "X-Requested-By: x", *how, f"{rest.url}/mpacks"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
        assert '"mpack_name" : "p"' in done.stdout, done
        assert (await rest.delete("mpacks/p-1.0")).status_code == 200


async def test_what_is_refused(rest: Rest, content: bytes, tmp_path: Path) -> None:
    malformed = await sent(rest, b"no archive")
    assert malformed.status_code == 400
    assert message(malformed).startswith("Malformed management pack.")
    for size in ({}, {"transfer-encoding": "chunked"}):
        large = await rest.http.post(
            f"{rest.url}/mpacks", content=_pieces(LIMIT + 1) if size else b"x" * (LIMIT + 1), headers=CSRF
        )
        assert large.status_code == 413
        message(large)
    for body in (
        b"",
        b"{}",
        b"[]",
        b'{"MpackInfo": {}}',
        b'{"MpackInfo": {"mpack_name": "x"}}',
        b'{"x',
        b'{"MpackInfo": {"mpack_uri": "file:///etc/passwd"}}',
    ):
        refused = await sent(rest, body)
        assert refused.status_code == 400, (body, refused.text)
        message(refused)
    large = await sent(rest, b'{"MpackInfo":{"mpack_uri":"http://' + b"x" * (65 << 10) + b'"}}')
    assert large.status_code == 413
    assert (await rest.http.post(f"{rest.url}/mpacks", content=content)).status_code == 400
    assert (
        await rest.http.post(f"{rest.url}/mpacks", content=content, headers=CSRF, auth=("admin", "x"))
    ).status_code == 403
    packed = await sent(rest, content, headers={"content-encoding": "gzip"})
    assert packed.status_code == 415
    assert (await rest.put("mpacks", {})).status_code == 405
    assert (await rest.post("mpacks/foo-1.0", content)).status_code == 405
    assert not (await rest.json("mpacks"))["items"]
    assert not [path for path in (tmp_path / "data" / "uploads").rglob("*") if path.is_file()]


async def test_a_body_that_stops_coming_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    async with running_rest(tmp_path / "data", tmp_path / "resources", http_body_timeout=0.3) as rest:
        for begin in (b"", b"\x1f\x8b", b'{"MpackInfo"'):
            reader, writer = await asyncio.open_connection("127.0.0.1", rest.port)
            credentials = base64.b64encode(":".join(ADMIN).encode()).decode()
            head = f"POST /api/v1/mpacks HTTP/1.1\r\nHost: x\r\nX-Requested-By: x\r\nAuthorization: Basic {credentials}\r\n"
            writer.write(f"{head}Content-Length: 1000\r\n\r\n".encode() + begin)
            answer = (await asyncio.wait_for(reader.read(), 20)).decode()
            writer.close()
            assert answer.startswith("HTTP/1.1 408 "), answer
            assert "Nothing of the body has come for 0.3 s." in answer
        assert not [path for path in (tmp_path / "data" / "uploads").rglob("*") if path.is_file()]


async def test_who_leaves_leaves_nothing(rest: Rest, tmp_path: Path) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rest.port)
    credentials = base64.b64encode(":".join(ADMIN).encode()).decode()
    head = f"POST /api/v1/mpacks HTTP/1.1\r\nHost: x\r\nX-Requested-By: x\r\nAuthorization: Basic {credentials}\r\n"
    writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 70_000)
    kept = tmp_path / "data" / "uploads"
    await until("the file of an upload", lambda: any(path.is_file() for path in kept.rglob("*")))
    writer.close()
    await until("the end of the upload", lambda: not any(path.is_file() for path in kept.rglob("*")))
    del reader


async def until(what: str, probe: Callable[[], bool]) -> None:
    for _ in range(2000):
        if probe():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what} has not come about")


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for at in range(0, size, 50_000):
        yield b"x" * min(50_000, size - at)


async def test_a_read_by_post_is_no_installation(rest: Rest) -> None:
    found = await rest.post("mpacks", {"RequestInfo": {"query": "fields=*"}}, headers={"X-Http-Method-Override": "GET"})
    assert (found.status_code, found.json()["items"]) == (200, [])


async def test_a_session_that_has_ended_is_opened_anew(rest: Rest, content: bytes) -> None:
    await rest.json("mpacks")
    ended = call_metadata(rest.http.cookies["AMBARISESSIONID"])
    await call(rest.clients.identity.Logout, identity_pb2.LogoutRequest(), timeout=20, metadata=ended)
    assert (await sent(rest, content)).status_code == 201


@contextmanager
def web(handler: Any) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class Odd(BaseHTTPRequestHandler):
    """Answers as its path says, and counts."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                try:
                    self.wfile.write(b"x" * 65536)
                except OSError:
                    return
        else:
            self.send_response(403, "swordfish")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


async def test_a_pack_is_fetched_for_administrators_alone(rest: Rest, pack: Path, content: bytes) -> None:
    handler = type("Handler", (Odd,), {"asked": []})
    with web(handler) as base:
        for path, reason in (
            ("loop", "there are more than 5 redirections"),
            ("file", "is no URL such as"),
            ("endless", "it has more than 1 MiB"),
            ("x", "the server answers with 403"),
        ):
            refused = await rest.post("mpacks", {"MpackInfo": {"mpack_uri": f"{base}/{path}"}})
            assert refused.status_code == 400
            assert message(refused).startswith("Management pack could not be downloaded! ")
            assert reason in message(refused)
            assert "swordfish" not in message(refused)
        handler.asked.clear()
        await rest.add_user(READER, "pool-operator")
        denied = await rest.http.post(
            f"{rest.url}/mpacks", json={"MpackInfo": {"mpack_uri": f"{base}/x"}}, headers=CSRF, auth=READER
        )
        assert (denied.status_code, handler.asked) == (403, [])
    denied = await rest.http.post(f"{rest.url}/mpacks", content=content, headers=CSRF, auth=READER)
    assert denied.status_code == 403
    assert (await rest.http.delete(f"{rest.url}/mpacks/foo-1.0", headers=CSRF, auth=READER)).status_code in {403, 404}
    assert (await rest.http.get(f"{rest.url}/mpacks", auth=READER)).status_code == 200
    with web(functools.partial(SimpleHTTPRequestHandler, directory=str(pack.parent))) as base:
        made = await rest.post("mpacks", {"MpackInfo": {"mpack_uri": f"{base}/{pack.name}"}})
        assert made.status_code == 201, made.text
        assert made.json()["resources"][0]["MpackInfo"]["mpack_uri"] == f"mpacks/cache/{pack.name}"
    gone = await rest.post("mpacks", {"MpackInfo": {"mpack_uri": f"{base}/{pack.name}"}})
    assert (gone.status_code, "cannot be reached" in message(gone)) == (400, True)
