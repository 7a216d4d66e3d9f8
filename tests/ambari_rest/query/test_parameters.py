"""Parameters beside the predicate: fields, order, page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.fields import MAX_FIELDS, parse_fields, select
from gateway.ambari.query.paging import Page, parse_page
from gateway.ambari.query.parameters import Query, parameters_of, parse_query
from gateway.ambari.query.parser import MAX_LENGTH, parse_predicate
from gateway.ambari.query.shapes import unsupported
from gateway.ambari.query.sorting import MAX_KEYS, SortKey, parse_sort, sort
from gateway.ambari.query.values import Value


@dataclass(frozen=True)
class Type:
    properties: frozenset[str]
    children: Mapping[str, Type] = field(default_factory=dict)


LINKS = Type(frozenset({"ExtensionLink/link_id", "ExtensionLink/stack_name"}))
VERSIONS = Type(
    frozenset({"Versions/extension_version", "Versions/valid", "Versions/config_types", "auto_deploy/a/b", "top"}),
    {"links": LINKS},
)
EXTENSIONS = Type(frozenset({"Extensions/extension_name"}), {"versions": VERSIONS})


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a,b/*,*", ("a", "b/*", "*")),
        ("a, b ,,a,", ("a", "b")),
        ("metrics/load[1,2,3],b", ("metrics/load", "b")),
        ("a[1],b[1, 2]", ("a", "b")),
        ("*[-1,2]", ("*",)),
    ],
)
def test_fields_are_read(text: str, fields: tuple[str, ...]) -> None:
    assert parse_fields(text) == fields


@pytest.mark.parametrize(
    "text", ["a[", "a]", "a[1", "a[]", "a[x]", "a[1,2,3,4]", "a[1]b", "a[[1]]", "[" * 30_000, "[,[," * 10_000]
)
def test_fields_are_refused(text: str) -> None:
    with pytest.raises(QueryError, match=r"^Invalid Request: .*'fields'"):
        parse_fields(text)


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(QueryError, match=f"at most {MAX_FIELDS}"):
        parse_fields(",".join(f"f{number}" for number in range(MAX_FIELDS + 1)))


def test_a_selection_of_properties_and_categories() -> None:
    selection = select(["Versions/valid", "auto_deploy/*", "top"], VERSIONS)
    assert selection.properties == {"Versions/valid", "top"}
    assert selection.categories == {"auto_deploy"}
    assert (selection.everything, selection.children, selection.unsupported) == (False, {}, ())
    wanted = {name: selection.wants(name) for name in sorted(VERSIONS.properties)}
    assert wanted == {
        "Versions/config_types": False,
        "Versions/extension_version": False,
        "Versions/valid": True,
        "auto_deploy/a/b": True,
        "top": True,
    }


@pytest.mark.parametrize("category", ["Versions", "Versions/*", "Versions/"])
def test_a_whole_category(category: str) -> None:
    selection = select([category.rstrip("/")], VERSIONS)
    assert selection.wants("Versions/valid")
    assert not selection.wants("top")


def test_everything_shows_each_sub_resource_with_its_keys() -> None:
    selection = select(["*"], EXTENSIONS)
    assert selection.everything
    assert selection.children["versions"].is_empty


def test_fields_reach_into_sub_resources() -> None:
    selection = select(["versions/links/ExtensionLink/link_id", "versions/*", "versions/Versions/valid"], EXTENSIONS)
    assert not selection.everything
    versions = selection.children["versions"]
    assert versions.everything
    assert versions.properties == {"Versions/valid"}
    assert versions.children["links"].properties == {"ExtensionLink/link_id"}
    assert select(["versions"], EXTENSIONS).children["versions"].is_empty
    assert select(["versions/"], EXTENSIONS).children["versions"].is_empty
    assert select([], EXTENSIONS).is_empty


def test_what_is_not_there_is_listed() -> None:
    selection = select(
        ["versions/Nope/x", "nope", "versions/links/nope/*", "Extensions/extension_name", "Ext"], EXTENSIONS
    )
    assert selection.unsupported == ("Ext", "nope", "versions/Nope/x", "versions/links/nope/*")


def test_picking_properties() -> None:
    properties: dict[str, Value] = {
        "Versions/valid": True,
        "Versions/extension_version": "1.0",
        "Versions/config_types": {"core-site": {"final": "x", "password": "y"}, "a/b": 1, "empty": {}},
    }
    picks: list[tuple[list[str], dict[str, Value]]] = [
        (["*"], properties),
        (["Versions"], properties),
        (["Versions/valid"], {"Versions/valid": True}),
        (["Versions/config_types/core-site/final"], {"Versions/config_types": {"core-site": {"final": "x"}}}),
        (["Versions/config_types/a/b"], {"Versions/config_types": {"a/b": 1}}),
        (["Versions/config_types/nope"], {}),
        (["Versions/valid/nope"], {}),
        ([], {}),
    ]
    for fields, picked in picks:
        assert select(fields, VERSIONS).pick(properties) == picked, fields


def test_an_entry_of_a_map_is_wanted_with_its_property() -> None:
    selection = select(["Versions/config_types/core-site"], VERSIONS)
    assert selection.unsupported == ()
    assert selection.wants("Versions/config_types")
    assert not selection.wants("Versions/valid")


def test_properties_of_a_predicate_are_checked() -> None:
    paths = ["ExtensionLink/nope", "ExtensionLink/link_id", "ExtensionLink", "a", "a", "ExtensionLink/link_id/x"]
    assert unsupported(paths, LINKS) == ("ExtensionLink/nope", "a")
    assert unsupported(["versions", "versions/links/x", "versions/Versions/valid", "link"], EXTENSIONS) == (
        "link",
        "versions/links/x",
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ()),
        ("a/b", (SortKey("a/b"),)),
        ("a.asc,b.desc", (SortKey("a"), SortKey("b", descending=True))),
        ("a.DESC, b.Asc,", (SortKey("a", descending=True), SortKey("b"))),
        ("a.b.desc", (SortKey("a.b", descending=True),)),
    ],
)
def test_an_order_is_read(text: str, keys: tuple[SortKey, ...]) -> None:
    assert parse_sort(text) == keys


@pytest.mark.parametrize("text", ["a.up", ".desc", "a.", ",".join(["a"] * (MAX_KEYS + 1))])
def test_an_order_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match=r"^Invalid Request: 'sortBy"):
        parse_sort(text)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("n", "bacdef"),
        ("n.desc", "dcabef"),
        ("k,n", "bcadef"),
        ("k.desc,n.desc", "daecbf"),
        ("k", "cbadef"),
        ("missing.desc", "abcdef"),
    ],
)
def test_resources_are_sorted(order: str, names: str) -> None:
    rows: dict[str, dict[str, Value]] = {
        "a": {"n": 10, "k": "y"},
        "b": {"n": 9.5, "k": "x"},
        "c": {"n": "10", "k": "x"},
        "d": {"n": "9", "k": "y"},
        "e": {"n": None, "k": "y"},
        "f": {},
    }
    if order == "k":
        rows["c"]["k"] = 7
    assert "".join(sort(rows, parse_sort(order), lambda name: rows[name])) == names


NUMBERS = range(10)


@pytest.mark.parametrize(
    ("page_size", "from_", "to", "page"),
    [
        ("3", None, None, [0, 1, 2]),
        ("3", "start", None, [0, 1, 2]),
        ("3", "0", None, [0, 1, 2]),
        ("3", "8", None, [8, 9]),
        ("3", "10", None, []),
        ("3", None, "end", [7, 8, 9]),
        ("3", None, "4", [2, 3, 4]),
        ("3", None, "1", [0, 1]),
        ("3", None, "99", [7, 8, 9]),
        ("3", "2", "9", [2, 3, 4]),
        ("0", None, None, []),
        ("0", None, "end", []),
        (None, "4", None, [4, 5, 6, 7, 8, 9]),
        ("2147483647", "1", None, list(range(1, 10))),
    ],
)
def test_a_page_is_cut(page_size: str | None, from_: str | None, to: str | None, page: list[int]) -> None:
    parsed = parse_page(page_size, from_, to)
    assert parsed is not None
    assert list(parsed.cut(NUMBERS)) == page


@pytest.mark.parametrize(
    ("page_size", "from_", "to", "named"),
    [
        ("-1", None, None, "page_size=-1"),
        ("", None, None, "page_size="),
        ("1.5", None, None, "page_size=1.5"),
        ("2147483648", None, None, "page_size=2147483648"),
        ("9" * 5000, None, None, "page_size=9"),
        ("²", None, None, "page_size=²"),
        (None, "end", None, "from=end"),
        (None, "-1", None, "from=-1"),
        (None, None, "start", "to=start"),
        (None, None, "x", "to=x"),
    ],
)
def test_a_page_is_refused(page_size: str | None, from_: str | None, to: str | None, named: str) -> None:
    with pytest.raises(QueryError, match=f"^Invalid Request: '{named}"):
        parse_page(page_size, from_, to)


def test_a_list_without_a_page_is_whole() -> None:
    assert parse_page(None, None, None) is None


def test_a_query_as_a_whole() -> None:
    query = parse_query(
        "fields=Versions/valid,links/*&Versions/valid=true&sortBy=Versions%2Fextension_version.desc"
        "&page_size=5&from=10&minimal_response=TRUE&_=17&doAs=bob"
    )
    assert query == Query(
        parse_predicate("Versions/valid=true"),
        ("Versions/valid", "links/*"),
        (SortKey("Versions/extension_version", descending=True),),
        Page(5, 10),
        minimal=True,
    )
    assert parse_query("") == Query()
    assert parse_query("format=minimal") == Query(minimal=True)
    assert parse_query("page_size=1&page_size=2").page == Page(1)


def test_a_body_s_query_takes_the_predicate_s_place() -> None:
    query = parse_query("a=1&fields=x", "b=2&fields=y&sortBy=z")
    assert query == Query(parse_predicate("b=2"), ("x",), (SortKey("z"),))
    assert parse_query("a=1", "").predicate is None


def test_parameters_are_decoded() -> None:
    assert parameters_of("a=x%26y&b=1+2&a=z&&c") == {"a": "x&y", "b": "1 2", "c": ""}
    with pytest.raises(QueryError, match="%zz"):
        parameters_of("a=%zz")
    with pytest.raises(QueryError, match=f"at most {MAX_LENGTH}"):
        parameters_of("a" * (MAX_LENGTH + 1))
