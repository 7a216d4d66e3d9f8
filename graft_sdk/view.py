"""What the templates of all languages see: an Api with everything that they would otherwise work out for themselves.

Beside what the declaration says, each thing has the name that the language uses (`ident`), unique in its scope.
`name` is always what travels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graft_common.declarations.api import Api
from graft_common.declarations.model import Example, Qualifier
from graft_common.declarations.types import DescribedType, OptionType, RecordType, Type


@dataclass(frozen=True)
class Release:
    """A release that changed something, and what is said of it."""

    name: str
    doc: str = ""


@dataclass(frozen=True)
class LifecycleView:
    """What a caller has to know of a thing's history."""

    since: str = ""
    """The release that published it, or else the one of which it is a prototype; empty where nothing is said."""
    prototype: bool = False
    """It may change without notice."""
    deprecated: Release | None = None
    """Set while it is deprecated."""


@dataclass(frozen=True)
class EnumValueView:
    """One value of an enum."""

    name: str
    ident: str
    doc: str = ""


@dataclass(frozen=True)
class EnumView:
    """An enum. Languages let values survive that it does not have: a newer server may send them."""

    name: str
    ident: str
    doc: str
    values: tuple[EnumValueView, ...]


@dataclass(frozen=True)
class FieldView:
    """A field of a record."""

    name: str
    ident: str
    type: Type
    doc: str
    default: str | None
    """A literal of the type; `graft_sdk.literals` reads it. A caller may leave the field out."""
    qualifier: Qualifier
    """Who sets it: see the model."""
    lifecycle: LifecycleView
    secret: bool
    """Kept out of what is printed of a record."""

    @property
    def optional(self) -> bool:
        """Whether a record is whole without it."""
        return self.default is not None or isinstance(self.type, OptionType | DescribedType)


@dataclass(frozen=True)
class RecordView:
    """A struct: a record, or the fields of a class's objects."""

    name: str
    ident: str
    doc: str
    fields: tuple[FieldView, ...]
    of_class: bool = False
    types: Mapping[str, str] = field(default_factory=dict)
    """Names of further types that the language has for it, by `Style.record_types`."""
    given: bool = False
    """Whether a caller gives it: a parameter's type leads to it."""


@dataclass(frozen=True)
class RefView:
    """The references to objects of a class; the class need not be declared."""

    class_name: str
    ident: str


@dataclass(frozen=True)
class ErrorParamView:
    """One parameter of an error, which is text like all of them."""

    name: str
    ident: str


@dataclass(frozen=True)
class ErrorView:
    """An error code."""

    code: str
    ident: str
    params: tuple[ErrorParamView, ...]
    doc: str
    """The platform's, or that of the first method that declares it."""
    platform: bool
    """Whether any call may end with it."""


@dataclass(frozen=True)
class ErrorUse:
    """An error that a method declares, and when it comes there."""

    error: ErrorView
    doc: str


@dataclass(frozen=True)
class ParamView:
    """A parameter; the session is none."""

    name: str
    ident: str
    type: Type
    doc: str
    required: bool
    default: str | None
    """A literal of the type that the platform takes where a caller gives none; an SDK tells it, and sends nothing."""
    since: str
    """Empty: with the method."""
    secret: bool


@dataclass(frozen=True)
class ResultView:
    """What a method answers."""

    type: Type
    doc: str
    secret: bool


