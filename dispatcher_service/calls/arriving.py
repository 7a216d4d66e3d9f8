"""What a gRPC call's context says of a call: who, from where, how long."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from dispatcher_service.calls.request import Arguments, CallRequest
from graft_common.rpc.context import (
    AUTHORIZATION,
    MIN_REVISION,
    PEER,
    REQUEST_ID,
    CallContext,
    credential_of,
    metadata_values,
)
from graft_common.values import Value

_FOR_EVER = 1e6
"""Seconds from which a deadline is none; gRPC tells a huge number where the client has set none."""


def request_of(
    method: str, context: CallContext, params: Sequence[Value] = (), read: Arguments | None = None
) -> CallRequest:
    """Return the request for a method; see `CallRequest` for its parameters."""
    authorization, revision, request_id, peer = metadata_values(context, AUTHORIZATION, MIN_REVISION, REQUEST_ID, PEER)
    left = context.time_remaining()
    return CallRequest(
        method,
        list(params),
        credential_of(authorization),
        int(revision) if revision.isdecimal() and len(revision) < 19 else 0,
        request_id or _given_request_id(),
        peer or context.peer(),
        left if left is not None and left < _FOR_EVER else None,
        read,
    )


def _given_request_id() -> str:
    """Return the id that the guard has given to a request without one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
