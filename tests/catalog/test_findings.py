"""All findings of a tree, page by page, are those that are found at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft_cli.validation import check_tree
from registry_service.catalog.catalog import read_catalog
from registry_service.catalog.findings import AllFindings, Position, findings_of
from registry_service.catalog.schema_checks import Verdicts
from registry_service.catalog.value_types import Finding
from support.resources import Resources


def pages(root: Path, size: int, seconds: float = 60) -> list[list[Finding]]:
    found, position = [], Position()
    everything = AllFindings(read_catalog(root))
    verdicts = Verdicts()
    while True:
        page, after = everything.page(position, size, seconds, verdicts)
        found.append(list(page))
        if after is None:
            return found
        position = after


def odd(tree: Resources) -> Resources:
    """Fill a tree with versions whose names sort otherwise than their folders, each with findings of both kinds."""
    for version in ("1.0", "1.0.1", "1.0-2"):
        tree.extension(f"E/{version}", "<stacks/>", A="<selection>NONE</selection>", B="<themes/>")
        tree.write(f"extensions/E/{version}/services/EMPTY/README", "")
    tree.stack("S/1", A="<selection>NONE</selection>")
    tree.common("C/1", "<selection>NONE</selection>")
    tree.extension("CLEAN/1", tree_needs())
    return tree


def tree_needs() -> str:
    stack = "<stack><name>S</name><version>1</version></stack>"
    return f"<prerequisites><min-stack-versions>{stack}</min-stack-versions></prerequisites>"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_hold_what_graft_validate_shows_in_its_order(tree: Resources, size: int) -> None:
    odd(tree)
    found = pages(tree.root, size)
    assert all(len(page) <= size for page in found)
    assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)
    flat = [item for page in found for item in page]
    shown = check_tree(tree.root).warnings
    assert [(item.file, item.line, item.path, item.text) for item in flat] == [
        (item["file"], item["line"], item["path"], item["text"]) for item in shown
    ]
    assert len(flat) > 10
    assert any("doesn't contain a metainfo.xml" in item.text for item in flat)
    assert any("NONE" in item.text for item in flat)


def test_a_page_that_takes_too_long_is_cut_short_and_gets_on(tree: Resources) -> None:
    odd(tree)
    found = pages(tree.root, 1000, seconds=0)
    assert len(found) == 6
    assert [item for page in found for item in page] == pages(tree.root, 1000)[0]


def test_a_position_in_a_version_that_is_gone_goes_on_after_it(tree: Resources) -> None:
    everything = AllFindings(odd(tree).read())
    page, after = everything.page(Position("extensions/E/1.0.0/", 2), 1000, 60, Verdicts())
    assert page[0].file == "extensions/E/1.0.1/metainfo.xml"
    assert after is None


def test_one_version_has_its_part_of_them(tree: Resources) -> None:
    catalog = odd(tree).read()
    everything, _ = AllFindings(catalog).page(Position(), 1000, 60, Verdicts())
    own = findings_of(catalog, "extensions", "E", "1.0", Verdicts())
    assert own == [item for item in everything if item.file.startswith("extensions/E/1.0/")]
    assert findings_of(catalog, "extensions", "E", "9", Verdicts()) == []
