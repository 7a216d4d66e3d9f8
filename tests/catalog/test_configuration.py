"""Configuration files: every element and attribute."""

from __future__ import annotations

from typing import Any

import pytest

from registry_service.catalog.configuration_definitions import (
    Configuration,
    Property,
    PropertyRef,
    RefreshCommand,
    UpgradeBehaviour,
    ValueAttributes,
    ValueEntry,
)
from support.resources import Resources, config_property

FOLDER = "extensions/E/1/services/A"


def read(tree: Resources, body: str, attributes: str = "") -> Configuration:
    tree.extension("E/1", "", A="")
    tree.configuration(FOLDER, "site", body, attributes)
    return tree.read_service("E/1", "A").definition.configurations["site"]


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("", "value", None),
        ("<value/>", "value", ""),
        ("<value> a b </value>", "value", " a b "),
        ("<value>a</value><value>b</value>", "value", "b"),
        ("<description>d</description>", "description", "d"),
        ("<display-name>D</display-name>", "display_name", "D"),
        (
            "<on-ambari-upgrade add='false' delete='true'/>",
            "on_ambari_upgrade",
            UpgradeBehaviour(add=False, delete=True),
        ),
        ("", "on_ambari_upgrade", UpgradeBehaviour(add=True, delete=False, update=False)),
        ("<on-stack-upgrade merge='false'/>", "merge_on_stack_upgrade", False),
        ("", "merge_on_stack_upgrade", True),
        ("<property-type> PASSWORD\n NONSENSE USER </property-type>", "types", ("PASSWORD", "USER")),
        ("<final>true</final><x/>", "attributes", {"final": "true", "x": ""}),
        ("<filename>f</filename>", "attributes", {}),
        (
            "<depends-on><property><type>t</type><name>n</name></property></depends-on>",
            "depends_on",
            (PropertyRef("t", "n"),),
        ),
        (
            "<supported-refresh-commands><refresh-command componentName='C' command='reload'/></supported-refresh-commands>",
            "refresh_commands",
            (RefreshCommand("C", "reload"),),
        ),
        (
            (
                "<value-attributes><type>int</type><maximum>9</maximum><visible>false</visible><keystore>true</keystore>"
                "<entries><entry><value>v</value><label>l</label></entry></entries><increment-step>2</increment-step>"
                "<selection-cardinality>1+</selection-cardinality><empty-value-valid>true</empty-value-valid>"
                "<user-groups><property><type>t</type><name>n</name></property></user-groups></value-attributes>"
            ),
            "value_attributes",
            ValueAttributes(
                type="int",
                maximum="9",
                visible=False,
                keystore=True,
                entries=(ValueEntry("v", "l"),),
                increment_step="2",
                selection_cardinality="1+",
                empty_value_valid=True,
                user_groups=(PropertyRef("t", "n"),),
            ),
        ),
    ],
)
def test_elements_of_a_property(tree: Resources, body: str, field: str, expected: Any) -> None:
    found = read(tree, f"<property><name>p</name>{body}</property>").properties["p"]
    assert getattr(found, field) == expected


def test_input_may_be_required(tree: Resources) -> None:
    found = read(tree, "<property require-input='true'><name>a</name></property><property><name>b</name></property>")
    assert {name: item.require_input for name, item in found.properties.items()} == {"a": True, "b": False}


@pytest.mark.parametrize(
    ("attributes", "supports"),
    [
        ("", {}),
        ("supports_final='true'", {"final": True}),
        ("supports_final='TRUE' supports_adding_forbidden='no'", {"final": True, "adding_forbidden": False}),
        ("supports_do_not_extend='true' unknown='1'", {"do_not_extend": True}),
    ],
)
def test_attributes_of_the_root(tree: Resources, attributes: str, supports: dict[str, bool]) -> None:
    found = read(tree, "", attributes)
    assert found.supports == supports
    assert found.supports_of("nothing") is False


def test_only_xml_files_count_and_name_the_type(tree: Resources) -> None:
    tree.write(f"{FOLDER}/configuration/other.txt", "no")
    tree.write(f"{FOLDER}/configuration/sub/x.xml", "no")
    found = read(tree, config_property("a", "1"))
    assert (found.type, found.file_name) == ("site", "site.xml")
    assert list(tree.read_service("E/1", "A").definition.configurations) == ["site"]


def test_the_folder_may_have_another_name(tree: Resources) -> None:
    tree.extension("E/1", "", A="<configuration-dir>conf-a</configuration-dir>")
    tree.write(f"{FOLDER}/conf-a/x.xml", "<configuration/>")
    tree.write(f"{FOLDER}/configuration/y.xml", "<configuration/>")
    assert list(tree.read_service("E/1", "A").definition.configurations) == ["x"]


@pytest.mark.parametrize("content", ["<configuration>", "<x/>", "", "<!DOCTYPE c><configuration/>"])
def test_a_broken_file_makes_the_version_invalid(tree: Resources, content: str) -> None:
    tree.extension("E/1", "", A="")
    path = tree.write(f"{FOLDER}/configuration/site.xml", content)
    tree.write(f"{FOLDER}/configuration/good.xml", "<configuration/>")
    extension = tree.read_extension("E/1")
    assert len(extension.errors) == 1
    assert extension.errors[0].startswith(f"Could not parse XML {path}: ")
    assert list(extension.services["A"].definition.configurations) == ["good"]


def from_file(name: str, kind: str) -> str:
    return config_property(
        "p",
        "default",
        "<property-type>VALUE_FROM_PROPERTY_FILE</property-type><value-attributes>"
        f"<property-file-name>{name}</property-file-name><property-file-type>{kind}</property-file-type></value-attributes>",
    )


@pytest.mark.parametrize(
    ("name", "kind", "content", "value"),
    [
        ("f.txt", "text", "any <thing", "any <thing"),
        ("f.xml", "xml", "<a/>", "<a/>"),
        ("f.xml", "XML", "<a>", "default"),
        ("f.json", "json", "{}", "{}"),
        ("f.json", "json", "{", "default"),
        ("../metainfo.xml", "text", "x", "default"),
        ("missing", "text", "x", "default"),
    ],
)
def test_a_value_may_stand_in_a_file(tree: Resources, name: str, kind: str, content: str, value: str) -> None:
    if "." in name[1:] and "/" not in name:
        tree.write(f"{FOLDER}/properties/{name}", content)
    assert read(tree, from_file(name, kind)).properties["p"].value == value
    extension = tree.read_extension("E/1")
    assert extension.valid
    assert bool(extension.warnings) == (value == "default")


def test_properties_without_a_name_are_dropped_and_the_last_of_a_name_counts(tree: Resources) -> None:
    body = config_property("a", "1") + "<property><value>x</value></property>" + config_property("a", "2")
    assert read(tree, body).properties == {"a": Property("a", "2")}
