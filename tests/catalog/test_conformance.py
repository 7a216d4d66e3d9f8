"""Ambari's own fixtures give what Ambari's own tests expect (StackManagerExtensionTest and the list beside the data)."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_service.catalog.catalog import read_catalog
from registry_service.catalog.schema_checks import Verdicts, check_version
from registry_service.catalog.stack_views import StackViews

OOZIE = "extensions/EXT/0.1/services/OOZIE2"


def test_the_first_version(ambari: Path) -> None:
    extension = read_catalog(ambari).extensions["EXT"]["0.1"]
    assert (extension.valid, extension.parent_version) == (True, None)
    service = extension.services["OOZIE2"].definition
    assert service.version == "3.2.0"
    folders = (service.package, service.checks, service.server_actions)
    assert [folder.path for folder in folders if folder] == [
        f"{OOZIE}/package",
        f"{OOZIE}/checks",
        f"{OOZIE}/server_actions",
    ]
    assert list(service.themes) == ["working_theme.json"]
    assert {name: (item.category, item.cardinality) for name, item in service.components.items()} == {
        "OOZIE2_SERVER": ("MASTER", "1"),
        "OOZIE2_CLIENT": ("CLIENT", "0+"),
    }
    assert [(item.name, item.version) for item in extension.stacks] == [("HDP", "0.1")]


def test_the_second_version_inherits_the_package_and_no_theme(ambari: Path) -> None:
    extension = read_catalog(ambari).extensions["EXT"]["0.2"]
    assert (extension.valid, extension.parent_version, extension.auto_links) == (True, "0.1", False)
    service = extension.services["OOZIE2"].definition
    assert service.version == "4.0.0"
    folders = (service.package, service.checks, service.server_actions)
    assert [folder.path for folder in folders if folder] == [
        f"{OOZIE}/package",
        f"{OOZIE}/checks",
        f"{OOZIE}/server_actions",
    ]
    assert service.themes == {}
    assert [finding.file for finding in extension.warnings] == [
        "extensions/EXT/0.2/services/OOZIE2/themes/broken_theme.json"
    ]
    assert "oozie-site" not in service.configurations
    assert "oozie.base.url" in service.configurations["oozie2-site"].properties


@pytest.mark.parametrize(("version", "links"), [("0.1", False), ("0.2", False), ("0.3", True), ("0.4", True)])
def test_which_versions_link_themselves(ambari: Path, version: str, links: bool) -> None:
    assert read_catalog(ambari).extensions["EXT"][version].auto_links is links


def test_a_linked_stack_offers_the_extensions_services(ambari: Path) -> None:
    catalog = read_catalog(ambari)
    views = StackViews(catalog, {("HDP", "0.1"): [("EXT", "0.1")]})
    stack = views.get("HDP", "0.1")
    assert stack is not None
    assert stack.services["OOZIE2"].definition.version == "3.2.0"
    assert [(item.name, item.version) for item in stack.extensions] == [("EXT", "0.1")]
    switched = views.relinked(("HDP", "0.1"), [("EXT", "0.2")]).get("HDP", "0.1")
    assert switched is not None
    assert switched.services["OOZIE2"].definition.version == "4.0.0"
    for version in ("0.2", "0.3", "0.4"):
        other = views.get("HDP", version)
        assert other is not None
        assert (other.valid, other.extensions) == (True, ())
        assert set(other.services) == {"HBASE", "HDFS", "HIVE", "MAPREDUCE", "ZOOKEEPER"}


@pytest.mark.parametrize("version", ["0.3", "0.4"])
def test_the_newest_version_when_it_is_linked(ambari: Path, version: str) -> None:
    stack = StackViews(read_catalog(ambari), {("HDP", version): [("EXT", "0.4")]}).get("HDP", version)
    assert stack is not None
    assert stack.services["OOZIE2"].definition.version == "4.0.0"


def test_pig_extends_a_common_service(ambari: Path) -> None:
    service = read_catalog(ambari).extensions["EXT"]["0.1"].services["PIG2"]
    definition = service.definition
    assert (definition.name, definition.version) == ("PIG2", "1.0")
    assert definition.comment == "This is comment for PIG service"
    assert list(definition.components) == ["PIG"]
    assert definition.command_script is not None
    assert definition.command_script.timeout == 300
    assert [(package.name, package.skip_upgrade) for package in definition.os_specifics["centos6"].packages] == [
        ("pig", False),
        ("lzo", True),
    ]
    assert [source for source, _ in service.layers] == ["extensions/EXT/0.1", "common-services/PIG/1.0"]


def test_everything_is_valid_and_without_complaints(ambari: Path) -> None:
    catalog = read_catalog(ambari)
    views = StackViews(catalog, {})
    assert all(extension.valid for extension in catalog.extensions["EXT"].values())
    assert all(common.valid for common in catalog.common_services.values())
    assert all((view := views.get(*key)) is not None and view.valid for key in catalog.stacks)
    assert {finding.file.rpartition("/")[2] for finding in catalog.warnings()} == {"broken_theme.json"}
    verdicts = Verdicts()
    for kind in ("extensions", "stacks", "common-services"):
        for name, versions in catalog.reading.of(kind).items():
            for version in versions:
                assert check_version(catalog.reading.root, kind, name, version, verdicts) == []
