"""For which resources a predicate holds; the cases of Ambari's predicate tests, and more."""

from __future__ import annotations

import pytest

from gateway.ambari.query.evaluation import Resource, compiled, matcher
from gateway.ambari.query.parser import parse_predicate
from gateway.ambari.query.predicate import (
    ALWAYS,
    Predicate,
    first_names,
    properties_of,
    restricted,
    string_equalities,
)
from gateway.ambari.query.values import Value


def parse(query: str) -> Predicate:
    predicate = parse_predicate(query)
    assert predicate is not None
    return predicate


@pytest.mark.parametrize(
    ("query", "value", "expected"),
    [
        ("p=bar", "monkey", False),
        ("p=bar", "bar", True),
        ("p=bar", "BAR", False),
        ("p=bar", None, False),
        ("p=1.0", "1", True),
        ("p=1.0", 1, True),
        ("p=1", 1.0, True),
        ("p=01", "1", True),
        ("p=1.5", "1", False),
        ("p=0.1", "0.2", False),
        ("p=1.10", "1.1", True),
        ("p=1.10.0", "1.1.0", False),
        ("p=1e3", "1000", True),
        ("p=nan", "nan", True),
        ("p=1e999", "1e998", False),
        ("p=1e999", "1e999", True),
        ("p=%2B1", "1", False),
        ("p=\u0661", "1", False),
        ("p=12", 10**400, False),
        ("p=true", True, True),
        ("p=false", True, False),
        ("p=1", True, False),
        ("p=0", "", False),
        ("p=[a, b]", ["a", "b"], True),
        ("p=[]", [], True),
        ("p={k%3D1}", {"k": 1}, True),
        ("p!=bar", "monkey", True),
        ("p!=bar", "bar", False),
        ("p!=bar", None, True),
        ("p!=1.0", 1, False),
        ("p=", None, True),
        ("p=", "", False),
        ("p!=", None, False),
        ("p!=", "x", True),
        ("p<10", 1, True),
        ("p<10", 10, False),
        ("p<10", 11, False),
        ("p<10", "9", True),
        ("p<10", "9a", False),
        ("p<10", None, False),
        ("p<=10", 10, True),
        ("p<=10", 10.5, False),
        ("p>10", "10.5", True),
        ("p>10", 10, False),
        ("p>10", None, False),
        ("p>=10", 10, True),
        ("p>=10", 1, False),
        ("p<b", "a", True),
        ("p>b", "a", False),
        ("p>=b", "b", True),
        ("p>2.10.0", "2.9.0", True),
        ("p.in(one,two,3)", "two", True),
        ("p.in(one,two,3)", "3.0", True),
        ("p.in(one,two,3)", 3, True),
        ("p.in(one,two,3)", "four", False),
        ("p.in(one,two,3)", None, False),
        ("p.in(true)", True, True),
        ("p.matches(x)", None, False),
        ("p.matches(monk.*)", "monkey", True),
        ("p.matches(monk)", "monkey", False),
        ("p.matches(1.)", 12, True),
        ("p.matches(.*|x)", "", True),
        ("p.isEmpty()", None, True),
        ("p.isEmpty()", [], True),
        ("p.isEmpty()", {}, True),
        ("p.isEmpty()", "", True),
        ("p.isEmpty()", ["x"], False),
        ("p.isEmpty()", {"x": 1}, False),
        ("p.isEmpty()", "x", False),
        ("p.isEmpty()", 0, False),
        ("!p.isEmpty()", ["x"], True),
        ("p>1&p<3", 2, True),
        ("p>1&p<3", 3, False),
        ("p<1|p>3", 4, True),
        ("p<1|p>3", 2, False),
        ("!p=1", 2, True),
        ("!p=1", None, True),
        ("!(p=1|p=2)", 2, False),
    ],
)
def test_a_predicate_of_one_property(query: str, value: Value, expected: bool) -> None:
    assert compiled(parse(query))({"p": value}) is expected


IP = (
    r"^([01]?\d\d?|2[0-4]\d|25[0-5])\.([01]?\d\d?|2[0-4]\d|25[0-5])"
    r"\.([01]?\d\d?|2[0-4]\d|25[0-5])\.([01]?\d\d?|2[0-4]\d|25[0-5])$"
)


