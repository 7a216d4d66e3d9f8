"""Extensions, stacks and links on the command line, against a whole platform."""

from __future__ import annotations

import json
import shutil
import subprocess
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
    assert platform.graft("unlink", str(made[0]["id"])).returncode == 0
    assert answer(platform, "unlink", "EXT/2.0", "HDP/2.5")["id"] == made[1]["id"]
    for arguments, code, told in (
        ((str(made[0]["id"]),), 1, "LINK_NOT_FOUND"),
        (("EXT/2.0", "HDP/2.5"), 1, "EXT/2.0 is not linked to HDP/2.5; `graft links` lists the links"),
        (("EXT/2.0",), 2, "give a link's id alone, or an extension version and a stack version"),
        (("1", "HDP/2.5"), 2, "give a link's id alone, or an extension version and a stack version"),
    ):
        gone = platform.graft("unlink", *arguments)
        assert (gone.returncode, told in gone.stderr) == (code, True), arguments


def test_a_link_is_switched_to_another_version(platform: Platform) -> None:
    first, second = (answer(platform, "link", "EXT/1.0", stack)[0]["id"] for stack in ("HDP/2.4", "HDP/2.5"))
    try:
        switched = answer(platform, "relink", "EXT/2.0", "HDP/2.4")
        assert (switched["id"], switched["extension_version"]) == (first, "2.0")
        assert (
            platform.graft("relink", "EXT/2.0", str(first)).stdout == f"link {first}: EXT/2.0 to HDP/2.4, as before\n"
        )
        done = platform.graft("relink", "EXT/2.0", str(second))
        assert done.stdout == f"link {second}: EXT/2.0 to HDP/2.5, before EXT/1.0\n", done.stderr
        for arguments, code, told in (
            (("EXT/9", "HDP/2.4"), 1, "EXTENSION_NOT_FOUND\n  Stack data, Extension EXT 9 is not found"),
            (("CLASH/1.0", "HDP/2.4"), 1, "no version of CLASH is linked to HDP/2.4; `graft links` lists the links"),
            (("CLASH/1.0", str(first)), 1, "EXTENSION_NAME_FIXED"),
            (("EXT/2.0", "999999"), 1, "LINK_NOT_FOUND"),
            (("EXT/2.0", "HDP"), 2, "'HDP' is no name and version such as HDP/2.4, nor a link's id"),
            (("EXT", "HDP/2.4"), 2, "'EXT' is no name and version such as EXT/2.0"),
        ):
            done = platform.graft("relink", *arguments)
            assert (done.returncode, done.stdout) == (code, ""), arguments
            assert told in done.stderr
    finally:
        for number in (first, second):
            assert platform.graft("unlink", str(number)).returncode == 0


def test_what_is_wrong_is_seen_in_the_lists(platform: Platform) -> None:
    tree = Resources(Path(platform.environment["GRAFT_RESOURCES_DIR"]))
    tree.extension("GOING/1.0", needs("HDP", "2.4"), GOING="<version>1</version>")
    tree.extension("BREAKING/1.0", needs("HDP", "2.4"), BREAKING="<version>1</version>")
    answer(platform, "reload")
    made = [answer(platform, "link", key, "HDP/2.4")[0]["id"] for key in ("GOING/1.0", "BREAKING/1.0")]
    assert platform.graft("links").stderr == ""
    shutil.rmtree(tree.root / "extensions/GOING")
    tree.write("extensions/BREAKING/1.0/metainfo.xml", "<metainfo>")
    answer(platform, "reload")
    try:
        listed = platform.graft("links")
        going, breaking = listed.stdout.splitlines()[1:]
        assert "PROBLEM" in going
        assert going.endswith("Extension GOING 1.0 is not in the resources directory")
        assert "BREAKING 1.0 is not valid; its last valid state stays in force: " in breaking
        assert listed.stderr == "links with a problem: 2 of 2\n"
        rows = platform.graft("ls", "extensions").stdout.splitlines()
        (row,) = [row for row in rows if "BREAKING/1.0" in row]
        assert "NOT VALID" in row
        assert row.endswith("(and 1 more)")
        assert next(row for row in rows if "ORPHAN/1.0" in row).endswith("specifies a parent that doesn't exist")
        assert answer(platform, "show", "BREAKING/1.0")["last_good_in_force"] is True
    finally:
        for number in made:
            assert platform.graft("unlink", str(number)).returncode == 0
        shutil.rmtree(tree.root / "extensions/BREAKING")
        answer(platform, "reload")


