"""`GraftError` on the wire: `google.rpc.Status` with an `ErrorInfo`, both ways."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from graft_common.errors import GraftError, service_unavailable
from graft_common.rpc.context import ERROR_LIMIT, CallContext, metadata_value

DOMAIN = "graft"
DEFAULT_ERROR_LIMIT = 4096
"""Bytes of parameters in an error unless the client asks for more: gRPC clients refuse trailers over 8 KiB."""
MAX_ERROR_LIMIT = 128 << 10
"""As much as a client may ask for."""

_CODES = {
    "SESSION_INVALID": code_pb2.UNAUTHENTICATED,
    "SESSION_AUTHENTICATION_FAILED": code_pb2.UNAUTHENTICATED,
    "SERVICE_TOKEN_INVALID": code_pb2.UNAUTHENTICATED,
    "RBAC_PERMISSION_DENIED": code_pb2.PERMISSION_DENIED,
    "MESSAGE_METHOD_UNKNOWN": code_pb2.UNIMPLEMENTED,
    "MESSAGE_REMOVED": code_pb2.UNIMPLEMENTED,
    "MESSAGE_PARAMETER_COUNT_MISMATCH": code_pb2.INVALID_ARGUMENT,
    "FIELD_TYPE_ERROR": code_pb2.INVALID_ARGUMENT,
    "INVALID_VALUE": code_pb2.INVALID_ARGUMENT,
    "VALUE_NOT_SUPPORTED": code_pb2.INVALID_ARGUMENT,
    "ROLE_NOT_FOUND": code_pb2.INVALID_ARGUMENT,
    "HANDLE_INVALID": code_pb2.NOT_FOUND,
    "UUID_INVALID": code_pb2.NOT_FOUND,
    "USER_NOT_FOUND": code_pb2.NOT_FOUND,
    "USER_EXISTS": code_pb2.ALREADY_EXISTS,
    "STACK_NOT_FOUND": code_pb2.NOT_FOUND,
    "EXTENSION_NOT_FOUND": code_pb2.NOT_FOUND,
    "SERVICE_NOT_FOUND": code_pb2.NOT_FOUND,
    "LINK_NOT_FOUND": code_pb2.NOT_FOUND,
    "LINK_INCOMPLETE": code_pb2.INVALID_ARGUMENT,
    "EXTENSION_NAME_FIXED": code_pb2.INVALID_ARGUMENT,
    "LINK_EXISTS": code_pb2.ALREADY_EXISTS,
    "STACK_NOT_SUPPORTED": code_pb2.FAILED_PRECONDITION,
    "EXTENSION_NOT_VALID": code_pb2.FAILED_PRECONDITION,
    "SERVICE_EXISTS": code_pb2.FAILED_PRECONDITION,
    "REQUIRED_EXTENSION_NOT_LINKED": code_pb2.FAILED_PRECONDITION,
    "EXTENSION_REQUIRED": code_pb2.FAILED_PRECONDITION,
    "SERVICE_INSTALLED": code_pb2.FAILED_PRECONDITION,
    "CLUSTER_INCOMPLETE": code_pb2.INVALID_ARGUMENT,
    "CLUSTER_NAME_INVALID": code_pb2.INVALID_ARGUMENT,
    "CLUSTER_NOT_FOUND": code_pb2.NOT_FOUND,
    "CLUSTER_EXISTS": code_pb2.ALREADY_EXISTS,
    "SERVICE_NOT_IN_STACK": code_pb2.INVALID_ARGUMENT,
    "CLUSTER_SERVICE_NOT_FOUND": code_pb2.NOT_FOUND,
    "CLUSTER_SERVICE_EXISTS": code_pb2.ALREADY_EXISTS,
    "MPACK_NOT_SPECIFIED": code_pb2.INVALID_ARGUMENT,
    "MPACK_NOT_READABLE": code_pb2.INVALID_ARGUMENT,
    "MPACK_TOO_LARGE": code_pb2.INVALID_ARGUMENT,
    "MPACK_MALFORMED": code_pb2.INVALID_ARGUMENT,
    "BUNDLE_NOT_FOUND": code_pb2.NOT_FOUND,
    "MPACK_NOT_FOUND": code_pb2.NOT_FOUND,
    "MPACK_INSTALLED": code_pb2.ALREADY_EXISTS,
    "MPACK_COLLISION": code_pb2.ALREADY_EXISTS,
    "MPACK_PREREQUISITES": code_pb2.FAILED_PRECONDITION,
    "MPACK_IN_USE": code_pb2.FAILED_PRECONDITION,
    "MPACK_PURGE_REFUSED": code_pb2.FAILED_PRECONDITION,
    "MPACK_HOOK_FAILED": code_pb2.FAILED_PRECONDITION,
    "MPACK_REPLAY_LOG_INVALID": code_pb2.FAILED_PRECONDITION,
    "MPACK_BUSY": code_pb2.ABORTED,
    "MPACK_FAILED": code_pb2.INTERNAL,
    "SERVER_BUSY": code_pb2.RESOURCE_EXHAUSTED,
    "TASK_CANCELLED": code_pb2.CANCELLED,
    "REVISION_COMPACTED": code_pb2.OUT_OF_RANGE,
    "SERVICE_UNAVAILABLE": code_pb2.UNAVAILABLE,
    "INTERNAL_ERROR": code_pb2.INTERNAL,
}

_BROKEN_WRITE = "Internal error from Core"
"""What gRPC tells, as INTERNAL, where a connection breaks while a stream is written to (grpc, aio/call.pyx.pxi)."""


def to_status(error: GraftError, limit: int = DEFAULT_ERROR_LIMIT) -> status_pb2.Status:
    """Write an error as a status; parameters are cut, the longest first, until they fit into `limit` bytes.

    Codes of extensions' own become FAILED_PRECONDITION.
    """
    params = _fit(list(error.params), limit)
    info = error_details_pb2.ErrorInfo(
        reason=error.code,
        domain=DOMAIN,
        metadata={**error.details, **{f"param{number}": text for number, text in enumerate(params)}},
    )
    detail = any_pb2.Any()
    detail.Pack(info)
    code = _CODES.get(error.code, code_pb2.FAILED_PRECONDITION)
    message = f"{error.code}: {', '.join(params)}"[:1024] if params else error.code
    return status_pb2.Status(code=code, message=message, details=[detail])


def error_limit(context: CallContext) -> int:
    """Return how many bytes of an error's parameters the client of a call takes."""
    asked = metadata_value(context, ERROR_LIMIT)
    if not (asked.isdecimal() and len(asked) <= len(str(MAX_ERROR_LIMIT))):
        return DEFAULT_ERROR_LIMIT
    return min(int(asked), MAX_ERROR_LIMIT)


