"""The socket whose clients need no password: who gets in, as what, and how it begins and ends."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import XenAPI

from fakes import FakePlatform
from gateway.app import GatewayApp
from gateway.local_socket import MAX_PATH, LocalServer
from gateway.server import HttpServer
from graft_common.errors import StartupError
from graft_common.rpc.clients import RegistryClients
from graft_common.settings import Settings
from registry_service.app import RegistryApp
from support.stores import QUICK, with_tables
from support.wire import Wire, call

LOGIN = call("session.login_with_password", "root", "")
STRANGER = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path the client of PyPI can write: it takes every `_` for a `/`."""
    made = Path(tempfile.gettempdir()) / f"graft-{uuid.uuid4().hex}"
    made.mkdir(mode=0o700)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def gateway(tmp_path: Path, folder: Path) -> AsyncIterator[GatewayApp]:
    settings = Settings(
        data_dir=with_tables(tmp_path / "data", "registry"), admin_password="x", http_socket=str(folder / "xapi")
    )
    registry = await RegistryApp.open(settings, replace(QUICK, failed_login_delay=0))
    made = await GatewayApp.open(settings, RegistryClients.local(registry.services), FakePlatform().clients()[1])
    yield made
    await made.close()
    await registry.drain(1)
    await registry.close()


@pytest.fixture
async def server(gateway: GatewayApp, folder: Path) -> AsyncIterator[LocalServer]:
    made = LocalServer(gateway.asgi)
    await made.start_at(folder / "xapi")
    yield made
    await made.stop(1)


async def post(path: Path, target: str, body: bytes) -> bytes:
    async with Wire(*await asyncio.open_unix_connection(path)) as wire:
        reply = await wire.post(body, target)
        assert reply.status == 200
        return reply.body


def use_as_xapi(path: Path) -> list[str]:
    """Do what scripts on a host of xapi do: the class and the transport of `XenAPI.xapi_local`."""
    session = XenAPI.Session(f"http://{str(path).replace('/', '_')}/", transport=XenAPI.UDSTransport())
    session.xenapi.login_with_password("root", "", "1.0", "a script")
    told = session.xenapi.session.get_all_subject_identifiers()
    session.xenapi.session.logout()
    session("close")()
    return told


async def test_scripts_of_xapi_get_in(server: LocalServer, folder: Path) -> None:
    assert stat.S_IMODE((folder / "xapi").stat().st_mode) == 0o600
    # Whoever comes so has no identifier.
    assert await asyncio.to_thread(use_as_xapi, folder / "xapi") == []


async def test_every_envelope_gets_in(server: LocalServer, folder: Path) -> None:
    assert b"<value>Success</value>" in await post(folder / "xapi", "/", LOGIN)
    one = {"jsonrpc": "2.0", "method": "session.login_with_password", "params": ["root", ""], "id": 1}
    for body in (one, [one]):
        assert b"OpaqueRef:" in await post(folder / "xapi", "/jsonrpc", json.dumps(body).encode())


async def test_credentials_are_looked_at_wherever_they_come_from(
    gateway: GatewayApp, server: LocalServer, folder: Path
) -> None:
    """A session behind Basic credentials serves all who send the same: none may be opened without a password."""
    network = HttpServer(gateway.asgi)
    port = await network.start("127.0.0.1:0")
    basic = {"authorization": f"Basic {base64.b64encode(b'root:').decode()}", "content-type": "application/json"}
    for target in ("/api/v1/methods/Test.echo", "/api/v1/extensions"):
        for wire in (Wire(*await asyncio.open_unix_connection(folder / "xapi")), await Wire.open(port)):
            async with wire:
                assert (await wire.post(b"[1]", target, **basic, x_requested_by="me")).status in {401, 403}
    await network.stop(1)


async def test_the_network_does_not(gateway: GatewayApp) -> None:
    network = HttpServer(gateway.asgi)
    port = await network.start("127.0.0.1:0")
    async with await Wire.open(port) as wire:
        assert b"SESSION_AUTHENTICATION_FAILED" in (await wire.post(LOGIN)).body
    await network.stop(1)


def try_as_stranger(path: Path) -> subprocess.CompletedProcess[str]:
    attempt = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(99).decode())"
    )
    command = ["setpriv", f"--reuid={STRANGER}", "--clear-groups", sys.executable, "-c", attempt, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
async def test_nor_do_other_users_of_the_machine(server: LocalServer, folder: Path) -> None:
    await asyncio.to_thread(folder.chmod, 0o711)
    assert "PermissionError" in (await asyncio.to_thread(try_as_stranger, folder / "xapi")).stderr
    # Also if somebody has opened it to all.
    await asyncio.to_thread((folder / "xapi").chmod, 0o666)
    assert (await asyncio.to_thread(try_as_stranger, folder / "xapi")).stdout.startswith("HTTP/1.1 403 ")


async def test_what_was_left_behind_is_replaced_and_taken_away(gateway: GatewayApp, folder: Path) -> None:
    path = folder / "xapi"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = LocalServer(gateway.asgi)
    await server.start_at(path)
    assert server.path == path
    assert b"Success" in await post(path, "/", LOGIN)
    await server.stop(1)
    assert not path.exists()


async def test_a_socket_of_another_process_stays(gateway: GatewayApp, folder: Path) -> None:
    path = folder / "xapi"
    server = LocalServer(gateway.asgi)
    await server.start_at(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(StartupError, match="another process listens there"):
            await LocalServer(gateway.asgi).start_at(path)
        await server.stop(1)
        assert path.exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "there is a file that is no socket"),
        ("no/folder", "no such file or directory"),
        ("x" * MAX_PATH, "the path is longer than 107 bytes"),
    ],
)
async def test_where_it_cannot_be(gateway: GatewayApp, folder: Path, name: str, reason: str) -> None:
    (folder / "file").touch()
    with pytest.raises(StartupError) as caught:
        await LocalServer(gateway.asgi).start_at(folder / name)
    assert reason in str(caught.value)
    assert "GRAFT_HTTP_SOCKET" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "path"), [(None, None), ("off", None), ("/run/graft.sock", Path("/run/graft.sock")), ("", None)]
)
def test_the_setting(monkeypatch: pytest.MonkeyPatch, given: str | None, path: Path | None) -> None:
    if given is not None:
        monkeypatch.setenv("GRAFT_HTTP_SOCKET", given)
    assert Settings().http_socket_path == path
