"""Who makes a request, as the end point hands it on to what serves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.types import Scope

from gateway.backends import Caller
from graft_common.roles import Holding

_CALLER = "graft.mcp.caller"


@dataclass(frozen=True, slots=True)
class McpCaller:
    """Somebody whose credentials have been checked."""

    authorization: str = field(repr=False)
    caller: Caller
    holding: Holding
    """What the caller may."""
    classes: frozenset[str] = frozenset()
    """The classes whose methods are to be shown as tools; none for all."""


def with_caller(scope: Scope, caller: McpCaller) -> Scope:
    """Return the scope of a request with its caller in it."""
    return {**scope, _CALLER: caller}


def caller_of(scope: Scope) -> McpCaller:
    """Return the caller that `with_caller` has put there."""
    found: McpCaller = scope[_CALLER]
    return found
