"""`graft new extension`: what it writes, and what it refuses."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Graft
from support.resources import Resources

AGENT = Path(__file__).parent.parent / "fakes/ambari_script.py"


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    tree = Resources(tmp_path / "home/.local/share/graft/resources")
    tree.stack("HDP/2.4")
    tree.stack("HDP/2.10")
    tree.stack("BIGTOP/3.2")
    return tree


def written(graft: Graft, *arguments: str) -> dict[str, Any]:
    done = graft("new", "extension", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.usefixtures("environment")
def test_what_is_written_is_valid_and_without_warnings(graft: Graft, tree: Resources) -> None:
    first = written(
        graft, "my-ext/1.0", "--stack", "HDP/2.4", "--service", "OOZIE", "--service", "Hue_4", "--auto-link"
    )
    second = written(graft, "my-ext/1.1", "--extends", "1.0")
    third = written(graft, "my-ext/2", "--extends", "1.1", "--stack", "BIGTOP/3.2", "--service", "OOZIE")
    other = written(graft, "other/1.0")
    assert [item["services"] for item in (first, second, third, other)] == [
        ["OOZIE", "Hue_4"],
        [],
        ["OOZIE"],
        ["OTHER"],
    ]
    assert second["stacks"] == ["HDP/2.4"]
    assert other["stacks"] == ["BIGTOP/3.2", "HDP/2.4"]
    assert other["path"] == str(tree.root / "extensions/other/1.0")
    assert sorted(other["files"]) == [
        "README.md",
        "metainfo.xml",
        "services/OTHER/configuration/other-site.xml",
        "services/OTHER/metainfo.xml",
        "services/OTHER/package/scripts/other.py",
        "services/OTHER/quicklinks/quicklinks.json",
        "services/OTHER/themes/theme.json",
    ]
    checked = json.loads(graft("validate", "--json").stdout)
    assert checked == {"errors": [], "warnings": []}
    for item in (first, second, third, other):
        alone = json.loads(graft("validate", item["path"], "--json").stdout)
        assert alone == {"errors": [], "warnings": []}

    extension = tree.read_extension("my-ext/1.0")
    assert (extension.valid, extension.definition.active, extension.definition.auto_link) == (True, True, True)
    assert set(tree.read_extension("my-ext/2").services) == {"OOZIE", "Hue_4"}
    assert not tree.read_extension("other/1.0").definition.auto_link
    assert [path.name for path in tree.root.iterdir() if path.name.startswith(".")] == []


def test_a_directory_is_made_where_it_is_wanted(graft: Graft, tmp_path: Path) -> None:
    done = graft("new", "extension", "EXT/1.0", "--stack", "HDP/2.4", "--dir", "made/here")
    target = tmp_path / "made/here/EXT/1.0"
    assert done.stdout == (
        f"{target}: 7 files; README.md there tells what they are\nnext: graft link EXT/1.0 HDP/2.4 --why\n"
    )
    # Whoever runs the registry can read it, as far as the umask lets others.
    assert target.stat().st_mode & 0o777 == 0o777 & ~_umask()
    assert graft("validate", str(target)).stdout == "EXT/1.0: 0 errors, 0 warnings\n"
    readme = (target / "README.md").read_text()
    assert "graft link EXT/1.0 HDP/2.4" in readme
    assert "$" not in readme


def test_nothing_is_overwritten(graft: Graft, tree: Resources) -> None:
    path = tree.extension("EXT/1.0", "<!-- somebody's own -->")
    for _ in range(2):
        done = graft("new", "extension", "EXT/1.0", "--stack", "HDP/2.4")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{path} exists already" in done.stderr
    assert "somebody's own" in (path / "metainfo.xml").read_text()
    assert [item.name for item in path.iterdir()] == ["metainfo.xml"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["EXT"], 2, "'EXT' is no name and version such as EXT/1.0"),
        (["EXT/1.0/2"], 2, "'EXT/1.0/2' is no name and version"),
        (["../1.0"], 2, "the extension's name is '..'"),
        (["EXT/.."], 2, "the extension's version is '..'"),
        (["EXT/-1"], 2, "the extension's version is '-1'"),
        (["E XT/1"], 2, "the extension's name is 'E XT'"),
        (["<E>/1"], 2, "the extension's name is '<E>'"),
        ([f"{'E' * 101}/1"], 2, "at most 100 characters"),
        (["EXT/1", "--stack", "HDP"], 2, "'HDP' is no name and version such as HDP/2.4"),
        (["EXT/1", "--stack", "H&P/2"], 2, "the name of a stack is 'H&P'"),
        (["EXT/1", "--service", "A-B"], 2, "--service 'A-B': a service's name is letters"),
        (["EXT/1", "--service", "JSON"], 2, "would hide the module of that name"),
        (["EXT/1", "--service", "Hue", "--service", "HUE"], 2, "--service HUE: another service is named so"),
        (["42/1"], 2, "no service can be named after 42; name one with --service"),
        (["EXT/1", "--extends", "0.9"], 1, "--extends names a version that is there"),
        (["EXT/1", "--extends", "../HDP"], 2, "the version to extend is '../HDP'"),
        (["HDP/1"], 1, "is a stack; an extension must have a name of its own"),
    ],
)
def test_names_are_checked(graft: Graft, tree: Resources, arguments: list[str], code: int, told: str) -> None:
    done = graft("new", "extension", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tree.root / "extensions").exists()


def test_a_stack_must_be_known_or_named(graft: Graft) -> None:
    done = graft("new", "extension", "EXT/1.0")
    assert done.returncode == 2
    assert "name one with --stack HDP/2.4" in done.stderr


def test_what_cannot_be_written_is_named(graft: Graft, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = graft("new", "extension", "EXT/1.0", "--stack", "HDP/2.4", "--dir", "file")
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert str(tmp_path / "file") in done.stderr


def test_its_script_does_what_an_agent_asks(graft: Graft, tmp_path: Path) -> None:
    graft("new", "extension", "EXT/1.0", "--stack", "HDP/2.4", "--service", "DEMO", "--dir", "extensions")
    service = tmp_path / "extensions/EXT/1.0/services/DEMO"
    script = service / "package/scripts/demo.py"
    text = script.read_text()
    # Agents before Ambari 3 run it with Python 2.
    assert text.isascii()
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.JoinedStr)]
    script.write_text(text.replace('"/etc/', f'"{tmp_path}/etc/').replace('"/var/', f'"{tmp_path}/var/'))
    command = tmp_path / "command.json"
    settings = {"demo.port": "8899", "demo.log.level": "info"}
    command.write_text(json.dumps({"configurations": {"demo-site": settings}}))

    def agent(name: str) -> int:
        done = subprocess.run(
            [sys.executable, str(AGENT), str(script), name, str(command)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or b"ComponentIsNotRunning" in done.stderr, done.stderr
        return done.returncode

    assert [agent("INSTALL"), agent("STATUS")] == [0, 1]
    try:
        assert [agent("START"), agent("STATUS"), agent("START"), agent("STATUS")] == [0, 0, 0, 0]
    finally:
        assert agent("STOP") == 0
    assert [agent("STATUS"), agent("STOP")] == [1, 0]
    configuration = (tmp_path / "etc/demo/demo.properties").read_text()
    assert configuration == "demo.log.level=info\ndemo.port=8899\n"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
