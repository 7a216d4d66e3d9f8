"""Which files are methods, and what is said of those that are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dispatcher_service.dropins.rules import MAX_NAME, name_fault
from dispatcher_service.dropins.tree import look


@pytest.mark.parametrize("name", ["Volume.resize", "pool_update.precheck", "a.b", "A.b.c", "_x._y", "Backup.old"])
def test_method_names(name: str) -> None:
    assert name_fault(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        *[
            "",
            ".",
            "..",
            "a/b",
            "../x.y",
            "/etc/passwd",
            "x~",
            "X.y~",
            ".hidden",
            ".a.b",
            "plain",
            "X.",
            "X..y",
            "1a.b",
        ],
        *["X.rpmsave", "X.y.rpmnew", "X.y.RPMORIG", "X.y.bak", "X.y.orig", "X.y.swp", "X.y.tmp", "X.y.dpkg-old"],
        *["Async.X.y", "InternalAsync.X.y", "Async.x", "X.y z", "X.y\n", "X.ÿ", "X.y\0", "#X.y#", "X.y;v"],
        *["session.logout", "session.mine", "system.listMethods", "system.mine", "X." + "y" * MAX_NAME],
    ],
)
def test_names_that_are_no_methods(name: str) -> None:
    assert name_fault(name)


def make(directory: Path, name: str, mode: int = 0o755) -> Path:
    path = directory / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def reasons(directory: Path) -> dict[str, str]:
    return {verdict.path: verdict.reason for verdict in look(directory).verdicts}


def test_a_look_tells_why_files_are_ignored(tmp_path: Path) -> None:
    make(tmp_path, "Good.one")
    make(tmp_path, "Not.executable", 0o644)
    make(tmp_path, "World.writable", 0o757)
    make(tmp_path, "Left.over.rpmsave")
    make(tmp_path, "README", 0o644)
    make(tmp_path, "graft_extension.py", 0o644)
    make(tmp_path, "Good.one.xml", 0o644)
    make(tmp_path, "Runs.as.py", 0o755)
    (tmp_path / "Some.folder").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "Broken.link").symlink_to("nowhere")
    (tmp_path / "Linked.one").symlink_to(make(tmp_path, "target"))
    os.mkfifo(tmp_path / "A.pipe", 0o755)
    found = reasons(tmp_path)
    assert found.pop("Good.one") == found.pop("Linked.one") == found.pop("Runs.as.py") == ""
    assert "README" not in found
    assert "lib" not in found
    for name, word in {
        "Not.executable": "chmod +x",
        "World.writable": "chmod o-w",
        "Left.over.rpmsave": ".rpmsave",
        "Some.folder": "directory",
        "Broken.link": "No such file",
        "target": "Class.method",
        "A.pipe": "regular file",
    }.items():
        assert word in found.pop(name)
    assert not found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_strangers_are_ignored(tmp_path: Path) -> None:
    os.chown(make(tmp_path, "Of.stranger"), 12345, 12345)
    assert "uid 12345" in reasons(tmp_path)["Of.stranger"]
    os.chown(tmp_path, 12345, 12345)
    assert reasons(tmp_path)["Of.stranger"] == ""


def test_nothing_counts_in_a_directory_that_everybody_may_write_to(tmp_path: Path) -> None:
    make(tmp_path, "Good.one")
    tmp_path.chmod(0o777)
    found = reasons(tmp_path)
    assert list(found) == ["."]
    assert "chmod o-w" in found["."]


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    assert "create it" in reasons(tmp_path / "none")["."]


def test_a_file_in_the_directorys_place_is_told(tmp_path: Path) -> None:
    assert (
        "no directory" in reasons(make(tmp_path, "file"))["."] or "Not a directory" in reasons(tmp_path / "file")["."]
    )
