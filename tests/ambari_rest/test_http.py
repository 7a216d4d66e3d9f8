"""What HTTP has to do with it: types, methods, sizes, and what happens when something is away or breaks."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Any

import httpx
import pytest

from gateway.ambari.resources import extensions
from gateway.metrics import HTTP_REQUESTS
from support.resources import Resources
from support.rest import CSRF, Rest, message
from support.wire import Wire
from tests.ambari_rest.conftest import Serve


async def test_content_types(rest: Rest) -> None:
    for sent, wanted in [
        (None, "text/plain;charset=utf-8"),
        ("application/x-www-form-urlencoded", "text/plain;charset=utf-8"),
        ("application/json", "application/json;charset=utf-8"),
        ("application/json; charset=utf-8", "application/json;charset=utf-8"),
    ]:
        headers = {} if sent is None else {"content-type": sent}
        for path in ("links", "links/999", "nowhere"):
            assert (await rest.get(path, headers=headers)).headers["content-type"] == wanted
        assert (await rest.put("links", headers={"content-type": sent} if sent else {})).headers[
            "content-type"
        ] == wanted
        async with httpx.AsyncClient(trust_env=False, verify=False) as nobody:
            assert (await nobody.get(f"{rest.url}/links", headers=headers)).headers["content-type"] == wanted


async def test_methods_that_are_not_answered(rest: Rest) -> None:
    for method, path, allowed in [
        ("DELETE", "links", "GET, HEAD, OPTIONS, POST, PUT"),
        ("POST", "links/1", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("POST", "extensions", "GET, HEAD, OPTIONS"),
        ("PUT", "extensions/EXT/versions/1.0", "GET, HEAD, OPTIONS"),
        ("DELETE", "stacks/HDP/versions/2.4/links/1", "GET, HEAD, OPTIONS"),
        ("PATCH", "stacks", "GET, HEAD, OPTIONS"),
        ("GET", "auth", "OPTIONS, POST"),
        ("POST", "logout", "GET, HEAD, OPTIONS"),
    ]:
        response = await rest.http.request(method, f"{rest.url}/{path}", headers=CSRF)
        assert (response.status_code, message(response)) == (405, "Method Not Allowed")
        assert response.headers["allow"] == allowed
        options = await rest.http.options(f"{rest.url}/{path}")
        assert (options.status_code, options.headers["allow"]) == (200, allowed)


async def test_paths_that_lead_nowhere(rest: Rest) -> None:
    for path in (
        "link/1",
        "",
        "extensions/EXT/services",
        "links/1/2",
        "links//",
        "extensions/%2F/versions/1/x",
    ):
        response = await rest.get(path)
        assert (response.status_code, message(response)) == (404, "Not Found")
        assert response.text == '{\n  "status": 404,\n  "message": "Not Found"\n}'
    outside = await rest.http.get(f"http://127.0.0.1:{rest.port}/api/v2/links")
    assert outside.status_code == 404
    assert "/api/v1" in outside.text


async def test_get_in_the_shape_of_post(rest: Rest) -> None:
    query = {"RequestInfo": {"query": "Extensions/extension_name=EXT"}}
    for value in ("GET", "get"):
        answer = await rest.post("extensions", query, headers={"X-Http-Method-Override": value})
        assert [item["Extensions"]["extension_name"] for item in answer.json()["items"]] == ["EXT"]
    unmarked = await rest.http.post(f"{rest.url}/extensions", headers={"X-Http-Method-Override": "GET"})
    assert unmarked.status_code == 200, "what only reads needs no header against forgery"
    wrong = await rest.post("links/1", headers={"X-Http-Method-Override": "DELETE"})
    assert wrong.status_code == 400
    assert message(wrong) == "Incorrect HTTP method for override: DELETE. Allowed values: [GET]"


async def test_head(rest: Rest) -> None:
    whole = await rest.get("extensions")
    head = await rest.http.head(f"{rest.url}/extensions")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert (await rest.http.head(f"{rest.url}/extensions/NOPE")).status_code == 404


async def test_large_answers_are_packed(rest: Rest, tree: Resources) -> None:
    for number in range(150):
        tree.extension(f"MANY{number:03}/1.0")
    await rest.put("links")
    plain = await rest.get("extensions", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for header, packed in [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("deflate", False),
        ("", False),
    ]:
        async with rest.http.stream("GET", f"{rest.url}/extensions", headers={"accept-encoding": header}) as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            assert (answer.headers.get("content-encoding") == "gzip") is packed
            assert (gzip.decompress(raw) if packed else raw) == plain.content
            assert answer.headers["vary"] == "Accept-Encoding"
    small = await rest.get("links", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


async def test_bodies_are_bounded(serve: Serve, tree: Resources) -> None:
    async with serve(tree.root, http_max_body=1000, http_body_timeout=0.2) as rest:
        large = await rest.post("links", "x" * 1001)
        assert large.status_code == 413
        assert message(large) == "The body is larger than 1000 bytes, the most that is read."
        packed = await rest.post("links", "{}", headers={"content-encoding": "gzip"})
        assert packed.status_code == 415
        async with await Wire.open(rest.port) as wire:
            await wire.send(b"POST /api/v1/links HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
            reply = await wire.reply()
            assert reply.status == 408
            assert b'"status": 408' in reply.body


async def test_the_registry_is_away(rest: Rest) -> None:
    assert (await rest.get("links")).status_code == 200
    await rest.registry_server.stop(0)
    for response in (await rest.get("links"), await rest.put("links"), await rest.get("links", auth=("u", "p"))):
        assert response.status_code == 503
        assert message(response).startswith("The registry does not answer: ")
        assert response.headers["retry-after"] == "1"


async def test_a_mistake_of_ours(
    rest: Rest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Any:
        raise RuntimeError("a detail that is nobody's business")

    monkeypatch.setattr(extensions.pb, "ListStacksRequest", broken)
    response = await rest.get("stacks")
    assert response.status_code == 500
    found = re.fullmatch(
        "Internal server error, please refer the exception by ([0-9a-f-]{36}) in the server log file", message(response)
    )
    assert found is not None
    captured = capfd.readouterr()
    assert found[1] in captured.out + captured.err
    assert "nobody's business" not in response.text


async def test_what_is_served_at_the_end(rest: Rest) -> None:
    assert (await rest.get("links")).status_code == 200
    await rest.gateway.drain(1)
    response = await rest.get("links")
    assert (response.status_code, message(response)) == (503, "The gateway is stopping.")


async def test_metrics_have_few_labels(rest: Rest) -> None:
    for path in ("links/1", "links/2", "extensions/EXT/versions/1.0", "nowhere", "nowhere/else", "x" * 300):
        await rest.get(path)
    labels = {sample.labels["path"] for metric in HTTP_REQUESTS.collect() for sample in metric.samples}
    own = {label for label in labels if label.startswith("/api/v1")}
    assert {"/api/v1/links/{link_id}", "/api/v1/extensions/{extension_name}/versions/{extension_version}"} <= own
    assert "/api/v1/…" in own
    assert not any("nowhere" in label for label in labels)


async def test_many_at_once(rest: Rest) -> None:
    paths = ["links", "extensions?fields=*", "stacks?fields=*", "extensions/EXT/versions/1.0", "links/999"] * 10
    responses = await asyncio.gather(*(rest.get(path) for path in paths))
    assert {response.status_code for response in responses} == {200, 404}


async def test_curl_of_the_original_document(serve: Serve, tree: Resources) -> None:
    """The bodies and paths of Ambari's page on extensions, its two misprints aside."""
    async with serve(tree.root) as rest:
        body = '{"ExtensionLink": {"stack_name": "HDP", "stack_version":\n\n"2.4", "extension_name": "EXT", "extension_version": "1.0"}}'
        assert (await rest.post("links/", body)).status_code == 201
        for path in ("extensions", "extensions/EXT", "extensions/EXT/versions/1.0", "links"):
            assert (await rest.get(path)).status_code == 200
        [item] = (await rest.json("links?ExtensionLink/extension_name=EXT"))["items"]
        number = item["ExtensionLink"]["link_id"]
        assert (await rest.json(f"links/{number}"))["ExtensionLink"] == item["ExtensionLink"]
        assert (await rest.put("links/")).status_code == 200
        assert (await rest.delete(f"links/{number}")).status_code == 200
        assert (await rest.get(f"links/{number}")).status_code == 404


async def test_a_prefix_in_other_letters(rest: Rest) -> None:
    async with await Wire.open(rest.port) as wire:
        await wire.send(b"GET /api%2Fv1/links HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await wire.reply()).status in {403, 404}
