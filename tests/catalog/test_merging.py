"""Merging a child with its parent: Ambari's rules field by field, and the laws that hold for all of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_service.catalog.configuration_definitions import Configuration, Property
from registry_service.catalog.definitions import (
    AutoDeploy,
    BulkCommands,
    ClientConfigFile,
    CommandScript,
    Component,
    CredentialStore,
    CustomCommand,
    Dependency,
    Log,
    OsSpecific,
    Service,
    ServiceProperty,
    SingleSignOn,
)
from registry_service.catalog.merging import (
    finish_service,
    merge_components,
    merge_configuration,
    merge_configurations,
    merge_services,
)
from registry_service.catalog.value_types import File, Folder

ONE, TWO = "one", "two"


@pytest.mark.parametrize(
    ("field", "child", "parent"),
    [
        *[
            (name, ONE, TWO)
            for name in ("comment", "display_name", "service_type", "service_advisor_type", "version", "selection")
        ],
        ("maintainer", ONE, TWO),
        ("advisor_name", ONE, TWO),
        *[
            (name, False, True)
            for name in (
                "support_delete_via_ui",
                "restart_required_after_change",
                "restart_required_after_rack_change",
                "monitoring_service",
            )
        ],
        ("command_script", CommandScript(ONE), CommandScript(TWO, timeout=5)),
        ("credential_store", CredentialStore(supported=True), CredentialStore(enabled=True)),
        ("sso", SingleSignOn(supported=True), SingleSignOn(kerberos_required=True)),
        *[(name, Folder(ONE, ""), Folder(TWO, "")) for name in ("package", "upgrades", "checks", "server_actions")],
        *[
            (name, File(ONE, ""), File(TWO, ""))
            for name in ("metrics", "alerts", "kerberos", "widgets", "role_command_order", "advisor")
        ],
    ],
)
def test_a_service_takes_whole_what_it_does_not_say(field: str, child: Any, parent: Any) -> None:
    saying, silent = Service("S", **{field: child}), Service("S")
    other = Service("S", **{field: parent})
    assert getattr(merge_services(saying, other), field) == child
    assert getattr(merge_services(silent, other), field) == parent
    assert getattr(merge_services(saying, silent), field) == child
    assert getattr(merge_services(silent, silent), field) is None


@pytest.mark.parametrize(
    ("field", "child", "parent"),
    [
        ("required_services", ("A",), ("B", "C")),
        ("os_specifics", {"any": OsSpecific("any")}, {"redhat7": OsSpecific("redhat7")}),
    ],
)
def test_a_service_takes_what_it_leaves_empty(field: str, child: Any, parent: Any) -> None:
    test_child, empty, other = Service("S", **{field: child}), Service("S"), Service("S", **{field: parent})
    assert getattr(merge_services(test_child, other), field) == child
    assert getattr(merge_services(empty, other), field) == parent
    assert getattr(merge_services(test_child, empty), field) == child


@pytest.mark.parametrize("field", ["ldap", "kerberos_enabled_test", "rolling_restart_supported"])
def test_some_things_are_not_inherited(field: str) -> None:
    parent = Service("S", **{field: True})
    assert not getattr(merge_services(Service("S"), parent), field)


@pytest.mark.parametrize(
    ("child", "parent", "expected"),
    [
        (None, None, None),
        (None, ("a",), ("a",)),
        ((), ("a",), ("a",)),
        (("b", "a"), ("a", "c"), ("b", "a", "c")),
        (("b",), None, ("b",)),
    ],
)
def test_config_dependencies_are_joined(child: Any, parent: Any, expected: Any) -> None:
    merged = merge_services(Service("S", config_dependencies=child), Service("S", config_dependencies=parent))
    assert merged.config_dependencies == expected


def test_commands_and_properties_are_joined_by_name() -> None:
    child = Service(
        "S",
        custom_commands=(CustomCommand("A", hidden=True), CustomCommand("B")),
        properties=(ServiceProperty("managed", "false"),),
    )
    parent = Service(
        "S",
        custom_commands=(CustomCommand("A"), CustomCommand("C")),
        properties=(ServiceProperty("managed", "true"), ServiceProperty("x", "y")),
    )
    merged = merge_services(child, parent)
    assert merged.custom_commands == (CustomCommand("A", hidden=True), CustomCommand("B"), CustomCommand("C"))
    assert merged.properties == (ServiceProperty("managed", "false"), ServiceProperty("x", "y"))


@pytest.mark.parametrize(
    ("field", "child", "parent"),
    [
        ("command_script", CommandScript(ONE), CommandScript(TWO)),
        *[
            (name, ONE, TWO)
            for name in ("display_name", "category", "cardinality", "decommission_allowed", "timeline_appid")
        ],
        ("unlimited_key_jce_required", ONE, TWO),
        ("reassign_allowed", ONE, TWO),
        ("version_advertised", False, True),
        ("config_dependencies", ("a",), ("b",)),
        ("config_dependencies", (), ("b",)),
        ("client_config_files", (ClientConfigFile("a"),), (ClientConfigFile("b"),)),
        ("clients_to_update_configs", (), ("b",)),
        ("auto_deploy", AutoDeploy(), AutoDeploy(enabled=True)),
        ("bulk_commands", BulkCommands("a"), BulkCommands("b")),
    ],
)
def test_a_component_takes_whole_what_it_does_not_say(field: str, child: Any, parent: Any) -> None:
    saying, silent = Component("C", **{field: child}), Component("C")
    other = Component("C", **{field: parent})
    assert getattr(merge_components(saying, other), field) == child
    assert getattr(merge_components(silent, other), field) == parent
    assert getattr(merge_components(silent, silent), field) is None


@pytest.mark.parametrize(("child", "parent"), [(True, False), (False, True), (True, True), (False, False)])
def test_recovery_is_always_the_parents_word(child: bool, parent: bool) -> None:
    merged = merge_components(Component("C", recovery_enabled=child), Component("C", recovery_enabled=parent))
    assert merged.recovery_enabled is parent


def test_what_a_component_has_many_of_is_joined_by_name() -> None:
    child = Component("C", dependencies=(Dependency("A/B", scope="host"),), logs=(Log("l", primary=True),))
    parent = Component("C", dependencies=(Dependency("A/B"), Dependency("A/C")), logs=(Log("l"), Log("m")))
    merged = merge_components(child, parent)
    assert merged.dependencies == (Dependency("A/B", scope="host"), Dependency("A/C"))
    assert merged.logs == (Log("l", primary=True), Log("m"))


def components(*items: Component) -> dict[str, Component]:
    return {item.name: item for item in items}


def test_components_are_merged_added_inherited_and_deleted() -> None:
    parent = Service("S", components=components(Component("A", category="MASTER"), Component("B"), Component("C")))
    child = Service(
        "S", components=components(Component("A", display_name="a"), Component("B", deleted=True), Component("D"))
    )
    merged = merge_services(child, parent)
    assert merged.components == components(
        Component("A", display_name="a", category="MASTER"), Component("D"), Component("C")
    )


def test_a_deleted_component_that_comes_back_inherits_nothing() -> None:
    first = Service("S", components=components(Component("A", category="MASTER")))
    second = finish_service(merge_services(Service("S", components=components(Component("A", deleted=True))), first))
    third = merge_services(Service("S", components=components(Component("A", cardinality="1"))), second)
    assert third.components == components(Component("A", cardinality="1"))


def configuration(name: str, supports: dict[str, bool] | None = None, **values: str) -> Configuration:
    return Configuration(name, supports or {}, {key: Property(key, value) for key, value in values.items()})


def test_properties_are_replaced_as_a_whole() -> None:
    parent = Configuration("t", {}, {"a": Property("a", "1", description="d"), "b": Property("b", "2")})
    child = Configuration("t", {}, {"a": Property("a", "9"), "c": Property("c", "3")})
    merged = merge_configuration(child, parent)
    assert merged.properties == {"a": Property("a", "9"), "c": Property("c", "3"), "b": Property("b", "2")}


@pytest.mark.parametrize("blocked", [False, True])
def test_deleted_properties_are_gone_on_both_sides(blocked: bool) -> None:
    child = Configuration(
        "t", {"do_not_extend": blocked}, {"a": Property("a", deleted=True), "z": Property("z", deleted=True)}
    )
    merged = merge_configuration(child, configuration("t", None, a="1", b="2"))
    assert list(merged.properties) == ([] if blocked else ["b"])


def test_attributes_are_merged_unless_nothing_is_to_be_inherited() -> None:
    parent = configuration("t", {"final": True, "adding_forbidden": True}, a="1")
    assert merge_configuration(configuration("t", {"final": False}), parent).supports == {
        "final": False,
        "adding_forbidden": True,
    }
    closed = merge_configuration(configuration("t", {"do_not_extend": True}, b="2"), parent)
    assert closed == configuration("t", {"do_not_extend": True}, b="2")


def test_excluded_types_are_not_inherited() -> None:
    parent = {"x": configuration("x", None, a="1"), "y": configuration("y", None, a="1")}
    assert list(merge_configurations({}, parent, ("x",))) == ["y"]
    own = {"x": configuration("x", None, b="2")}
    assert merge_configurations(own, parent, ("x",))["x"] == own["x"]
    merged = merge_services(Service("S", excluded_config_types=("x",)), Service("S", excluded_config_types=("z",)))
    assert merged.excluded_config_types == ("x", "z")


text = st.sampled_from(["a", "b", "c"])
maybe = st.none() | text
components_strategy = st.dictionaries(
    text,
    st.builds(
        Component,
        st.just("?"),
        category=maybe,
        cardinality=maybe,
        deleted=st.booleans(),
        recovery_enabled=st.booleans(),
    ),
).map(lambda items: {name: msgspec.structs.replace(item, name=name) for name, item in items.items()})
configurations_strategy = st.dictionaries(
    text,
    st.builds(
        Configuration,
        st.just("?"),
        st.dictionaries(st.sampled_from(["final", "do_not_extend"]), st.booleans()),
        st.dictionaries(text, st.builds(Property, st.just("?"), value=maybe, deleted=st.booleans())),
    ),
)
services = st.builds(
    Service,
    st.just("S"),
    version=maybe,
    comment=maybe,
    required_services=st.lists(text, max_size=2).map(tuple),
    config_dependencies=st.none() | st.lists(text, max_size=2, unique=True).map(tuple),
    excluded_config_types=st.lists(text, max_size=2, unique=True).map(tuple),
    components=components_strategy,
    configurations=configurations_strategy,
    package=st.none() | st.builds(Folder, text, text),
)


@given(services)
def test_merging_with_nothing_changes_nothing(service: Service) -> None:
    finished = finish_service(service)
    assert finish_service(merge_services(service, Service("S"))) == finished
    inherited = finish_service(merge_services(Service("S"), finished))
    assert inherited == finished


@given(services)
def test_merging_with_itself_changes_nothing(service: Service) -> None:
    finished = finish_service(service)
    merged = finish_service(merge_services(finished, finished))
    assert msgspec.structs.replace(merged, configurations={}) == msgspec.structs.replace(finished, configurations={})
    assert merged.configurations == finished.configurations


@given(services, services)
def test_the_child_wins(child: Service, parent: Service) -> None:
    merged = finish_service(merge_services(child, finish_service(parent)))
    for field in ("version", "comment", "package"):
        said = getattr(child, field)
        assert getattr(merged, field) == (getattr(parent, field) if said is None else said)
    for name, item in child.components.items():
        assert (name in merged.components) is not item.deleted
        if not item.deleted and item.category is not None:
            assert merged.components[name].category == item.category
    for name, item in child.configurations.items():
        for key, found in item.properties.items():
            assert merged.configurations[name].properties.get(key) == (None if found.deleted else found)
    assert set(merged.components) <= set(child.components) | set(parent.components)


@given(services, services)
def test_neither_side_is_changed(child: Service, parent: Service) -> None:
    before = msgspec.msgpack.encode((child, parent))
    merge_services(child, parent)
    assert msgspec.msgpack.encode((child, parent)) == before