def test_a_new_extension_is_linked_at_once(platform: Platform) -> None:
    written = answer(platform, "new", "extension", "FRESH/1.0", "--stack", "HDP/2.4")
    assert written["services"] == ["FRESH"]
    answer(platform, "reload")
    link = answer(platform, "link", "FRESH/1.0", "HDP/2.4")[0]["id"]
    try:
        service = answer(platform, "show", "HDP/2.4/FRESH")
        assert [component["name"] for component in service["components"]] == ["FRESH_SERVER"]
        assert service["package"] == "extensions/FRESH/1.0/services/FRESH/package"
        assert service["themes"] == ["theme.json"]
        assert service["quick_links"] == ["quicklinks.json"]
        assert {item["name"] for item in service["properties"]} == {"fresh.port", "fresh.log.level"}
    finally:
        assert platform.graft("unlink", str(link)).returncode == 0
        shutil.rmtree(Path(written["path"]).parent)
        answer(platform, "reload")


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
    none = graft("validate", "none")
    assert (none.returncode, none.stderr) == (1, f"graft: there is no {tmp_path / 'none'}\n")


def test_one_extension_version_is_checked(graft: Graft, tmp_path: Path) -> None:
    tree = fill(Resources(tmp_path / "resources"))
    tree.common("PIG/1.0")
    tree.extension("PIGS/1.0", needs("HDP", "2.4"), PIG2="<extends>common-services/PIG/1.0</extends>")
    tree.extension("PIGS/2.0", "<extends>1.0</extends>" + needs("HDP", "2.4"))
    tree.write("extensions/BAD/1.0/metainfo.xml", "<metainfo><prerequisites/>")
    assert graft("validate", "resources/extensions/PIGS/2.0").stdout == "PIGS/2.0: 0 errors, 0 warnings\n"
    done = graft("validate", "resources/extensions/ORPHAN/1.0")
    assert done.returncode == 1
    error, warning, summary = done.stdout.splitlines()
    assert error == "extensions/ORPHAN/1.0: error: Extension 'ORPHAN:1.0' specifies a parent that doesn't exist"
    assert warning.startswith(f"{tree.root}/extensions/ORPHAN/1.0/metainfo.xml:1: warning: no stack is named in ")
    assert summary == "ORPHAN/1.0: 1 errors, 1 warnings"
    done = graft("validate", "resources/extensions/BAD/1.0")
    assert f"file at location: {tree.root}/extensions/BAD/1.0/metainfo.xml" in done.stdout
    assert "graft-validate" not in done.stdout

    # Of what lies elsewhere, what it extends is beside it, and common services are in the resources directory.
    (tmp_path / "elsewhere").mkdir()
    (tree.root / "extensions/PIGS").rename(tmp_path / "elsewhere/PIGS")
    there = graft("validate", "elsewhere/PIGS/2.0", GRAFT_RESOURCES_DIR=str(tree.root))
    assert there.stdout == "PIGS/2.0: 0 errors, 0 warnings\n"
    alone = graft("validate", "elsewhere/PIGS/2.0")
    assert (alone.returncode, "extends a non-existent service" in alone.stdout) == (1, True)


def test_a_management_pack_is_checked(graft: Graft, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    (pack / "extensions/EXT/1.0").mkdir(parents=True)
    (pack / "extensions/EXT/1.0/metainfo.xml").write_text("<metainfo>\n<stacks><stack/></stacks></metainfo>")
    artifact = {"name": "extensions", "type": "extension-definitions", "source_dir": "extensions"}
    said: dict[str, Any] = {"name": "foo", "version": "1.0", "prerequisites": {}, "artifacts": [artifact]}
    (pack / "mpack.json").write_text(json.dumps(said))
    archive = tmp_path / "foo-1.0.tar.gz"
    subprocess.run(["tar", "-czf", str(archive), "-C", str(tmp_path), "pack"], check=True)
    for path in (pack, archive):
        done = graft("validate", str(path))
        assert done.returncode == 0, done.stderr
        assert "extensions/EXT/1.0/metainfo.xml:2: warning: <stacks> is ignored here" in done.stdout
        assert "foo-1.0: 0 errors" in done.stdout

    said["prerequisites"] = {"min-ambari-version": "99.0"}
    (pack / "mpack.json").write_text(json.dumps(said))
    done = graft("validate", str(pack))
    assert done.returncode == 1
    assert "foo-1.0: error: Prerequisite failure! Current Ambari Version = " in done.stdout
    (pack / "mpack.json").write_text("{")
    broken = json.loads(graft("validate", str(pack), "--json").stdout)
    assert broken["errors"][0]["text"].startswith("Malformed management pack. mpack.json is not as it must be")
    archive.write_bytes(b"no archive")
    done = graft("validate", str(archive))
    assert (done.returncode, "Malformed management pack." in done.stdout) == (1, True)
