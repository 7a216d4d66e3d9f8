"""JSON in and out by declared type: arguments by name and place, results, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft_common.declarations import json_form
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.conversion import Converters, MisfitError
from graft_common.declarations.json_arguments import MethodJson, undeclared_arguments
from graft_common.declarations.json_form import read, write
from graft_common.declarations.json_text import dump, parse
from graft_common.declarations.model import (
    EnumDeclaration,
    EnumValue,
    Field,
    Method,
    Param,
    Record,
    Result,
    Types,
)
from graft_common.declarations.types import STRING, OptionType, RecordType, parse_type
from graft_common.errors import GraftError
from graft_common.values import DateTime, Value
from graft_common.xmlrpc import Success, format_extension_call, format_success, parse_call, parse_extension_output
from support.declarations import types, values

TYPES = Types(
    enums={"state": EnumDeclaration("state", (EnumValue("done"), EnumValue("queued")))},
    records={
        "disk": Record(
            "disk",
            (
                Field("device", STRING),
                Field("size", parse_type("int")),
                Field("label", STRING, default="none"),
                Field("parent", OptionType(RecordType("disk"))),
                Field("key", parse_type("int option"), secret=True),
            ),
        )
    },
)
METHOD = Method(
    "Volume.resize",
    params=(
        Param("volume", STRING),
        Param("size", parse_type("int")),
        Param("force", parse_type("bool"), default="false"),
        Param("labels", parse_type("(string -> int) map"), default='{"a": 1}'),
        Param("note", STRING, optional=True),
        Param("passphrase", parse_type("int option"), optional=True, secret=True),
    ),
    result=Result(parse_type("disk record set")),
)
FORM = MethodJson(METHOD, TYPES)
CHECKS = MethodChecks(METHOD, TYPES)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("string", "a\0ü\U0001f600", '"a\\u0000ü\U0001f600"'),
        ("int", 2**63 - 1, "9223372036854775807"),
        ("int", -(2**63), "-9223372036854775808"),
        ("float", 1.5, "1.5"),
        ("float", math.inf, '"Infinity"'),
        ("float", -math.inf, '"-Infinity"'),
        ("bool", True, "true"),
        ("datetime", DateTime("20260101T00:00:00Z"), '"2026-01-01T00:00:00Z"'),
        ("datetime", DateTime("20260101T00:00:00.250Z"), '"2026-01-01T00:00:00.250Z"'),
        ("enum state", "done", '"done"'),
        ("VM ref", "OpaqueRef:1", '"OpaqueRef:1"'),
        ("int set", [1, 2], "[1,2]"),
        ("(int -> string) map", {"5": "x"}, '{"5":"x"}'),
        ("string option", [], "null"),
        ("string option", ["x"], '"x"'),
        ("int option set", [[], [5]], "[null,5]"),
        ("int option option", [], "[]"),
        ("int option option", [[]], "[null]"),
        ("int option option", [[5]], "[5]"),
        ("int option option option", [[[]]], "[[null]]"),
        ('"anything" option', [None], "[null]"),
        ('"anything" option', [], "[]"),
        ('"anything"', {"a": [1.5, None]}, '{"a":[1.5,null]}'),
        (
            "disk record",
            {"device": "a", "size": 1, "label": "", "parent": [], "key": [5]},
            '{"device":"a","size":1,"label":"","parent":null,"key":5}',
        ),
        (
            "disk record",
            {"device": "a", "size": 1, "label": "", "parent": [{"device": "b", "size": 2, "label": ""}]},
            '{"device":"a","size":1,"label":"","parent":{"device":"b","size":2,"label":""}}',
        ),
    ],
)
def test_each_type_has_one_form(kind: str, value: Value, shown: str) -> None:
    written = dump(write(value, parse_type(kind), TYPES))
    assert written.decode() == shown
    assert read(parse(written), parse_type(kind), TYPES) == value


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_value_of_every_type_survives(data: st.DataObject) -> None:
    kind = data.draw(types(list(TYPES.enums), list(TYPES.records)))
    given_value = data.draw(values(kind, TYPES))
    value = Converters(TYPES).of(kind)(given_value)
    written = dump(write(value, kind, TYPES))
    assert repr(read(parse(written), kind, TYPES)) == repr(value)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_every_value_survives_a_whole_call(data: st.DataObject) -> None:
    """From a client's JSON to an executable that answers with its argument, and back: as the services do it."""
    # An executable is given integers as text, as xapi has it: only a type makes them integers again.
    kind = data.draw(types(list(TYPES.enums), list(TYPES.records), words=False))
    method = Method("Echo.it", params=(Param("value", kind),), result=Result(kind))
    form, checks = MethodJson(method, TYPES), MethodChecks(method, TYPES)
    sent = dump({"value": write(Converters(TYPES).of(kind)(data.draw(values(kind, TYPES))), kind, TYPES)})
    given_arguments = checks.arguments(form.arguments(parse(sent)))
    called = parse_call(format_extension_call(method.name, given_arguments))
    answer = parse_extension_output(format_success(called.params[0]))
    assert isinstance(answer, Success)
    assert dump({"value": form.result(checks.result(answer.value))}) == sent


