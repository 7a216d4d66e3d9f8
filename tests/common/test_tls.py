"""TLS from settings: what is refused at the start, and what a connection needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import grpc
import pytest

from graft_common.errors import StartupError
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from graft_common.tls import channel_credentials, check, connect, http_context, server_credentials
from support.certificates import Authority


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    monkeypatch.chdir(tmp_path)
    authority = Authority(tmp_path)
    server, other = authority.server(), authority.server("other")
    text = tmp_path / "text"
    text.write_text("no certificate")
    return {
        "authority": authority.path,
        "certificate": server.certificate,
        "key": server.key,
        "other key": other.key,
        "text": text,
        "none": tmp_path / "none",
    }


def settings_of(files: Mapping[str, Path], named: Mapping[str, str]) -> Settings:
    return Settings(**{name: files[file] for name, file in named.items()})


def test_without_settings_nothing_is_encrypted(files: Mapping[str, Path]) -> None:
    settings = settings_of(files, {})
    assert (http_context(settings), server_credentials(settings), channel_credentials(settings)) == (None, None, None)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"http_certificate": "certificate"}, "GRAFT_HTTP_CERTIFICATE and GRAFT_HTTP_KEY belong together"),
        ({"grpc_key": "key"}, "GRAFT_GRPC_CERTIFICATE and GRAFT_GRPC_KEY belong together"),
        ({"http_client_authorities": "authority"}, "needs GRAFT_HTTP_CERTIFICATE"),
        ({"grpc_client_authorities": "authority"}, "needs GRAFT_GRPC_CERTIFICATE"),
        ({"grpc_certificate": "certificate", "grpc_key": "key"}, "needs GRAFT_GRPC_AUTHORITIES"),
        ({"http_certificate": "none", "http_key": "key"}, "none and .*: No such file"),
        ({"http_certificate": "text", "http_key": "key"}, "text and .* must be a certificate"),
        ({"http_certificate": "certificate", "http_key": "other key"}, "must be a certificate with its chain and its"),
        ({"grpc_authorities": "text"}, "text must be a file of certificates"),
        ({"grpc_authorities": "none"}, "none must be a file of certificates"),
        (
            {"http_certificate": "certificate", "http_key": "key", "http_client_authorities": "text"},
            "text must be a file of certificates",
        ),
        (
            {"grpc_certificate": "certificate", "grpc_key": "other key", "grpc_authorities": "authority"},
            "must be a certificate with its chain and its",
        ),
    ],
)
def test_what_cannot_be_used_is_told_at_the_start(
    files: Mapping[str, Path], named: Mapping[str, str], told: str
) -> None:
    with pytest.raises(StartupError, match=told):
        check(settings_of(files, named))


@pytest.mark.parametrize(
    ("client", "is_connected"),
    [
        ({"grpc_authorities": "authority"}, True),
        ({"grpc_authorities": "authority", "grpc_name": "graft.test"}, True),
        ({"grpc_authorities": "authority", "grpc_name": "other.test"}, False),
        ({}, False),
    ],
)
async def test_services_are_known_by_their_certificates(
    files: Mapping[str, Path], client: Mapping[str, str], is_connected: bool
) -> None:
    named = {"grpc_certificate": "certificate", "grpc_key": "key", "grpc_authorities": "authority"}
    server = RpcServer([])
    port = await server.start("127.0.0.1:0", credentials=server_credentials(settings_of(files, named)))
    asked = settings_of(files, {name: file for name, file in client.items() if name != "grpc_name"})
    asked = asked.model_copy(update={"grpc_name": client.get("grpc_name")})
    try:
        async with connect(asked, f"127.0.0.1:{port}") as channel:
            ping = channel.unary_unary("/grpc.health.v1.Health/Check")
            if is_connected:
                await ping(b"", timeout=10)
                return
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ping(b"", timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    finally:
        await server.stop(0)
