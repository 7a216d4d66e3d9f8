"""`/docs` of a gateway: what browsers are sent, how it is kept, and what happens while the dispatcher is away."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from fakes import FakePlatform
from gateway import offer
from gateway.reference.files import Files
from graft_common.declarations.api import Api
from graft_common.declarations.model import Document, Method
from graft_common.errors import GraftError
from graft_docs.html import HtmlSite
from support.reference_pages import api, read_page, split_link
from support.wire import Reply, Running, Wire, running_gateway

AWAY = GraftError("SERVICE_UNAVAILABLE", "dispatcher", "UNAVAILABLE: 10.1.2.3 refused")


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform(api=api())


@pytest.fixture
async def gateway(platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(offer, "AGE", 0.0)
    async with running_gateway(platform) as running:
        yield running


async def get(running: Running, path: str, method: str = "GET", **headers: str) -> Reply:
    lines = [f"{method} {path} HTTP/1.1", "host: gateway"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    async with await Wire.open(running.port) as wire:
        await wire.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        reply = await wire.reply(has_body=False)
        if method != "HEAD" and reply.status != 304:
            reply.body = await wire.reader.readexactly(int(reply.headers["content-length"]))
        return reply


async def test_every_link_is_answered_without_credentials(gateway: Running) -> None:
    reached, waiting = {""}, [""]
    while waiting:
        reply = await get(gateway, f"/docs/{waiting.pop()}")
        assert reply.status == 200
        if not reply.headers["content-type"].startswith("text/html"):
            continue
        for link in read_page(reply.body).links:
            file = split_link(link)[0]
            if file not in reached and not link.startswith("https://"):
                reached.add(file)
                waiting.append(file)
    assert {*HtmlSite(api()).files, "declarations.xml", "xenapi.json"} - {"search-index.js"} == reached - {""}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/class-Volume.html", "text/html; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
        ("/docs/search.js", "text/javascript; charset=utf-8"),
        ("/docs/search-index.js", "text/javascript; charset=utf-8"),
        ("/docs/icon.svg", "image/svg+xml"),
        ("/docs/declarations.xml", "application/xml; charset=utf-8"),
        ("/docs/xenapi.json", "application/json"),
    ],
)
async def test_how_files_are_sent(gateway: Running, path: str, content_type: str) -> None:
    reply = await get(gateway, path)
    headers = reply.headers
    assert (reply.status, headers["content-type"]) == (200, content_type)
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-cache")
    assert "content-encoding" not in headers
    head = await get(gateway, path, "HEAD")
    dated = ("date", "x-request-id")
    assert {k: v for k, v in head.headers.items() if k not in dated} == {
        k: v for k, v in headers.items() if k not in dated
    }
    for tag in (headers["etag"], f'"x", {headers["etag"].removeprefix("W/")}', "*"):
        kept = await get(gateway, path, if_none_match=tag)
        assert (kept.status, kept.headers["etag"]) == (304, headers["etag"])
    assert (await get(gateway, path, if_none_match='W/"other"')).status == 200
    if len(reply.body) > 1024:
        packed = await get(gateway, path, accept_encoding="br, gzip;q=0.5")
        assert packed.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in packed.headers["vary"]
        assert gzip.decompress(packed.body) == reply.body


async def test_downloads_have_no_secrets_and_are_what_they_say(gateway: Running) -> None:
    xml = await get(gateway, "/docs/declarations.xml")
    assert xml.headers["content-disposition"] == 'attachment; filename="declarations.xml"'
    names = {element.attrib["name"] for element in ET.fromstring(xml.body).iter("{urn:graft:methods:1}method")}
    assert names == set(api().methods)
    classes = json.loads((await get(gateway, "/docs/xenapi.json")).body)
    assert "Volume" in {told["name"] for told in classes}
    for reply in (xml, await get(gateway, "/docs/xenapi.json")):
        for secret in (b"correct horse", b"battery staple", b"hunter two"):
            assert secret not in reply.body


async def test_the_page_about_the_gateway_names_it(gateway: Running) -> None:
    assert b"GET  /docs/ " in (await get(gateway, "/")).body


async def test_where_there_is_nothing(gateway: Running) -> None:
    reply = await get(gateway, "/docs")
    assert (reply.status, reply.headers["location"]) == (308, "docs/")
    for path in (
        "/docs/nothing",
        "/docs/class-%3Cb%3E.html",
        "/docs/../etc/passwd",
        "/docs//",
        "/docs/style.css/x",
        "/docs/base.html",
    ):
        reply = await get(gateway, path)
        assert reply.status == 404
        assert read_page(reply.body).errors == []
    assert b"<b>" not in (await get(gateway, "/docs/class-%3Cb%3E.html")).body
    reply = await get(gateway, "/docs/", "POST", content_length="0")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert (await get(gateway, "/docsy")).status == 404


async def test_what_is_offered_changes(platform: FakePlatform, gateway: Running) -> None:
    before = await get(gateway, "/docs/")
    platform.api = Api.of(Document(methods=(Method("Lamp.switch", "Switch it."),)))
    after = await get(gateway, "/docs/", if_none_match=before.headers["etag"])
    assert after.status == 200
    assert "Lamp" in read_page(after.body).text
    assert (await get(gateway, "/docs/class-Volume.html")).status == 404
    assert (await get(gateway, "/docs/class-Lamp.html")).status == 200


async def test_a_dispatcher_that_is_away(platform: FakePlatform, gateway: Running) -> None:
    platform.describe_error = AWAY
    for path in ("/docs/", "/docs/xenapi.json"):
        unknown = await get(gateway, path)
        assert (unknown.status, unknown.headers["retry-after"]) == (503, "2")
        assert "Not available" in read_page(unknown.body).text
        assert b"10.1.2.3" not in unknown.body
    assert (await get(gateway, "/docs/style.css")).status == 200
    platform.describe_error = None
    known = await get(gateway, "/docs/")
    platform.describe_error = AWAY
    last = await get(gateway, "/docs/")
    assert (last.status, last.headers["cache-control"]) == (200, "no-store")
    assert "does not answer just now" in read_page(last.body).text
    assert b"10.1.2.3" not in last.body
    platform.describe_error = None
    assert (await get(gateway, "/docs/", if_none_match=known.headers["etag"])).status == 304


async def test_a_dispatcher_that_hangs(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> Api:
        await asyncio.Event().wait()
        raise AssertionError

    assert (await get(gateway, "/docs/")).status == 200
    monkeypatch.setattr(offer, "fetch", hang)
    monkeypatch.setattr(offer, "PATIENCE", 0.05)
    for _ in range(2):
        last = await get(gateway, "/docs/")
        assert "does not answer just now" in read_page(last.body).text


async def test_what_breaks_the_description_is_told_as_away(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_(*_: object) -> Api:
        raise KeyError("odd")

    monkeypatch.setattr(offer, "fetch", break_)
    reply = await get(gateway, "/docs/")
    assert reply.status == 503
    assert b"odd" not in reply.body


async def test_a_gateway_that_has_enough_to_do(gateway: Running) -> None:
    gateway.app._load._max_requests = 0
    reply = await get(gateway, "/docs/")
    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    assert "as many requests as it may" in read_page(reply.body).text


async def test_many_readers_ask_the_dispatcher_once(
    platform: FakePlatform, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer, "AGE", 60.0)
    replies = await asyncio.gather(*(get(gateway, f"/docs/class-{name}.html") for name in 10 * ["Volume", "task"]))
    assert {reply.status for reply in replies} == {200}
    assert platform.described == 1


async def test_files_are_kept_within_bounds() -> None:
    offered = api()
    names = [name for name in HtmlSite(offered).files if name.endswith(".html")]
    files = Files(max_held=60_000)
    try:
        for name in names:
            file = await files.get(offered, name)
            assert file is not None
            assert file.packed is not None
            assert sum(held.size for held in files._held.values()) == files._size <= 60_000
        assert 0 < len(files._held) < len(names)
        last = await files.get(offered, names[-1])
        assert last is files._held[names[-1]]
        other = replace(offered, undeclared={})
        assert await files.get(other, names[0]) is not None
        assert list(files._held) == [names[0]]
    finally:
        files.close()
