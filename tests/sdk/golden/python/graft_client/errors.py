# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""The errors that methods declare, and those of the platform."""

from __future__ import annotations

from ._runtime.errors import ApiError, Errors


class Draft(ApiError):
    """`DRAFT_ERROR`"""

    CODE = "DRAFT_ERROR"


class FieldTypeError(ApiError):
    """An argument, or something in it, has another type than the declared one."""

    CODE = "FIELD_TYPE_ERROR"

    @property
    def place(self) -> str:
        """The parameter `place`."""
        return self._param(0)

    @property
    def expected(self) -> str:
        """The parameter `expected`."""
        return self._param(1)

    @property
    def got(self) -> str:
        """The parameter `got`."""
        return self._param(2)


class HandleInvalid(ApiError):
    """No object of the class has that reference."""

    CODE = "HANDLE_INVALID"

    @property
    def class_(self) -> str:
        """The parameter `class`."""
        return self._param(0)

    @property
    def ref(self) -> str:
        """The parameter `ref`."""
        return self._param(1)


class InternalError(ApiError):
    """Something went wrong that is not the caller's mistake."""

    CODE = "INTERNAL_ERROR"


class InvalidValue(ApiError):
    """An argument, or something in it, has the declared type and is still no possible value."""

    CODE = "INVALID_VALUE"

    @property
    def place(self) -> str:
        """The parameter `place`."""
        return self._param(0)

    @property
    def value(self) -> str:
        """The parameter `value`."""
        return self._param(1)

    @property
    def reason(self) -> str:
        """The parameter `reason`."""
        return self._param(2)


class MethodUnknown(ApiError):
    """The platform has no such method."""

    CODE = "MESSAGE_METHOD_UNKNOWN"

    @property
    def method(self) -> str:
        """The parameter `method`."""
        return self._param(0)


class ParameterCountMismatch(ApiError):
    """Too few or too many arguments."""

    CODE = "MESSAGE_PARAMETER_COUNT_MISMATCH"

    @property
    def method(self) -> str:
        """The parameter `method`."""
        return self._param(0)

    @property
    def expected(self) -> str:
        """The parameter `expected`."""
        return self._param(1)

    @property
    def received(self) -> str:
        """The parameter `received`."""
        return self._param(2)


class MethodRemoved(ApiError):
    """A release of the platform has removed the method."""

    CODE = "MESSAGE_REMOVED"


class PermissionDenied(ApiError):
    """The session's roles do not allow the call; the text names those that do."""

    CODE = "RBAC_PERMISSION_DENIED"

    @property
    def permission(self) -> str:
        """The parameter `permission`."""
        return self._param(0)

    @property
    def text(self) -> str:
        """The parameter `text`."""
        return self._param(1)


class ServerBusy(ApiError):
    """Too much is queued already; try again after the time that it tells."""

    CODE = "SERVER_BUSY"

    @property
    def what(self) -> str:
        """The parameter `what`."""
        return self._param(0)


class ServiceUnavailable(ApiError):
    """A part of the platform does not answer."""

    CODE = "SERVICE_UNAVAILABLE"

    @property
    def service(self) -> str:
        """The parameter `service`."""
        return self._param(0)

    @property
    def reason(self) -> str:
        """The parameter `reason`."""
        return self._param(1)


class AuthenticationFailed(ApiError):
    """The user's name or the password is wrong."""

    CODE = "SESSION_AUTHENTICATION_FAILED"

    @property
    def user(self) -> str:
        """The parameter `user`."""
        return self._param(0)

    @property
    def reason(self) -> str:
        """The parameter `reason`."""
        return self._param(1)


class SessionInvalid(ApiError):
    """The session has ended, or there never was one."""

    CODE = "SESSION_INVALID"

    @property
    def session(self) -> str:
        """The parameter `session`."""
        return self._param(0)


class TaskCancelled(ApiError):
    """The task was cancelled before it had a result."""

    CODE = "TASK_CANCELLED"

    @property
    def task(self) -> str:
        """The parameter `task`."""
        return self._param(0)


class ValueNotSupported(ApiError):
    """A value that cannot be taken here."""

    CODE = "VALUE_NOT_SUPPORTED"

    @property
    def field_(self) -> str:
        """The parameter `field`."""
        return self._param(0)

    @property
    def value(self) -> str:
        """The parameter `value`."""
        return self._param(1)

    @property
    def reason(self) -> str:
        """The parameter `reason`."""
        return self._param(2)


class VolumeInUse(ApiError):
    """Some guest has it open."""

    CODE = "VOLUME_IN_USE"

    @property
    def volume(self) -> str:
        """The parameter `volume`."""
        return self._param(0)

    @property
    def class_(self) -> str:
        """The parameter `class`."""
        return self._param(1)


ERRORS: Errors = {
    "DRAFT_ERROR": Draft,
    "FIELD_TYPE_ERROR": FieldTypeError,
    "HANDLE_INVALID": HandleInvalid,
    "INTERNAL_ERROR": InternalError,
    "INVALID_VALUE": InvalidValue,
    "MESSAGE_METHOD_UNKNOWN": MethodUnknown,
    "MESSAGE_PARAMETER_COUNT_MISMATCH": ParameterCountMismatch,
    "MESSAGE_REMOVED": MethodRemoved,
    "RBAC_PERMISSION_DENIED": PermissionDenied,
    "SERVER_BUSY": ServerBusy,
    "SERVICE_UNAVAILABLE": ServiceUnavailable,
    "SESSION_AUTHENTICATION_FAILED": AuthenticationFailed,
    "SESSION_INVALID": SessionInvalid,
    "TASK_CANCELLED": TaskCancelled,
    "VALUE_NOT_SUPPORTED": ValueNotSupported,
    "VOLUME_IN_USE": VolumeInUse,
}
"""The classes by the codes."""
