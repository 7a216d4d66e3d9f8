"""What holds for every query: nothing but QueryError, what is printed is read back, evaluation as a simpler one has it."""

from __future__ import annotations

import json
import operator
import re
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.ambari.query.bodies import parse_body
from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.evaluation import Resource, compiled, matcher
from gateway.ambari.query.parameters import parse_query
from gateway.ambari.query.parser import parse_predicate
from gateway.ambari.query.patterns import compile_pattern
from gateway.ambari.query.predicate import (
    And,
    Comparison,
    In,
    IsEmpty,
    Matches,
    Not,
    Operator,
    Or,
    Predicate,
    with_negations_inside,
)
from gateway.ambari.query.values import Value

QUICK = settings(max_examples=100, deadline=None)

PIECES = st.sampled_from(
    re.split(
        " ",
        "a b/c 1 = != < <= > & | ! ( ) .in( .isEmpty( .matches( , %26 %3D % %zz %ff + "
        "fields _ page_size from sortBy [ ] .* (a+)+ é",
    )
) | st.just("\ud800")
SOUP = st.lists(PIECES, max_size=15).map("".join) | st.text(st.characters(), max_size=30)


@QUICK
@given(SOUP, st.none() | SOUP)
@example("a.matches(" + "(" * 500 + ")" * 500 + ")", None)
@example("fields=" + "[" * 100, None)
def test_a_query_is_read_or_refused(query: str, body_query: str | None) -> None:
    try:
        parsed = parse_query(query, body_query)
    except QueryError:
        return
    if parsed.predicate is not None:
        compiled(parsed.predicate)({"a": "1", "b/c": [1, None]})


@QUICK
@given(
    st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | st.lists(st.sampled_from([*'{}[],:"\\a1', "null", "true", '"a"', '"\\ud800"', "1e400"]), max_size=20)
    .map("".join)
    .map(str.encode)
)
def test_a_body_is_read_or_refused(body: bytes) -> None:
    try:
        requests = parse_body(body)
    except QueryError:
        return
    assert requests


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@QUICK
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.booleans())
def test_any_json_is_read_or_refused(body: dict[str, object], ascii_only: bool) -> None:
    encoded = json.dumps(body, ensure_ascii=ascii_only).encode()
    try:
        requests = parse_body(encoded)
    except QueryError:
        return
    for request in requests:
        for properties in request.properties:
            json.dumps(properties, ensure_ascii=False).encode()


NAMES = st.sampled_from(["a", "b", "c/d", "Versions/extension-errors"])
WORDS = st.text(string.ascii_letters + string.digits + "-._ é+%,", min_size=1, max_size=5)
LISTED = st.text(string.ascii_letters + string.digits + "-._é", min_size=1, max_size=3)
NUMERALS = st.sampled_from(["0", "1", "1.0", "01", "-1", "2.5", "1e3", "x", "true", "1.0.0", ""])
SUBJECTS: st.SearchStrategy[Value] = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([1.0, 2.5, 1000.0, "1", "1.00", "-1", "x", "true", "", "1.0.0"])
)
PATTERNS = st.sampled_from([".*", "1|x", "(x|y)+", "[a-z]*", "(1)(.0)?", "t.*e"]).map(compile_pattern)


def leaves_with(values: st.SearchStrategy[str]) -> st.SearchStrategy[Predicate]:
    return st.one_of(
        st.builds(Comparison, NAMES, st.sampled_from(Operator), values),
        st.builds(In, NAMES, st.lists(LISTED, min_size=1, max_size=3).map(tuple)),
        st.builds(IsEmpty, NAMES),
        st.builds(Matches, NAMES, PATTERNS),
    )


def trees(leaves: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        ),
        max_leaves=8,
    )


def written(predicate: Predicate) -> str:
    """Write a predicate as a query, encoded only where it must be, so that operators stay what they are."""
    match predicate:
        case And(operands):
            return "&".join(map(in_brackets, operands))
        case Or(operands):
            return "|".join(map(in_brackets, operands))
        case Not(operand):
            return "!" + in_brackets(operand)
        case Comparison(name, by, value):
            return f"{name}{by}{encoded(value or '')}"
        case In(name, values):
            return f"{name}.in({encoded(','.join(values))})"
        case IsEmpty(name):
            return f"{name}.isEmpty()"
        case Matches(name, pattern):
            return f"{name}.matches({encoded(pattern.text)})"


