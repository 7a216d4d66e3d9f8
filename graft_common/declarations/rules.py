"""What a document has to hold to beyond its form: names, types, defaults, lifecycles, limits, paths, examples."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeAlias

from graft_common import roles
from graft_common.declarations import access, lifecycle
from graft_common.declarations.conversion import (
    Converters,
    MisfitError,
    UnknownTypeError,
)
from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import (
    ANYONE,
    Document,
    Example,
    Field,
    Lifecycle,
    Method,
    MethodLimits,
    Residence,
    Types,
)
from graft_common.declarations.types import (
    RESERVED,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    Scalar,
    SetType,
    Type,
)

Place: TypeAlias = tuple[tuple[str, int], ...]
"""The way to an element: its kind, and how many of that kind stand before it; the document itself is empty."""
Fault: TypeAlias = tuple[Place, str]

MAX_SECONDS = 365 * 24 * 3600.0
MAX_SIZE = 10**15 - 1
MAX_COUNT = 10**6
MAX_PARAMS = 256
MAX_RESIDENT = {"concurrency": 256, "processes": 32}
"""Calls that a resident process answers at once, and how many of them a method may have on a host."""
MAX_FIELDS = 1000
"""Of a record; Protocol Buffers for Python take about four times as many."""


def faults(document: Document, known: Types | None = None) -> Iterator[Fault]:
    """Tell what is wrong with a document: where and why.

    Args:
        document: what the schema takes, or what was made by a program.
        known: enums and records that are declared elsewhere.
    """
    types = Types()
    for source in (known or Types(), Types.of(document)):
        types.enums.update(source.enums)
        types.records.update(source.records)
    rules = _Rules(types)
    yield from _unique("class", "class", (class_.name for class_ in document.classes))
    yield from _unique("enum", "enum", (enum.name for enum in document.enums))
    yield from _unique("record", "record", (record.name for record in document.records))
    yield from _unique("method", "method", (method.name for method in document.methods))
    yield from _reserved("class", (class_.name for class_ in document.classes))
    yield from _reserved("enum", (enum.name for enum in document.enums))
    yield from _reserved("record", (record.name for record in document.records))
    classes = {class_.name for class_ in document.classes if class_.fields}
    for number, record in enumerate(document.records):
        place = (("record", number),)
        if record.name in classes:
            yield place, f"the class {record.name} has fields, and is the record of that name; rename one of the two"
        yield from rules.fields(place, record.fields)
    for number, class_ in enumerate(document.classes):
        place = (("class", number),)
        yield from rules.fields(place, class_.fields)
        yield from _lifecycle(place, class_.lifecycle)
        for name in class_.enums:
            if name not in types.enums:
                yield place, f"no enum {name} is declared, though the class lists it"
    for number, enum in enumerate(document.enums):
        yield from _unique("value", "value", (value.name for value in enum.values), (("enum", number),))
    for number, method in enumerate(document.methods):
        yield from rules.method((("method", number),), method)


class _Rules:
    """The rules that need to know all types."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self.converters = Converters(types)

    def fields(self, place: Place, fields: tuple[Field, ...]) -> Iterator[Fault]:
        if len(fields) > MAX_FIELDS:
            yield place, f"it has {len(fields)} fields; at most {MAX_FIELDS} are taken"
        yield from _unique("field", "field", (field.name for field in fields), place)
        for number, field in enumerate(fields):
            here = (*place, ("field", number))
            yield from self._typed(here, f"the field {field.name}", field.type, field.default)
            yield from _lifecycle(here, field.lifecycle)

    def method(self, place: Place, method: Method) -> Iterator[Fault]:
        if method.role != ANYONE and not roles.exists(method.role):
            names = ", ".join(role.name for role in roles.ROLES)
            yield place, f"there is no role {method.role}; the roles are {names}, and {ANYONE}"
        yield from self._params(place, method)
        if method.result is not None:
            yield from self._typed((*place, ("result", 0)), "the result", method.result.type, None)
        yield from _unique("error", "error", (error.code for error in method.errors), place)
        for number, error in enumerate(method.errors):
            yield from _unique("param", "parameter", error.params, (*place, ("error", number)))
        yield from _lifecycle(place, method.lifecycle)
        yield from _limits(place, method.limits)
        yield from _access(place, method)
        yield from _residence(place, method.residence)
        for number, example in enumerate(method.examples):
            yield from self._example((*place, ("example", number)), method, example)

    def _params(self, place: Place, method: Method) -> Iterator[Fault]:
        if len(method.params) > MAX_PARAMS:
            yield place, f"the method has {len(method.params)} parameters; at most {MAX_PARAMS} are taken"
        yield from _unique("param", "parameter", (param.name for param in method.params), place)
        omittable = ""
        since = ""
        for number, param in enumerate(method.params):
            here = (*place, ("param", number))
            if param.required and omittable:
                yield (
                    here,
                    f"{param.name} has no default, but {omittable} before it may be left out; put it before that",
                )
            if not param.required:
                omittable = param.name
            if param.optional and param.default is not None:
                yield here, f"{param.name} has a default; `optional` is for parameters without one"
            if lifecycle.is_older(param.since, since):
                yield here, f"{param.name} came in {param.since}, before the parameter in front of it ({since})"
            since = param.since or since
            yield from self._typed(here, f"the parameter {param.name}", param.type, param.default)

    def _typed(self, place: Place, what: str, kind: Type, default: str | None) -> Iterator[Fault]:
        unknown = list(self._unknown(kind))
        for reason in unknown:
            yield place, f"{what} is of the type {kind}: {reason}"
        if default is not None and not unknown and (reason := self._misfit(default, kind)):
            yield place, f"the default of {what} {reason}"

    def _unknown(self, kind: Type) -> Iterator[str]:
        """Tell what a type names that is not declared. References may be to classes that nobody describes."""
        match kind:
            case EnumType(name) if name not in self.types.enums:
                yield f"no enum {name} is declared"
            case RecordType(name) if name not in self.types.records:
                yield f"no record {name} is declared, nor a class of that name with fields"
            case SetType(of) | OptionType(of):
                yield from self._unknown(of)
            case MapType(key, value):
                if not isinstance(key, Scalar | EnumType | RefType):
                    yield f"{key} cannot be the key of a map; string, int, float, bool, datetime, enums and refs can"
                yield from self._unknown(key)
                yield from self._unknown(value)

    def _misfit(self, literal: str, kind: Type) -> str:
        """Tell why a literal is no value of a type that has all its names; empty where it is one."""
        try:
            self.converters.default(literal, kind)
        except LiteralError as error:
            return f"cannot be read: {error}"
        except UnknownTypeError as error:
            return f"cannot be judged: {error}"
        except MisfitError as misfit:
            where = f" at {misfit.place}" if misfit.steps else ""
            return f"does not fit the type {kind}{where}: {misfit.text()}"
        return ""

    def _example(self, place: Place, method: Method, example: Example) -> Iterator[Fault]:
        yield from _unique("argument", "argument", (argument.name for argument in example.arguments), place)
        params = {param.name: param for param in method.params}
        for number, argument in enumerate(example.arguments):
            here = (*place, ("argument", number))
            param = params.pop(argument.name, None)
            if param is None:
                yield here, f"{method.name} has no parameter {argument.name} that could be given here"
            elif not list(self._unknown(param.type)) and (reason := self._misfit(argument.value, param.type)):
                yield here, f"the value of {argument.name} {reason}"
        missing = [param.name for param in params.values() if param.required]
        if missing:
            yield place, f"the example does not give {', '.join(missing)}, which must be given"
        if example.result is None:
            return
        here = (*place, ("result", 0))
        if example.error:
            yield here, "the example has a result and an error; a call ends with one of them"
        if method.result is None:
            yield here, f"{method.name} has no result"
        elif not list(self._unknown(method.result.type)) and (
            reason := self._misfit(example.result, method.result.type)
        ):
            yield here, f"the example's result {reason}"


