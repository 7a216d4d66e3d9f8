"""`graft validate` of extension versions with methods."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft_cli.validation import check_extension, check_tree
from support.resources import Resources, declarations, method

NEEDS = (
    "<prerequisites><min-stack-versions><stack><name>HDP</name><version>2.4</version></stack></min-stack-versions>"
    "</prerequisites>"
)


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    tree = Resources(tmp_path / "resources")
    tree.extension("EXT/1.0", NEEDS)
    tree.extension("EXT/1.1", "<extends>1.0</extends>" + NEEDS)
    return tree


def test_what_is_wrong_is_told_with_file_and_line(tree: Resources) -> None:
    tree.method_files("EXT/1.0", {"a.xml": declarations("\n\n", method("A.b", '<result type="integer"/>'))})
    place = tree.root / "extensions/EXT/1.0"
    text = f"{place}/methods/a.xml:3: /methods/method[1]/result[1]: "
    for key in ("1.0", "1.1"):
        (error,) = check_extension(place.parent / key, tree.root).errors
        assert error["text"].startswith(text)
    errors = check_tree(tree.root).errors
    assert [error["version"] for error in errors] == ["extensions/EXT/1.1", "extensions/EXT/1.0"]
    assert errors[0]["text"].startswith("extensions/EXT/1.0/methods/a.xml:3: ")


def test_a_parents_types_are_known_and_warnings_are_the_versions_own(tree: Resources) -> None:
    tree.method_files("EXT/1.0", {"a.xml": declarations('<enum name="e"><value name="v"/></enum>', method("A.b"))})
    tree.method_files("EXT/1.1", {"a.xml": declarations("\n", method("A.c", '<result type="enum e"/>'))})
    place = tree.root / "extensions/EXT/1.1"
    report = check_extension(place, tree.root)
    assert report.errors == []
    assert report.warnings == [
        {
            "file": f"{place}/methods/a.xml",
            "line": 2,
            "path": "",
            "text": "there is no A.c that answers A.c; put it into methods/",
        }
    ]
    assert json.dumps(report.warnings)
