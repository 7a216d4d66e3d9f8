"""The type grammar: what is read, what is refused and where, and that writing is the reverse of reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.declarations.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    MAX_DEPTH,
    MAX_TEXT,
    STRING,
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
    TypeSyntaxError,
    format_type,
    parse_type,
)
from support.declarations import types


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("string", STRING),
        ("int", INT),
        ("float", FLOAT),
        ("bool", BOOL),
        ("datetime", DATETIME),
        ("enum vm_power_state", EnumType("vm_power_state")),
        ("VM ref", RefType("VM")),
        ("VM record", RecordType("VM")),
        ("VM ref set", SetType(RefType("VM"))),
        ("string set option", OptionType(SetType(STRING))),
        ("enum a-b set", SetType(EnumType("a-b"))),
        ("(string -> (int -> float) map) map", MapType(STRING, MapType(INT, FLOAT))),
        ("(VM ref -> VM record) map set", SetType(MapType(RefType("VM"), RecordType("VM")))),
        ("  ( string->int )\n map ", MapType(STRING, INT)),
        ('"an event batch"', DescribedType("an event batch")),
        ('"<class> record" set', SetType(DescribedType("<class> record"))),
    ],
)
def test_what_is_read(text: str, kind: Type) -> None:
    assert parse_type(text) == kind
    assert format_type(kind) == " ".join(text.split()).replace("( string->int )", "(string -> int)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "character 1: a type: string, int"),
        ("   ", "the text ends there"),
        ("integer", "character 8: `ref` or `record` (or `enum` before 'integer')"),
        ("String", "`ref` or `record`"),
        ("foo set", "character 5"),
        ("enum", "the name of an enum is expected, but the text ends"),
        ("enum set", "`set` stands there"),
        ("set", "`set` stands there"),
        ("ref", "a type"),
        ("int int", "character 5: `set`, `option` or the end is expected, but `int` stands there"),
        ("VM ref ref", "character 8"),
        ("(string, int) map", "character 8: ', int) map' is no part of a type"),
        ("(string -> int)", "`map` after `)` is expected"),
        ("(string -> int map", "`)` after the value's type"),
        ("(string) map", "`->` between"),
        ("string set)", "character 11"),
        ("é ref", "is no part of a type"),
        ("a- ref", "'- ref' is no part"),
        ('"', "is no part"),
        ('""', "at least one"),
        ('" x"', "no space at its ends"),
        ('int "x"', "words in quotation marks stand there"),
        ("x" * (MAX_TEXT + 1), f"at most {MAX_TEXT}"),
        ("int" + " set" * (MAX_DEPTH + 1), "nests more than"),
        ("(int -> int" + " set" * 9 + ") map" + " set" * 9, "nests more than"),
        ("(" * 200, "nests more than"),
        ("(int -> " * 30, "nests more than"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(TypeSyntaxError) as caught:
        parse_type(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@given(types(["state", "a-b"], ["VM", "disk"]))
def test_writing_is_the_reverse_of_reading(kind: Type) -> None:
    assert parse_type(format_type(kind)) == kind


words = st.sampled_from(
    ["string", "int", "enum", "ref", "record", "set", "map", "option", "(", ")", "->", "VM", '"x"', "-", '"']
)


@given(st.text(max_size=30) | st.lists(words, max_size=12).map(" ".join))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    try:
        kind = parse_type(text)
    except TypeSyntaxError:
        return
    assert parse_type(format_type(kind)) == kind
