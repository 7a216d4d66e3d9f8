"""Literals, lifecycles and texts, each for itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.declarations.lifecycle import faults, is_older
from graft_common.declarations.literals import MAX_LITERAL, LiteralError, read_literal, write_literal
from graft_common.declarations.model import Change, Document, EnumDeclaration, EnumValue, Lifecycle, State, Transition
from graft_common.declarations.texts import clean
from graft_common.declarations.types import parse_type
from graft_common.declarations.writer import write_document
from graft_common.values import DateTime, Value


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("", "string", ""),
        (" a b ", "string", " a b "),
        ("-5", "int", -5),
        ("1.5", "float", 1.5),
        ("2", "float", 2.0),
        ("-inf", "float", -math.inf),
        ("true", "bool", True),
        ("20260101T00:00:00Z", "datetime", DateTime("20260101T00:00:00Z")),
        ("done", "enum state", "done"),
        ("OpaqueRef:NULL", "VM ref", "OpaqueRef:NULL"),
        ('["a", "b"]', "string set", ["a", "b"]),
        ('[1, 2.5, "inf"]', "float set", [1.0, 2.5, math.inf]),
        ('{"a": ["20260101T00:00:00Z"]}', "(string -> datetime set) map", {"a": [DateTime("20260101T00:00:00Z")]}),
        ("[]", "int option", []),
        ('{"a": 1, "b": null}', "disk record", {"a": 1, "b": None}),
        ("[1, true]", '"anything"', [1, True]),
    ],
)  # fmt: skip
def test_literals(text: str, kind: str, value: Value) -> None:
    found = read_literal(text, parse_type(kind))
    assert found == value
    assert type(found) is type(value)
    assert read_literal(write_literal(found, parse_type(kind)), parse_type(kind)) == value


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("five", "int", "write an integer of 64 bits"),
        ("9223372036854775808", "int", "64 bits"),
        ("1,5", "float", "write a number"),
        ("True", "bool", "write true or false"),
        ("a", "string set", "is no JSON"),
        ("{}", "string set", "write a JSON array"),
        ("[]", "(string -> int) map", "write a JSON object"),
        ('["x"]', "float set", "write a number"),
        ("[9223372036854775808]", "int set", "does not fit into 64 bits"),
        ("[" * 100 + "]" * 100, '"x"', "nests more than"),
        ("x" * (MAX_LITERAL + 1), "string", "at most"),
    ],
)
def test_what_is_no_literal(text: str, kind: str, says: str) -> None:
    with pytest.raises(LiteralError) as caught:
        read_literal(text, parse_type(kind))
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "string"),
        (True, "int"),
        ("1", "int"),
        (None, "int option"),
        ([1], "string set"),
        (b"x", '"x"'),
        ("\ud800", "string set"),
    ],
)
def test_what_has_no_literal(value: Value, kind: str) -> None:
    with pytest.raises(LiteralError):
        write_literal(value, parse_type(kind))


def life(*steps: str) -> Lifecycle:
    return Lifecycle(
        tuple(Transition(Change(change), release) for change, _, release in (step.partition(" ") for step in steps))
    )


@pytest.mark.parametrize(
    ("lifecycle", "state"),
    [
        (life(), State.UNRELEASED),
        (life("prototyped 1"), State.PROTOTYPED),
        (life("published rio", "extended miami", "changed 1.0"), State.PUBLISHED),
        (life("prototyped 1", "published 2", "deprecated 3", "removed 4"), State.REMOVED),
        (life("prototyped 1", "removed 2"), State.REMOVED),
        (life("published 1", "deprecated 2", "removed 3", "published 4"), State.PUBLISHED),
        (life("published 1.9", "deprecated 1.10", "changed 1.10.0"), State.DEPRECATED),
    ],
)
def test_lawful_lifecycles(lifecycle: Lifecycle, state: State) -> None:
    assert lifecycle.state is state
    assert faults(lifecycle) == []


@pytest.mark.parametrize(
    ("lifecycle", "place", "says"),
    [
        (life("removed 1"), 0, "removed cannot follow unreleased"),
        (life("published 1", "removed 2"), 1, "removed cannot follow published; it follows deprecated or prototyped"),
        (life("published 1", "published 2"), 1, "published cannot follow published"),
        (life("published 1", "prototyped 2"), 1, "prototyped cannot follow published"),
        (life("deprecated 1"), 0, "deprecated cannot follow unreleased"),
        (life("published 1.10", "deprecated 1.9"), 1, "the release 1.9 is older than 1.10"),
    ],
)
def test_unlawful_lifecycles(lifecycle: Lifecycle, place: int, says: str) -> None:
    assert faults(lifecycle)[0][0] == place
    assert says in faults(lifecycle)[0][1]


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [
        ("1.9", "1.10", True),
        ("1", "1.0.0", False),
        ("1.0", "1", False),
        ("rio", "1", False),
        ("2", "miami", False),
        ("0.9", "1", True),
    ],
)
def test_which_release_is_older(one: str, other: str, older: bool) -> None:
    assert is_older(one, other) is older


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        (" a ", "a"),
        ("a\n    b\n      c", "a\nb\n  c"),
        ("\n    a\n\n      b\n  ", "a\n\n  b"),
        ("\n\ta\n\tb", "a\nb"),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.sampled_from(" \t\n\rab"), max_size=12))
def test_cleaned_text_has_no_space_around_it(text: str) -> None:
    assert clean(text) == clean(text).strip()


@pytest.mark.parametrize("text", ["\0", "\x1f", "\ud800", "\ufffe"])
def test_what_xml_cannot_hold_is_not_written(text: str) -> None:
    for enum in (EnumDeclaration("e", (EnumValue("a", text),)), EnumDeclaration("e", (EnumValue(text),))):
        with pytest.raises(ValueError, match="which XML cannot"):
            write_document(Document(enums=(enum,)))
