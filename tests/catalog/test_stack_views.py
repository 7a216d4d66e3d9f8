"""Stack versions with what is linked to them and what they inherit."""

from __future__ import annotations

import pytest

from registry_service.catalog.resolved import MAX_ANCESTORS
from registry_service.catalog.stack_views import Links, StackView, StackViews
from support.resources import Resources, config_property


def view(tree: Resources, key: str, links: Links | None = None) -> StackView:
    name, _, version = key.partition("/")
    found = StackViews(tree.read(), links or {}).get(name, version)
    assert found is not None
    return found


def versions(found: StackView) -> dict[str, str | None]:
    return {name: node.definition.version for name, node in found.services.items()}


def service(version: str) -> str:
    return f"<version>{version}</version>"


def test_an_unknown_stack_is_none(tree: Resources) -> None:
    assert StackViews(tree.read(), {}).get("HDP", "1") is None


def test_stack_versions_inherit_services_and_configurations(tree: Resources) -> None:
    tree.stack("HDP/1", "", A=service("1"), B=service("1"), C="")
    tree.stack("HDP/2", "<extends>1</extends>", B="<comment>b</comment>", C="<deleted>true</deleted>", D=service("2"))
    tree.write(
        "stacks/HDP/1/configuration/cluster-env.xml", f"<configuration>{config_property('a', '1')}</configuration>"
    )
    tree.write(
        "stacks/HDP/2/configuration/cluster-env.xml", f"<configuration>{config_property('b', '2')}</configuration>"
    )
    tree.write("stacks/HDP/2/upgrades/rolling.xml", "<upgrade/>")
    found = view(tree, "HDP/2")
    assert (found.valid, found.parent_version) == (True, "1")
    assert versions(found) == {"B": "1", "D": "2", "A": "1"}
    assert found.removed_services == ("C",)
    assert set(found.configurations["cluster-env"].properties) == {"a", "b"}
    assert found.definition.upgrade_packs == ("rolling",)


def test_linked_services_are_seen_by_the_stack_and_its_children_but_not_the_link(tree: Resources) -> None:
    tree.stack("HDP/1", "", A=service("1"))
    tree.stack("HDP/2", "<extends>1</extends>")
    tree.stack("HDP/3", "<extends>2</extends>")
    tree.stack("OTHER/1")
    tree.extension("EXT/1", "", X=service("x1"))
    links = {("HDP", "1"): [("EXT", "1")]}
    for key, linked in (("HDP/1", ["EXT"]), ("HDP/2", []), ("HDP/3", [])):
        found = view(tree, key, links)
        assert versions(found) == {"A": "1", "X": "x1"}
        assert [extension.name for extension in found.extensions] == linked
    assert versions(view(tree, "OTHER/1", links)) == {}
    assert versions(view(tree, "HDP/1")) == {"A": "1"}


def test_a_child_may_be_linked_to_another_version(tree: Resources) -> None:
    tree.stack("HDP/1")
    tree.stack("HDP/2", "<extends>1</extends>")
    tree.extension("EXT/1", "", X=service("x1") + "<comment>one</comment>")
    tree.extension("EXT/2", "", X=service("x2"))
    links = {("HDP", "1"): [("EXT", "1")], ("HDP", "2"): [("EXT", "2")]}
    child = view(tree, "HDP/2", links)
    assert versions(child) == {"X": "x2"}
    assert child.services["X"].definition.comment == "one"
    assert [source for source, _ in child.services["X"].layers] == ["extensions/EXT/2", "extensions/EXT/1"]
    assert versions(view(tree, "HDP/1", links)) == {"X": "x1"}