@pytest.mark.parametrize(
    ("value", "expected"), [("monkey", False), ("10.0.0.1", True), ("127.0.0.1", True), ("1.2.3.256", False)]
)
def test_a_real_pattern(value: str, expected: bool) -> None:
    assert compiled(parse(f"category1/ip.matches({IP})"))({"category1/ip": value}) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Versions/config_types/core-site/x=1", True),
        ("Versions/config_types/core-site/y=1", False),
        ("Versions/config_types/core-site/x/y=1", False),
        ("Versions/config_types/core-site.isEmpty()", False),
        ("Versions/config_types/hdfs-site.isEmpty()", True),
        ("Versions.isEmpty()", False),
        ("Version.isEmpty()", True),
        ("Other.isEmpty()", True),
        ("Versions/absent=1", False),
    ],
)
def test_maps_and_categories(query: str, expected: bool) -> None:
    properties: dict[str, Value] = {"Versions/config_types": {"core-site": {"x": "1"}, "hdfs-site": {}}}
    assert compiled(parse(query))(properties) is expected


def version(number: str, *, valid: bool, links: list[str] | None = None) -> Resource:
    children = {} if links is None else {"links": [Resource({"Link/stack": stack}) for stack in links]}
    return Resource({"Versions/version": number, "Versions/valid": valid}, children)


EXT = Resource(
    {"Extensions/name": "EXT"},
    {
        "versions": [
            version("0.1", valid=True, links=["HDP", "BIGTOP"]),
            version("0.2", valid=False, links=[]),
        ]
    },
)
NONE = Resource({"Extensions/name": "NONE"}, {"versions": []})


@pytest.mark.parametrize(
    ("query", "of_ext", "of_none"),
    [
        ("versions/Versions/valid=true", True, False),
        ("versions/Versions/version=0.3", False, False),
        ("versions/Versions/version!=0.1", True, False),
        ("!versions/Versions/version=0.1", True, False),
        ("versions/Versions/version=0.1&versions/Versions/valid=true", True, False),
        ("versions/Versions/version=0.1&versions/Versions/valid=false", False, False),
        ("!(versions/Versions/version=0.1|versions/Versions/valid=false)", False, False),
        ("!(versions/Versions/version=0.1&versions/Versions/valid=true)", True, False),
        ("versions/Versions/version=0.3|Extensions/name=NONE", False, True),
        ("versions/Versions/version=0.1&Extensions/name=EXT", True, False),
        ("versions/Versions/version=0.1&Extensions/name=NONE", False, False),
        ("versions/links/Link/stack=HDP", True, False),
        ("versions/links/Link/stack=HDP&versions/Versions/version=0.2", False, False),
        ("versions/links/Link/stack=HDP&versions/links/Link/stack=BIGTOP", False, False),
        ("versions.isEmpty()", False, True),
        ("!versions.isEmpty()", True, False),
        ("versions/links.isEmpty()", True, False),
        ("versions/links.isEmpty()&versions/Versions/valid=true", False, False),
        ("versions=1", False, False),
        ("Extensions/name=EXT", True, False),
        ("!Extensions/name=EXT", False, True),
    ],
)
def test_a_resource_fits_when_a_sub_resource_does(query: str, of_ext: bool, of_none: bool) -> None:
    fits = matcher(parse(query))
    assert (fits(EXT), fits(NONE)) == (of_ext, of_none)


@pytest.mark.parametrize(
    ("query", "child", "asked"),
    [
        ("a=1&versions/v=2", "versions", "v=2"),
        ("a=1&versions/v=2&versions/links/l=3", "versions", "v=2&links/l=3"),
        ("a=1|versions/v=2", "versions", None),
        ("!(a=1|versions/v=2)", "versions", "!v=2"),
        ("versions/v.in(1,2)|versions/v.matches(x)", "versions", "v.in(1,2)|v.matches(x)"),
        ("a=1", "versions", None),
        ("versionsX/v=1", "versions", None),
    ],
)
def test_what_is_asked_of_sub_resources(query: str, child: str, asked: str | None) -> None:
    assert restricted(parse(query), child) == (ALWAYS if asked is None else parse(asked))


def test_the_properties_of_a_predicate_are_listed() -> None:
    predicate = parse("a/b=1&(!c.isEmpty()|versions/d.in(1,2))&e.matches(x)")
    assert properties_of(predicate) == {"a/b", "c", "versions/d", "e"}
    assert first_names(predicate) == {"a", "c", "versions", "e"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("n=EXT", {"n": "EXT"}),
        ("n=EXT&v=1.0", {"n": "EXT"}),
        ("n=EXT&v=1.0.1", {"n": "EXT", "v": "1.0.1"}),
        ("(n=EXT&x=1)&v.in(a)", {"n": "EXT", "v": "a"}),
        ("n=A&n=B", {"n": "A"}),
        ("n=A|v=b", {}),
        ("!n=A", {}),
        ("n!=A", {}),
        ("n.in(a,b)", {}),
        ("v=", {}),
        ("x=A", {}),
    ],
)
def test_equalities_to_filter_by(query: str, found: dict[str, str]) -> None:
    assert string_equalities(parse(query), {"n", "v"}) == found