@pytest.mark.parametrize(
    ("kind", "given_json", "value"),
    [
        ("int", '"5"', 5),
        ("int", '"9223372036854775807"', 2**63 - 1),
        ("int", "5.0", 5),
        ("int", "1e3", 1000),
        ("float", "5", 5.0),
        ("float", '"-Infinity"', -math.inf),
        ("float", '"1.5"', 1.5),
        ("enum state", '"DONE"', "done"),
        ("datetime", '"2026-01-01T01:00:00+01:00"', DateTime("20260101T00:00:00Z")),
        ("datetime", '"20260101T00:00:00Z"', DateTime("20260101T00:00:00Z")),
        ("disk record", '{"device": "a", "size": "1", "extra": [5]}', {"device": "a", "size": 1, "label": "none"}),
    ],
)
def test_coercions_are_those_of_the_checks(kind: str, given_json: str, value: Value) -> None:
    assert read(parse(given_json.encode()), parse_type(kind), TYPES) == value


def test_a_float_that_is_no_number_survives() -> None:
    kind = parse_type("float")
    assert math.isnan(read(parse(dump(write(math.nan, kind, TYPES))), kind, TYPES))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "given_json", "place", "text"),
    [
        ("int", "5.5", "", "expected int, got double"),
        ("int", "9007199254740994.0", "", "expected int, got double"),
        ("int", "null", "", "expected int, got nil"),
        ("int", '"x"', "", "expected int, got string"),
        ("int option", "[5]", "", "expected int, got array"),
        ("int option option", "5", "", "expected int option option, got int"),
        ("int option set", '[null, "x"]', "[1]", "expected int, got string"),
        ("disk record", '{"device": "a", "size": 1, "parent": {"device": 1}}', ".parent.device", "expected string"),
        ("disk record", "[]", "", "expected disk record, got array"),
        ("datetime", '"soon"', "", "no date and time in ISO 8601"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(kind: str, given_json: str, place: str, text: str) -> None:
    with pytest.raises(MisfitError) as caught:
        read(parse(given_json.encode()), parse_type(kind), TYPES)
    assert caught.value.place == place
    assert text in caught.value.text()


@pytest.mark.parametrize(
    ("given_json", "place", "reason"),
    [
        ("", "arguments", "not JSON: Expecting value"),
        ("{", "arguments", "not JSON"),
        ("[1] x", "arguments", "not JSON: Extra data"),
        ('{"a": 1, "a": 2}', "arguments", 'the name "a" stands twice'),
        ("[NaN]", "arguments", 'write "NaN" as a string'),
        ("[-Infinity]", "arguments", 'write "-Infinity" as a string'),
        ('["\\ud800"]', "arguments", "not JSON"),
        ("[1e400]", "arguments[0]", "larger than a double"),
        ("[9223372036854775808]", "arguments[0]", "integers have 64 bits"),
        ('{"a": [0, {"b": -9223372036854775809}]}', "arguments.a[1].b", "integers have 64 bits"),
        ("9" * 5000, "arguments", "more digits than 64 bits"),
        ("[" * 65 + "]" * 65, "arguments", "nests more than 64 deep"),
        ("[" * 100_000, "arguments", "nests more than 64 deep"),
    ],
)
def test_bad_json_is_one_clear_error(given_json: str, place: str, reason: str) -> None:
    with pytest.raises(GraftError) as caught:
        parse(given_json.encode())
    assert caught.value.code == "VALUE_NOT_SUPPORTED"
    assert caught.value.params[0] == place
    assert reason in caught.value.params[2]


@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\ud8.eE-+0123 nulltrfas', max_size=40).map(str.encode))
@settings(deadline=None)
def test_any_bytes_are_json_or_told(data: bytes) -> None:
    try:
        value = parse(data)
    except GraftError as error:
        assert error.code == "VALUE_NOT_SUPPORTED"  # noqa: PT017
    else:
        assert orjson.loads(dump(value)) == value


_any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=7)
        | st.dictionaries(st.sampled_from(["volume", "size", "labels", "note", "passphrase", "x"]), inner, max_size=6)
    ),
    max_leaves=8,
)


@given(_any_json)
@settings(deadline=None)
def test_any_arguments_fit_or_are_told(data: Any) -> None:
    try:
        CHECKS.arguments(FORM.arguments(data))
    except GraftError as error:
        assert error.code in {"FIELD_TYPE_ERROR", "INVALID_VALUE", "MESSAGE_PARAMETER_COUNT_MISMATCH"}  # noqa: PT017
        assert "passphrase[" not in error.params[0]  # noqa: PT017


def test_json_is_utf8() -> None:
    with pytest.raises(GraftError, match="in UTF-8"):
        parse(b'["\xff"]')


