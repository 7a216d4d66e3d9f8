"""`graft doctor`."""

from __future__ import annotations

import json
from pathlib import Path

from cli.conftest import Graft


def test_it_tells_of_every_file_and_how_to_mend_it(graft: Graft, tmp_path: Path) -> None:
    extensions = tmp_path / "data/extensions.d"
    extensions.mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    for name, mode in (("Good.one", 0o755), ("Bad.mode", 0o644), ("Bad.open", 0o757), ("Bad.one.rpmsave", 0o755)):
        (extensions / name).write_text("#!/bin/sh\n")
        (extensions / name).chmod(mode)
    done = graft("doctor", "--engine", "none", "--data-dir", str(tmp_path / "data"), "--json")
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert found["Good.one"]["ok"]
    for name in ("Bad.mode", "Bad.open", "Bad.one.rpmsave"):
        assert not found[name]["ok"]
        assert not found[name]["needed"]
        assert found[name]["fix"]
    assert "chmod" in graft("doctor", "--engine", "none", "--data-dir", str(tmp_path / "data")).stdout


def test_it_tells_of_names_that_are_taken(graft: Graft, tmp_path: Path) -> None:
    extensions = tmp_path / "data/extensions.d"
    extensions.mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    for name in ("pool.get_all", "task.cancel", "host.call_extension", "session.mine", "system.mine", "pool.mine"):
        (extensions / name).write_text("#!/bin/sh\n")
        (extensions / name).chmod(0o755)
    done = graft("doctor", "--engine", "none", "--data-dir", str(tmp_path / "data"), "--json")
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert [name for name, row in found.items() if row["area"] == "extensions" and row["ok"]] == ["pool.mine"]
    assert "rename it" in found["pool.get_all"]["fix"]
    assert "rename it" in found["session.mine"]["fix"]


def test_it_tells_of_declarations_and_of_the_executables_that_they_name(graft: Graft, tmp_path: Path) -> None:
    for name in ("extensions.d", "declarations.d"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    for name in ("run-it", "run-that"):
        (tmp_path / "data/extensions.d" / name).write_text("#!/bin/sh\n")
        (tmp_path / "data/extensions.d" / name).chmod(0o755)
    head = '<methods xmlns="urn:graft:methods:1">\n'
    good = '<method name="Run.it" executable="run-it"/>\n<method name="task.cancel"/>'
    (tmp_path / "data/declarations.d/good.xml").write_text(f"{head}{good}</methods>")
    (tmp_path / "data/declarations.d/bad.xml").write_text(f"{head}{'<method/>' * 9}</methods>")
    done = graft("doctor", "--engine", "none", "--data-dir", str(tmp_path / "data"), "--json")
    assert done.returncode == 0, done.stdout
    rows = [row for row in json.loads(done.stdout) if row["area"] in {"declarations", "extensions"}]
    found = [(row["name"], row["ok"], row["detail"]) for row in rows]
    assert ("good.xml", True, "it counts, with 2 methods") in found
    reason = "task.cancel is left out: a method of the platform itself has this name"
    assert ("good.xml:3", False, reason) in found
    assert ("bad.xml", False, "4 further findings") in found
    assert sum(name == "bad.xml:2" for name, *_ in found) == 5
    assert ("run-it", True, "declared methods go to it") in found
    assert [ok for name, ok, _ in found if name == "run-that"] == [False]


def test_a_file_that_is_too_large_is_told(graft: Graft, tmp_path: Path) -> None:
    extensions = tmp_path / "data/extensions.d"
    extensions.mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    for name, size in (("Large.one", 300 << 20), ("Small.one", 10)):
        with (extensions / name).open("wb") as file:
            file.truncate(size)
        (extensions / name).chmod(0o755)
    done = graft("doctor", "--engine", "none", "--data-dir", str(tmp_path / "data"), "--json")
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert "256 MiB" in found["Large.one"]["detail"]
    assert found["Small.one"]["ok"]


def test_a_data_directory_that_others_can_read_is_an_error(graft: Graft, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    done = graft("doctor", "--engine", "none", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert f"chmod 0700 {tmp_path}/data" in done.stdout


def test_an_unknown_engine_is_named(graft: Graft) -> None:
    done = graft("doctor", "--engine", "chroot")
    assert done.returncode == 1
    assert "chroot" in done.stderr
