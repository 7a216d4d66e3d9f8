"""Extension versions that inherit: what they get, and what makes one invalid, in Ambari's words, without any other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_service.catalog.resolved import MAX_ANCESTORS, in_order
from support.resources import Resources, component, config_property


def test_services_are_shared_merged_added_and_deleted(tree: Resources) -> None:
    tree.extension("E/1", "", SHARED="<version>1</version>", MERGED="<version>1</version><comment>c</comment>", GONE="")
    tree.extension("E/2", "<extends>1</extends>", MERGED="<version>2</version>", GONE="<deleted>true</deleted>", NEW="")
    catalog = tree.read()
    parent, child = catalog.extensions["E"]["1"], catalog.extensions["E"]["2"]
    assert set(child.services) == {"SHARED", "MERGED", "NEW"}
    assert child.services["SHARED"] is parent.services["SHARED"]
    merged = child.services["MERGED"].definition
    assert (merged.version, merged.comment) == ("2", "c")
    assert parent.services["MERGED"].definition.version == "1"
    assert set(parent.services) == {"SHARED", "MERGED", "GONE"}


def test_nothing_but_services_is_inherited(tree: Resources) -> None:
    tree.extension(
        "E/1",
        "<versions><active>1</active></versions><auto-link>1</auto-link><prerequisites><min-stack-versions><stack>"
        "<name>HDP</name><version>1</version></stack></min-stack-versions></prerequisites>",
    )
    tree.extension("E/2", "<extends>1</extends>")
    child = tree.read_extension("E/2")
    assert (child.valid, child.parent_version) == (True, "1")
    assert (child.stacks, child.auto_links, child.definition.active) == ((), False, False)


def test_chains_are_followed_to_their_end(tree: Resources) -> None:
    tree.extension("E/1", "", S="<version>1</version>" + component("A", "<category>MASTER</category>"))
    tree.extension("E/2", "<extends>1</extends>", S=component("A", "<cardinality>1</cardinality>"))
    tree.extension("E/3", "<extends>2</extends>")
    tree.extension("E/4", "<extends>3</extends>", S="<comment>4</comment>")
    service = tree.read_service("E/4", "S")
    item = service.definition.components["A"]
    assert (item.category, item.cardinality, service.definition.version) == ("MASTER", "1", "1")
    assert [source for source, _ in service.layers] == ["extensions/E/4", "extensions/E/2", "extensions/E/1"]


def test_a_service_that_comes_back_after_it_was_deleted_inherits_nothing(tree: Resources) -> None:
    tree.extension("E/1", "", S="<version>1</version>")
    tree.extension("E/2", "<extends>1</extends>", S="<deleted>true</deleted>")
    tree.extension("E/3", "<extends>2</extends>", S="<comment>back</comment>")
    tree.extension("E/4", "<extends>2</extends>")
    assert tree.read_service("E/3", "S").definition.version is None
    assert not tree.read_extension("E/4").services


def test_the_package_is_all_or_nothing(tree: Resources) -> None:
    for version, extends in (("1", ""), ("2", "<extends>1</extends>"), ("3", "<extends>2</extends>")):
        tree.extension(f"E/{version}", extends, S=f"<version>{version}</version>")
    for version, name in (("1", "a"), ("1", "b"), ("3", "a")):
        tree.write(f"extensions/E/{version}/services/S/package/{name}.py", version)
    (tree.root / "extensions/E/2/services/S/package").mkdir()
    packages = [tree.read_service(f"E/{version}", "S").definition.package for version in "123"]
    assert [package.path for package in packages if package] == [
        "extensions/E/1/services/S/package",
        "extensions/E/1/services/S/package",
        "extensions/E/3/services/S/package",
    ]


@pytest.mark.parametrize("path", ["common-services/BASE/1.0", "Common-Services/BASE/1.0", "common-services/BASE/1.0/"])
def test_common_services_are_extended(tree: Resources, path: str) -> None:
    tree.common("BASE/1.0", "<comment>base</comment>")
    tree.extension("E/1", "", S=f"<extends>{path}</extends>")
    service = tree.read_service("E/1", "S").definition
    assert (service.name, service.version, service.comment) == ("S", "1.0", "base")


def test_common_services_extend_each_other(tree: Resources) -> None:
    tree.common("A/1", "<comment>a</comment><displayName>A</displayName>")
    tree.common("B/2", "<extends>common-services/A/1</extends><comment>b</comment>")
    tree.extension("E/1", "", S="<extends>common-services/B/2</extends>")
    service = tree.read_service("E/1", "S")
    definition = service.definition
    assert (definition.version, definition.comment, definition.display_name) == ("2", "b", "A")
    assert [source for source, _ in service.layers] == ["extensions/E/1", "common-services/B/2", "common-services/A/1"]


def test_common_services_are_known_by_what_their_file_says(tree: Resources) -> None:
    tree.common("dir/1.0", "<version>7</version>", name="NAME")
    tree.extension("E/1", "", S="<extends>common-services/NAME/7</extends>")
    tree.extension("E/2", "", S="<extends>common-services/dir/1.0</extends>")
    assert tree.read_extension("E/1").valid
    assert tree.read_extension("E/2").errors == (
        "The service 'S' in extension 'E:2' extends a non-existent service: 'common-services/dir/1.0'",
    )


def test_with_a_parent_of_its_own_a_service_does_not_inherit_from_its_name(tree: Resources) -> None:
    tree.common("BASE/1.0")
    tree.extension("E/1", "", S="<comment>old</comment><displayName>Old</displayName>")
    tree.extension("E/2", "<extends>1</extends>", S="<extends>common-services/BASE/1.0</extends>")
    tree.extension("E/3", "<extends>2</extends>", S="<comment>new</comment>")
    second, third = tree.read_service("E/2", "S").definition, tree.read_service("E/3", "S").definition
    assert (second.version, second.comment, second.display_name) == ("1.0", None, None)
    assert (third.version, third.comment) == ("1.0", "new")


@pytest.mark.parametrize(
    ("metainfo", "service", "error"),
    [
        ("<extends>0</extends>", "", "Extension 'E:1' specifies a parent that doesn't exist"),
        ("<extends/>", "", "Extension 'E:1' specifies a parent that doesn't exist"),
        ("<extends> OK </extends>", "", "Extension 'E:1' specifies a parent that doesn't exist"),
        ("<extends>1</extends>", "", "Cycle detected while parsing extension definition"),
        ("<extends>cycle-a</extends>", "", "Cycle detected while parsing extension definition"),
        *[
            (
                "",
                f"<extends>{path}</extends>",
                f"The service 'S' in extension 'E:1' extends an invalid parent: '{path}'",
            )
            for path in (
                "",
                "HDP/1.0/S",
                "common-services",
                "common-services/A",
                "common-services/A/1/2",
                "extensions/E/1/S",
            )
        ],
        (
            "",
            "<extends>common-services/NO/1</extends>",
            "The service 'S' in extension 'E:1' extends a non-existent service: 'common-services/NO/1'",
        ),
    ],
)
def test_what_makes_a_version_invalid_disturbs_no_other(
    tree: Resources, metainfo: str, service: str, error: str
) -> None:
    tree.extension("E/1", metainfo, S=service)
    tree.extension("E/child", "<extends>1</extends>")
    tree.extension("E/cycle-a", "<extends>cycle-b</extends>")
    tree.extension("E/cycle-b", "<extends>cycle-a</extends>")
    tree.extension("E/OK", "", S="<version>1</version>")
    tree.extension("OTHER/1", "", S="<version>1</version>")
    tree.stack("HDP/1.0", "", HDFS="")
    catalog = tree.read()
    versions = catalog.extensions["E"]
    assert versions["1"].errors == (error,)
    assert versions["child"].errors == (error,), "errors of an invalid parent are copied to the child"
    assert versions["OK"].valid
    assert (
        versions["cycle-a"].errors
        == versions["cycle-b"].errors
        == ("Cycle detected while parsing extension definition",)
    )
    assert catalog.extensions["OTHER"]["1"].valid
    assert catalog.extensions["OTHER"]["1"].services["S"].definition.version == "1"


def test_an_extension_named_as_a_stack_is_invalid(tree: Resources) -> None:
    tree.stack("HDP/1.0")
    tree.extension("HDP/1.0")
    tree.extension("hdp/1.0")
    assert tree.read_extension("HDP/1.0").errors == ("The extension 'HDP' has a name which matches a stack name",)
    assert tree.read_extension("hdp/1.0").valid


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("<metainfo>", "Unable to parse service metainfo.xml file '{path}' "),
        (
            "<metainfo><services><service><name>BAD</name><version>1</version><credential-store/></service></services></metainfo>",
            "Credential store enabled is not specified for service BAD",
        ),
    ],
)
def test_an_invalid_common_service_makes_those_invalid_that_extend_it(
    tree: Resources, content: str, error: str
) -> None:
    path = tree.write("common-services/BAD/1/metainfo.xml", content)
    tree.common("GOOD/1")
    tree.extension("E/1", "", S="<extends>common-services/BAD/1</extends>")
    tree.extension("E/2", "", S="<extends>common-services/GOOD/1</extends>")
    extension = tree.read_extension("E/1")
    assert error.format(path=path) in extension.errors
    assert extension.services["S"].definition.version is None
    assert tree.read_extension("E/2").valid


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("<extends>common-services/A/1</extends>", "Cycle detected while parsing common service"),
        (
            "<extends>common-services/A</extends>",
            "The common service 'A1' extends an invalid parent: 'common-services/A'",
        ),
        ("<extends>HDP/1/A</extends>", "Common service cannot inherit from a non common service"),
        (
            "<extends>common-services/B/1</extends>",
            "The common service 'A1' extends a non-existent service: 'common-services/B/1'",
        ),
    ],
)
def test_common_services_may_be_wrong_in_their_own_ways(tree: Resources, body: str, error: str) -> None:
    tree.common("A/1", body)
    tree.extension("E/1", "", S="<extends>common-services/A/1</extends>")
    assert tree.read_extension("E/1").errors == (error,)


def test_an_invalid_service_neither_inherits_nor_passes_on(tree: Resources) -> None:
    tree.extension("E/1", "", S="<version>1</version><credential-store/>", T="<version>1</version>")
    tree.extension("E/2", "<extends>1</extends>", S="<comment>c</comment>", T="<comment>c</comment>")
    child = tree.read_extension("E/2")
    assert not child.valid
    assert child.services["S"].definition.version is None
    assert child.services["T"].definition.version == "1"


def test_errors_stand_once(tree: Resources) -> None:
    tree.extension("E/1", "<extends>0</extends>")
    tree.extension("E/2", "<extends>1</extends>", A="<extends>x</extends>", B="<extends>x</extends>")
    errors = tree.read_extension("E/2").errors
    assert len(errors) == len(set(errors)) == 3


def test_chains_have_a_bound(tree: Resources) -> None:
    for number in range(MAX_ANCESTORS + 3):
        tree.extension(f"E/{number}", f"<extends>{number - 1}</extends>" if number else "", **{f"S{number % 3}": ""})
    versions = tree.read().extensions["E"]
    assert versions[str(MAX_ANCESTORS)].valid
    assert len(versions[str(MAX_ANCESTORS)].services) == 3
    assert versions[str(MAX_ANCESTORS)].services["S0"].definition.name == "S0"
    message = (
        f"Extension 'E:{MAX_ANCESTORS + 1}' inherits from more than {MAX_ANCESTORS} versions, one through the other"
    )
    assert versions[str(MAX_ANCESTORS + 1)].errors == (message,)
    assert not versions[str(MAX_ANCESTORS + 2)].valid


def test_a_long_chain_of_common_services_does_not_exhaust_the_stack(tree: Resources) -> None:
    for number in range(1500):
        extends = f"<extends>common-services/C/{number - 1}</extends>" if number else "<comment>first</comment>"
        tree.common(f"C/{number}", extends)
    tree.extension("E/1", "", S="<extends>common-services/C/1499</extends>")
    assert tree.read_service("E/1", "S").definition.comment == "first"


def test_configurations_are_inherited_property_by_property(tree: Resources) -> None:
    tree.extension("E/1", "", S="")
    tree.extension(
        "E/2", "<extends>1</extends>", S="<excluded-config-types><config-type>old</config-type></excluded-config-types>"
    )
    tree.configuration(
        "extensions/E/1/services/S",
        "site",
        config_property("a", "1", "<description>d</description>") + config_property("b", "2"),
    )
    tree.configuration("extensions/E/1/services/S", "old", config_property("a", "1"))
    tree.configuration(
        "extensions/E/2/services/S",
        "site",
        config_property("a", "9") + "<property><name>b</name><deleted>true</deleted></property>",
    )
    configurations = tree.read_service("E/2", "S").definition.configurations
    assert list(configurations) == ["site"]
    found = configurations["site"].properties
    assert (list(found), found["a"].value, found["a"].description) == (["a"], "9", None)


@given(st.dictionaries(st.integers(0, 9), st.none() | st.integers(0, 12)))
def test_every_key_comes_once_after_its_parent(parents: dict[int, int | None]) -> None:
    seen: dict[int, bool] = {}
    for key, cyclic in in_order(parents):
        assert key not in seen
        parent = parents[key]
        if parent is not None and parent in parents and not cyclic:
            assert parent in seen
        seen[key] = cyclic
    assert set(seen) == set(parents)
    for key, cyclic in seen.items():
        walked, current = 0, parents[key]
        while current is not None and current != key and walked <= len(parents):
            walked, current = walked + 1, parents.get(current)
        assert cyclic is (current == key)