@pytest.mark.parametrize("text", ['["\\ud83d\\ude00"]', '["' + "x" * 100_000 + '"]', "[" * 64 + "]" * 64, "-0.0"])
def test_unusual_json_is_taken(text: str) -> None:
    assert parse(text.encode()) == orjson.loads(text)


@pytest.mark.parametrize(
    ("given_json", "taken"),
    [
        ({"volume": "v", "size": 1}, ["v", 1, False, {"a": 1}]),
        ({"size": 1, "volume": "v", "labels": {}}, ["v", 1, False, {}]),
        ({"volume": "v", "size": 1, "note": "n"}, ["v", 1, False, {"a": 1}, "n"]),
        ({"volume": "v", "size": 1, "note": "n", "passphrase": None}, ["v", 1, False, {"a": 1}, "n", []]),
        (["v", "1"], ["v", 1, False, {"a": 1}]),
        (["v", 1, True, {}, "n", 5], ["v", 1, True, {}, "n", [5]]),
    ],
)
def test_arguments_by_name_and_by_place(given_json: Any, taken: list[Value]) -> None:
    assert CHECKS.arguments(FORM.arguments(given_json)) == taken


def test_defaults_are_nobody_elses() -> None:
    asked = {"volume": "v", "size": 1, "note": "n"}
    first = FORM.arguments(asked)
    assert isinstance(first[3], dict)
    first[3]["b"] = 2
    assert FORM.arguments(asked)[3] == {"a": 1}


@pytest.mark.parametrize(
    ("given_json", "code", "params", "message"),
    [
        (
            {"volume": "v", "siz": 1},
            "FIELD_TYPE_ERROR",
            ("siz", "nothing", "int"),
            'param "siz": Volume.resize has no such parameter; it has: volume, size, force, labels, note, passphrase',
        ),
        ({"volume": "v"}, "FIELD_TYPE_ERROR", ("size", "int", "nothing"), 'param "size": expected int, got nothing'),
        ({}, "FIELD_TYPE_ERROR", ("volume", "string", "nothing"), 'param "volume": expected string, got nothing'),
        (
            {"volume": "v", "size": 1, "passphrase": 5},
            "FIELD_TYPE_ERROR",
            ("note", "string", "nothing"),
            (
                'param "note": expected string, got nothing; without a default it cannot be left out where "passphrase" is'
                " given"
            ),
        ),
        (
            {"volume": "v", "size": [1]},
            "FIELD_TYPE_ERROR",
            ("size", "int", "array"),
            'param "size": expected int, got array',
        ),
        (
            {"volume": "v", "size": 1, "note": "", "passphrase": ["secret"]},
            "FIELD_TYPE_ERROR",
            ("passphrase", "int", "array"),
            'param "passphrase": expected int, got array',
        ),
        (["v"] * 7, "MESSAGE_PARAMETER_COUNT_MISMATCH", ("Volume.resize", "2", "7"), None),
        ("v", "FIELD_TYPE_ERROR", ("arguments", "struct or array", "string"), None),
        (None, "FIELD_TYPE_ERROR", ("arguments", "struct or array", "nil"), None),
    ],
)
def test_wrong_arguments_are_told(given_json: Any, code: str, params: tuple[str, ...], message: str | None) -> None:
    with pytest.raises(GraftError) as caught:
        FORM.arguments(given_json)
    assert (caught.value.code, caught.value.params) == (code, params)
    assert caught.value.details.get("message") == message


def test_too_few_by_place_are_told_by_the_checks() -> None:
    with pytest.raises(GraftError) as caught:
        CHECKS.arguments(FORM.arguments(["v"]))
    assert caught.value.error_info() == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Volume.resize", "2", "1"]


def test_undeclared_methods_take_an_array() -> None:
    assert undeclared_arguments("A.b", [1, {"a": None}]) == [1, {"a": None}]
    with pytest.raises(GraftError) as caught:
        undeclared_arguments("A.b", {"a": 1})
    assert caught.value.params == ("arguments", "array", "struct")
    assert "send them as an array" in caught.value.details["message"]


def test_results_have_their_declared_form() -> None:
    disk: Value = {"device": "a", "size": 1, "label": "", "parent": [], "more": DateTime("20260101T00:00:00Z")}
    shown = {"device": "a", "size": 1, "label": "", "parent": None, "more": "2026-01-01T00:00:00Z"}
    assert FORM.result([disk]) == [shown]
    assert MethodJson(Method("A.b"), TYPES).result("") is None


def test_values_of_which_nothing_is_declared() -> None:
    value: Value = [b"\x00\xff", DateTime("20260101T00:00:00Z"), DateTime("later"), math.nan, None, {"a": b"b"}]
    assert json_form.write_untyped(value) == ["AP8=", "2026-01-01T00:00:00Z", "later", "NaN", None, {"a": "Yg=="}]


def test_what_cannot_be_written_is_told() -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        dump("\ud800")
