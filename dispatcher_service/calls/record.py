"""What is kept of a call: the audit record, as a plain value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol, Self

from dispatcher_service.engines.base import NO_ACCESS, Access, Usage
from graft_common.audit import Argument

MAX_ACTION = 256
NO_PLAIN_NAME = "(not a plain name)"
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")


def action_of(method: str) -> str:
    """Show a method's name in records and logs if it could be one at all, `system.isAlive:` and its like shortened.

    Broken clients send session references in place of names, and anybody can send lines and colours for a terminal.
    """
    head, colon, _ = method.partition(":")
    if len(head) > MAX_ACTION or not _is_plain(head):
        return NO_PLAIN_NAME
    return f"{head}{colon}"


@lru_cache(maxsize=1024)
def _is_plain(name: str) -> bool:
    return _PLAIN_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class GivenAccess:
    """What a call was given beyond its sandbox: names and numbers, and never a value."""

    network: str
    read_paths: int
    write_paths: int
    environment: tuple[str, ...]
    """Names of variables."""
    secrets: tuple[str, ...]
    """Names of secrets."""

    @classmethod
    def of(cls, access: Access) -> Self | None:
        """Tell what there is to record; None where nothing was given."""
        if access == NO_ACCESS:
            return None
        return cls(
            network=access.network.value,
            read_paths=len(access.read),
            write_paths=len(access.write),
            environment=tuple(name for name, _value in access.environment),
            secrets=tuple(name for name, _content in access.secrets),
        )


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call that has ended. It holds no session reference, and no value but what a declaration says is no secret."""

    time: datetime
    """When it ended, in UTC."""
    user: str
    """Empty where no session was recognised."""
    roles: tuple[str, ...]
    track_id: str
    """The first 16 hex digits of the session reference's SHA-256; empty without a session."""
    action: str
    """The method without `Async.`, as `action_of` shows it."""
    allowed: bool
    """Whether session and role let the caller through."""
    outcome: str
    """`OK`, or the code of the error that the caller got."""
    duration: float
    """Seconds from the arrival of the request to the answer, or to the end of its task."""
    usage: Usage | None = None
    """None where nothing was executed."""
    request_id: str = ""
    originator: str = ""
    peer: str = ""
    task: str = ""
    """The task's reference for asynchronous calls."""
    access: GivenAccess | None = None
    """None where nothing was given to it, or nothing was executed."""
    user_uuid: str = ""
    """Empty where no session was recognised."""
    arguments: tuple[Argument, ...] = ()
    """What it was given, by its declaration; none without one."""


class AuditSink(Protocol):
    """Keeps records. `record` never blocks and never raises: it queues within a bound, and counts what it must drop."""

    def record(self, record: CallRecord) -> None:
        """Take one record."""
