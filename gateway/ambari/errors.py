"""What an Ambari client is told when a request fails: one table from errors to statuses and texts.

Ambari answers most broken rules with status 500. Here they have the status that fits, unless
`GRAFT_AMBARI_STATUS_COMPAT` asks for Ambari's own. The texts are the same either way (AbstractResourceProvider.java,
CreateHandler.java, UpdateHandler.java, DeleteHandler.java).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from graft_common.errors import GraftError

INTERNAL = "An internal system exception occurred: "
REQUESTED = "The requested resource doesn't exist: "
SPECIFIED = "The specified resource doesn't exist: "

MISSING_CREDENTIALS = "Missing authentication token"
BAD_CREDENTIALS = "Unable to sign in. Invalid username/password combination."
NOT_ALLOWED = "You do not have permissions to access this resource."
NO_CSRF_HEADER = "CSRF protection is turned on. X-Requested-By HTTP header is required."
CHALLENGE = 'Basic realm="AuthFilter"'


class Operation(Enum):
    """What a request does; the same error is told differently for each."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Failure:
    """What is answered."""

    status: int
    message: str
    container: bool = False
    """Whether it is the container that answers and not a resource: that is printed differently."""
    headers: tuple[tuple[str, str], ...] = ()


class AmbariError(Exception):
    """A request that fails in the gateway itself, before or after the registry was asked."""

    def __init__(self, status: int, message: str, *, container: bool = False, **headers: str) -> None:
        super().__init__(message)
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.failure = Failure(status, message, container, named)


class NotFoundError(AmbariError):
    """A resource that was asked for does not exist; with a predicate, that is the same as that none fits."""

    def __init__(self, what: str) -> None:
        super().__init__(404, REQUESTED + what)


class NoParentError(AmbariError):
    """What a resource would belong to does not exist."""

    def __init__(self, what: str) -> None:
        super().__init__(404, what)


@dataclass(frozen=True, slots=True)
class Rule:
    """The status for an error, Ambari's own, and what stands before the text; with `text`, that is all of it."""

    status: int
    upstream: int | None = None
    """Ambari's own, where it differs."""
    prefix: str = ""
    upstream_prefix: str = INTERNAL
    """What Ambari puts before the text where its status differs."""
    text: str = ""
    container: bool = False
    headers: tuple[tuple[str, str], ...] = ()


_BROKEN_RULE = Rule(409, upstream=500)
_BROKEN_REQUEST = Rule(400, upstream=500)
_MISSING = Rule(404, upstream=500)
_RETRY = (("retry-after", "1"),)

EVERYWHERE: Mapping[str, Rule] = {
    "SESSION_AUTHENTICATION_FAILED": Rule(403, text=BAD_CREDENTIALS, container=True),
    "SESSION_INVALID": Rule(403, text=MISSING_CREDENTIALS, container=True),
    "RBAC_PERMISSION_DENIED": Rule(403, text=NOT_ALLOWED, container=True, headers=(("www-authenticate", CHALLENGE),)),
    "SERVER_BUSY": Rule(503, container=True, headers=_RETRY),
    "SERVICE_UNAVAILABLE": Rule(503, container=True, headers=_RETRY),
    "VALUE_NOT_SUPPORTED": Rule(400),
    "FIELD_TYPE_ERROR": Rule(400),
    "ANSWER_TOO_LARGE": Rule(400),
    "EXTENSION_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "STACK_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "SERVICE_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "LINK_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "CLUSTER_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "CLUSTER_SERVICE_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "MPACK_NOT_FOUND": Rule(404, prefix=REQUESTED),
    "MPACK_NOT_SPECIFIED": Rule(400),
    "MPACK_NOT_READABLE": Rule(400),
    "MPACK_MALFORMED": Rule(400),
    "MPACK_TOO_LARGE": Rule(413),
    "MPACK_INSTALLED": Rule(409),
    "MPACK_COLLISION": Rule(409),
    "MPACK_PREREQUISITES": Rule(409),
    "MPACK_IN_USE": Rule(409),
    "MPACK_PURGE_REFUSED": Rule(409),
    "MPACK_HOOK_FAILED": Rule(409),
    "MPACK_BUSY": Rule(409),
    "MPACK_FAILED": Rule(500),
}
"""Errors that mean the same whatever a request does, and those of reading."""

