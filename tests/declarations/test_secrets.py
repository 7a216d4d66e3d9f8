"""What is said of secrets is taken out, and what is left is still a good declaration."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from graft_common.declarations.api import Api
from graft_common.declarations.model import (
    Argument,
    Document,
    EnumDeclaration,
    EnumValue,
    Example,
    Field,
    Method,
    Param,
    Record,
    Result,
)
from graft_common.declarations.reader import read_document
from graft_common.declarations.secrets import without_secrets
from graft_common.declarations.types import parse_type
from support.declarations import documents

RECORDS = (
    Record(
        "login",
        (Field("user", parse_type("string")), Field("password", parse_type("string"), default="sesame", secret=True)),
    ),
    Record("site", (Field("login", parse_type("login record option")), Field("name", parse_type("string")))),
)
MODE = EnumDeclaration("mode", (EnumValue("first"), EnumValue("second")))


def stripped(kind: str, literal: str, *, secret: bool) -> str | None:
    """Return what is left of a default and, the same, of an example's argument and result."""
    method = Method(
        "A.b",
        params=(Param("p", parse_type(kind), default=literal, secret=secret),),
        result=Result(parse_type(kind), secret=secret),
        examples=(Example("", (Argument("p", literal),), literal),),
    )
    made = without_secrets(Api.of(Document(enums=(MODE,), records=RECORDS, methods=(method,)))).methods["A.b"]
    assert made.params[0].default == made.examples[0].arguments[0].value == made.examples[0].result
    return made.params[0].default


@pytest.mark.parametrize(
    ("kind", "literal", "left"),
    [
        ("string", "sesame", "(hidden)"),
        ("int", "1234", "0"),
        ("float", "12.5", "0.0"),
        ("bool", "true", "false"),
        ("datetime", "2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("enum mode", "second", "first"),
        ("login ref", "OpaqueRef:1", "(hidden)"),
        ("string set", '["sesame","rice"]', '["(hidden)"]'),
        ("string set", "[]", "[]"),
        ("(string -> int) map", '{"sesame":1}', '{"(hidden)":0}'),
        ("(bool -> string set) map", '{"true":["sesame"]}', '{"false":[]}'),
        ("string option", '["sesame"]', '["(hidden)"]'),
        ("login record", '{"user":"ali"}', '{"user":"(hidden)"}'),
        ('"any words"', '["sesame"]', '"(hidden)"'),
    ],
)
def test_secret_values(kind: str, literal: str, left: str) -> None:
    assert stripped(kind, literal, secret=True) == left
    assert stripped(kind, literal, secret=False) == literal


@pytest.mark.parametrize(
    ("kind", "literal", "left"),
    [
        ("login record", '{"user":"ali","password":"x"}', '{"user":"ali","password":"(hidden)"}'),
        ("login record set", '[{"user":"ali","password":"x"}]', '[{"user":"ali","password":"(hidden)"}]'),
        (
            "(string -> site record option) map",
            '{"a":[{"login":[{"user":"ali","password":"x"}],"name":"n"}]}',
            '{"a":[{"login":[{"user":"ali","password":"(hidden)"}],"name":"n"}]}',
        ),
    ],
)
def test_secret_fields_within_values(kind: str, literal: str, left: str) -> None:
    assert stripped(kind, literal, secret=False) == left


def test_defaults_of_secret_fields() -> None:
    made = without_secrets(Api.of(Document(records=RECORDS)))
    assert made.types.records["login"].fields[1].default == "(hidden)"
    assert made.types.records["site"] == RECORDS[1]


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(documents())
def test_what_is_left_of_any_declarations_is_good(document: Document) -> None:
    left = without_secrets(Api.of(document))
    assert read_document(left.xml, "left.xml") == left.document
    assert without_secrets(left).document == left.document
