"""The one error that crosses services and protocols: a XenAPI code and its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class GraftError(Exception):
    """A failure that a client is meant to see.

    `code` is XenAPI's error code where XenAPI has one, `params` its parameters in order, and `details` what only
    clients of gRPC and the log are told besides (the name of a limit, its value).
    """

    def __init__(self, code: str, *params: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params: tuple[str, ...] = params
        self.details: dict[str, str] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.code}{list(self.params)}"

    def error_info(self) -> list[str]:
        """Return code and parameters as XenAPI's `ErrorDescription` and `error_info` hold them."""
        return [self.code, *self.params]


class StartupError(Exception):
    """A service cannot start; the message tells a person what is wrong and how to mend it."""


def session_invalid(ref: str) -> GraftError:
    """No such session, or no longer; the reference is echoed as xapi does (session_check.ml).

    The details tell it from a code that an executable has answered with: nothing has been done yet.
    """
    return GraftError("SESSION_INVALID", ref, details=_REFUSED)


def is_refused_session(error: GraftError) -> bool:
    """Tell whether a service has refused a session, and has done nothing."""
    return error.code == "SESSION_INVALID" and _REFUSED.items() <= error.details.items()


_REFUSED = {"refused": "before the call"}


def method_unknown(method: str) -> GraftError:
    """No such method, or none that is fit to be called."""
    return GraftError("MESSAGE_METHOD_UNKNOWN", method)


def parameter_count_mismatch(method: str, expected: int, received: int) -> GraftError:
    """Too few or too many parameters; the session counts on neither side (gen_server.ml)."""
    return GraftError("MESSAGE_PARAMETER_COUNT_MISMATCH", method, str(expected), str(received))


def field_type_error(param: str, expected: str, got: str, details: Mapping[str, str] | None = None) -> GraftError:
    """A parameter of the wrong type, or something in it: `sizes[3]`."""
    return GraftError("FIELD_TYPE_ERROR", param, expected, got, details=details)


def invalid_value(param: str, value: str, reason: str, details: Mapping[str, str] | None = None) -> GraftError:
    """A parameter of the right type that holds no possible value; xapi has no reason behind it (exnHelper.ml)."""
    return GraftError("INVALID_VALUE", param, value, reason, details=details)


def method_removed() -> GraftError:
    """The method was removed in some release; xapi does not name it (gen_server.ml)."""
    return GraftError("MESSAGE_REMOVED")


def permission_denied(permission: str, roles: Sequence[str], details: Mapping[str, str] | None = None) -> GraftError:
    """The session's roles do not hold the permission; the text is xapi's (rbac.ml)."""
    text = f"No permission in user session. (Roles with this permission: {', '.join(roles)})"
    return GraftError("RBAC_PERMISSION_DENIED", permission, text, details=details)


def handle_invalid(kind: str, ref: str) -> GraftError:
    """No object of that class has the reference."""
    return GraftError("HANDLE_INVALID", kind, ref)


def value_not_supported(field: str, value: str, reason: str) -> GraftError:
    """A value that is of the right type and still cannot be taken."""
    return GraftError("VALUE_NOT_SUPPORTED", field, value, reason)


def internal_error(*params: str, details: Mapping[str, str] | None = None) -> GraftError:
    """Something went wrong that is not the caller's mistake."""
    return GraftError("INTERNAL_ERROR", *params, details=details)


def server_busy(what: str) -> GraftError:
    """A queue is full."""
    return GraftError("SERVER_BUSY", what)


def service_unavailable(service: str, reason: str) -> GraftError:
    """Another service of Graft does not answer."""
    return GraftError("SERVICE_UNAVAILABLE", service, reason)
