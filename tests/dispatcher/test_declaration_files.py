"""A real directory of declarations, followed as it changes, and over restarts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from dispatcher_service.declarations import files as files_module
from dispatcher_service.declarations.cache import Kept, load, save
from dispatcher_service.declarations.directory import DeclarationFiles
from graft_common.declarations.texts import NAMESPACE


def document(*content: str) -> str:
    return "\n".join([f'<methods xmlns="{NAMESPACE}">', *content, "</methods>"])


def declares(name: str) -> str:
    return document(f'<method name="{name}"/>')


BROKEN = document("<foo/>")


def nobody(_method: str) -> str:
    return ""


async def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)


def methods(followed: DeclarationFiles) -> dict[str, list[str]]:
    return {name: [method.name for method in file.document.methods] for name, file in followed.settled.files.items()}


def told(followed: DeclarationFiles) -> list[str]:
    return [str(noted.finding) for noted in followed.settled.notes]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "declarations.d"
    made.mkdir()
    return made


def opening(directory: Path) -> DeclarationFiles:
    return DeclarationFiles(directory, directory.parent / "cache" / "declarations" / "in-force", nobody)


@pytest_asyncio.fixture
async def followed(directory: Path) -> AsyncIterator[DeclarationFiles]:
    made = opening(directory)
    await made.open()
    yield made
    await made.close()


async def test_files_are_followed_as_they_come_change_and_go(directory: Path, followed: DeclarationFiles) -> None:
    changes: list[int] = []
    followed.on_change = lambda: changes.append(1)
    (directory / "a.xml").write_text(declares("A.b"))
    await until(lambda: methods(followed) == {"a.xml": ["A.b"]})
    (directory / "a.xml").write_text(declares("A.c"))
    await until(lambda: methods(followed) == {"a.xml": ["A.c"]})
    (directory / "a.xml").rename(directory / "b.xml")
    await until(lambda: methods(followed) == {"b.xml": ["A.c"]})
    (directory / "b.xml").unlink()
    await until(lambda: methods(followed) == {})
    assert len(changes) >= 4


async def test_other_files_are_none_of_its_business(directory: Path, followed: DeclarationFiles) -> None:
    for name in (".a.xml", "a.txt", "a.xml.rpmsave", "README"):
        (directory / name).write_text(BROKEN)
    (directory / "folder").mkdir()
    (directory / "folder" / "a.xml").write_text(declares("A.b"))
    await followed.rescan()
    assert (methods(followed), told(followed)) == ({}, [])


async def test_a_bad_file_is_told_once_and_the_last_good_one_stays(directory: Path, followed: DeclarationFiles) -> None:
    (directory / "a.xml").write_text(declares("A.b"))
    await until(lambda: methods(followed) == {"a.xml": ["A.b"]})
    with capture_logs() as logs:
        (directory / "a.xml").write_text(BROKEN)
        await until(lambda: bool(told(followed)))
        await followed.rescan()
        (directory / "b.xml").write_text(declares("B.b"))
        await until(lambda: "b.xml" in methods(followed))
    assert methods(followed) == {"a.xml": ["A.b"], "b.xml": ["B.b"]}
    [noted] = followed.settled.notes
    assert noted.last_good
    assert str(noted.finding).startswith("a.xml:2: /methods/foo: ")
    refused = [entry for entry in logs if entry["event"] == "declaration.refused"]
    assert [entry["finding"] for entry in refused] == [str(noted.finding)]
    (directory / "a.xml").write_text(declares("A.c"))
    await until(lambda: methods(followed)["a.xml"] == ["A.c"])
    assert told(followed) == []


async def test_the_last_good_one_stays_over_a_restart(directory: Path) -> None:
    first = opening(directory)
    (directory / "a.xml").write_text(declares("A.b"))
    (directory / "b.xml").write_text(declares("B.b"))
    await first.open()
    await until(lambda: len(methods(first)) == 2)
    await first.close()
    (directory / "a.xml").write_text(BROKEN)
    (directory / "b.xml").unlink()
    (directory / "c.xml").write_text(BROKEN)
    second = opening(directory)
    await second.open()
    await until(lambda: len(told(second)) == 2)
    assert methods(second) == {"a.xml": ["A.b"]}
    await second.close()
    # And over another one, though nothing has changed.
    third = opening(directory)
    await third.open()
    assert methods(third) == {"a.xml": ["A.b"]}
    assert [noted.last_good for noted in third.settled.notes] == [True, False]
    await third.close()


async def test_what_is_kept_is_used_only_for_the_files_that_it_was_made_of(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "a.xml").write_text(declares("A.b"))
    os.utime(directory / "a.xml", (1, 1))
    await asyncio.sleep(0.11)
    first = opening(directory)
    await first.open()
    assert methods(first) == {"a.xml": ["A.b"]}
    await first.close()
    read: list[str] = []
    real = __import__("dispatcher_service.declarations.directory", fromlist=["Form"]).Form

    def counted(name: str, data: bytes) -> object:
        read.append(name)
        return real(name, data)

    monkeypatch.setattr("dispatcher_service.declarations.directory.Form", counted)
    second = opening(directory)
    await second.open()
    assert (methods(second), read) == ({"a.xml": ["A.b"]}, [])
    (directory / "b.xml").write_text(declares("B.b"))
    await until(lambda: len(methods(second)) == 2)
    assert read == ["a.xml", "b.xml"]
    await second.close()


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "folder", "other"])
async def test_a_damaged_cache_costs_a_cold_start_and_no_more(directory: Path, damage: str) -> None:
    cache = directory.parent / "cache" / "declarations" / "in-force"
    (directory / "a.xml").write_text(declares("A.b"))
    first = opening(directory)
    await first.open()
    await until(lambda: bool(methods(first)))
    await first.close()
    data = cache.read_bytes()
    assert cache.stat().st_mode & 0o077 == 0
    cache.unlink()
    match damage:
        case "cut":
            cache.write_bytes(data[:-3])
        case "noise":
            cache.write_bytes(data[:70] + b"\xff" * 8 + data[78:])
        case "empty":
            cache.write_bytes(b"")
        case "folder":
            cache.mkdir()
        case "other":
            cache.write_bytes(b"\0" * 32 + data[32:])
    assert load(cache) is None
    second = opening(directory)
    await second.open()
    assert methods(second) == {"a.xml": ["A.b"]}
    await second.close()


def test_a_cache_that_cannot_be_written_is_logged(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        save(Kept({}, {}, ()), tmp_path / "file" / "cache")
    assert [entry["event"] for entry in logs] == ["declarations.not_kept"]


async def test_the_directory_may_be_missing_and_appear_and_be_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "declarations.d"
    followed = opening(directory)
    await followed.open()
    try:
        assert (methods(followed), told(followed)) == ({}, [])
        directory.mkdir()
        (directory / "a.xml").write_text(declares("A.b"))
        await until(lambda: methods(followed) == {"a.xml": ["A.b"]})
        directory.rename(tmp_path / "old")
        await until(lambda: methods(followed) == {})
    finally:
        await followed.close()


async def test_a_directory_that_everybody_may_write_to_counts_for_nothing(
    directory: Path, followed: DeclarationFiles
) -> None:
    (directory / "a.xml").write_text(declares("A.b"))
    await until(lambda: bool(methods(followed)))
    os.chmod(directory, 0o777)  # noqa: PTH101
    await followed.rescan()
    assert methods(followed) == {}
    [finding] = told(followed)
    assert "everybody may write to it" in finding
    before = followed.settled
    await followed.rescan()
    assert followed.settled is before
    (directory / "a.xml").write_text(BROKEN)
    os.chmod(directory, 0o755)  # noqa: PTH101
    await followed.rescan()
    await until(lambda: methods(followed) == {"a.xml": ["A.b"]})


@pytest.mark.parametrize("what", ["writable", "owner", "pipe", "folder", "large", "loop"])
async def test_files_that_must_not_be_read_are_refused(directory: Path, followed: DeclarationFiles, what: str) -> None:
    path = directory / ("a.xml" if what not in {"writable", "owner"} else ".a.xml")
    if what in {"writable", "owner"}:
        path.write_text(declares("A.b"))
    match what:
        case "writable":
            path.chmod(0o666)
            path.rename(directory / "a.xml")
        case "owner":
            if os.geteuid() != 0:
                pytest.skip("only root can give files away")
            os.chown(path, 12345, -1)
            path.rename(directory / "a.xml")
        case "large":
            path.write_text(declares("A.b") + " " * (4 << 20))
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
    (directory / "b.xml").write_text(declares("B.b"))
    await until(lambda: methods(followed) == {"b.xml": ["B.b"]})
    [finding] = told(followed)
    assert finding.startswith("a.xml: ")


@pytest.mark.parametrize(
    ("name", "shown"), [(b"a\xff.xml", r"a\udcff.xml: its name"), (b"a\nb.xml", r"a\nb.xml: its name")]
)
async def test_files_whose_names_cannot_be_shown_are_refused(
    directory: Path, followed: DeclarationFiles, name: bytes, shown: str
) -> None:
    (directory / os.fsdecode(name)).write_text(declares("A.b"))
    (directory / "b.xml").write_text(declares("B.b"))
    await until(lambda: methods(followed) == {"b.xml": ["B.b"]})
    [finding] = told(followed)
    assert finding.startswith(shown)
    # Such a name ends the watch, which begins anew.
    (directory / "b.xml").write_text(declares("B.c"))
    await until(lambda: methods(followed) == {"b.xml": ["B.c"]})


async def test_a_link_is_followed(directory: Path, followed: DeclarationFiles, tmp_path: Path) -> None:
    (tmp_path / "kept.xml").write_text(declares("A.b"))
    (directory / "a.xml").symlink_to(tmp_path / "kept.xml")
    await until(lambda: methods(followed) == {"a.xml": ["A.b"]})


async def test_a_file_counts_when_it_has_been_written(directory: Path, followed: DeclarationFiles) -> None:
    whole = declares("A.b")
    with (directory / "a.xml").open("w") as file:
        file.write(whole[:30])
        file.flush()
        await followed.rescan()
        assert (methods(followed), told(followed)) == ({}, [])
        file.write(whole[30:])
    await until(lambda: methods(followed) == {"a.xml": ["A.b"]})


async def test_there_are_bounds(directory: Path, followed: DeclarationFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "MAX_FILES", 2)
    for name in "abc":
        (directory / f"{name}.xml").write_text(declares(f"{name}.x"))
    await until(lambda: bool(told(followed)))
    await until(lambda: list(methods(followed)) == ["a.xml", "b.xml"])
    assert told(followed) == ["c.xml: there are more than 2 files of declarations; at most that many are read"]
    monkeypatch.setattr(files_module, "MAX_FILES", 100)
    monkeypatch.setattr(files_module, "MAX_BYTES", 150)
    await followed.rescan()
    assert "more than 0 MiB together" in told(followed)[-1]
    assert list(methods(followed)) == ["a.xml", "b.xml"]


async def test_files_that_have_not_changed_are_not_read_again(directory: Path, followed: DeclarationFiles) -> None:
    (directory / "a.xml").write_text(declares("A.b"))
    await until(lambda: bool(methods(followed)))
    before = followed.settled
    await followed.rescan()
    assert followed.settled is before


async def test_closing_while_a_file_is_written_leaves_nothing_behind(directory: Path) -> None:
    followed = opening(directory)
    await followed.open()
    with (directory / "a.xml").open("w") as file:
        file.write("<")
        file.flush()
        await followed.rescan()
        assert followed._state.seen.unsettled
        await followed.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "declarations" in task.get_name()]


async def test_what_nobody_has_foreseen_leaves_what_is_in_force(
    directory: Path, followed: DeclarationFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "a.xml").write_text(declares("A.b"))
    await until(lambda: bool(methods(followed)))

    def fails(*_: object) -> None:
        raise RuntimeError("a mistake")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr("dispatcher_service.declarations.directory.settle", fails)
        (directory / "b.xml").write_text(declares("B.b"))
        await followed.notice()
        await followed.rescan()
        assert methods(followed) == {"a.xml": ["A.b"]}
    assert [entry["reason"] for entry in logs if entry["event"] == "declarations.scan_failed"] == ["a mistake"]
    await followed.rescan()
    assert list(methods(followed)) == ["a.xml", "b.xml"]


async def test_a_look_that_takes_longer_than_a_call_waits_for_it_is_not_lost(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher_service.declarations.directory._NOTICE", 0.0)
    files = DeclarationFiles(directory, directory.parent / "kept", lambda _: "")
    (directory / "a.xml").write_text(declares("A.b"))
    try:
        await files.notice()
        assert methods(files) == {}
        await until(lambda: methods(files) == {"a.xml": ["A.b"]})
    finally:
        await files.close()
