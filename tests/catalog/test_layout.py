"""What counts as a version directory, and what lies beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from registry_service.catalog.catalog import read_catalog
from support.resources import Resources, service_file


def test_an_empty_or_missing_directory_is_an_empty_catalog(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        catalog = read_catalog(root)
        assert not catalog.extensions
        assert not catalog.stacks
        assert not catalog.common_services


def test_names_are_those_of_directories(tree: Resources) -> None:
    tree.extension("My Ext/1.0-b", "<name>OTHER</name><version>9</version>")
    extension = tree.read_extension("My Ext/1.0-b")
    assert (extension.name, extension.version, extension.source) == ("My Ext", "1.0-b", "extensions/My Ext/1.0-b")


def test_only_directories_count_and_some_are_passed_over(tree: Resources) -> None:
    tree.extension("EXT/1.0")
    tree.write("extensions/README", "read me")
    tree.write("extensions/EXT/README.txt", "read me")
    for ignored in (".svn", ".git"):
        tree.extension(f"{ignored}/1.0")
        tree.extension(f"EXT/{ignored}")
        tree.write(f"extensions/EXT/1.0/services/{ignored}/metainfo.xml", "broken")
    tree.extension(".hidden/1.0")
    catalog = tree.read()
    assert {name: list(versions) for name, versions in catalog.extensions.items()} == {
        ".hidden": ["1.0"],
        "EXT": ["1.0"],
    }
    assert catalog.extensions["EXT"]["1.0"].valid


def test_versions_and_services_may_be_links(tree: Resources) -> None:
    tree.write("mpacks/pack-1.0/extensions/EXT/1.0/metainfo.xml", "<metainfo/>")
    tree.write("mpacks/pack-1.0/extensions/EXT/1.0/services/A/metainfo.xml", service_file("A", "<version>7</version>"))
    tree.write("mpacks/pack-1.0/services/B/metainfo.xml", service_file("B", "<version>8</version>"))
    version = tree.root / "extensions/EXT"
    version.mkdir(parents=True)
    (version / "1.0").symlink_to(tree.root / "mpacks/pack-1.0/extensions/EXT/1.0")
    (tree.root / "mpacks/pack-1.0/extensions/EXT/1.0/services/B").symlink_to("../../../../services/B")
    (version / "README").symlink_to(tree.root / "mpacks/pack-1.0/services/B/metainfo.xml")
    (version / "2.0").symlink_to("nowhere")
    extension = tree.read_extension("EXT/1.0")
    assert {name: node.definition.version for name, node in extension.services.items()} == {"A": "7", "B": "8"}
    assert list(tree.read().extensions["EXT"]) == ["1.0"]


def test_links_in_a_circle_end(tree: Resources) -> None:
    directory = tree.extension("EXT/1.0", "", A="")
    (directory / "services/A/package").mkdir()
    (directory / "services/A/package/loop").symlink_to(directory)
    (directory / "services/B").symlink_to(directory / "services")
    (directory / "self").symlink_to("self")
    (tree.root / "extensions/LOOP").symlink_to("LOOP")
    extension = tree.read_extension("EXT/1.0")
    assert extension.valid
    assert list(extension.services) == ["A"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tree: Resources) -> None:
    directory = tree.extension("EXT/1.0", "", A="")
    os.mkfifo(directory / "services/A/metrics.json")
    extension = tree.read_extension("EXT/1.0")
    assert extension.valid
    assert extension.services["A"].definition.metrics is None
    assert [finding.file for finding in extension.warnings] == ["extensions/EXT/1.0/services/A/metrics.json"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error_of_its_version(tree: Resources) -> None:
    path = tree.extension("EXT/1.0") / "metainfo.xml"
    path.chmod(0)
    tree.extension("EXT/2.0")
    assert f"Unable to parse extension metainfo.xml file at location: {path}" in tree.read_extension("EXT/1.0").errors
    assert tree.read_extension("EXT/2.0").valid


@pytest.mark.skipif(sys.platform == "darwin", reason="names are always text there")
def test_names_that_are_no_text_are_passed_over(tree: Resources) -> None:
    tree.extension("EXT/1.0")
    (Path(os.fsdecode(bytes(tree.root / "extensions") + b"/\xff")) / "1.0").mkdir(parents=True)
    assert list(tree.read().extensions) == ["EXT"]


def test_the_order_of_reading_does_not_matter(tree: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories are listed in any order; the catalog is always the same."""
    for number in range(3):
        tree.extension(f"E{number}/1.0", "", A="<version>1</version>", B="")
        tree.extension(f"E{number}/2.0", "<extends>1.0</extends>", A="<comment>x</comment>")
        tree.write(f"extensions/E{number}/2.0/services/Z/metainfo.xml", service_file("A", "<comment>z</comment>"))
    forwards = tree.read()
    real = os.scandir

    class Backwards:
        def __init__(self, path: str) -> None:
            with real(path) as entries:
                self.entries = list(entries)[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    backwards = tree.read()
    assert backwards.reading == forwards.reading
    assert backwards.extensions["E1"]["2.0"].services["A"].definition.comment == "z"
    assert [finding.text for finding in forwards.warnings()] == [
        f"service A is also defined in extensions/E{number}/2.0/services/A; this one counts" for number in range(3)
    ]