def _unique(kind: str, word: str, names: Iterable[Hashable], place: Place = ()) -> Iterator[Fault]:
    seen = set()
    for number, name in enumerate(names):
        if name in seen:
            yield (*place, (kind, number)), f"there is a {word} {name} already; names are unique"
        seen.add(name)


def _reserved(kind: str, names: Iterable[str]) -> Iterator[Fault]:
    for number, name in enumerate(names):
        if name in RESERVED:
            yield ((kind, number),), f"{name} is a word of the type grammar, so that no type could name this {kind}"


def _lifecycle(place: Place, found: Lifecycle) -> Iterator[Fault]:
    for _, reason in lifecycle.faults(found):
        yield (*place, ("lifecycle", 0)), reason


def _residence(place: Place, residence: Residence) -> Iterator[Fault]:
    here = (*place, ("resident", 0))
    for name in ("concurrency", "processes", "calls"):
        most = MAX_RESIDENT.get(name, MAX_COUNT)
        value = getattr(residence, name)
        if not 1 <= value <= most:
            yield here, f"{name} is {value}; it lies between 1 and {most}"
    for name in ("age", "idle"):
        value = getattr(residence, name)
        if not 1 <= value <= MAX_SECONDS:
            yield here, f"{name} is {value:g} s; it lies between 1 s and {MAX_SECONDS:.0f} s"


def _limits(place: Place, limits: MethodLimits) -> Iterator[Fault]:
    here = (*place, ("limits", 0))
    for name, seconds in (("timeout", limits.timeout), ("cpu", limits.cpu)):
        if seconds is not None and not 0.001 <= seconds <= MAX_SECONDS:
            yield here, f"{name} is {seconds:g} s; it lies between 1 ms and {MAX_SECONDS:.0f} s"
    sizes = {
        "memory": limits.memory,
        "output": limits.output,
        "stderr": limits.stderr,
        "file-size": limits.file_size,
        "tmp": limits.tmp,
    }
    for name, size in sizes.items():
        if size is not None and not 1 <= size <= MAX_SIZE:
            yield here, f"{name} is {size} bytes; it lies between 1 and {MAX_SIZE}"
    for name, count in (("processes", limits.processes), ("open-files", limits.open_files)):
        if count is not None and not 1 <= count <= MAX_COUNT:
            yield here, f"{name} is {count}; it lies between 1 and {MAX_COUNT}"


def _access(place: Place, method: Method) -> Iterator[Fault]:
    for kind, number, reason in access.faults(method.access):
        yield (*place, ("access", 0), (kind, number)), reason
