"""Files that are made in a directory: whole or not at all, and nothing of somebody else's lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft_cli.output_folder import SDK, OutputError, Written, write

MANIFEST = SDK.manifest


def _write(out: Path, language: str = "python", **files: str) -> Written:
    return write(out, {path.replace("__", "/"): text.encode() for path, text in files.items()}, language, "d", "graft")


def _found(out: Path) -> dict[str, str]:
    return {
        file.relative_to(out).as_posix(): file.read_text()
        for file in sorted(out.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }


def test_made_again_what_is_made_no_more_goes(tmp_path: Path) -> None:
    out = tmp_path / "some" / "where"
    assert _write(out, a="1", b__c="2", b__d="3") == Written(("a", "b/c", "b/d"), (), 0)
    assert _found(out) == {"a": "1", "b/c": "2", "b/d": "3"}
    (out / "own").write_text("mine")
    assert _write(out, a="1", b__c="4") == Written(("b/c",), ("b/d",), 1)
    assert _write(out, a="1") == Written((), ("b/c",), 1)
    assert _found(out) == {"a": "1", "own": "mine"}
    assert not (out / "b").exists()
    assert json.loads((out / MANIFEST).read_text())["language"] == "python"
    assert sorted(file.name for file in out.iterdir()) == [MANIFEST, "a", "own"]


def test_what_others_have_made_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(OutputError, match="b was not made by `graft sdk generate`"):
        _write(tmp_path, a="1", b="2")
    assert _found(tmp_path) == {"b": "mine"}
    (tmp_path / "b").unlink()
    (tmp_path / "c").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="c is in the way: a directory is needed"):
        _write(tmp_path, c__d="2")
    with pytest.raises(OutputError, match="c was not made"):
        _write(tmp_path, c="2")
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_changed_is_not_overwritten_or_removed(tmp_path: Path) -> None:
    _write(tmp_path, a="1", b="2")
    (tmp_path / "a").write_text("edited")
    with pytest.raises(OutputError, match="a has been changed since it was made"):
        _write(tmp_path, a="3", b="4")
    assert _found(tmp_path) == {"a": "edited", "b": "2"}
    assert _write(tmp_path, b="4").removed == ()
    assert _found(tmp_path) == {"a": "edited", "b": "4"}


def test_what_was_removed_is_made_anew(tmp_path: Path) -> None:
    _write(tmp_path, a="1", b="2")
    (tmp_path / "a").unlink()
    assert _write(tmp_path, a="1", b="2") == Written(("a",), (), 1)


def test_an_interrupted_writing_can_be_finished(tmp_path: Path) -> None:
    _write(tmp_path, a="1", b="2")
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    _write(tmp_path, a="3", b="4")
    halfway = json.loads((tmp_path / MANIFEST).read_text())
    halfway["files"] = {path: manifest["files"][path] + halfway["files"][path] for path in ("a", "b")}
    (tmp_path / MANIFEST).write_text(json.dumps(halfway))
    (tmp_path / "b").write_text("2")
    assert _write(tmp_path, a="5", b="6").changed == ("a", "b")


def test_other_languages_and_broken_manifests_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, a="1")
    with pytest.raises(OutputError, match="holds the SDK for python; choose another directory for go"):
        _write(tmp_path, "go", a="1")
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(OutputError, match="cannot be read"):
        _write(tmp_path, a="1")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file; choose a directory"):
        _write(tmp_path / "file", a="1")


def test_an_error_leaves_the_old_files(tmp_path: Path) -> None:
    _write(tmp_path, a="1", b="2")
    (tmp_path / "b").unlink()
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError):
        _write(tmp_path, a="3", b="4")
    assert _found(tmp_path) == {"a": "1"}
    assert sorted(file.name for file in tmp_path.iterdir()) == [MANIFEST, "a", "b"]
