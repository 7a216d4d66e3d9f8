"""Answers in JSON of the end points that calls come to, and how they are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from gateway.body import RefusedError, discard_body
from gateway.methods.errors import body_of, headers_of, refusal, status_of
from gateway.whole_answers import send_whole
from graft_common.errors import GraftError

JSON = "application/json"

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_WITHOUT_BODY = frozenset({204, 304})
_MAX_QUERY = 20
_CODES: Mapping[int, str] = {
    400: "BAD_REQUEST",
    403: "ORIGIN_NOT_ALLOWED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "CONTENT_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
"""What stands as the code of what HTTP refuses, and no call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    events: AsyncGenerator[bytes, None] | None = None
    """What follows on the body, which is the first of these events, while they come; see `gateway.event_streams`."""


def refused(error: RefusedError) -> Answer:
    """Answer a request that is none that could be served."""
    allow = (("allow", error.allow),) if error.allow else ()
    return Answer(error.status, refusal(error.status, _CODES.get(error.status, "REFUSED"), error.sentence), allow)


def failed(error: GraftError) -> Answer:
    """Answer a call that has failed."""
    status = status_of(error)
    return Answer(status, body_of(error), headers_of(status))


def read_headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name in small letters; the values of one that comes several times are joined."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def query_values(query: str) -> dict[str, list[str]]:
    """Return the values of a query string by their names, empty ones too.

    Raises:
        RefusedError: there are more than anybody needs.
    """
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_QUERY)
    except ValueError:
        raise RefusedError(400, f"The query string has more than {_MAX_QUERY} values.") from None


async def send_answer(
    answer: Answer, receive: Receive, send: Send, *, unread: bool = False, closing: bool = False
) -> None:
    """Send an answer.

    Args:
        answer: what to send.
        receive: ASGI's.
        send: ASGI's.
        unread: whether some of the request's body has not been read, so that the connection is of no use any more.
        closing: whether the connection is to end for another reason.
    """
    told = {**_HEADERS, **dict(answer.headers)}
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in told.items()]
    if answer.status not in _WITHOUT_BODY:
        headers += [(b"content-type", JSON.encode()), (b"content-length", str(len(answer.body)).encode())]
    if unread or closing:
        headers.append((b"connection", b"close"))
    else:
        await send_whole(send, answer.status, headers, answer.body)
        return
    # The server leaves the body out where the method is HEAD.
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if unread:
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await discard_body(receive)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": answer.body})
