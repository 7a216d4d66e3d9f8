"""Declarations made up at random: all that they can hold, and all rules kept."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from graft_common import roles
from graft_common.declarations.conversion import Converters, MisfitError
from graft_common.declarations.lifecycle import faults
from graft_common.declarations.literals import LiteralError, write_literal
from graft_common.declarations.model import (
    ANYONE,
    Access,
    Argument,
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    ErrorDeclaration,
    Example,
    Field,
    Lifecycle,
    Method,
    MethodLimits,
    Param,
    Record,
    Residence,
    Result,
    Transition,
    Types,
)
from graft_common.declarations.types import (
    RESERVED,
    SCALARS,
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
)
from graft_common.values import INT64_MAX, INT64_MIN, DateTime, Value

prose = st.one_of(
    st.just(""),
    st.sampled_from(["One line.", "Two\nlines", "  kept \n\tas it is\r\n ", "<&>\"']]>", "ü \U0001f600"]),
    st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff", include_characters="\t\n\r"),
        max_size=20,
    ),
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}(-[a-z0-9]{1,3})?", fullmatch=True).filter(
    lambda name: name not in RESERVED
)
plain_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
tokens = st.from_regex(r"[!-~]{1,8}", fullmatch=True)
tags = st.sampled_from(["", "", "memory"])


def types(enums: list[str], records: list[str], *, words: bool = True) -> st.SearchStrategy[Type]:
    keys: list[st.SearchStrategy[Any]] = [st.sampled_from(list(SCALARS.values())), names.map(RefType)]
    if enums:
        keys.append(st.sampled_from(enums).map(EnumType))
    leaves = [*keys]
    if records:
        leaves.append(st.sampled_from(records).map(RecordType))
    if words:
        leaves.append(st.sampled_from(["an event batch", "<class> record", "a -> (b) map"]).map(DescribedType))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(inner.map(SetType), inner.map(OptionType), st.builds(MapType, st.one_of(keys), inner)),
        max_leaves=4,
    )


date_texts = st.sampled_from(["20260101T00:00:00Z", "2026-12-31T23:59:59", "2026-02-28T01:02:03.5+01:00"])
untyped: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(INT64_MIN, INT64_MAX),
        st.floats(),
        st.text(max_size=4),
        st.binary(max_size=3),
        date_texts.map(DateTime),
        st.sampled_from(
            ["5", "0x1f", "1_0", "1.5", "true", "nan", "DONE", "done", "20260101T00:00:00Z", "20261301T00:00:00Z"]
        ),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "5", "done"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def values(kind: Type, known: Types, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit, in the forms that are taken."""
    match kind:
        case EnumType(name):
            return st.sampled_from([value.name for value in known.enums[name].values])
        case RefType():
            return st.sampled_from(["OpaqueRef:NULL", "OpaqueRef:x"])
        case SetType(of):
            return st.lists(values(of, known, depth + 1), max_size=2 if depth < 3 else 0)
        case OptionType(of):
            return st.lists(values(of, known, depth + 1), max_size=1 if depth < 3 else 0)
        case MapType(key, value):
            keys = values(key, known, depth + 1).map(key_text)
            return st.dictionaries(keys, values(value, known, depth + 1), max_size=2 if depth < 3 else 0)
        case RecordType(name):
            if depth > 5:
                return st.nothing()
            fields = known.records[name].fields
            needed = {field.name: values(field.type, known, depth + 1) for field in fields if field.default is None}
            return st.fixed_dictionaries(needed)
        case DescribedType():
            return st.sampled_from([5, "x", [True], {"a": 1.5}])
    return {
        "string": st.text(
            st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=6
        ),
        "int": st.integers(INT64_MIN, INT64_MAX),
        "float": st.floats(allow_nan=False),
        "bool": st.booleans(),
        "datetime": date_texts.map(DateTime),
    }[kind.name]


def key_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, DateTime) else str(value)


@st.composite
def literals(draw: st.DrawFn, kind: Type, known: Types) -> str | None:
    """A literal of the type, or None where it can have none."""
    value = draw(st.none() | values(kind, known))
    if value is None:
        return None
    try:
        literal = write_literal(value, kind)
        Converters(known).default(literal, kind)
    except (LiteralError, MisfitError):
        return None
    return literal


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    changes = st.sampled_from(list(Change))
    steps = draw(st.lists(st.builds(Transition, changes, st.sampled_from(["1.0", "1.2", "rio"]), prose), max_size=4))
    taken: list[Transition] = []
    for step in steps:
        if not faults(Lifecycle((*taken, step))):
            taken.append(step)
    return Lifecycle(tuple(taken))


@st.composite
def fields(
    draw: st.DrawFn, known: Types, *, kinds: st.SearchStrategy[Type], own: Type | None = None
) -> tuple[Field, ...]:
    made = []
    for name in draw(st.lists(names, unique=True, min_size=1, max_size=3)):
        kind = draw(kinds)
        made.append(
            Field(
                name,
                kind,
                draw(prose),
                None if kind == own else draw(literals(kind, known)),
                draw(st.sampled_from(["RW", "RO/constructor", "RO/runtime"])),
                draw(lifecycles()),
                draw(tags),
                draw(st.booleans()),
            )
        )
    return tuple(made)


