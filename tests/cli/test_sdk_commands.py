"""`graft sdk`: languages, and packages that are made from files."""

from __future__ import annotations

import json
from pathlib import Path

from cli.conftest import Graft
from support.sdk import API, golden_api


def test_languages_are_listed(graft: Graft) -> None:
    done = graft("sdk", "languages")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["NAME", "LANGUAGE", "PACKAGE"]
    told = json.loads(graft("sdk", "languages", "--json").stdout)
    assert {"name": "python", "title": "Python", "package": "graft_client"} in told


def test_a_package_is_made_and_made_again(graft: Graft, tmp_path: Path) -> None:
    command = ["sdk", "generate", "--lang", "python", "--out", "made/client", "--from", str(API)]
    done = graft(*command, "--package", "volumes", "--version", "1.2.3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["language"], told["directory"], told["digest"]) == ("python", "made/client", golden_api().digest)
    assert told["changed"] == told["files"]
    assert "volumes/methods/volume.py" in told["files"]
    project = (tmp_path / "made/client/pyproject.toml").read_text()
    assert 'name = "volumes"\nversion = "1.2.3"' in project

    done = graft(*command, "--package", "volumes", "--version", "1.2.3", "--class", "VM")
    assert "1 removed" in done.stdout
    assert not (tmp_path / "made/client/volumes/methods/volume.py").exists()


def test_mistakes_are_told(graft: Graft, tmp_path: Path) -> None:
    def fails(code: int, *arguments: str) -> str:
        done = graft("sdk", "generate", *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        return done.stderr

    python = ["--lang", "python", "--out", "client"]
    assert "there is no language 'cobol'; there are " in fails(2, "--lang", "cobol", "--out", "x", "--from", str(API))
    assert "there is no class Nope with methods" in fails(1, *python, "--from", str(API), "--class", "Nope")
    assert "'a b' is no name of a Python package" in fails(1, *python, "--from", str(API), "--package", "a b")
    assert "'x' is no version of a package" in fails(1, *python, "--from", str(API), "--version", "x")
    assert "cannot read missing.xml" in fails(1, *python, "--from", "missing.xml")
    assert not (tmp_path / "client").exists()
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "README.md").write_text("mine")
    assert "client/README.md was not made by" in fails(1, *python, "--from", str(API))
    assert sorted(file.name for file in (tmp_path / "client").iterdir()) == ["README.md"]
