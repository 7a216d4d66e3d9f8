"""Errors of calls for clients that speak JSON: a status, and a sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from graft_common.errors import GraftError

STATUSES: Mapping[str, int] = {
    "SESSION_INVALID": 401,
    "SESSION_AUTHENTICATION_FAILED": 401,
    "RBAC_PERMISSION_DENIED": 403,
    "MESSAGE_METHOD_UNKNOWN": 404,
    "HANDLE_INVALID": 404,
    "UUID_INVALID": 404,
    "MESSAGE_REMOVED": 410,
    "FIELD_TYPE_ERROR": 400,
    "INVALID_VALUE": 400,
    "MESSAGE_PARAMETER_COUNT_MISMATCH": 400,
    "VALUE_NOT_SUPPORTED": 400,
    "SERVER_BUSY": 503,
    "SERVICE_UNAVAILABLE": 503,
    "INTERNAL_ERROR": 500,
}
"""Statuses by code."""
OWN_CODE = 422
"""The status of every other code: those that executables have made up."""

_HEADERS: Mapping[int, tuple[tuple[str, str], ...]] = {
    401: (("www-authenticate", 'Bearer realm="graft", Basic realm="graft", charset="UTF-8"'),),
    503: (("retry-after", "1"),),
}
_SENTENCES: Mapping[tuple[str, bool], str] = {
    ("SESSION_INVALID", True): "there are no credentials; send them in the header Authorization",
    ("SESSION_INVALID", False): "there is no such session, or it has ended",
    ("SESSION_AUTHENTICATION_FAILED", True): "{1}",
    ("SESSION_AUTHENTICATION_FAILED", False): "{1}",
    ("MESSAGE_METHOD_UNKNOWN", False): "there is no method {0}",
    ("MESSAGE_REMOVED", False): "the method has been removed",
    ("MESSAGE_PARAMETER_COUNT_MISMATCH", False): "{0} takes {1} parameters, and was given {2}",
    ("FIELD_TYPE_ERROR", False): "{0}: expected {1}, got {2}",
    ("INVALID_VALUE", False): "{0}: {1!r}: {2}",
    ("VALUE_NOT_SUPPORTED", False): "{0}: {2}",
    ("HANDLE_INVALID", False): "there is no {0} {1}",
    ("UUID_INVALID", False): "there is no {0} {1}",
    ("RBAC_PERMISSION_DENIED", False): "{0}: {1}",
    ("SERVICE_UNAVAILABLE", False): "the {0} does not answer: {1}",
    ("TASK_CANCELLED", False): "the task was stopped",
}
"""What errors mean, by code and whether the first parameter is empty."""


def status_of(error: GraftError) -> int:
    """Return the HTTP status for an error."""
    return STATUSES.get(error.code, OWN_CODE)


def headers_of(status: int) -> tuple[tuple[str, str], ...]:
    """Return the headers that go with a status."""
    return _HEADERS.get(status, ())


def body_of(error: GraftError) -> bytes:
    """Write an error."""
    shown = {"status": status_of(error), "code": error.code, "params": error.params, "message": sentence(error)}
    return _json(shown)


def refusal(status: int, code: str, message: str) -> bytes:
    """Write what is answered to a request that is refused before it is a call."""
    return _json({"status": status, "code": code, "params": [], "message": message})


def task_error(info: Sequence[str]) -> dict[str, object]:
    """Return an error as tasks show it."""
    code, *params = info
    return {"code": code, "params": params, "message": sentence(GraftError(code, *params))}


def sentence(error: GraftError) -> str:
    """Say for a person what an error means."""
    if told := error.details.get("message"):
        return told
    form = _SENTENCES.get((error.code, error.params[:1] == ("",)))
    try:
        return (form or _SENTENCES[error.code, False]).format(*error.params)
    except (KeyError, IndexError):
        return f"{error.code}: {', '.join(error.params)}" if error.params else error.code


def _json(value: object) -> bytes:
    # Parameters may hold what an extension wrote, halves of surrogate pairs among it.
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_clean(value))


def _clean(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list() | tuple():
            return [_clean(item) for item in value]
        case dict():
            return {name: _clean(item) for name, item in value.items()}
        case _:
            return value