def test_of_one_name_the_extensions_service_wins_and_is_merged_over_the_parents(tree: Resources) -> None:
    tree.stack("HDP/1", "", X="<version>s1</version><comment>stack</comment><displayName>D</displayName>")
    tree.stack("HDP/2", "<extends>1</extends>", X=service("s2"))
    tree.extension("BASE/1", "", X="<comment>base</comment>")
    tree.extension("BASE/2", "<extends>1</extends>", X=service("e2"))
    found = view(tree, "HDP/2", {("HDP", "2"): [("BASE", "2")]}).services["X"]
    definition = found.definition
    assert (definition.version, definition.comment, definition.display_name) == ("e2", "base", "D")
    assert [source for source, _ in found.layers] == ["extensions/BASE/2", "extensions/BASE/1", "stacks/HDP/1"]


def test_links_to_what_is_not_there_or_invalid_add_nothing(tree: Resources) -> None:
    tree.stack("HDP/1", "", A=service("1"))
    tree.extension("BAD/1", "<extends>0</extends>", X=service("x"))
    tree.extension("GOOD/1", "", X=service("good"))
    links = {("HDP", "1"): [("GONE", "1"), ("BAD", "1")], ("GONE", "9"): [("BAD", "1")]}
    catalog = tree.read()
    found = StackViews(catalog, links).get("HDP", "1")
    assert found is not None
    assert (versions(found), found.extensions) == ({"A": "1"}, ())
    good = catalog.extensions["GOOD"]["1"]
    kept = StackViews(catalog, links, {("BAD", "1"): good}).get("HDP", "1")
    assert kept is not None
    assert versions(kept) == {"A": "1", "X": "good"}


def test_relinking_gives_new_views_and_keeps_the_others(tree: Resources) -> None:
    tree.stack("HDP/1")
    tree.stack("HDP/2", "<extends>1</extends>")
    tree.stack("OTHER/1")
    tree.stack("USER/1", "", S="<extends>HDP/2/X</extends>")
    tree.extension("EXT/1", "", X=service("x1"))
    tree.extension("EXT/2", "", X=service("x2"))
    before = StackViews(tree.read(), {("HDP", "1"): [("EXT", "1")]})
    keys = [("HDP", "1"), ("HDP", "2"), ("OTHER", "1"), ("USER", "1")]
    old = [before.get(*key) for key in keys]
    after = before.relinked(("HDP", "1"), [("EXT", "2")])
    new = [after.get(*key) for key in keys]
    assert [versions(item) for item in old if item] == [{"X": "x1"}, {"X": "x1"}, {}, {"S": "x1"}]
    assert [versions(item) for item in new if item] == [{"X": "x2"}, {"X": "x2"}, {}, {"S": "x2"}]
    assert new[2] is old[2]
    assert before.get("HDP", "1") is old[0]
    assert versions(after.relinked(("HDP", "1"), []).get("HDP", "2") or view(tree, "HDP/1")) == {}


def test_services_of_stacks_extend_others(tree: Resources) -> None:
    tree.common("COMMON/1", "<comment>common</comment>")
    tree.stack("BASE/1", "", S="<version>b</version><comment>base</comment>")
    tree.extension("EXT/1", "", X=service("x"))
    tree.stack(
        "HDP/1",
        "",
        A="<extends>common-services/COMMON/1</extends>",
        B="<extends>BASE/1/S</extends>",
        C="<extends>extensions/EXT/1/X</extends>",
    )
    tree.stack("HDP/2", "<extends>1</extends>", B="<comment>mine</comment>")
    assert versions(view(tree, "HDP/1")) == {"A": "1", "B": "b", "C": None}
    second = view(tree, "HDP/2").services["B"].definition
    assert (second.version, second.comment) == ("b", "mine")


