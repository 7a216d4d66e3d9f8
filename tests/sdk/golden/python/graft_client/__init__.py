# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""Client of a Graft platform: `Client`, and `AsyncClient` for asyncio."""

from ._runtime.async_client import AsyncTask
from ._runtime.async_transport import AsyncHttpTransport
from ._runtime.calls import TaskInfo, TaskStatus
from ._runtime.errors import AnswerError, ApiError, GraftError, TransportError
from ._runtime.sync_client import Task
from ._runtime.transport import AsyncTransport, HttpTransport, Request, Response, Transport
from ._runtime.values import UNSET, Moment, OpenEnum, Unset
from .client import API_DIGEST, AsyncClient, Client
from .errors import (
    AuthenticationFailed,
    Draft,
    FieldTypeError,
    HandleInvalid,
    InternalError,
    InvalidValue,
    MethodRemoved,
    MethodUnknown,
    ParameterCountMismatch,
    PermissionDenied,
    ServerBusy,
    ServiceUnavailable,
    SessionInvalid,
    TaskCancelled,
    ValueNotSupported,
    VolumeInUse,
)
from .types import (
    Colour,
    Disk,
    DiskRecord,
    ResizeState,
    VmRef,
    VolumeRecord,
    VolumeRef,
)

__all__ = [
    "API_DIGEST",
    "UNSET",
    "AnswerError",
    "ApiError",
    "AsyncClient",
    "AsyncHttpTransport",
    "AsyncTask",
    "AsyncTransport",
    "Client",
    "GraftError",
    "HttpTransport",
    "Moment",
    "OpenEnum",
    "Request",
    "Response",
    "Task",
    "TaskInfo",
    "TaskStatus",
    "Transport",
    "TransportError",
    "Unset",
    "AuthenticationFailed",
    "Colour",
    "Disk",
    "DiskRecord",
    "Draft",
    "FieldTypeError",
    "HandleInvalid",
    "InternalError",
    "InvalidValue",
    "MethodRemoved",
    "MethodUnknown",
    "ParameterCountMismatch",
    "PermissionDenied",
    "ResizeState",
    "ServerBusy",
    "ServiceUnavailable",
    "SessionInvalid",
    "TaskCancelled",
    "ValueNotSupported",
    "VmRef",
    "VolumeInUse",
    "VolumeRecord",
    "VolumeRef",
]
