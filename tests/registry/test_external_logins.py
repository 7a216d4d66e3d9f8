"""Tokens of a real OpenID Connect issuer, from the login to the end of the session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from graft.registry.v1 import identity_pb2 as pb
from graft_common.errors import GraftError, StartupError
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata, digest
from graft_common.settings import Settings
from support.issuer import AUDIENCE, NODE, PACKAGE, Issuer, ec_key, ed_key, rsa_key, run_issuer
from support.npm import npm_package
from tests.registry.conftest import AS_SERVICE, Registry, SettableClock, StartRegistry

GROUPS = {"ann": ["operators", "staff"], "bob": ["staff"], "eve": ["visitors"]}
ROLES = {"operators": "pool-operator", "staff": "read-only", "lost": "no-such-role"}
FIRST = rsa_key("first")


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with run_issuer(npm_package(request.config.cache, PACKAGE, NODE)) as issuer:
        yield issuer


@pytest.fixture
def issuer(running: Issuer, clock: SettableClock) -> Issuer:
    running.configure([FIRST], GROUPS)
    clock.time = datetime.now(UTC)
    return running


@pytest.fixture
def database_url(tmp_path: object) -> str:
    return ""


def with_issuer(settings: Settings, issuer: Issuer, **more: object) -> Settings:
    wanted = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_roles": ROLES, **more}
    return settings.model_copy(update=wanted)


@pytest.fixture
async def registry(start_registry: StartRegistry, settings: Settings, issuer: Issuer) -> Registry:
    return await start_registry(with_issuer(settings, issuer), issuer_pause=0.0)


async def login(registry: Registry, token: str, originator: str = "") -> pb.LoginResponse:
    request = pb.LoginRequest(token=token, originator=originator)
    return await call(registry.clients.identity.Login, request, timeout=20)


async def who(registry: Registry, credential: str) -> pb.Session:
    rpc = registry.clients.identity.WhoAmI
    return (await call(rpc, pb.WhoAmIRequest(), timeout=20, metadata=call_metadata(credential))).session


async def refused(registry: Registry, token: str) -> list[str]:
    with pytest.raises(GraftError) as as_login:
        await login(registry, token)
    with pytest.raises(GraftError) as as_credential:
        await who(registry, token)
    assert as_login.value.error_info() == as_credential.value.error_info()
    return as_login.value.error_info()


async def records(registry: Registry) -> list[tuple[str, str, str]]:
    request = pb.ListLoginRecordsRequest(page_size=5)
    rpc = registry.clients.identity.ListLoginRecords
    found = (await call(rpc, request, timeout=20, metadata=await registry.as_admin())).records
    return [(record.action, record.user, record.outcome) for record in found if "token" in record.action]


async def test_a_token_opens_a_session_that_ends_with_it(
    registry: Registry, issuer: Issuer, clock: SettableClock
) -> None:
    token = issuer.token("ann")
    said = jwt.decode(token, options={"verify_signature": False})
    opened = await login(registry, token, "a tool")
    session = opened.session
    assert opened.session_ref.startswith("OpaqueRef:")
    assert (session.user, list(session.roles), session.originator) == (
        "oidc:ann",
        ["pool-operator", "read-only"],
        "a tool",
    )
    assert session.subject == f"oidc:{issuer.url} ann"
    assert session.ends.seconds == session.expires.seconds == said["exp"] + 30
    assert await who(registry, opened.session_ref) == session
    assert not session.is_local_superuser
    again = await login(registry, token)
    assert again.session_ref != opened.session_ref
    assert again.session.user_uuid == session.user_uuid
    assert (await records(registry))[0] == ("session.login_with_token", "oidc:ann", "OK")
    clock.time = session.ends.ToDatetime(tzinfo=UTC)
    with pytest.raises(GraftError, match="SESSION_INVALID"):
        await who(registry, opened.session_ref)
    assert await refused(registry, token) == ["SESSION_AUTHENTICATION_FAILED", "", "the token has expired"]


async def test_a_token_is_a_credential_of_its_own_with_one_session(registry: Registry, issuer: Issuer) -> None:
    token = issuer.token("bob")
    seen = await asyncio.gather(*(who(registry, token) for _ in range(8)))
    assert len({session.uuid for session in seen}) == 1
    assert (seen[0].user, list(seen[0].roles)) == ("oidc:bob", ["read-only"])
    for request in (pb.LookupSessionRequest(digest=digest(token)), pb.LookupSessionRequest(token=token)):
        found = await call(registry.clients.identity.LookupSession, request, timeout=20, metadata=AS_SERVICE)
        assert found.session.uuid == seen[0].uuid
        assert found.session.digest == digest(token)
    with pytest.raises(GraftError, match="SERVICE_TOKEN_INVALID"):
        await call(registry.clients.identity.LookupSession, request, timeout=20, metadata=call_metadata(token))
    create = pb.CreateUserRequest(name="new", password="password", roles=["read-only"])
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await call(registry.clients.identity.CreateUser, create, timeout=20, metadata=call_metadata(token))


async def test_services_open_the_session_of_a_token_by_looking_it_up(registry: Registry, issuer: Issuer) -> None:
    request = pb.LookupSessionRequest(token=issuer.token("ann"))
    found = await call(registry.clients.identity.LookupSession, request, timeout=20, metadata=AS_SERVICE)
    assert found.session.user == "oidc:ann"
    assert found.revision > 0


async def test_without_a_role_there_is_no_session(registry: Registry, issuer: Issuer) -> None:
    told = await refused(registry, issuer.token("eve"))
    text = f"Subject oidc:{issuer.url} eve has no roles in this pool"
    assert told == ["RBAC_PERMISSION_DENIED", "session.login_with_token", text]
    assert (await records(registry))[0] == ("session.login_with_token", "oidc:eve", "RBAC_PERMISSION_DENIED")


async def test_tokens_for_others_are_refused(registry: Registry, issuer: Issuer) -> None:
    issuer.configure([FIRST], GROUPS, audience="https://other.test")
    told = await refused(registry, issuer.token("ann"))
    assert told == ["SESSION_AUTHENTICATION_FAILED", "", f"the token must be for {AUDIENCE}"]


@pytest.mark.parametrize(
    ("key", "algorithm"), [(rsa_key("next"), "PS256"), (ec_key("next"), "ES256"), (ed_key("next"), "EdDSA")]
)
async def test_keys_may_change_at_any_time(
    registry: Registry, issuer: Issuer, key: dict[str, str], algorithm: str
) -> None:
    before = issuer.token("ann")
    assert (await login(registry, before)).session.user == "oidc:ann"
    issuer.configure([key], GROUPS, algorithm=algorithm)
    assert (await login(registry, issuer.token("ann"))).session.user == "oidc:ann"
    told = await refused(registry, before)
    assert told == [
        "SESSION_AUTHENTICATION_FAILED",
        "",
        "the token is signed with a key that the issuer does not have",
    ]


async def test_a_key_of_the_right_name_that_is_another_is_refused(registry: Registry, issuer: Issuer) -> None:
    assert (await login(registry, issuer.token("ann"))).session.user == "oidc:ann"
    issuer.configure([rsa_key("first")], GROUPS)
    told = await refused(registry, issuer.token("ann"))
    assert told == ["SESSION_AUTHENTICATION_FAILED", "", "the token's signature is not the issuer's"]


async def test_groups_may_lie_deeper_and_everybody_may_have_a_role(
    start_registry: StartRegistry, settings: Settings, issuer: Issuer
) -> None:
    roles = {"operators": "vm-admin", "*": "read-only"}
    deeper = with_issuer(settings, issuer, oidc_groups="realm.roles", oidc_roles=roles, oidc_user="client_id")
    registry = await start_registry(deeper)
    assert list((await login(registry, issuer.token("ann"))).session.roles) == ["vm-admin", "read-only"]
    assert list((await login(registry, issuer.token("eve"))).session.roles) == ["read-only"]


async def test_an_issuer_that_is_away_is_told_of(
    start_registry: StartRegistry, settings: Settings, issuer: Issuer, unused_tcp_port: int
) -> None:
    away = with_issuer(settings, issuer, oidc_issuer=f"http://127.0.0.1:{unused_tcp_port}")
    registry = await start_registry(away, issuer_pause=0.0)
    told = await refused(registry, issuer.token("ann"))
    assert told[:2] == ["SERVICE_UNAVAILABLE", "issuer"]


async def test_an_issuer_of_another_name_is_not_believed(
    start_registry: StartRegistry, settings: Settings, issuer: Issuer
) -> None:
    other = with_issuer(settings, issuer, oidc_issuer=issuer.url + "/")
    registry = await start_registry(other, issuer_pause=0.0)
    told = await refused(registry, issuer.token("ann"))
    assert told == ["SERVICE_UNAVAILABLE", "issuer", f"what is at {issuer.url}/ calls itself {issuer.url}"]


async def test_without_an_issuer_tokens_are_refused(start_registry: StartRegistry, issuer: Issuer) -> None:
    told = await refused(await start_registry(), issuer.token("ann"))
    reason = "no issuer of tokens is set here (GRAFT_OIDC_ISSUER)"
    assert told == ["SESSION_AUTHENTICATION_FAILED", "", reason]


async def test_closed_sessions_of_tokens_stay_away_only_as_long_as_the_token_does(
    registry: Registry, issuer: Issuer, clock: SettableClock
) -> None:
    token = issuer.token("bob")
    first = await who(registry, token)
    await call(registry.clients.identity.Logout, pb.LogoutRequest(), timeout=20, metadata=call_metadata(token))
    assert (await who(registry, token)).uuid != first.uuid
    clock.time += timedelta(hours=1)
    with pytest.raises(GraftError, match="SESSION_AUTHENTICATION_FAILED"):
        await who(registry, token)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"oidc_issuer": "http://issuer.test"}, "GRAFT_OIDC_ISSUER"),
        ({"oidc_issuer": "issuer"}, "GRAFT_OIDC_ISSUER"),
        ({"oidc_audience": None}, "GRAFT_OIDC_AUDIENCE"),
        ({"oidc_roles": {}}, "GRAFT_OIDC_ROLES"),
        ({"oidc_algorithms": "RS256,HS256"}, "GRAFT_OIDC_ALGORITHMS"),
        ({"oidc_algorithms": "none"}, "GRAFT_OIDC_ALGORITHMS"),
        ({"oidc_algorithms": ","}, "GRAFT_OIDC_ALGORITHMS"),
    ],
)
async def test_what_could_not_be_safe_does_not_start(
    start_registry: StartRegistry, settings: Settings, wrong: dict[str, object], named: str
) -> None:
    wanted = {"oidc_issuer": "https://issuer.test", "oidc_audience": AUDIENCE, "oidc_roles": ROLES, **wrong}
    with pytest.raises(StartupError, match=named):
        await start_registry(settings.model_copy(update=wanted))
