"""Everything over TLS: the gateway, and the services among themselves; and clients that log in with a certificate."""

from __future__ import annotations

import json
import ssl
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.certificates import Authority, Pair
from support.running import ADMIN, PASSWORD, Platform, make_platform, wait_until

pytestmark = pytest.mark.e2e

HELLO = """#!/bin/sh
echo '<?xml version="1.0"?><methodResponse><params><param><value><struct>
<member><name>Status</name><value>Success</value></member><member><name>Value</name><value>hello</value></member>
</struct></value></param></params></methodResponse>'
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=["up", "services"])
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[Platform]:
    certificate, key = authority.server().files
    made = make_platform(
        request.param,
        tmp_path_factory.mktemp(request.param),
        GRAFT_HTTP_CERTIFICATE=certificate,
        GRAFT_HTTP_KEY=key,
        GRAFT_HTTP_CLIENT_AUTHORITIES=str(authority.path),
        GRAFT_GRPC_CERTIFICATE=certificate,
        GRAFT_GRPC_KEY=key,
        GRAFT_GRPC_AUTHORITIES=str(authority.path),
        GRAFT_GRPC_CLIENT_AUTHORITIES=str(authority.path),
        GRAFT_CERTIFICATE_ROLES=json.dumps({"OU=ops": "pool-admin", "OU=staff": "read-only"}),
    )
    try:
        for part in ["up"] if made.kind == "up" else ["registry", "dispatcher", "gateway"]:
            made.start(part)
        wait_until("readiness", lambda: is_ready(made, authority), 60)
        made.drop_in("Try.hello", HELLO)
        yield made
    finally:
        made.kill_all()


def trusting(authority: Authority, shown: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.path)
    if shown is not None:
        context.load_cert_chain(*shown.files)
    return context


def is_ready(platform: Platform, authority: Authority) -> bool:
    for part, process in platform.processes.items():
        assert process.poll() is None, f"graft {part} has ended with {process.returncode}:\n{platform.logs()}"
    try:
        url = f"https://127.0.0.1:{platform.http}/readyz"
        return httpx.get(url, verify=trusting(authority), timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def ann(authority: Authority) -> Pair:
    return authority.give("ann", [("O", "Work"), ("OU", "ops"), ("CN", "ann")])


def login(platform: Platform, context: ssl.SSLContext) -> int:
    url = f"https://127.0.0.1:{platform.http}/api/v1/methods/session.login_with_password"
    return httpx.post(url, json=[ADMIN, PASSWORD], verify=context, timeout=30, trust_env=False).status_code


def hello(platform: Platform, context: ssl.SSLContext, **headers: str) -> tuple[int, Any]:
    url = f"https://127.0.0.1:{platform.http}/api/v1/methods/Try.hello"
    given = {"content-type": "application/json", **headers}
    answer = httpx.post(url, content=b"[]", headers=given, verify=context, timeout=30, trust_env=False)
    return answer.status_code, answer.json()


def test_rest_takes_the_connection_s_certificate(platform: Platform, authority: Authority, ann: Pair) -> None:
    assert [hello(platform, trusting(authority, ann)) for _ in range(2)] == [(200, "hello")] * 2
    bob = authority.give("bob", [("OU", "staff"), ("CN", "bob")])
    eve = authority.give("eve", [("OU", "visitors"), ("CN", "eve")])
    for other in (bob, eve):
        status, refusal = hello(platform, trusting(authority, other))
        assert (status, refusal["code"]) == (403, "RBAC_PERMISSION_DENIED")
        # A certificate keeps nobody from what is open to all, a login by password among it.
        assert login(platform, trusting(authority, other)) == 200
    status, refusal = hello(platform, trusting(authority))
    assert (status, refusal["code"]) == (401, "SESSION_INVALID")
    # What the header says counts before it.
    status, refusal = hello(platform, trusting(authority, ann), authorization="Bearer OpaqueRef:none")
    assert (status, refusal["code"]) == (401, "SESSION_INVALID")
    for context in (trusting(authority, ann), trusting(authority)):
        assert hello(platform, context, authorization="Basic Og==")[0] == 401


def test_ambari_s_resources_take_it_too(platform: Platform, authority: Authority, ann: Pair) -> None:
    url = f"https://127.0.0.1:{platform.http}/api/v1/stacks"
    answer = httpx.get(url, verify=trusting(authority, ann), timeout=30, trust_env=False)
    assert (answer.status_code, answer.headers["user"]) == (200, "certificate:ann")
    assert "Secure" in answer.headers["set-cookie"]
    assert httpx.get(url, verify=trusting(authority), timeout=30, trust_env=False).status_code == 403


def test_xenapi_clients_log_in_with_it(platform: Platform, authority: Authority, ann: Pair) -> None:
    url = f"https://127.0.0.1:{platform.http}"
    with xmlrpc.client.ServerProxy(url, context=trusting(authority, ann)) as proxy:
        ref = proxy.session.login_with_password("", "", "1.0", "a client")["Value"]
        assert proxy.Try.hello(ref)["Value"] == "hello"
        record = proxy.session.get_record(ref, ref)["Value"]
        told = record["auth_user_name"], record["client_certificate"], record["is_local_superuser"]
        assert told == ("certificate:ann", True, False)
        named = proxy.session.login_with_password(ADMIN, PASSWORD)
        assert named["Status"] == "Success"
    with xmlrpc.client.ServerProxy(url, context=trusting(authority)) as proxy:
        assert proxy.session.login_with_password("", "")["ErrorDescription"][0] == "SESSION_AUTHENTICATION_FAILED"


def test_certificates_of_strangers_end_the_handshake(platform: Platform, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").give("mallory", [("OU", "ops"), ("CN", "mallory")])
    with pytest.raises(httpx.TransportError):
        hello(platform, trusting(authority, stranger))


def test_commands_reach_everything(platform: Platform, authority: Authority, ann: Pair) -> None:
    trusted = {"SSL_CERT_FILE": str(authority.path)}
    done = platform.graft("health")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    certificate, key = ann.files
    done = platform.graft("login", "--certificate", certificate, "--key", key, **trusted)
    assert (done.returncode, done.stdout) == (0, f"logged in at https://127.0.0.1:{platform.http} as certificate:ann\n")
    for command in (("call", "Try.hello"), ("methods",), ("links",)):
        done = platform.graft(*command, **trusted)
        assert done.returncode == 0, done.stderr


def test_plain_http_and_grpc_get_no_answer(platform: Platform) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{platform.url}/healthz", timeout=10, trust_env=False)
    done = platform.graft("links", GRAFT_GRPC_AUTHORITIES="", GRAFT_GRPC_CERTIFICATE="", GRAFT_GRPC_KEY="")
    assert done.returncode != 0
