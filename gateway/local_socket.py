"""The local socket: who comes by it is the machine's administrator, or the user that this process runs as.

xapi has one at /var/lib/xcp/xapi, and its clients know how to use it (`XenAPI.xapi_local`).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

import uvicorn

from gateway.exchange import LOCAL_UID
from gateway.http_protocol import BoundedHttpProtocol
from gateway.server import BACKLOG, HttpServer, Uvicorn
from graft_common.errors import StartupError

MODE = 0o600
MAX_PATH = 107
"""Bytes that the kernel has for the path."""
CONNECT_TIMEOUT = 2.0

_CREDENTIALS = struct.Struct("3i")
_ROOT = 0


class LocalHttpProtocol(BoundedHttpProtocol):
    """One connection of a user whom the kernel has told; the socket's mode keeps others away already."""

    _uid = -1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Ask the kernel who it is, and refuse everybody else."""
        super().connection_made(transport)
        self._uid = _peer_uid(transport)
        if self._uid not in {_ROOT, os.geteuid()} and not self._refused:
            self._refuse(403, "This socket is for the machine's administrator, and for the user that Graft runs as.")

    def on_headers_complete(self) -> None:
        """Say who asks."""
        super().on_headers_complete()
        self.scope[LOCAL_UID] = self._uid  # type: ignore[literal-required]  # beside ASGI's own


class LocalServer(HttpServer):
    """Serves an ASGI application at a path of the file system."""

    protocol = LocalHttpProtocol
    path: Path | None = None
    """Where it listens; None when it does not."""
    _inode: tuple[int, int] | None = None

    async def start_at(self, path: Path) -> None:
        """Listen.

        Raises:
            StartupError: the path cannot be listened on.
        """
        opened = listen_at(path)
        self._inode = _inode(path)
        self.path = path
        await self.serve([opened])

    async def stop(self, grace: float) -> None:
        """End as `HttpServer` does, and take the socket away, unless another process has put its own there."""
        if self.path is not None and _inode(self.path) == self._inode:
            with suppress(OSError):
                self.path.unlink()
        self.path = None
        await super().stop(grace)

    def uvicorn(self, config: uvicorn.Config) -> Uvicorn:
        """Make the server."""
        return _LocalUvicorn(config)


class _LocalUvicorn(Uvicorn):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen as uvicorn does, which takes every socket that it is handed for one of TCP."""
        config = self.config

        def protocol() -> asyncio.Protocol:
            return LocalHttpProtocol(config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_unix_server(protocol, sock=opened, backlog=config.backlog) for opened in sockets or []
        ]
        self.started = True
        self.listening.set()


def listen_at(path: Path) -> socket.socket:
    """Make the socket, readable and writable for this process's user only, in place of one that nobody listens to.

    Raises:
        StartupError: it cannot be made; the message says why.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise _cannot(path, f"the path is longer than {MAX_PATH} bytes")
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_room(path)
        # Before it has a name, so that there is no moment in which others may connect.
        os.fchmod(opened.fileno(), MODE)
        opened.bind(str(path))
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise _cannot(path, error.strerror or str(error)) from error
    except StartupError:
        opened.close()
        raise
    opened.setblocking(False)
    return opened


def _make_room(path: Path) -> None:
    """Remove a socket that a process has left behind."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise _cannot(path, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_TIMEOUT)
        found = probe.connect_ex(str(path))
    if found != errno.ECONNREFUSED:
        raise _cannot(path, "another process listens there")
    path.unlink()


def _cannot(path: Path, reason: str) -> StartupError:
    return StartupError(
        f"cannot listen on {path}: {reason.lower()}; set GRAFT_HTTP_SOCKET to another path, or to `off`"
    )


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _peer_uid(transport: asyncio.Transport) -> int:
    """Return the number of the client's user, as of when it has connected."""
    descriptor = transport.get_extra_info("socket").fileno()
    # uvloop's stand-in for a socket cannot be asked for options.
    with socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_STREAM) as copy:
        _, uid, _ = _CREDENTIALS.unpack(copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)
