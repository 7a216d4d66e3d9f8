"""What XenAPI offers to find and run extensions by name: `host.call_extension`, `host.has_extension` and the pool's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, cast

import msgspec

from dispatcher_service.audit.arguments import value_text
from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param
from dispatcher_service.calls.record import action_of
from dispatcher_service.hosts.host import Host, Pool
from dispatcher_service.references import uuid_of
from graft_common.audit import Argument
from graft_common.errors import GraftError, handle_invalid, value_not_supported
from graft_common.roles import POOL_ADMIN
from graft_common.values import Value, decode_values, encode_values

RunExtension = Callable[[str, Sequence[Value], CallerContext], Awaitable[Value]]
"""Runs an executable by name, with everything that it is given, the session among it."""


class Hosts(Protocol):
    """Who the hosts are."""

    @property
    def host_ref(self) -> str:
        """The reference of this host."""

    async def list(self) -> Sequence[Host]:
        """List all hosts."""

    async def pool(self) -> Pool:
        """Return the pool."""


class Extensions(Protocol):
    """Which extensions hosts have."""

    async def has(self, host: str, name: str) -> bool:
        """Tell whether a host, named by its UUID, has an extension."""

    async def everywhere(self, name: str) -> bool:
        """Tell whether all hosts have it."""


class _Call(msgspec.Struct):
    """A JSON-RPC 1.0 request, as far as xapi reads it."""

    method: str
    params: list[object] = []


def extension_builtins(hosts: Hosts, extensions: Extensions, run: RunExtension) -> BuiltinTable:
    """Make the methods.

    Args:
        hosts: who the hosts are.
        extensions: which extensions they have.
        run: runs one on this host.
    """

    async def call_extension(caller: CallerContext, params: Sequence[Value]) -> Value:
        ref = str(params[0])
        if await _host(hosts, ref) != hosts.host_ref:
            raise GraftError("CANNOT_CONTACT_HOST", ref)
        method, own = read_call(str(params[1]))
        return await run(method, own, caller)

    async def host_has_extension(_caller: CallerContext, params: Sequence[Value]) -> Value:
        return await extensions.has(uuid_of(await _host(hosts, str(params[0]))), str(params[1]))

    async def pool_has_extension(_caller: CallerContext, params: Sequence[Value]) -> Value:
        if (await hosts.pool()).ref != params[0]:
            raise handle_invalid("pool", str(params[0]))
        return await extensions.everywhere(str(params[1]))

    name = Param("name")
    return {
        "host.call_extension": Builtin(
            call_extension,
            POOL_ADMIN,
            (Param("host"), Param("call")),
            "Run an extension on a host; the call is a JSON-RPC 1.0 request.",
            told=_told,
        ),
        "host.has_extension": Builtin(
            host_has_extension, POOL_ADMIN, (Param("host"), name), "Tell whether a host has an extension."
        ),
        "pool.has_extension": Builtin(
            pool_has_extension, POOL_ADMIN, (Param("self"), name), "Tell whether all hosts have an extension."
        ),
    }


def _told(params: Sequence[Value]) -> tuple[Argument, ...]:
    """Tell which extension is asked for: xapi's audit does not (rbac_audit.ml)."""
    try:
        method, _ = read_call(str(params[1]))
    except GraftError:
        return ()
    return (Argument("method", value_text(action_of(method))),)


async def _host(hosts: Hosts, ref: str) -> str:
    """Return the reference of a host that is there."""
    if ref == hosts.host_ref:
        return ref
    for host in await hosts.list():
        if host.ref == ref:
            if not host.live:
                raise GraftError("HOST_OFFLINE", ref)
            return ref
    raise handle_invalid("host", ref)


def read_call(text: str) -> tuple[str, list[Value]]:
    """Read the request of `host.call_extension` (xapi, xapi_host.ml): its method and all its parameters.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED ["call", "", reason]; the text has a session in it, which errors must not tell.
    """
    try:
        call = msgspec.json.decode(text.encode(), type=_Call)
        # What JSON yields are values; once through the services' own encoding, its bounds hold here as well.
        return call.method, decode_values(encode_values(cast("list[Value]", call.params)))
    except (ValueError, TypeError, RecursionError) as error:
        raise value_not_supported("call", "", f"it is no JSON-RPC 1.0 request: {error}") from None
