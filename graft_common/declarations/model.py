"""What a declaration says, as frozen values.

xapi's published `xenapi.json` fits in without loss: a class there is a `ClassDeclaration` here, a message a `Method`
named `Class.message`. Texts are kept as they are, with their white space. Defaults and the values of examples are
literals, the text that the XML has (`graft_common.declarations.literals` reads and writes it).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from graft_common.declarations.types import Type
from graft_common.roles import POOL_ADMIN

ANYONE = "anyone"
"""In place of a role: whoever has a session, and for a method without one (`session=False`) just whoever."""


class Change(enum.Enum):
    """What a release did to a thing (xapi, datamodel_types.ml, Lifecycle.change)."""

    PROTOTYPED = "prototyped"
    PUBLISHED = "published"
    EXTENDED = "extended"
    CHANGED = "changed"
    DEPRECATED = "deprecated"
    REMOVED = "removed"


class State(enum.Enum):
    """Where a thing stands after all its changes (xapi, Lifecycle.state)."""

    UNRELEASED = "unreleased"
    PROTOTYPED = "prototyped"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change, the release that brought it, and why or what it was."""

    change: Change
    release: str
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The changes of a thing, the oldest first; whether their order is lawful is for `lifecycle.check`."""

    transitions: tuple[Transition, ...] = ()

    @property
    def state(self) -> State:
        """The state after the last change that makes one; extending and changing make none."""
        for transition in reversed(self.transitions):
            if transition.change not in (Change.EXTENDED, Change.CHANGED):
                return State(transition.change.value)
        return State.UNRELEASED


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum."""

    name: str
    doc: str = ""


@dataclass(frozen=True, slots=True)
class EnumDeclaration:
    """The values that a parameter, field or result of the type `enum <name>` takes."""

    name: str
    values: tuple[EnumValue, ...]
    doc: str = ""


Qualifier: TypeAlias = Literal["RW", "RO/constructor", "RO/runtime"]
"""Who sets a field: anyone at any time, its object's constructor, or the platform (xapi's words)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record or class.

    A field with a default may be absent from a record that a caller gives, and one of an option type too.
    """

    name: str
    type: Type
    doc: str = ""
    default: str | None = None
    """A literal of the type."""
    qualifier: Qualifier = "RW"
    lifecycle: Lifecycle = Lifecycle()
    tag: str = ""
    secret: bool = False
    """Its value is kept out of logs, audit and docs."""


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a struct of the type `<name> record`."""

    name: str
    fields: tuple[Field, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True)
class ClassDeclaration:
    """What is told of a class of methods, and of its objects; `<name> record` is a struct of its fields."""

    name: str
    doc: str = ""
    fields: tuple[Field, ...] = ()
    enums: tuple[str, ...] = ()
    """Names of enums that are shown with this class, in that order; several classes may show the same one."""
    lifecycle: Lifecycle = Lifecycle()
    tag: str = ""
    position: int | None = None
    """Its place among the classes of all files, counted from 1; those without one come last."""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter, in its place; the session is none."""

    name: str
    type: Type
    doc: str = ""
    default: str | None = None
    """A literal of the type; a caller may leave the parameter out, and the method gets this."""
    optional: bool = False
    """A caller may leave it out though no default is told (xenapi.json says `required: false` and no more)."""
    since: str = ""
    """The release that brought it; empty: the method's own."""
    secret: bool = False
    """Its value is kept out of logs, audit and docs."""
    public: bool = False
    """It is said outright that it is no secret: audit records tell its value."""

    @property
    def required(self) -> bool:
        """Whether each call has to give it."""
        return self.default is None and not self.optional


@dataclass(frozen=True, slots=True)
class Result:
    """What a method answers."""

    type: Type
    doc: str = ""
    secret: bool = False
    """It is kept out of logs, audit and docs."""


@dataclass(frozen=True, slots=True)
class ErrorDeclaration:
    """An error that a method is known to answer with; others are not forbidden."""

    code: str
    params: tuple[str, ...] = ()
    """What its parameters are called, in their order."""
    doc: str = ""