_seconds = st.none() | st.integers(1, 10**9).map(lambda milliseconds: milliseconds / 1000)
_sizes = st.none() | st.integers(1, 2**40) | st.integers(1, 1000).map(lambda number: number * 2**20)
_counts = st.none() | st.integers(1, 1000)
_spans = st.integers(1000, 10**9).map(lambda milliseconds: milliseconds / 1000)
_residences = st.builds(
    Residence, st.integers(1, 256), st.integers(1, 32), st.integers(1, 10**6), _spans, _spans
) | st.just(Residence())
_paths = st.lists(plain_names.map(lambda name: f"/a b/{name}"), unique=True, max_size=2).map(tuple)
_variables = st.lists(st.from_regex(r"[a-z_][A-Za-z0-9_]{0,9}", fullmatch=True), unique=True, max_size=2).map(tuple)
_secrets = st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", fullmatch=True), unique=True, max_size=2).map(
    tuple
)
_unique_names = st.lists(names, unique=True, max_size=2).map(tuple)


@st.composite
def methods(draw: st.DrawFn, name: str, known: Types) -> Method:
    kinds = types(list(known.enums), list(known.records))
    params: list[Param] = []
    omittable = False
    for number, param in enumerate(draw(st.lists(names, unique=True, max_size=4))):
        kind = draw(kinds)
        default = draw(literals(kind, known)) if omittable or draw(st.booleans()) else None
        omittable = omittable or default is not None
        optional = omittable and default is None
        params.append(Param(param, kind, draw(prose), default, optional, f"1.{number}", draw(st.booleans())))
    result = draw(st.none() | st.builds(Result, kinds, prose, st.booleans()))
    errors = tuple(
        draw(st.lists(st.builds(ErrorDeclaration, names, _unique_names, prose), max_size=2, unique_by=lambda e: e.code))
    )
    examples = []
    given = {param.name: draw(literals(param.type, known)) for param in params}
    if all(given[param.name] is not None for param in params if param.required) and draw(st.booleans()):
        answer = draw(literals(result.type, known)) if result else None
        error = () if answer is not None else draw(st.sampled_from([(), ("CODE", "a\nb", "")]))
        arguments = tuple(Argument(name, value) for name, value in given.items() if value is not None)
        examples.append(Example(draw(prose), arguments, answer, error))
    resident = draw(st.booleans())
    return Method(
        name=name,
        doc=draw(prose),
        executable=draw(st.sampled_from(["", "resize.py"])),
        role=draw(st.sampled_from([*(role.name for role in roles.ROLES), ANYONE])),
        roles=draw(_unique_names),
        session=draw(st.booleans()),
        params=tuple(params),
        result=result,
        errors=errors,
        lifecycle=draw(lifecycles()),
        limits=draw(
            st.builds(MethodLimits, _seconds, _seconds, _sizes, _counts, _sizes, _sizes, _counts, _sizes, _sizes)
        ),
        access=draw(
            st.builds(Access, st.sampled_from(["none", "loopback", "outbound"]), _paths, _paths, _variables, _secrets)
        ),
        idempotent=draw(st.booleans()),
        resident=resident,
        residence=draw(_residences) if resident else Residence(),
        zygote=draw(st.booleans()),
        implicit=draw(st.booleans()),
        tag=draw(tags),
        examples=tuple(examples),
    )


@st.composite
def documents(draw: st.DrawFn) -> Document:
    enum_names, record_names, class_names = (draw(st.lists(names, unique=True, max_size=2)) for _ in range(3))
    enums = []
    for name in enum_names:
        spellings = draw(st.lists(tokens, unique=True, min_size=1, max_size=3))
        enums.append(EnumDeclaration(name, tuple(EnumValue(value, draw(prose)) for value in spellings), draw(prose)))
    known = Types.of(Document(enums=tuple(enums)))
    records = []
    for name in record_names:
        # A record may hold those before it, and itself in an option.
        own = OptionType(RecordType(name))
        kinds = types(enum_names, list(known.records)) | st.just(own)
        records.append(Record(name, draw(fields(known, kinds=kinds, own=own)), draw(prose)))
        known.records[name] = records[-1]
    classes = []
    for name in class_names:
        shown = tuple(draw(st.lists(st.sampled_from(enum_names), unique=True))) if enum_names else ()
        own = (
            ()
            if name in record_names
            else draw(st.just(()) | fields(known, kinds=types(enum_names, list(known.records))))
        )
        classes.append(
            ClassDeclaration(
                name, draw(prose), own, shown, draw(lifecycles()), draw(tags), draw(st.none() | st.integers(1, 99))
            )
        )
    known = Types.of(Document(tuple(classes), tuple(enums), tuple(records)))
    method_names = draw(st.lists(st.builds("{}.{}".format, plain_names, plain_names), unique=True, max_size=2))
    made = tuple(draw(methods(name, known)) for name in method_names)
    return Document(tuple(classes), tuple(enums), tuple(records), made)
