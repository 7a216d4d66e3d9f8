"""The codes that any call may end with, whatever the method declares; docs/declarations.md and the REST interface."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlatformError:
    """A code, what its type is called after, and its parameters."""

    code: str
    name: str
    params: tuple[str, ...]
    doc: str


PLATFORM_ERRORS: tuple[PlatformError, ...] = (
    PlatformError("SESSION_INVALID", "session_invalid", ("session",), "The session has ended, or there never was one."),
    PlatformError(
        "SESSION_AUTHENTICATION_FAILED",
        "authentication_failed",
        ("user", "reason"),
        "The user's name or the password is wrong.",
    ),
    PlatformError(
        "RBAC_PERMISSION_DENIED",
        "permission_denied",
        ("permission", "text"),
        "The session's roles do not allow the call; the text names those that do.",
    ),
    PlatformError("MESSAGE_METHOD_UNKNOWN", "method_unknown", ("method",), "The platform has no such method."),
    PlatformError("MESSAGE_REMOVED", "method_removed", (), "A release of the platform has removed the method."),
    PlatformError(
        "MESSAGE_PARAMETER_COUNT_MISMATCH",
        "parameter_count_mismatch",
        ("method", "expected", "received"),
        "Too few or too many arguments.",
    ),
    PlatformError(
        "FIELD_TYPE_ERROR",
        "field_type_error",
        ("place", "expected", "got"),
        "An argument, or something in it, has another type than the declared one.",
    ),
    PlatformError(
        "INVALID_VALUE",
        "invalid_value",
        ("place", "value", "reason"),
        "An argument, or something in it, has the declared type and is still no possible value.",
    ),
    PlatformError(
        "VALUE_NOT_SUPPORTED",
        "value_not_supported",
        ("field", "value", "reason"),
        "A value that cannot be taken here.",
    ),
    PlatformError("HANDLE_INVALID", "handle_invalid", ("class", "ref"), "No object of the class has that reference."),
    PlatformError("TASK_CANCELLED", "task_cancelled", ("task",), "The task was cancelled before it had a result."),
    PlatformError(
        "SERVER_BUSY", "server_busy", ("what",), "Too much is queued already; try again after the time that it tells."
    ),
    PlatformError(
        "SERVICE_UNAVAILABLE", "service_unavailable", ("service", "reason"), "A part of the platform does not answer."
    ),
    PlatformError("INTERNAL_ERROR", "internal_error", (), "Something went wrong that is not the caller's mistake."),
)
