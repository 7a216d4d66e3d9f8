"""Who may come in: Basic credentials, cookies, the header against forgery, and roles."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import httpx
import pytest

from gateway.ambari.credentials import session_cookie, set_cookie
from gateway.credentials import Credentials, basic_credentials
from graft.registry.v1 import identity_pb2
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata
from support.rest import ADMIN, CSRF, READER, Rest, link, message

NOT_SIGNED_IN = "Missing authentication token"
WRONG = "Unable to sign in. Invalid username/password combination."
FORGED = "CSRF protection is turned on. X-Requested-By HTTP header is required."
COOKIE = "AMBARISESSIONID"


def encoded(text: str, charset: str = "utf-8") -> str:
    return base64.b64encode(text.encode(charset)).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Basic {encoded('anna:secret')}", Credentials("anna", "secret")),
        (f"basic  {encoded('anna:a:b:c')}", Credentials("anna", "a:b:c")),
        (f"BASIC {encoded('anna:')}", Credentials("anna", "")),
        (f"Basic {encoded('änna:süß')}", Credentials("änna", "süß")),
        (f"Basic {encoded('änna:süß', 'latin-1')}", Credentials("änna", "süß")),
        (f"Basic {encoded('anna')}", None),
        ("Basic not base64!", None),
        ("Basic", None),
        ("", None),
        (f"Bearer {encoded('anna:secret')}", None),
    ],
)
def test_basic_credentials(header: str, expected: Credentials | None) -> None:
    assert basic_credentials(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"{COOKIE}=OpaqueRef:1234", "OpaqueRef:1234"),
        (f"a=b; {COOKIE}=x; c=d", "x"),
        (f'{COOKIE}="quoted"', "quoted"),
        ("other=1", ""),
        ("", ""),
        ("\x01=\x02;;;", ""),
    ],
)
def test_cookies(header: str, expected: str) -> None:
    assert session_cookie({"cookie": header}) == expected


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_goes_back_over_tls_alone_if_it_came_so(*, secure: bool) -> None:
    written = set_cookie("OpaqueRef:1", secure=secure)
    assert written.startswith(f"{COOKIE}=OpaqueRef:1; Path=/; HttpOnly; SameSite=Strict")
    assert written.endswith("; Secure") is secure


async def sessions(rest: Rest) -> list[str]:
    """Return the users of logins that were recorded."""
    request = identity_pb2.ListLoginRecordsRequest(page_size=1000)
    metadata = await rest.as_admin()
    records = (await call(rest.clients.identity.ListLoginRecords, request, timeout=20, metadata=metadata)).records
    return [f"{record.action} {record.outcome}" for record in records]


async def test_nobody_comes_in_without_credentials(rest: Rest) -> None:
    async with httpx.AsyncClient(trust_env=False, verify=False) as nobody:
        for method, path in [("GET", "links"), ("GET", "nowhere"), ("POST", "links"), ("DELETE", "links"), ("GET", "")]:
            response = await nobody.request(method, f"{rest.url}/{path}")
            assert (response.status_code, message(response)) == (403, NOT_SIGNED_IN)
            assert response.text.startswith('{\n  "status": 403,\n')
            assert response.headers["content-type"].startswith("text/plain")
        for password in ("wrong", ADMIN[1] + " "):
            response = await nobody.get(f"{rest.url}/links", auth=(ADMIN[0], password))
            assert (response.status_code, message(response)) == (403, WRONG)
            assert "set-cookie" not in response.headers
        unknown = await nobody.get(f"{rest.url}/links", headers={"cookie": f"{COOKIE}=OpaqueRef:unknown"})
        assert (unknown.status_code, message(unknown)) == (403, NOT_SIGNED_IN)
        odd = await nobody.get(f"{rest.url}/links", headers={"cookie": f"{COOKIE}=not a ref"})
        assert odd.status_code == 403


async def test_a_password_is_checked_once_for_many_requests(rest: Rest) -> None:
    before = (await sessions(rest)).count("session.login_with_password OK")
    responses = await asyncio.gather(*(rest.get("links") for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert responses[0].headers["user"] == "admin"
    # One more is the look itself.
    assert (await sessions(rest)).count("session.login_with_password OK") == before + 2


async def test_a_session_that_has_ended_is_opened_anew(rest: Rest) -> None:
    ref = (await rest.get("links")).cookies[COOKIE]
    await call(rest.clients.identity.Logout, identity_pb2.LogoutRequest(), timeout=20, metadata=call_metadata(ref))
    rest.http.cookies.clear()
    made = await rest.post("links", link("EXT/1.0 HDP/2.4"))
    assert made.status_code == 201
    assert made.cookies[COOKIE] != ref


async def test_cookies_stand_for_credentials(rest: Rest) -> None:
    first = await rest.get("links")
    header = first.headers["set-cookie"]
    assert header.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert "set-cookie" not in (await rest.get("links")).headers, "httpx has sent it back"
    async with httpx.AsyncClient(trust_env=False, verify=False, headers=CSRF) as client:
        opened = await client.post(f"{rest.url}/auth", auth=ADMIN)
        assert opened.status_code == 201
        assert client.cookies[COOKIE] != first.cookies[COOKIE], "it is a session of its own"
        answer = await client.get(f"{rest.url}/extensions")
        assert (answer.status_code, answer.headers["user"]) == (200, "admin")
        assert (await client.post(f"{rest.url}/links", json=link("EXT/1.0 HDP/2.4"))).status_code == 201
        ref = client.cookies[COOKIE]
        closed = await client.get(f"{rest.url}/logout")
        assert (closed.status_code, closed.content) == (200, b"")
        assert "Max-Age=0" in closed.headers["set-cookie"]
        assert COOKIE not in client.cookies
        again = await client.get(f"{rest.url}/links", headers={"cookie": f"{COOKIE}={ref}"})
        assert (again.status_code, message(again)) == (403, NOT_SIGNED_IN)
    assert (await rest.get("links")).status_code == 200


async def test_the_header_against_forgery(rest: Rest) -> None:
    for method, path in [
        ("POST", "links"),
        ("PUT", "links"),
        ("DELETE", "links/1"),
        ("POST", "nowhere"),
        ("PATCH", "links"),
    ]:
        response = await rest.http.request(method, f"{rest.url}/{path}")
        assert (response.status_code, message(response)) == (400, FORGED)
        assert response.headers["content-type"].startswith("text/plain")
    for method in ("GET", "HEAD", "OPTIONS"):
        assert (await rest.http.request(method, f"{rest.url}/links")).status_code == 200
    empty = await rest.http.put(f"{rest.url}/links", headers={"X-Requested-By": ""})
    assert empty.status_code == 200


async def test_who_may_only_read(rest: Rest) -> None:
    await rest.add_user(READER, "read-only")
    rest.http.auth = httpx.BasicAuth(*READER)
    assert (await rest.get("links")).headers["user"] == READER[0]
    assert (await rest.get("stacks/HDP/versions/2.4/services/HDFS")).status_code == 200
    for response in (
        await rest.post("links", link("EXT/1.0 HDP/2.4")),
        await rest.post("links"),
        await rest.put("links"),
        await rest.put("links/1", {"ExtensionLink": {"extension_name": "SELF", "extension_version": "1.0"}}),
        await rest.delete("links/1"),
    ):
        assert response.status_code == 403
        assert message(response) == "You do not have permissions to access this resource."
        assert response.headers["www-authenticate"] == 'Basic realm="AuthFilter"'


async def test_passwords_and_sessions_are_not_logged(
    rest: Rest, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ref = (await rest.get("links")).cookies[COOKIE]
    await rest.http.get(f"{rest.url}/links", auth=(ADMIN[0], "a wrong password"))
    captured = capfd.readouterr()
    for secret in (ref, ADMIN[1], "a wrong password"):
        assert secret not in captured.out + captured.err
