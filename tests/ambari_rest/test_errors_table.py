"""From errors of the registry to statuses and texts, in both modes."""

from __future__ import annotations

import pytest

from gateway.ambari.errors import Operation, failure_of, unexpected
from graft_common.errors import GraftError, permission_denied, server_busy, service_unavailable, value_not_supported

INTERNAL = "An internal system exception occurred: text"
SPECIFIED = "The specified resource doesn't exist: text"
REQUESTED = "The requested resource doesn't exist: text"
READ, CREATE, UPDATE, DELETE = Operation
NOT_SIGNED_IN = "Missing authentication token"


@pytest.mark.parametrize(
    ("operation", "code", "status", "text", "upstream_status", "upstream_text"),
    [
        (CREATE, "LINK_INCOMPLETE", 400, "text", 400, "text"),
        (CREATE, "STACK_NOT_FOUND", 404, "text", 500, INTERNAL),
        (CREATE, "EXTENSION_NOT_FOUND", 404, "text", 500, INTERNAL),
        (CREATE, "LINK_EXISTS", 409, "text", 500, INTERNAL),
        (CREATE, "STACK_NOT_SUPPORTED", 409, "text", 500, INTERNAL),
        (CREATE, "EXTENSION_NOT_VALID", 409, "text", 500, INTERNAL),
        (CREATE, "SERVICE_EXISTS", 409, "text", 500, INTERNAL),
        (CREATE, "REQUIRED_EXTENSION_NOT_LINKED", 409, "text", 500, INTERNAL),
        (DELETE, "EXTENSION_REQUIRED", 409, "text", 500, INTERNAL),
        (DELETE, "SERVICE_INSTALLED", 409, "text", 500, INTERNAL),
        (DELETE, "LINK_NOT_FOUND", 404, SPECIFIED, 404, SPECIFIED),
        (UPDATE, "LINK_INCOMPLETE", 400, "text", 500, INTERNAL),
        (UPDATE, "EXTENSION_NAME_FIXED", 400, "text", 500, INTERNAL),
        (UPDATE, "EXTENSION_NOT_FOUND", 404, SPECIFIED, 404, SPECIFIED),
        (UPDATE, "STACK_NOT_FOUND", 404, SPECIFIED, 404, SPECIFIED),
        (UPDATE, "LINK_NOT_FOUND", 404, SPECIFIED, 404, SPECIFIED),
        (UPDATE, "SERVICE_EXISTS", 409, "text", 500, INTERNAL),
        (UPDATE, "SERVICE_INSTALLED", 409, "text", 500, INTERNAL),
        (READ, "STACK_NOT_FOUND", 404, REQUESTED, 404, REQUESTED),
        (READ, "EXTENSION_NOT_FOUND", 404, REQUESTED, 404, REQUESTED),
        (READ, "SERVICE_NOT_FOUND", 404, REQUESTED, 404, REQUESTED),
        (READ, "LINK_NOT_FOUND", 404, REQUESTED, 404, REQUESTED),
        (READ, "ANSWER_TOO_LARGE", 400, "text", 400, "text"),
        (READ, "SESSION_INVALID", 403, NOT_SIGNED_IN, 403, NOT_SIGNED_IN),
    ],
)
def test_statuses(
    operation: Operation, code: str, status: int, text: str, upstream_status: int, upstream_text: str
) -> None:
    error = GraftError(code, "text")
    ours = failure_of(error, operation, upstream_statuses=False)
    theirs = failure_of(error, operation, upstream_statuses=True)
    assert ours is not None
    assert theirs is not None
    assert (ours.status, ours.message) == (status, text)
    assert (theirs.status, theirs.message) == (upstream_status, upstream_text)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (permission_denied("link.create", ["pool-admin"]), 403, "You do not have permissions to access this resource."),
        (GraftError("SESSION_AUTHENTICATION_FAILED", "u", "no"), 403, "Unable to sign in. Invalid username/password"),
        (service_unavailable("registry", "it cannot be reached"), 503, "The registry does not answer: it cannot be"),
        (server_busy("too many logins"), 503, "too many logins"),
        (value_not_supported("links", "1001", "at most 1000"), 400, "links '1001' is not supported: at most 1000"),
    ],
)
def test_errors_that_mean_the_same_everywhere(error: GraftError, status: int, text: str, operation: Operation) -> None:
    for mode in (False, True):
        failure = failure_of(error, operation, upstream_statuses=mode)
        assert failure is not None
        assert failure.status == status
        assert failure.message.startswith(text)


def test_a_prefix_is_not_written_twice() -> None:
    error = GraftError("LINK_NOT_FOUND", "The specified resource doesn't exist: Extension link 5 is not found")
    failure = failure_of(error, Operation.DELETE, upstream_statuses=False)
    assert failure is not None
    assert failure.message == error.params[0]


def test_what_no_client_should_see() -> None:
    assert failure_of(GraftError("INTERNAL_ERROR", "secret"), Operation.READ, upstream_statuses=False) is None
    assert unexpected("1234").message == (
        "Internal server error, please refer the exception by 1234 in the server log file"
    )
