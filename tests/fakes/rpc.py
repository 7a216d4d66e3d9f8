"""One service offered in-process and over a real port, for tests that both must pass."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graft_common.rpc.client import open_channel
from graft_common.rpc.local import LocalStub
from graft_common.rpc.server import RpcServer
from graft_common.rpc.service import RpcService


@asynccontextmanager
async def stub_of(service: RpcService, stub_class: type, kind: str) -> AsyncIterator[object]:
    """Open a stub: `local`, or `remote` over a port of its own."""
    if kind == "local":
        yield LocalStub(service)
        return
    server = RpcServer([service])
    port = await server.start("127.0.0.1:0")
    channel = open_channel(f"127.0.0.1:{port}")
    try:
        yield stub_class(channel)
    finally:
        await channel.close()
        await server.stop(0)
