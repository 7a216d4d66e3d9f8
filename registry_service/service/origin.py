"""Where a call comes from, for the audit."""

from __future__ import annotations

import structlog

from graft_common.rpc.context import CallContext, peer_address
from registry_service.identity.values import Request


def origin(context: CallContext) -> Request:
    """Return the caller's address and the id of the request, the caller's or a new one, which the guard has bound."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return Request(peer_address(context), str(request_id))