@pytest.mark.parametrize(
    ("metainfo", "extends", "errors"),
    [
        ("<extends>0</extends>", None, ["Stack 'HDP:1' specifies a parent that doesn't exist"]),
        ("<extends>1</extends>", None, ["Cycle detected while parsing stack definition"]),
        ("<extends>2</extends>", None, ["Cycle detected while parsing stack definition"]),
        ("", "NO/1/S", ["The service 'S' in stack 'HDP:1' extends a service in a non-existent stack: 'NO/1'"]),
        ("", "OK/1/NO", ["The service 'S' in stack 'HDP:1' extends a non-existent service: 'OK/1/NO'"]),
        ("", "OK/1", ["The service 'S' in stack 'HDP:1' extends an invalid parent: 'OK/1'"]),
        ("", "common-services/A", ["The service 'S' in stack 'HDP:1' extends an invalid parent: 'common-services/A'"]),
        (
            "",
            "common-services/A/1",
            ["The service 'S' in stack 'HDP:1' extends a non-existent service: 'common-services/A/1'"],
        ),
        ("", "extensions/E/1", ["The service 'S' in stack 'HDP:1' extends an invalid parent: 'extensions/E/1'"]),
        (
            "",
            "extensions/E/1/S",
            ["The service 'S' in stack 'HDP:1' extends a non-existent service: 'extensions/E/1/S'"],
        ),
    ],
)
def test_what_makes_a_stack_version_invalid_disturbs_no_other(
    tree: Resources, metainfo: str, extends: str | None, errors: list[str]
) -> None:
    tree.stack("HDP/1", metainfo, S="" if extends is None else f"<extends>{extends}</extends>")
    tree.stack("HDP/2", "<extends>1</extends>")
    tree.stack("OK/1", "", S=service("1"))
    assert list(view(tree, "HDP/1").errors) == errors
    assert not view(tree, "HDP/2").valid
    assert view(tree, "OK/1").valid


def test_a_service_that_extends_one_of_its_own_stack_is_a_cycle(tree: Resources) -> None:
    tree.stack("HDP/1", "", A="<extends>HDP/1/B</extends>", B="")
    assert "Cycle detected while parsing stack definition" in view(tree, "HDP/1").errors


def test_a_stack_file_that_cannot_be_read(tree: Resources) -> None:
    path = tree.write("stacks/HDP/1/metainfo.xml", "<metainfo>")
    assert view(tree, "HDP/1").errors[0] == f"Unable to parse stack metainfo.xml file at location: {path}"


def test_chains_of_stacks_have_a_bound(tree: Resources) -> None:
    for number in range(MAX_ANCESTORS + 3):
        tree.stack(f"HDP/{number}", f"<extends>{number - 1}</extends>" if number else "", **{f"S{number % 3}": ""})
    views = StackViews(tree.read(), {})
    last, first_too_far, longest = (views.get("HDP", str(MAX_ANCESTORS + more)) for more in (2, 1, 0))
    assert longest
    assert (longest.valid, len(longest.services)) == (True, 3)
    message = f"Stack 'HDP:{MAX_ANCESTORS + 1}' inherits from more than {MAX_ANCESTORS} versions, one through the other"
    assert first_too_far
    assert first_too_far.errors == (message,)
    assert last
    assert last.errors == (message,)


def test_services_that_extend_each_other_through_many_stacks_do_not_exhaust_the_stack(tree: Resources) -> None:
    for number in range(600):
        extends = f"<extends>S{number - 1}/1/A</extends>" if number else "<version>first</version>"
        tree.stack(f"S{number}/1", "", A=extends)
    assert versions(view(tree, "S599/1")) == {"A": "first"}


@pytest.mark.parametrize("order", [("1", "2", "3", "4"), ("4", "3", "2", "1"), ("2", "4", "1", "3")])
def test_it_does_not_matter_which_view_is_asked_for_first(tree: Resources, order: tuple[str, ...]) -> None:
    for version, extends in (("1", "2"), ("2", "3"), ("3", "1"), ("4", "1")):
        tree.stack(f"HDP/{version}", f"<extends>{extends}</extends>", **{f"S{version}": ""})
    views = StackViews(tree.read(), {})
    found = [views.get("HDP", version) for version in order]
    assert {item.errors for item in found if item} == {("Cycle detected while parsing stack definition",)}
    assert [list(item.services) for item in found if item] == [[f"S{version}"] for version in order]
