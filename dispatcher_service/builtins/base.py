"""What a built-in method is, and what it is told of its caller."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dispatcher_service.sessions.session import Session
from graft_common.audit import Argument
from graft_common.errors import session_invalid
from graft_common.values import INT64_MAX, INT64_MIN, DateTime, Value


class ParamType(enum.Enum):
    """The types that built-in methods take, by the names of XenAPI's datamodel."""

    STRING = "string"
    """A string; references are strings too (xapi checks them no further either)."""
    INT = "int"
    """An integer of 64 bits, or a string that holds one in decimal, as clients of 32-bit XML-RPC send it."""
    FLOAT = "float"
    """A double, an integer, or a string that holds a number."""
    BOOL = "bool"
    DATETIME = "datetime"
    SET = "set"
    MAP = "map"
    ANY = "any"

    def accepts(self, value: Value) -> bool:
        """Tell whether a value is of this type (the table of xapi's `Rpc` unmarshalling)."""
        match self:
            case ParamType.STRING:
                return isinstance(value, str)
            case ParamType.INT:
                return (isinstance(value, int) and not isinstance(value, bool)) or _reads_as(value, int)
            case ParamType.FLOAT:
                return (isinstance(value, int | float) and not isinstance(value, bool)) or _reads_as(value, float)
            case ParamType.BOOL:
                return isinstance(value, bool)
            case ParamType.DATETIME:
                return isinstance(value, DateTime)
            case ParamType.SET:
                return isinstance(value, list)
            case ParamType.MAP:
                return isinstance(value, dict)
            case ParamType.ANY:
                return True


def _reads_as(value: Value, kind: type[int | float]) -> bool:
    if not isinstance(value, str) or len(value) > 64:
        return False
    try:
        number = kind(value)
    except ValueError:
        return False
    return kind is float or INT64_MIN <= number <= INT64_MAX


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a built-in method; the session is none."""

    name: str
    type: ParamType = ParamType.STRING
    optional: bool = False
    """Whether a caller may leave it out; only last ones can be."""


@dataclass(frozen=True, slots=True)
class CallerContext:
    """Who calls, and how the call is known; the same for built-ins and executables."""

    session: Session | None = None
    """None for callers without credentials, whom only methods with `role=None` serve."""
    session_ref: str = field(default="", repr=False)
    """The credential itself: for the extension's first parameter, never for logs or the store."""
    request_id: str = ""
    peer: str = ""
    task_ref: str = ""
    """The task that the call runs as; empty for synchronous calls."""

    @property
    def name(self) -> str:
        """Whose calls count together: the user's; where there is none, those of the same peer."""
        return self.session.user if self.session else self.peer

    def require_session(self) -> Session:
        """Return the session.

        Raises:
            GraftError: SESSION_INVALID, when there is none.
        """
        if self.session is None:
            raise session_invalid(self.session_ref)
        return self.session


Handler = Callable[[CallerContext, Sequence[Value]], Awaitable[Value]]
"""Serves one built-in; the parameters are checked for count and type, the session left out.

It raises `GraftError` for what the caller is to see. XenAPI's void is the empty string.
"""


@dataclass(frozen=True, slots=True)
class Builtin:
    """A method that is a part of the dispatcher."""

    handler: Handler
    role: str | None
    """The least role that may call it, `ANYONE` for whoever has a session; None for methods that need none."""
    params: tuple[Param, ...] = ()
    doc: str = ""
    """What it is for, in one sentence."""
    told: Callable[[Sequence[Value]], tuple[Argument, ...]] | None = None
    """Says what the audit is to tell of its parameters, checked as the handler's are, besides their names."""
    recorded: bool = True
    """Whether calls that have not failed leave an audit record; those that wait for events do not (xapi,
    rbac_audit.ml): a few watchers would soon leave no room for anything else."""

    @property
    def required(self) -> int:
        """How many parameters a caller must send."""
        return sum(not param.optional for param in self.params)

    def leaves_record(self, outcome: str) -> bool:
        """Tell whether a call that has ended so leaves an audit record."""
        return self.recorded or outcome not in {"OK", "CANCELLED"}


BuiltinTable = Mapping[str, Builtin]
"""Built-in methods by name: `task.cancel`. Each subject exports a function that makes its own part of the table."""
