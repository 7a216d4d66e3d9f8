"""Plain values as the messages that several services send."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dispatcher_service.engines.base import Usage
from graft.common.v1 import audit_pb2
from graft_common.errors import GraftError
from graft_common.rpc.usage import USAGE, format_usage, read_usage


def timestamp(seconds: float) -> Timestamp:
    """Write seconds since the epoch, to the microsecond."""
    message = Timestamp()
    message.FromMicroseconds(round(seconds * 1e6))
    return message


def duration(seconds: float) -> Duration:
    """Write a span, to the microsecond."""
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return Duration(seconds=whole, nanos=1000 * micros)


def usage_message(usage: Usage | None) -> audit_pb2.Usage | None:
    """Write what an execution has used; None stays None."""
    if usage is None:
        return None
    return audit_pb2.Usage(
        cpu=duration(usage.cpu),
        memory_peak_bytes=usage.memory_peak,
        wall=duration(usage.wall),
        processes_peak=usage.processes_peak,
    )


def usage_of(error: GraftError) -> Usage | None:
    """Return what the execution that has failed had used; None where nothing was run."""
    read = read_usage(error.details.get(USAGE, ""))
    return None if read is None else Usage(read.cpu, read.memory, read.wall, read.processes)


def usage_text(usage: Usage) -> str:
    """Write what an execution has used as one line, for the details of an error."""
    return format_usage(usage.cpu, usage.memory_peak, usage.wall, usage.processes_peak)
