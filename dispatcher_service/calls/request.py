"""A call as it arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dispatcher_service.tasks.task import NO_ORIGIN, Origin
from graft_common.declarations.model import Method, Types
from graft_common.values import Value

Arguments = Callable[[Method | None, Types], list[Value]]
"""Makes the parameters of a call, the session left out, out of arguments in another form.

It is given the very declaration that the call is checked by, or None where the method has none; `Types` is then empty.
It raises `GraftError` for what the caller is to be told, and is asked after session, method and role have been checked.
"""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call as it arrives."""

    method: str
    """Without `Async.`."""
    params: list[Value] = field(repr=False)
    """Without the session; not looked at where there is `read`."""
    credential: str = field(default="", repr=False)
    """The session reference; empty for none."""
    min_revision: int = 0
    """A revision of the registry that the caller has seen."""
    request_id: str = ""
    peer: str = ""
    seconds: float | None = None
    """How long the caller waits for the answer; None for however long it takes."""
    read: Arguments | None = field(default=None, repr=False)
    """Makes the parameters where they come in another form: by name, in JSON, as messages of declared types."""
    task: str = ""
    """The task of a client that the call is made for; empty for none."""
    origin: Origin = NO_ORIGIN
    """What the caller says of the task that an asynchronous call becomes."""