@dataclass(frozen=True)
class MethodView:
    """A method that can be called."""

    name: str
    """`Class.method`"""
    short: str
    """What stands behind the dot."""
    ident: str
    forms: Mapping[str, str]
    """Names of the language's further forms of the method, by `Style.method_forms`."""
    class_name: str
    doc: str
    role: str
    """The least role that may call it; empty: none is needed."""
    session: bool
    """Whether the call needs a session. Without need, a client does not log in for it, but sends the session it has."""
    params: tuple[ParamView, ...]
    result: ResultView | None
    errors: tuple[ErrorUse, ...]
    lifecycle: LifecycleView
    idempotent: bool
    """It may be called again when nobody knows whether the first call arrived."""
    examples: tuple[Example, ...] = ()

    @property
    def startable(self) -> bool:
        """Whether it can be run as a task; sessions cannot be opened and closed by one."""
        return self.class_name != "session"

    @property
    def required(self) -> tuple[ParamView, ...]:
        """The parameters that each call gives."""
        return tuple(param for param in self.params if param.required)

    @property
    def optional(self) -> tuple[ParamView, ...]:
        """Those that may be left out; they stand behind the required ones."""
        return tuple(param for param in self.params if not param.required)


@dataclass(frozen=True)
class ClassView:
    """A class with methods."""

    name: str
    member: str
    """What the client calls it: `client.<member>`."""
    types: Mapping[str, str]
    """Names of the types that the language needs for each class, by `Style.class_types`."""
    doc: str
    lifecycle: LifecycleView
    methods: tuple[MethodView, ...]
    record: RecordView | None
    """What its objects' fields are."""


@dataclass(frozen=True, eq=False)
class ApiView:
    """A whole SDK's contents."""

    source: Api
    """What it was made from; templates have no need of it."""
    generator: str
    """What made it: `graft 0.1.0`."""
    package: str
    version: str
    """Of the package."""
    classes: tuple[ClassView, ...]
    """Those with methods, in the order of the declarations."""
    enums: tuple[EnumView, ...]
    records: tuple[RecordView, ...]
    """Those of classes as well."""
    refs: tuple[RefView, ...]
    errors: tuple[ErrorView, ...]
    """By code; those of the platform and all that methods declare."""
    _by_name: Mapping[tuple[str, str], object] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """Of the API that the SDK was made from, in hex; a platform that offers the same has the same."""
        return self.source.digest

    def enum(self, name: str) -> EnumView:
        """Return an enum by the name that types use."""
        found = self._by_name["enum", name]
        assert isinstance(found, EnumView)  # noqa: S101 - tells mypy what the key says
        return found

    def record(self, name: str) -> RecordView:
        """Return a record, or the record of a class, by the name that types use."""
        found = self._by_name["record", name]
        assert isinstance(found, RecordView)  # noqa: S101 - as above
        return found

    def ref(self, class_name: str) -> RefView:
        """Return the references to a class."""
        found = self._by_name["ref", class_name]
        assert isinstance(found, RefView)  # noqa: S101 - as above
        return found

    def method(self, name: str) -> MethodView:
        """Return a method by its whole name.

        Raises:
            KeyError: there is none, or it has been removed.
        """
        found = self._by_name["method", name]
        assert isinstance(found, MethodView)  # noqa: S101 - as above
        return found

    def class_(self, name: str) -> ClassView:
        """Return a class by its name.

        Raises:
            KeyError: there is none with methods.
        """
        found = self._by_name["class", name]
        assert isinstance(found, ClassView)  # noqa: S101 - as above
        return found


def boxed(kind: OptionType) -> bool:
    """Tell whether an option is `[]` or `[x]` in JSON instead of null or the value: null would not tell them apart."""
    return isinstance(kind.of, OptionType | DescribedType)


def leads_to(kind: Type, record: str, api: ApiView) -> bool:
    """Tell whether a value of the type holds the record itself rather than a set or map of it, which may be empty.

    A record that leads to itself needs a pointer in some languages.
    """
    return _leads_to(kind, record, api, set())


def _leads_to(kind: Type, record: str, api: ApiView, seen: set[str]) -> bool:
    if isinstance(kind, OptionType):
        return not boxed(kind) and _leads_to(kind.of, record, api, seen)
    if not isinstance(kind, RecordType):
        return False
    if kind.name == record:
        return True
    if kind.name in seen:
        return False
    seen.add(kind.name)
    return any(_leads_to(field_.type, record, api, seen) for field_ in api.record(kind.name).fields)
