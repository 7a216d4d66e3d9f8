"""Where a call comes from, for the audit."""

from __future__ import annotations

import uuid
from dataclasses import replace

import structlog

from graft_common.rpc.context import REQUEST_ID, CallContext, bearer, metadata_value, peer_address
from registry_service.identity.access import Access
from registry_service.identity.values import Request


def origin(context: CallContext) -> Request:
    """Return the caller's address and the id of the request: the one that the guard has bound, where there is one.

    A call that streams its answers has none bound; its id is the caller's or a new one.
    """
    bound = structlog.contextvars.get_contextvars().get("request_id", "")
    return Request(peer_address(context), str(bound) or metadata_value(context, REQUEST_ID) or uuid.uuid4().hex)


def origin_of_login(context: CallContext, access: Access) -> Request:
    """Return where a login comes from: a service is believed where its client is, anybody else is where they are.

    Failed logins count by address. Who could choose one would escape that, or have it count against another's.
    """
    told = origin(context)
    return told if access.is_service(bearer(context)) else replace(told, peer=context.peer())