def in_brackets(predicate: Predicate) -> str:
    text = written(predicate)
    return f"({text})" if isinstance(predicate, And | Or | Not) else text


def encoded(text: str) -> str:
    return text.replace("%", "%25").replace("+", "%2B").replace(" ", "+")


@QUICK
@given(trees(leaves_with(WORDS)))
def test_what_is_written_is_read_back(predicate: Predicate) -> None:
    assert parse_predicate(written(predicate)) == predicate


@QUICK
@given(st.text(string.ascii_letters + "=!<>&|() ", min_size=1, max_size=6))
def test_an_encoded_value_is_that_value_or_what_ambari_reads(value: str) -> None:
    """Everything but letters is encoded: it is read as Ambari would, or as the value that it is."""
    query = "a=" + "".join(f"%{ord(character):02X}" for character in value)
    literal = Comparison("a", Operator.EQUAL, value)
    try:
        upstream = parse_predicate("a=" + value.replace(" ", "+"))
    except QueryError:
        assert parse_predicate(query) == literal
    else:
        assert parse_predicate(query) == upstream


def simply_holds(predicate: Predicate, properties: dict[str, Value]) -> bool:
    """Evaluate with Python's own means, case by case."""
    match predicate:
        case And(operands):
            return False not in [simply_holds(operand, properties) for operand in operands]
        case Or(operands):
            return True in [simply_holds(operand, properties) for operand in operands]
        case Not(operand):
            return simply_holds(operand, properties) is False
        case IsEmpty(name):
            return properties.get(name) is None or properties[name] == ""
        case In(name, values):
            return any(simply_holds(Comparison(name, Operator.EQUAL, value), properties) for value in values)
        case Matches(name, pattern):
            value = properties.get(name)
            return value is not None and re.fullmatch(pattern.text, as_text(value)) is not None
        case Comparison(name, Operator.NOT_EQUAL, wanted):
            return not simply_holds(Comparison(name, Operator.EQUAL, wanted), properties)
        case Comparison(name, by, wanted):
            return simply_compares(properties.get(name), by, wanted)


def simply_compares(value: Value, by: Operator, wanted: str | None) -> bool:
    if value is None or wanted is None:
        return by is Operator.EQUAL and value is None and wanted is None
    text = as_text(value)
    if not isinstance(value, bool) and is_number(text) and is_number(wanted):
        return bool(PYTHONS[by](float(text), float(wanted)))
    return bool(PYTHONS[by](text, wanted))


PYTHONS = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUAL: operator.ge,
}


def as_text(value: Value) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


PROPERTIES = st.dictionaries(NAMES, SUBJECTS, max_size=4)


@QUICK
@given(trees(leaves_with(NUMERALS)), PROPERTIES)
def test_evaluation_agrees_with_a_simple_one(predicate: Predicate, properties: dict[str, Value]) -> None:
    expected = simply_holds(predicate, properties)
    assert compiled(predicate)(properties) is expected
    assert compiled(with_negations_inside(predicate))(properties) is expected
    assert matcher(predicate)(Resource(properties)) is expected


@QUICK
@given(trees(leaves_with(NUMERALS)), st.lists(PROPERTIES, max_size=3))
def test_a_resource_fits_when_one_sub_resource_does(predicate: Predicate, children: list[dict[str, Value]]) -> None:
    """With conditions on the sub-resources of one name alone, those are for one and the same of them."""
    inside = prefixed(predicate)
    parent = Resource({}, {"kids": [Resource(child) for child in children]})
    assert matcher(inside)(parent) is any(simply_holds(predicate, child) for child in children)


def prefixed(predicate: Predicate) -> Predicate:
    match predicate:
        case And(operands):
            return And(tuple(map(prefixed, operands)))
        case Or(operands):
            return Or(tuple(map(prefixed, operands)))
        case Not(operand):
            return Not(prefixed(operand))
        case Comparison(name, by, value):
            return Comparison(f"kids/{name}", by, value)
        case In(name, values):
            return In(f"kids/{name}", values)
        case IsEmpty(name):
            return IsEmpty(f"kids/{name}")
        case Matches(name, pattern):
            return Matches(f"kids/{name}", pattern)
