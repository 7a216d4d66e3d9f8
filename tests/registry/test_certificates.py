"""Client certificates: what they must be, and sessions that they open over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from graft.registry.v1 import identity_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from graft_common.tls import connect, server_credentials
from registry_service.identity.external.certificates import read_subject
from registry_service.identity.external.subjects import UnfitCredentialError
from support.certificates import SERVER, Authority, Pair
from tests.registry.conftest import AS_SERVICE, Registry, SettableClock, StartRegistry

SPIFFE = "spiffe://example.test/backup"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def days(number: float) -> timedelta:
    return timedelta(days=number)


@pytest.mark.parametrize(
    ("subject", "names", "user", "groups"),
    [
        ([("CN", "ann")], [], "ann", ("CN=ann",)),
        (
            [("O", "Work"), ("OU", "ops"), ("OU", "dev"), ("CN", "ann")],
            [],
            "ann",
            ("CN=ann", "OU=ops", "OU=dev", "O=Work"),
        ),
        ([("L", "Here"), ("CN", "ann")], [], "ann", ("CN=ann",)),
        ([], [x509.UniformResourceIdentifier(SPIFFE)], SPIFFE, (f"URI={SPIFFE}",)),
        ([("OU", "ops")], [x509.RFC822Name("ann@work.test")], "ann@work.test", ("OU=ops", "EMAIL=ann@work.test")),
        ([("CN", "ann")], [x509.DNSName("host.test")], "ann", ("CN=ann", "DNS=host.test")),
    ],
)
def test_what_a_certificate_says(
    authority: Authority, subject: Any, names: Any, user: str, groups: tuple[str, ...]
) -> None:
    pair = authority.give("one", subject, names)
    read = read_subject(pair.der, datetime.now(UTC))
    assert (read.user, read.groups) == (f"certificate:{user}", groups)
    assert read.identifier.startswith("certificate:CN=authority;")
    assert read.ends > datetime.now(UTC)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"uses": [SERVER]}, "the certificate is not for clients"),
        ({"ca": True}, "the certificate is not for clients"),
        ({"since": days(-2), "until": days(-1)}, "the certificate is not valid now"),
        ({"since": days(1), "until": days(2)}, "the certificate is not valid now"),
        ({"subject": [("OU", "ops")]}, "the certificate does not name its owner (CN, or an alternative name)"),
        ({"subject": [("CN", "a\nb")]}, "the certificate does not name its owner (CN, or an alternative name)"),
    ],
)
def test_certificates_that_are_not_taken(authority: Authority, changed: dict[str, Any], reason: str) -> None:
    pair = authority.give("one", **{"subject": [("CN", "ann")], **changed})
    with pytest.raises(UnfitCredentialError) as refused:
        read_subject(pair.der, datetime.now(UTC))
    assert str(refused.value) == reason


def test_two_owners_are_never_taken_for_one(tmp_path: Path) -> None:
    one, other = Authority(tmp_path, "a"), Authority(tmp_path, "a CN=b")
    certificates = [
        one.give("ann", [("OU", "ops")], [x509.RFC822Name("ann@work.test")]),
        one.give("bob", [("OU", "ops")], [x509.RFC822Name("bob@work.test")]),
        one.give("long", [("CN", "b CN=c")]),
        other.give("short", [("CN", "c")]),
        one.give("named", [("CN", "ann")]),
        one.give("alike", [], [x509.DNSName("CN=ann")]),
    ]
    subjects = [read_subject(pair.der, datetime.now(UTC)) for pair in certificates]
    assert len({subject.uuid for subject in subjects}) == len(certificates)


@pytest.mark.parametrize("kind", [0xA3, 0xA5], ids=["x400Address", "ediPartyName"])
def test_names_of_kinds_that_nobody_reads(authority: Authority, kind: int) -> None:
    """The name is one of a forgotten kind, in place of a DNS name of the same length."""
    der = authority.give("one", [("CN", "ann")], [x509.DNSName("ab")]).der
    assert der.count(b"\x82\x02ab") == 1
    with pytest.raises(UnfitCredentialError, match="cannot be read"):
        read_subject(der.replace(b"\x82\x02ab", bytes([kind, 2, 0x30, 0])), datetime.now(UTC))


def test_a_version_that_there_is_not(authority: Authority) -> None:
    der = authority.give("one", [("CN", "ann")]).der
    with pytest.raises(UnfitCredentialError, match="cannot be read"):
        read_subject(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1), datetime.now(UTC))


@pytest.mark.parametrize("data", [b"", b"\x30", b"no certificate", bytes(70_000)])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(UnfitCredentialError):
        read_subject(data, datetime.now(UTC))


@pytest.fixture
def settings(settings: Settings, authority: Authority, clock: SettableClock) -> Settings:
    clock.time = datetime.now(UTC)
    server = authority.server()
    return settings.model_copy(
        update={
            "certificate_roles": {"OU=ops": "pool-operator", f"URI={SPIFFE}": "read-only"},
            "grpc_certificate": server.certificate,
            "grpc_key": server.key,
            "grpc_authorities": authority.path,
            "grpc_client_authorities": authority.path,
        }
    )


@pytest.fixture
def database_url() -> str:
    return ""


@asynccontextmanager
async def over_tls(registry: Registry, settings: Settings, client: Pair) -> AsyncIterator[RegistryClients]:
    server = RpcServer(registry.app.services)
    address = f"127.0.0.1:{await server.start('127.0.0.1:0', credentials=server_credentials(settings))}"
    shown = settings.model_copy(update={"grpc_certificate": client.certificate, "grpc_key": client.key})
    try:
        async with connect(shown, address) as channel:
            yield RegistryClients.remote(channel)
    finally:
        await server.stop(0)


async def test_a_connection_s_certificate_opens_a_session(
    start_registry: StartRegistry, settings: Settings, authority: Authority, clock: SettableClock
) -> None:
    registry = await start_registry(settings)
    ann = authority.give("ann", [("OU", "ops"), ("CN", "ann")])
    async with over_tls(registry, settings, ann) as clients:
        request = pb.LoginRequest(own_certificate=True, originator="a tool")
        opened = await call(clients.identity.Login, request, timeout=20)
        session = opened.session
        assert (session.user, list(session.roles), session.originator) == (
            "certificate:ann",
            ["pool-operator"],
            "a tool",
        )
        assert session.subject == "certificate:CN=authority;CN=ann,OU=ops;ann"
        assert not session.is_local_superuser
        metadata = call_metadata(opened.session_ref)
        assert (
            await call(clients.identity.WhoAmI, pb.WhoAmIRequest(), timeout=20, metadata=metadata)
        ).session == session
        # It proves nothing where it is not asked for, and nobody but services may tell of others'.
        with pytest.raises(GraftError, match="SESSION_INVALID"):
            await call(clients.identity.WhoAmI, pb.WhoAmIRequest(), timeout=20)
        with pytest.raises(GraftError, match="SESSION_AUTHENTICATION_FAILED"):
            await call(clients.identity.Login, pb.LoginRequest(), timeout=20)
        with pytest.raises(GraftError, match="SERVICE_TOKEN_INVALID"):
            await call(clients.identity.Login, pb.LoginRequest(certificate=ann.der), timeout=20, metadata=metadata)
        clock.time = session.ends.ToDatetime(tzinfo=UTC)
        with pytest.raises(GraftError, match="SESSION_INVALID"):
            await call(clients.identity.WhoAmI, pb.WhoAmIRequest(), timeout=20, metadata=metadata)


async def test_who_has_no_role_has_no_session(
    start_registry: StartRegistry, settings: Settings, authority: Authority
) -> None:
    registry = await start_registry(settings)
    async with over_tls(registry, settings, authority.give("eve", [("CN", "eve")])) as clients:
        with pytest.raises(GraftError) as refused:
            await call(clients.identity.Login, pb.LoginRequest(own_certificate=True), timeout=20)
    text = "Subject certificate:CN=authority;CN=eve;eve has no roles in this pool"
    assert refused.value.error_info() == ["RBAC_PERMISSION_DENIED", "session.login_with_certificate", text]


async def test_strangers_get_no_connection(start_registry: StartRegistry, settings: Settings, tmp_path: Path) -> None:
    registry = await start_registry(settings)
    stranger = Authority(tmp_path, "stranger").give("mallory", [("OU", "ops"), ("CN", "mallory")])
    async with over_tls(registry, settings, stranger) as clients:
        with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
            await call(clients.identity.Login, pb.LoginRequest(own_certificate=True), timeout=20)


async def test_services_tell_of_certificates_that_they_have_verified(
    start_registry: StartRegistry, settings: Settings, authority: Authority
) -> None:
    registry = await start_registry(settings)
    shown = authority.give("backup", [], [x509.UniformResourceIdentifier(SPIFFE)])
    request = pb.LoginRequest(certificate=shown.der)
    opened = await call(registry.clients.identity.Login, request, timeout=20, metadata=AS_SERVICE)
    assert (opened.session.user, list(opened.session.roles)) == (f"certificate:{SPIFFE}", ["read-only"])
    with pytest.raises(GraftError, match="the connection has no client certificate"):
        await call(registry.clients.identity.Login, pb.LoginRequest(own_certificate=True), timeout=20)
    expired = authority.give("late", [("CN", "late")], since=days(-2), until=days(-1))
    late = pb.LoginRequest(certificate=expired.der)
    with pytest.raises(GraftError, match="the certificate is not valid now"):
        await call(registry.clients.identity.Login, late, timeout=20, metadata=AS_SERVICE)


async def test_without_roles_for_them_certificates_are_refused(
    start_registry: StartRegistry, settings: Settings, authority: Authority
) -> None:
    registry = await start_registry(settings.model_copy(update={"certificate_roles": {}}))
    ann = authority.give("ann", [("OU", "ops"), ("CN", "ann")])
    request = pb.LoginRequest(certificate=ann.der)
    with pytest.raises(GraftError, match="GRAFT_CERTIFICATE_ROLES"):
        await call(registry.clients.identity.Login, request, timeout=20, metadata=AS_SERVICE)
