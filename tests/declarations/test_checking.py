"""Arguments and results against declarations: what is taken as what, and what is said of the rest."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft_common.declarations.checking import (
    DECLARATION_FAULT,
    RESULT_FAULT,
    MethodChecks,
    check_arguments,
    check_result,
)
from graft_common.declarations.model import (
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    Field,
    Lifecycle,
    Method,
    Param,
    Record,
    Result,
    Transition,
    Types,
)
from graft_common.declarations.scalars import float_of_text, int_of_text, utc_time
from graft_common.declarations.types import (
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
    parse_type,
)
from graft_common.errors import GraftError
from graft_common.values import DateTime, Value, type_name
from support.declarations import types, untyped, values

TYPES = Types.of(
    Document(
        classes=(ClassDeclaration("VM", fields=(Field("uuid", parse_type("string")),)),),
        enums=(EnumDeclaration("state", (EnumValue("done"), EnumValue("Queued"), EnumValue("DONE"))),),
        records=(
            Record(
                "disk",
                (
                    Field("size", parse_type("int")),
                    Field("name", parse_type("string"), default="root"),
                    Field("tags", parse_type("string set"), default='["a"]'),
                    Field("label", parse_type("string option")),
                    Field("parent", parse_type("disk record option")),
                ),
            ),
        ),
    )
)
WHEN = DateTime("20260101T00:00:00Z")


def method(*kinds: str, result: str | None = None, **more: Any) -> Method:
    params = tuple(Param(f"p{number}", parse_type(kind)) for number, kind in enumerate(kinds))
    return Method("A.b", params=params, result=Result(parse_type(result)) if result else None, **more)


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are equal, types included; not-a-number is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        ("string", "x", "x"),
        ("VM ref", "OpaqueRef:NULL", "OpaqueRef:NULL"),
        ("int", 5, 5),
        ("int", "5", 5),
        ("int", "-1", -1),
        ("int", "0x1f", 31),
        ("int", "1_000", 1000),
        ("int", str(2**63 - 1), 2**63 - 1),
        ("float", 1.5, 1.5),
        ("float", 2, 2.0),
        ("float", "1e3", 1000.0),
        ("float", "nan", math.nan),
        ("bool", True, True),
        ("datetime", WHEN, WHEN),
        ("datetime", "20260101T00:00:00Z", WHEN),
        ("datetime", "2026-01-01T00:00:00", WHEN),
        ("datetime", "2026-01-01T01:00:00+01:00", WHEN),
        ("enum state", "done", "done"),
        ("enum state", "DONE", "DONE"),
        ("enum state", "queued", "Queued"),
        ("enum state", "dONE", "done"),
        ("int set", ["1", 2], [1, 2]),
        ("int option", [], []),
        ("int option", ["1"], [1]),
        ("(int -> bool) map", {"0x10": True}, {"16": True}),
        ("(enum state -> int) map", {"queued": "1"}, {"Queued": 1}),
        ("(datetime -> int) map", {"2026-01-01T00:00:00": 1}, {"20260101T00:00:00Z": 1}),
        ("(bool -> int) map", {"true": 1}, {"true": 1}),
        ("disk record", {"size": "1", "other": None}, {"size": 1, "name": "root", "tags": ["a"]}),
        ("disk record", {"size": 1, "name": "x", "tags": [], "label": ["l"]}, {"size": 1, "name": "x", "tags": [], "label": ["l"]}),
        ("VM record", {"uuid": "x"}, {"uuid": "x"}),
        ('"an event batch"', {"a": [None]}, {"a": [None]}),
    ],
)  # fmt: skip
def test_what_is_taken(kind: str, value: Value, taken: Value) -> None:
    assert same(check_arguments(method(kind), [value], TYPES), [taken])


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("string", 5, ["FIELD_TYPE_ERROR", "p0", "string", "int"]),
        ("string", None, ["FIELD_TYPE_ERROR", "p0", "string", "nil"]),
        ("string", WHEN, ["FIELD_TYPE_ERROR", "p0", "string", "dateTime.iso8601"]),
        ("VM ref", ["x"], ["FIELD_TYPE_ERROR", "p0", "VM ref", "array"]),
        ("int", "five", ["FIELD_TYPE_ERROR", "p0", "int", "string"]),
        ("int", str(2**63), ["FIELD_TYPE_ERROR", "p0", "int", "string"]),
        ("int", 5.0, ["FIELD_TYPE_ERROR", "p0", "int", "double"]),
        ("int", True, ["FIELD_TYPE_ERROR", "p0", "int", "boolean"]),
        ("float", True, ["FIELD_TYPE_ERROR", "p0", "float", "boolean"]),
        ("float", "x", ["FIELD_TYPE_ERROR", "p0", "float", "string"]),
        ("bool", 1, ["FIELD_TYPE_ERROR", "p0", "bool", "int"]),
        ("bool", "true", ["FIELD_TYPE_ERROR", "p0", "bool", "string"]),
        ("datetime", 5, ["FIELD_TYPE_ERROR", "p0", "datetime", "int"]),
        ("datetime", "now", ["INVALID_VALUE", "p0", "now", "no date and time in ISO 8601, such as 20260101T00:00:00Z"]),
        ("enum state", 1, ["FIELD_TYPE_ERROR", "p0", "enum state", "int"]),
        ("enum state", "x", ["INVALID_VALUE", "p0", "x", "enum state has the values done, Queued, DONE"]),
        ("int set", {"a": 1}, ["FIELD_TYPE_ERROR", "p0", "int set", "struct"]),
        ("int set", [1, 2, 3, "x"], ["FIELD_TYPE_ERROR", "p0[3]", "int", "string"]),
        ("int set option", [[1, b""]], ["FIELD_TYPE_ERROR", "p0[0][1]", "int", "base64"]),
        ("int option", [1, 2], ["FIELD_TYPE_ERROR", "p0", "int option", "array of 2"]),
        ("(int -> bool) map", {"x": True}, ["FIELD_TYPE_ERROR", 'p0["x"]', "int", "string"]),
        ("(int -> bool) map", {"1": True, "0x1": True}, ["INVALID_VALUE", 'p0["0x1"]', "0x1", "the same key is there already, perhaps written otherwise"]),
        ("(string -> disk record) map", {"a": {"size": 1}, "b": {}}, ["FIELD_TYPE_ERROR", 'p0["b"].size', "int", "nothing"]),
        ("disk record", [], ["FIELD_TYPE_ERROR", "p0", "disk record", "array"]),
        ("disk record", {"size": 1, "parent": [{"size": []}]}, ["FIELD_TYPE_ERROR", "p0.parent[0].size", "int", "array"]),
    ],
)  # fmt: skip
def test_what_is_refused(kind: str, value: Value, error: list[str]) -> None:
    with pytest.raises(GraftError) as caught:
        check_arguments(method(kind), [value], TYPES)
    assert caught.value.error_info() == error


def test_the_message_is_for_people() -> None:
    sizes = Method("A.b", params=(Param("sizes", parse_type("int set")),))
    with pytest.raises(GraftError) as caught:
        check_arguments(sizes, [[1, 2, 3, "x"]], TYPES)
    assert caught.value.details == {"message": 'param "sizes"[3]: expected int, got string'}


OPTIONAL = Method(
    "A.b",
    params=(
        Param("a", parse_type("int")),
        Param("b", parse_type("string set"), default='["x"]'),
        Param("c", parse_type("int"), optional=True),
        Param("d", parse_type("enum state"), default="queued"),
    ),
)


@pytest.mark.parametrize(
    ("given_", "taken"),
    [
        ([1], [1, ["x"]]),
        ([1, []], [1, []]),
        ([1, [], 5], [1, [], 5, "Queued"]),
        ([1, [], 5, "done"], [1, [], 5, "done"]),
    ],
)
def test_defaults_are_filled_in(given_: list[Value], taken: list[Value]) -> None:
    assert check_arguments(OPTIONAL, given_, TYPES) == taken


@pytest.mark.parametrize(("count"), [0, 5])
def test_counts(count: int) -> None:
    with pytest.raises(GraftError) as caught:
        check_arguments(OPTIONAL, [1] * count, TYPES)
    assert caught.value.error_info() == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "A.b", "1", str(count)]


def test_a_default_is_nobody_elses() -> None:
    checks = MethodChecks(OPTIONAL, TYPES)
    first = checks.arguments([1])[1]
    assert isinstance(first, list)
    first.append("changed")
    assert checks.arguments([1]) == [1, ["x"]]


def test_a_removed_method_is_refused_once_all_fits() -> None:
    steps = (Change.PUBLISHED, Change.DEPRECATED, Change.REMOVED)
    gone = method("int", lifecycle=Lifecycle(tuple(Transition(change, "1.0") for change in steps)))
    with pytest.raises(GraftError, match="MESSAGE_REMOVED"):
        check_arguments(gone, [1], TYPES)
    with pytest.raises(GraftError, match="FIELD_TYPE_ERROR"):
        check_arguments(gone, ["x"], TYPES)


def test_secrets_are_not_shown() -> None:
    keys = Method("A.b", params=(Param("keys", parse_type("(datetime -> enum state) map"), secret=True),))
    for value in ({"hunter2": "done"}, {WHEN.text: "hunter2"}):
        with pytest.raises(GraftError) as caught:
            check_arguments(keys, [value], TYPES)
        assert "hunter2" not in f"{caught.value} {caught.value.details}"
        assert caught.value.error_info()[:3] == ["INVALID_VALUE", "keys", "***"]
    secret = Method("A.b", result=Result(parse_type("enum state"), secret=True))
    with pytest.raises(GraftError) as caught:
        check_result(secret, "hunter2", TYPES)
    assert "hunter2" not in f"{caught.value} {caught.value.details}"


def test_secret_fields_are_not_shown() -> None:
    login = Record(
        "login", (Field("user", parse_type("int")), Field("pins", parse_type("(int -> enum state) map"), secret=True))
    )
    known = Types(TYPES.enums, {"login": login})
    wanted = method("login record set")
    with pytest.raises(GraftError) as caught:
        check_arguments(wanted, [[{"user": 1, "pins": {"7": "hunter2"}}]], known)
    assert caught.value.error_info()[:3] == ["INVALID_VALUE", "p0[0].pins", "***"]
    with pytest.raises(GraftError) as caught:
        check_arguments(wanted, [[{"user": 1, "pins": {"hunter2": "done"}}]], known)
    assert caught.value.error_info() == ["FIELD_TYPE_ERROR", "p0[0].pins", "int", "string"]
    assert "hunter2" not in str(caught.value.details)


def test_types_that_have_gone() -> None:
    """A record of one file may outlive the enum of another."""
    known = Types({}, {"r": Record("r", (Field("f", parse_type("enum gone")),))})
    both = method("r record", result="r record")
    for check in (lambda: check_arguments(both, [{}], known), lambda: check_result(both, {}, known)):
        with pytest.raises(GraftError) as caught:
            check()
        assert caught.value.error_info() == ["INTERNAL_ERROR", "A.b", DECLARATION_FAULT, "no enum gone is declared"]


def test_long_values_are_cut() -> None:
    with pytest.raises(GraftError) as caught:
        check_arguments(method("enum state"), ["x" * 10_000], TYPES)
    assert len(caught.value.params[1]) == 100


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (None, "", ""),
        (None, None, ""),
        ("int", "5", 5),
        ("disk record", {"size": 1, "tags": []}, {"size": 1, "name": "root", "tags": []}),
    ],
)
def test_results(kind: str | None, value: Value, taken: Value) -> None:
    assert same(check_result(method(result=kind), value, TYPES), taken)


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (None, "x", "result: expected nothing, got string"),
        ("int", None, "result: expected int, got nil"),
        ("int set", [1, "x"], "result[1]: expected int, got string"),
        ("enum state set", ["x"], "result[0]: 'x': enum state has the values done, Queued, DONE"),
        ("disk record", {}, "result.size: expected int, got nothing"),
        ("disk record", {"size": 1, "sise": 1}, "result: 'sise': disk record has no such field"),
    ],
)
def test_results_that_tell_their_author(kind: str | None, value: Value, says: str) -> None:
    with pytest.raises(GraftError) as caught:
        check_result(method(result=kind), value, TYPES)
    assert caught.value.error_info() == ["INTERNAL_ERROR", "A.b", RESULT_FAULT, says]


class DoesNotFitError(Exception):
    pass


def plainly(value: Any, kind: Type) -> Any:  # noqa: C901 - one case for each kind of type
    """The same rules, written down as plainly as can be."""

    def fit(fits: bool) -> None:
        if not fits:
            raise DoesNotFitError

    match kind:
        case DescribedType():
            return value
        case RefType():
            fit(isinstance(value, str))
            return value
        case EnumType(name):
            fit(isinstance(value, str))
            names = [one.name for one in TYPES.enums[name].values]
            found = [one for one in names if one == value] or [one for one in names if one.lower() == value.lower()]
            fit(bool(found))
            return found[0]
        case SetType(of):
            fit(isinstance(value, list))
            return [plainly(item, of) for item in value]
        case OptionType(of):
            fit(isinstance(value, list) and len(value) <= 1)
            return [plainly(item, of) for item in value]
        case MapType(key, of):
            fit(isinstance(value, dict))
            pairs = [(plain_key(name, key), plainly(item, of)) for name, item in value.items()]
            fit(len(dict(pairs)) == len(pairs))
            return dict(pairs)
        case RecordType(name):
            fit(isinstance(value, dict))
            taken = {}
            for field in TYPES.records[name].fields:
                if field.name in value:
                    taken[field.name] = plainly(value[field.name], field.type)
                elif field.default is not None:
                    taken[field.name] = {"root": "root", '["a"]': ["a"]}[field.default]
                else:
                    fit(isinstance(field.type, OptionType))
            return taken
    return plain_scalar(value, kind.name)


def plain_scalar(value: Any, name: str) -> Any:
    got = type_name(value)
    text = value.text if isinstance(value, DateTime) else value
    taken = {
        ("string", "string"): lambda: value,
        ("int", "int"): lambda: value,
        ("int", "string"): lambda: int_of_text(value),
        ("float", "double"): lambda: value,
        ("float", "int"): lambda: float(value),
        ("float", "string"): lambda: float_of_text(value),
        ("bool", "boolean"): lambda: value,
        ("datetime", "dateTime.iso8601"): lambda: utc_time(text) and DateTime(utc_time(text) or ""),
        ("datetime", "string"): lambda: utc_time(text) and DateTime(utc_time(text) or ""),
    }.get((name, got), lambda: None)()
    if taken is None:
        raise DoesNotFitError
    return taken


def plain_key(text: str, kind: Type) -> str:
    if str(kind) == "bool":
        if text not in ("true", "false"):
            raise DoesNotFitError
        return text
    taken = plainly(text, kind)
    return taken.text if isinstance(taken, DateTime) else str(taken)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_value_against_plain_rules(data: st.DataObject) -> None:
    kind = data.draw(types(["state"], ["disk", "VM"]))
    value = data.draw(untyped | values(kind, TYPES))
    try:
        expected: Any = [plainly(value, kind)]
    except DoesNotFitError:
        expected = None
    try:
        taken: Any = check_arguments(Method("A.b", params=(Param("p", kind),)), [value], TYPES)
    except GraftError as error:
        taken = None
        refused = error
    if expected is None:
        assert taken is None
        assert refused.code in ("FIELD_TYPE_ERROR", "INVALID_VALUE")
        assert refused.params[0].startswith("p")
    else:
        assert same(taken, expected)
        # What has been taken is taken again as it is.
        assert same(check_arguments(Method("A.b", params=(Param("p", kind),)), taken, TYPES), taken)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("+5", 5), ("-0x1", -1), ("0o17", 15), ("0b11", 3), ("0u5", 5), ("0xffffffffffffffff", -1),
        ("-0x8000000000000000", -(2**63)), ("-9223372036854775808", -(2**63)), ("0x10000000000000000", None),
        ("", None), (" 5", None), ("5 ", None), ("_5", None), ("0b2", None), ("5.0", None), ("\u0665", None), ("1" * 500, None),
    ],
)  # fmt: skip
def test_integers_as_ocaml_reads_them(text: str, number: int | None) -> None:
    assert int_of_text(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0), ("1.", 1.0), (".5", 0.5), ("-1e-3", -0.001), ("1_0.5", 10.5), ("0x1.8p3", 12.0), ("inf", math.inf),
        ("-Infinity", -math.inf), ("1e999", math.inf), ("0x1p99999", math.inf), ("", None), (".", None), ("e5", None),
        (" 1", None), ("1,5", None), ("nano", None),
    ],
)  # fmt: skip
def test_floats_as_ocaml_reads_them(text: str, number: float | None) -> None:
    assert float_of_text(text) == number


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("20260101T00:00:00Z", "20260101T00:00:00Z"),
        ("2026-01-01T00:00:00.250Z", "20260101T00:00:00.250Z"),
        ("20260101T000000", "20260101T00:00:00Z"),
        ("2026-01-01T00:30:00+0100", "20251231T23:30:00Z"),
        ("2026-01-01T00:30:00-01", "20260101T01:30:00Z"),
        ("2026-02-30T00:00:00Z", None),
        ("2026-0101T00:00:00Z", None),
        ("2026-01-01", None),
        ("2026-01-01T24:00:00Z", None),
        ("00010101T00:00:00+01:00", None),
        ("2026-01-01T00:00:00Z ", None),
    ],
)
def test_times(text: str, written: str | None) -> None:
    assert utc_time(text) == written
