"""What a gRPC call's context says of a call: who, from where, how long."""

from __future__ import annotations

import structlog

from dispatcher_service.calls.calls import CallRequest
from graft_common.rpc.context import MIN_REVISION, REQUEST_ID, CallContext, bearer, metadata_value, peer_address

_FOR_EVER = 1e6
"""Seconds from which a deadline is none; gRPC tells a huge number where the client has set none."""


def request_of(method: str, context: CallContext) -> CallRequest:
    """Return the request for a method, still without parameters."""
    revision = metadata_value(context, MIN_REVISION)
    left = context.time_remaining()
    return CallRequest(
        method=method,
        params=[],
        credential=bearer(context),
        min_revision=int(revision) if revision.isdecimal() and len(revision) < 19 else 0,
        request_id=metadata_value(context, REQUEST_ID) or _given_request_id(),
        peer=peer_address(context),
        seconds=left if left is not None and left < _FOR_EVER else None,
    )


def _given_request_id() -> str:
    """Return the id that the guard has given to a request without one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
