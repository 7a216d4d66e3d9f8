"""Extensions, stacks and links on the command line, against a whole platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Graft
from links.conftest import needs
from support.resources import Resources
from support.running import Platform, make_platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("resources")
    tree = fill(Resources(root / "resources"))
    platform = make_platform("up", root / "platform", GRAFT_RESOURCES_DIR=str(tree.root), GRAFT_ENGINE="none")
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


def fill(tree: Resources) -> Resources:
    tree.stack("HDP/2.4", HDFS="")
    tree.stack("HDP/2.5", "<extends>2.4</extends>")
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1</version><comment>flows</comment>")
    tree.extension("EXT/2.0", "<extends>1.0</extends>" + needs("HDP", "2.4"), OOZIE="<version>2</version>")
    tree.extension("CLASH/1.0", needs("HDP", "2.4"), HDFS="")
    tree.extension("ORPHAN/1.0", "<extends>0.1</extends>")
    return tree


def answer(platform: Platform, *arguments: str, code: int = 0) -> Any:
    done = platform.graft(*arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_from_the_list_to_a_link_and_back(platform: Platform) -> None:
    listed = answer(platform, "ls")
    assert [f"{item['name']}/{item['version']}" for item in listed["extensions"] if item["valid"]] == [
        "CLASH/1.0",
        "EXT/1.0",
        "EXT/2.0",
    ]
    assert list(answer(platform, "ls", "stacks")) == ["stacks"]
    assert "ORPHAN/1.0" in platform.graft("ls", "extensions").stdout

    why = answer(platform, "link", "CLASH/1.0", "HDP/2.4", "--why", code=1)[0]
    assert [check["code"] for check in why["checks"] if check["outcome"] == "fails"] == ["SERVICE_EXISTS"]
    refused = platform.graft("link", "CLASH/1.0", "HDP/2.4")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "graft: SERVICE_EXISTS\n  Existing service is included in extension, stackName=HDP" in refused.stderr

    assert "can be linked" in platform.graft("link", "EXT/2.0", "HDP/2.4", "--why").stdout
    made = answer(platform, "link", "EXT/2.0", "HDP/2.4", "HDP/2.5")
    assert [link["stack_version"] for link in made] == ["2.4", "2.5"]
    assert [link["id"] for link in answer(platform, "links")] == [link["id"] for link in made]
    assert "EXT/2.0    HDP/2.4" in platform.graft("links").stdout
    shown = answer(platform, "show", "HDP/2.4")
    assert shown["stack_version"]["services"] == ["HDFS", "OOZIE"]
    for link in made:
        assert platform.graft("unlink", str(link["id"])).returncode == 0
    gone = platform.graft("unlink", str(made[0]["id"]))
    assert (gone.returncode, "LINK_NOT_FOUND" in gone.stderr) == (1, True)


def test_what_is_shown(platform: Platform) -> None:
    assert [item["version"] for item in answer(platform, "show", "EXT")] == ["1.0", "2.0"]
    service = answer(platform, "show", "EXT/2.0/OOZIE", "--explain")
    assert (service["version"], service["comment"]) == ("2", "flows")
    assert service["origins"] == {"version": "extensions/EXT/2.0", "comment": "extensions/EXT/1.0"}
    assert "comment: flows" in platform.graft("show", "EXT/2.0/OOZIE").stdout
    for wrong, code in (("NONE", 1), ("EXT/9", 1), ("EXT/1.0/NONE", 1), ("EXT/", 2), ("/", 2)):
        done = platform.graft("show", wrong)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert "Traceback" not in done.stderr
    assert platform.graft("link", "EXT", "HDP/2.4").returncode == 2


def test_reloading(platform: Platform) -> None:
    counts = answer(platform, "reload")
    assert int(counts.pop("revision")) > 0
    assert counts == {"extension_versions": 4, "invalid_extension_versions": 1, "stack_versions": 2}
    assert "4 extension versions, 1 of them not valid; 2 stack versions" in platform.graft("reload").stdout


def test_a_tree_is_checked_without_a_service(graft: Graft, tmp_path: Path) -> None:
    tree = fill(Resources(tmp_path / "resources"))
    tree.write("extensions/OLD/1.0/metainfo.xml", "<metainfo>\n<stacks><stack/></stacks></metainfo>")
    done = graft("validate", "resources")
    assert done.returncode == 1
    assert "extensions/ORPHAN/1.0: error: Extension 'ORPHAN:1.0' specifies a parent that doesn't exist" in done.stdout
    assert "extensions/OLD/1.0/metainfo.xml:2: warning: <stacks> is ignored here" in done.stdout
    found = json.loads(graft("validate", "--json", GRAFT_RESOURCES_DIR=str(tree.root)).stdout)
    assert [error["version"] for error in found["errors"]] == ["extensions/ORPHAN/1.0"]
    assert graft("validate", "none").returncode == 1