@dataclass(frozen=True, slots=True)
class MethodLimits:
    """What one call may use, where the method says other than the host's defaults; None: it does not."""

    timeout: float | None = None
    """Seconds of wall time, to the millisecond."""
    cpu: float | None = None
    """Seconds of processor time, to the millisecond."""
    memory: int | None = None
    """Bytes."""
    processes: int | None = None
    output: int | None = None
    """Bytes of stdout."""
    stderr: int | None = None
    """Bytes of stderr that are kept; a call may write more."""
    open_files: int | None = None
    file_size: int | None = None
    """Bytes of any one file written."""
    tmp: int | None = None
    """Bytes that the private /tmp holds."""


@dataclass(frozen=True, slots=True)
class Residence:
    """How the processes of a resident method stay."""

    concurrency: int = 1
    """Calls that one answers at once."""
    processes: int = 1
    """How many of them may stay on a host."""
    calls: int = 10_000
    """Calls after which another one takes its place."""
    age: float = 3600.0
    """Seconds after which another one takes its place, to the millisecond."""
    idle: float = 300.0
    """Seconds without a call after which it is let go, to the millisecond."""


Network: TypeAlias = Literal["none", "loopback", "outbound"]


@dataclass(frozen=True, slots=True)
class Access:
    """What a method asks to reach beyond its sandbox; nothing is granted by asking."""

    network: Network = "none"
    read: tuple[str, ...] = ()
    """Absolute paths."""
    write: tuple[str, ...] = ()
    """Absolute paths; reading is included."""
    environment: tuple[str, ...] = ()
    """Names of environment variables that it wants from the host's settings."""
    secrets: tuple[str, ...] = ()
    """Names of secrets."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an example."""

    name: str
    value: str
    """A literal of the parameter's type."""


@dataclass(frozen=True, slots=True)
class Example:
    """A call and what it answers; a result or an error or neither, never both."""

    doc: str = ""
    arguments: tuple[Argument, ...] = ()
    result: str | None = None
    """A literal of the result's type."""
    error: tuple[str, ...] = ()
    """The code and its parameters."""


@dataclass(frozen=True)
class Method:
    """One RPC."""

    name: str
    """`Class.method`."""
    doc: str = ""
    executable: str = ""
    """The file's name; empty: the same as the method's."""
    role: str = POOL_ADMIN
    """The least role that may call it, or `ANYONE`."""
    roles: tuple[str, ...] = ()
    """The whole list as published, where it is not just `role` and all above (xapi has roles of its own, such as
    client-cert). Told in docs and exports only: who may call is decided by `role`."""
    session: bool = True
    """Whether the call begins with a session; xenapi.json writes it as a parameter `session_id`."""
    params: tuple[Param, ...] = ()
    """Those that must be given first."""
    result: Result | None = None
    """None: void."""
    errors: tuple[ErrorDeclaration, ...] = ()
    lifecycle: Lifecycle = Lifecycle()
    limits: MethodLimits = MethodLimits()
    access: Access = Access()
    idempotent: bool = False
    """Calling it twice is as good as once, so that a call may be tried again."""
    resident: bool = False
    """Its process stays and answers many calls."""
    residence: Residence = Residence()
    """How, where it does."""
    zygote: bool = True
    """A warm interpreter may be used to start it."""
    implicit: bool = False
    """Made from a class's fields rather than written (xapi's getters and setters)."""
    tag: str = ""
    examples: tuple[Example, ...] = ()

    @cached_property
    def class_name(self) -> str:
        """What stands before the dot."""
        return self.name.partition(".")[0]

    @cached_property
    def short_name(self) -> str:
        """What stands behind the dot."""
        return self.name.partition(".")[2]

    @property
    def file_name(self) -> str:
        """The executable's file name."""
        return self.executable or self.name


@dataclass(frozen=True, slots=True)
class Document:
    """All that one file declares, or several together; the order of each kind is kept."""

    classes: tuple[ClassDeclaration, ...] = ()
    enums: tuple[EnumDeclaration, ...] = ()
    records: tuple[Record, ...] = ()
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True)
class Types:
    """The enums and records that types may name, by their names."""

    enums: dict[str, EnumDeclaration] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    """The records, and the classes that have fields."""

    @classmethod
    def of(cls, *documents: Document) -> Types:
        """Gather what documents declare; a later one hides an earlier one's of the same name."""
        types = cls()
        for document in documents:
            types.enums.update((declared.name, declared) for declared in document.enums)
            types.records.update(
                (declared.name, Record(declared.name, declared.fields, declared.doc))
                for declared in document.classes
                if declared.fields
            )
            types.records.update((record.name, record) for record in document.records)
        return types