_RULES_OF_LINKS = {
    "LINK_EXISTS": _BROKEN_RULE,
    "EXTENSION_NOT_VALID": _BROKEN_RULE,
    "STACK_NOT_SUPPORTED": _BROKEN_RULE,
    "SERVICE_EXISTS": _BROKEN_RULE,
    "REQUIRED_EXTENSION_NOT_LINKED": _BROKEN_RULE,
    "SERVICE_INSTALLED": _BROKEN_RULE,
    "EXTENSION_REQUIRED": _BROKEN_RULE,
}

BY_OPERATION: Mapping[Operation, Mapping[str, Rule]] = {
    Operation.READ: {},
    Operation.CREATE: {
        **_RULES_OF_LINKS,
        "LINK_INCOMPLETE": Rule(400),
        "STACK_NOT_FOUND": _MISSING,
        "EXTENSION_NOT_FOUND": _MISSING,
        "CLUSTER_INCOMPLETE": Rule(400),
        "CLUSTER_NAME_INVALID": Rule(400),
        "CLUSTER_EXISTS": Rule(409),
        "CLUSTER_NOT_FOUND": Rule(404),
        "SERVICE_NOT_IN_STACK": Rule(400),
        "CLUSTER_SERVICE_EXISTS": Rule(409),
    },
    Operation.UPDATE: {
        **_RULES_OF_LINKS,
        "LINK_INCOMPLETE": _BROKEN_REQUEST,
        "EXTENSION_NAME_FIXED": _BROKEN_REQUEST,
        "LINK_NOT_FOUND": Rule(404, prefix=SPECIFIED),
        "STACK_NOT_FOUND": Rule(404, prefix=SPECIFIED),
        "EXTENSION_NOT_FOUND": Rule(404, prefix=SPECIFIED),
        "CLUSTER_NOT_FOUND": Rule(404, prefix=SPECIFIED),
        "CLUSTER_SERVICE_NOT_FOUND": Rule(404, prefix=SPECIFIED),
    },
    Operation.DELETE: {
        **_RULES_OF_LINKS,
        "LINK_NOT_FOUND": Rule(404, prefix=SPECIFIED),
        "CLUSTER_NOT_FOUND": Rule(404, prefix=SPECIFIED),
        "CLUSTER_SERVICE_NOT_FOUND": Rule(404, prefix=SPECIFIED),
    },
}
"""Errors by what a request does; these come before `EVERYWHERE`."""


def failure_of(error: GraftError, operation: Operation, *, upstream_statuses: bool) -> Failure | None:
    """Return what is answered to an error of a service; None for one that no client should see as it is."""
    rule = BY_OPERATION[operation].get(error.code) or EVERYWHERE.get(error.code)
    if rule is None:
        return None
    status, prefix = rule.status, rule.prefix
    if upstream_statuses and rule.upstream is not None:
        status, prefix = rule.upstream, rule.upstream_prefix
    text = rule.text or _sentence(error)
    message = text if text.startswith(prefix) else prefix + text
    return Failure(status, message, rule.container, rule.headers)


def unexpected(reference: str) -> Failure:
    """Return what is answered to a mistake of ours, which the log has under the reference (AmbariErrorHandler.java)."""
    text = f"Internal server error, please refer the exception by {reference} in the server log file"
    return Failure(500, text, container=True)


def _sentence(error: GraftError) -> str:
    """Write an error for a person: Ambari's texts come as the only parameter, Graft's own in several."""
    match error.code, error.params:
        case "SERVICE_UNAVAILABLE", (service, reason, *_):
            return f"The {service} does not answer: {reason}"
        case "VALUE_NOT_SUPPORTED", (field, value, reason, *_):
            return f"{field} {value!r} is not supported: {reason}"
        case "FIELD_TYPE_ERROR", (field, expected, got, *_):
            return f"{field} must be {expected}, not {got}"
        case _, (text, *_):
            return text
        case _:
            return error.code
