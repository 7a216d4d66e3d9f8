"""Users of an OpenID Connect issuer, by every way that clients come: REST, XML-RPC, JSON-RPC and gRPC."""

from __future__ import annotations

import json
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import identity_pb2
from graft_cli.exits import NOT_LOGGED_IN
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from support.issuer import AUDIENCE, NODE, PACKAGE, Issuer, rsa_key, run_issuer
from support.npm import npm_package
from support.running import Platform, make_platform

pytestmark = pytest.mark.e2e

FIRST = rsa_key("first")
GROUPS = {"ann": ["operators"], "bob": ["staff"], "eve": []}
ROLES = {"operators": "pool-admin", "staff": "read-only"}
HELLO = """#!/bin/sh
echo '<?xml version="1.0"?><methodResponse><params><param><value><struct>
<member><name>Status</name><value>Success</value></member><member><name>Value</name><value>hello</value></member>
</struct></value></param></params></methodResponse>'
"""


@pytest.fixture(scope="module")
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with run_issuer(npm_package(request.config.cache, PACKAGE, NODE)) as running:
        running.configure([FIRST], GROUPS)
        yield running


@pytest.fixture(scope="module", params=["services"])
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer
) -> Iterator[Platform]:
    made = make_platform(
        request.param,
        tmp_path_factory.mktemp(request.param),
        GRAFT_OIDC_ISSUER=issuer.url,
        GRAFT_OIDC_AUDIENCE=AUDIENCE,
        GRAFT_OIDC_ROLES=json.dumps(ROLES),
    )
    try:
        made.start_all()
        made.drop_in("Try.hello", HELLO)
        yield made
    finally:
        made.kill_all()


def rest(platform: Platform, token: str, method: str = "Try.hello") -> tuple[int, Any]:
    answer = httpx.post(
        f"{platform.url}/api/v1/methods/{method}",
        content=b"[]",
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        timeout=30,
        trust_env=False,
    )
    return answer.status_code, answer.json()


def test_rest_takes_tokens(platform: Platform, issuer: Issuer) -> None:
    token = issuer.token("ann")
    assert [rest(platform, token) for _ in range(3)] == [(200, "hello")] * 3
    status, refusal = rest(platform, issuer.token("bob"))
    assert (status, refusal["code"]) == (403, "RBAC_PERMISSION_DENIED")
    status, refusal = rest(platform, issuer.token("eve"))
    assert (status, refusal["code"]) == (403, "RBAC_PERMISSION_DENIED")
    head, body, signature = token.split(".")
    status, refusal = rest(platform, f"{head}.{body}.{signature[:-8]}AAAAAAAA")
    assert (status, refusal["params"]) == (401, ["", "the token's signature is not the issuer's"])


def test_ambaris_resources_take_tokens(platform: Platform, issuer: Issuer) -> None:
    url = f"{platform.url}/api/v1/stacks"
    good = {"authorization": f"Bearer {issuer.token('bob')}"}
    answer = httpx.get(url, headers=good, timeout=30, trust_env=False)
    assert (answer.status_code, answer.headers["user"]) == (200, "oidc:bob")
    bad = {"authorization": "Bearer OpaqueRef:none"}
    assert httpx.get(url, headers=bad, timeout=30, trust_env=False).status_code == 403


def test_xenapi_clients_trade_a_token_for_a_session_or_pass_it_as_one(platform: Platform, issuer: Issuer) -> None:
    token, proxy = issuer.token("ann"), platform.proxy()
    opened = proxy.session.login_with_token(token, "1.0", "a client")
    assert opened["Status"] == "Success", opened
    ref = opened["Value"]
    assert ref.startswith("OpaqueRef:")
    assert proxy.Try.hello(ref)["Value"] == "hello"
    assert proxy.Try.hello(token)["Value"] == "hello"
    record = proxy.session.get_record(ref, ref)["Value"]
    assert (record["auth_user_name"], record["is_local_superuser"], record["originator"]) == (
        "oidc:ann",
        False,
        "a client",
    )
    body = {"jsonrpc": "2.0", "id": 1, "method": "session.login_with_token", "params": [token]}
    answer = httpx.post(f"{platform.url}/jsonrpc", json=body, timeout=30, trust_env=False).json()
    assert answer["result"].startswith("OpaqueRef:")
    refused = proxy.session.login_with_token("not a token")
    assert refused["ErrorDescription"] == ["SESSION_AUTHENTICATION_FAILED", "", "the token is no signed JWT"]
    assert proxy.session.login_with_token("")["ErrorDescription"] == refused["ErrorDescription"]
    assert isinstance(proxy, xmlrpc.client.ServerProxy)


def test_the_command_line_logs_in_with_a_token(platform: Platform, issuer: Issuer) -> None:
    done = platform.graft("login", GRAFT_TOKEN=issuer.token("ann"))
    assert (done.returncode, done.stdout) == (0, f"logged in at {platform.url} as oidc:ann\n"), done.stderr
    done = platform.graft("call", "Try.hello")
    assert (done.returncode, done.stdout.strip()) == (0, "hello")
    done = platform.graft("login", "--token-file", "-", stdin=issuer.token("eve"))
    assert "has no roles in this pool" in done.stderr
    assert done.returncode == NOT_LOGGED_IN


async def test_grpc_takes_tokens_at_every_service(platform: Platform, issuer: Issuer) -> None:
    metadata = call_metadata(issuer.token("ann"))
    async with (
        open_channel(f"127.0.0.1:{platform.registry}") as registry,
        open_channel(f"127.0.0.1:{platform.dispatcher}") as dispatcher,
    ):
        # The dispatcher is the first that meets this token.
        invoke = DispatcherClients.remote(dispatcher).dispatcher.Invoke
        request = dispatcher_pb2.InvokeRequest(method="Try.hello", arguments_json=b"[]")
        assert (await call(invoke, request, timeout=30, metadata=metadata)).value_json == b'"hello"'
        identity = RegistryClients.remote(registry).identity
        told = await call(identity.WhoAmI, identity_pb2.WhoAmIRequest(), timeout=30, metadata=metadata)
        assert told.session.user == "oidc:ann"
        issuer.configure([FIRST], GROUPS, audience="https://other.test")
        try:
            wrong = call_metadata(issuer.token("ann"))
        finally:
            issuer.configure([FIRST], GROUPS)
        with pytest.raises(GraftError) as refused:
            await call(invoke, request, timeout=30, metadata=wrong)
        assert refused.value.error_info() == ["SESSION_AUTHENTICATION_FAILED", "", f"the token must be for {AUDIENCE}"]