def cut(error: GraftError, limit: int) -> GraftError:
    """Return an error as it would come over the wire: its parameters fitted into `limit` bytes."""
    return GraftError(error.code, *_fit(list(error.params), limit), details=error.details)


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> GraftError:
    """Read the error back from what a client caught; what is not Graft's own becomes SERVICE_UNAVAILABLE."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # AioRpcError has what it reads
    own = _own_error(status) if status is not None else None
    return own or _foreign_error(error.code(), error.details() or "", service)


def from_status(status: status_pb2.Status, service: str) -> GraftError:
    """Read the error back from a status, as `from_rpc_error` does."""
    code = next((code for code in grpc.StatusCode if code.value[0] == status.code), grpc.StatusCode.UNKNOWN)
    return _own_error(status) or _foreign_error(code, status.message, service)


def _own_error(status: status_pb2.Status) -> GraftError | None:
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            metadata = dict(info.metadata)
            params: list[str] = []
            while (key := f"param{len(params)}") in metadata:
                params.append(metadata.pop(key))
            return GraftError(info.reason, *params, details=metadata)
    return None


def _foreign_error(code: grpc.StatusCode, details: str, service: str) -> GraftError:
    if code is grpc.StatusCode.UNAVAILABLE or (code is grpc.StatusCode.INTERNAL and details == _BROKEN_WRITE):
        # What gRPC says of a failed connection names internal addresses, which are no client's business.
        return away(service)
    return service_unavailable(service, f"{code.name}: {details or 'no details'}")


def away(service: str) -> GraftError:
    """Tell that there is no connection to a service."""
    return service_unavailable(service, f"{grpc.StatusCode.UNAVAILABLE.name}: it cannot be reached")


def _fit(params: list[str], limit: int) -> list[str]:
    """Cut the longest parameters so that all together take no more than about `limit` bytes."""
    fitted = list(params)
    remaining = limit
    by_size = sorted(range(len(params)), key=lambda number: len(params[number].encode("utf-8", "replace")))
    for left, number in zip(range(len(params), 0, -1), by_size, strict=True):
        data = params[number].encode("utf-8", "replace")
        share = remaining // left
        if len(data) > share:
            note = f"… [{len(data)} bytes]"
            fitted[number] = data[: max(share - len(note.encode()), 0)].decode("utf-8", "ignore") + note
        remaining -= min(len(data), share)
    return fitted
