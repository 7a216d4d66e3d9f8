"""Drop-ins come, change and go, and are seen whole and at once."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from dispatcher_service.dropins import generation as generation_module
from dispatcher_service.dropins import tree as tree_module
from dispatcher_service.dropins import writers
from dispatcher_service.dropins.view import DropIns


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "extensions.d"
    made.mkdir()
    return made


@pytest_asyncio.fixture
async def dropins(directory: Path, tmp_path: Path) -> AsyncIterator[DropIns]:
    opened = DropIns(directory, tmp_path / "cache")
    await opened.open()
    yield opened
    await opened.close()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (what is waited for happens outside of this process)
            await asyncio.sleep(0.01)


def put(path: Path, text: str = "one", mode: int = 0o755) -> Path:
    draft = path.parent.parent / f"draft-{path.name}"
    draft.write_text(text)
    draft.chmod(mode)
    return draft.rename(path)


def read(dropins: DropIns, name: str = "A.b", file: str = "") -> str:
    with dropins.hold(name) as held:
        assert held is not None
        return (held.tree / (file or held.name)).read_text()


async def test_a_new_file_is_callable_at_once(dropins: DropIns, directory: Path) -> None:
    assert not await dropins.has("A.b")
    put(directory / "A.b")
    assert await dropins.has("A.b")
    assert read(dropins) == "one"


async def test_a_change_is_seen_at_once_and_a_running_call_keeps_its_version(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    with dropins.hold("A.b") as held:
        assert held is not None
        put(directory / "A.b", "two")
        assert await dropins.has("A.b")
        assert read(dropins) == "two"
        assert (held.tree / "A.b").read_text() == "one"
    await until(lambda: not held.tree.exists())


async def test_a_removed_file_is_unknown_at_once(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    (directory / "A.b").unlink()
    assert not await dropins.has("A.b")
    assert dropins.names() == []


async def test_changes_are_seen_without_calls(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    await until(lambda: dropins.names() == ["A.b"])
    put(directory / "library.txt", "data", 0o644)
    await until(lambda: "data" in (file.read_text() for file in held_tree(dropins).iterdir()))
    (directory / "A.b").chmod(0o644)
    await until(lambda: dropins.names() == [])


def held_tree(dropins: DropIns) -> Path:
    with dropins.hold("A.b") as held:
        assert held is not None
        return held.tree


async def test_the_directory_may_come_late_go_and_come_again(tmp_path: Path) -> None:
    directory = tmp_path / "late"
    dropins = DropIns(directory, tmp_path / "cache")
    await dropins.open()
    try:
        assert dropins.names() == []
        assert "create it" in dropins.verdicts()[0].reason
        directory.mkdir()
        put(directory / "A.b")
        await until(lambda: dropins.names() == ["A.b"])
        shutil.rmtree(directory)
        await until(lambda: dropins.names() == [])
        directory.mkdir()
        await asyncio.sleep(0)
        put(directory / "A.c")
        await until(lambda: dropins.names() == ["A.c"])
        put(directory / "A.d")
        await until(lambda: dropins.names() == ["A.c", "A.d"])
    finally:
        await dropins.close()


async def test_a_file_open_for_writing_is_not_run(dropins: DropIns, directory: Path) -> None:
    with (directory / "A.b").open("w") as writer:
        (directory / "A.b").chmod(0o755)
        writer.write("half")
        writer.flush()
        assert not await dropins.has("A.b")
        writer.write(" and half")
    await until(lambda: dropins.names() == ["A.b"])
    assert read(dropins) == "half and half"


async def test_a_call_waits_a_little_for_a_file_that_is_being_written(dropins: DropIns, directory: Path) -> None:
    with (directory / "A.b").open("w") as writer:
        (directory / "A.b").chmod(0o755)
        asking = asyncio.create_task(dropins.has("A.b"))
        await asyncio.sleep(0.1)
        assert not asking.done()
        writer.write("whole")
    assert await asking
    assert read(dropins) == "whole"


async def test_a_file_being_rewritten_keeps_its_version(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    with (directory / "A.b").open("w") as writer:
        writer.write("tw")
        writer.flush()
        assert await dropins.has("A.b")
        assert read(dropins) == "one"
        writer.write("o")
    assert await dropins.has("A.b")
    assert read(dropins) == "two"


async def test_without_leases_a_file_must_be_still(
    dropins: DropIns, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "no leases here")

    monkeypatch.setattr(writers.fcntl, "fcntl", refuse)
    monkeypatch.setattr(writers, "STILL_FOR", 0.3)
    put(directory / "A.b")
    started = time.monotonic()
    assert await dropins.has("A.b")
    assert time.monotonic() - started > 0.2


async def test_a_stopped_writer_is_not_killed_and_gets_in(dropins: DropIns, directory: Path) -> None:
    """Writers that run against the look for a while neither kill this process nor are kept out."""
    script = 'for i in $(seq 300); do printf "%s" "whole $i" > A.b; done'
    put(directory / "A.b", "whole 0")
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script, cwd=directory)
    async with asyncio.timeout(60):
        while process.returncode is None:
            assert await dropins.has("A.b")
            text = read(dropins)
            assert text == "" or text.startswith("whole ")
            # Where nothing has changed, nothing is waited for, and the loop would never hear of the end.
            await asyncio.sleep(0)
    assert await process.wait() == 0
    await until(lambda: read(dropins) == "whole 300")


async def test_what_lies_beside_a_method_comes_along_read_only(dropins: DropIns, directory: Path) -> None:
    (directory / "lib").mkdir()
    put(directory / "lib" / "helper.py", "x = 1", 0o640)
    (directory / "alias").symlink_to("lib")
    put(directory / "A.b")
    assert await dropins.has("A.b")
    with dropins.hold("A.b") as held:
        assert held is not None
        assert held.mount_at == str(directory)
        assert (held.tree / "alias" / "helper.py").read_text() == "x = 1"
        modes = {name: (held.tree / name).stat().st_mode & 0o777 for name in ["A.b", "lib", "lib/helper.py", "."]}
        assert modes == {"A.b": 0o555, "lib": 0o555, "lib/helper.py": 0o444, ".": 0o555}
        original, copy = (directory / "lib/helper.py").stat(), (held.tree / "lib/helper.py").stat()
        assert original.st_mtime_ns == copy.st_mtime_ns
        assert original.st_ino != copy.st_ino


async def test_unchanged_files_are_shared_between_copies(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    with dropins.hold("A.b") as first:
        assert first is not None
        put(directory / "A.c")
        assert await dropins.has("A.c")
        with dropins.hold("A.b") as second:
            assert second is not None
            assert first.tree != second.tree
            assert (first.tree / "A.b").samefile(second.tree / "A.b")


async def test_no_new_copy_when_nothing_has_changed(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    before = held_tree(dropins)
    await dropins.rescan()
    assert held_tree(dropins) == before


@pytest.mark.parametrize(("bound", "value"), [("MAX_ENTRIES", 3), ("MAX_DEPTH", 1)])
async def test_too_large_a_tree_leaves_the_last_good_view(
    dropins: DropIns, directory: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    monkeypatch.setattr(tree_module, bound, value)
    (directory / "sub").mkdir()
    put(directory / "A.large", "x" * 10)
    put(directory / "A.more", "x" * 10)
    assert not await dropins.has("A.more")
    assert dropins.names() == ["A.b"]
    assert read(dropins) == "one"


async def test_a_file_that_is_too_large_is_left_out(
    dropins: DropIns, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_module, "MAX_BYTES", 8)
    put(directory / "A.b")
    put(directory / "A.large", "x" * 10)
    assert not await dropins.has("A.large")
    put(directory / "A.b", "two")
    assert await dropins.has("A.b")
    assert read(dropins) == "two"


async def test_a_full_disk_leaves_the_last_good_view(
    dropins: DropIns, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generation_module.shutil, "copyfileobj", fail)
    put(directory / "A.c")
    assert not await dropins.has("A.c")
    assert read(dropins) == "one"
    monkeypatch.undo()
    assert await dropins.has("A.c")


async def test_folders_that_everybody_may_write_to_are_left_out(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    (directory / "lib").mkdir()
    (directory / "lib").chmod(0o777)
    assert await dropins.has("A.b")
    assert not (held_tree(dropins) / "lib").exists()
    assert [verdict.path for verdict in dropins.verdicts() if not verdict.ok] == ["lib"]


async def test_what_a_crash_has_left_is_removed_and_what_is_in_use_is_not(
    dropins: DropIns, directory: Path, tmp_path: Path
) -> None:
    put(directory / "A.b")
    assert await dropins.has("A.b")
    left = tmp_path / "cache" / "left" / "1"
    left.mkdir(parents=True)
    left.chmod(0o555)
    second = DropIns(directory, tmp_path / "cache")
    await second.open()
    try:
        assert not left.exists()
        assert read(dropins) == "one"
    finally:
        await second.close()
    assert read(dropins) == "one"


async def test_closing_removes_every_copy(directory: Path, tmp_path: Path) -> None:
    put(directory / "A.b")
    dropins = DropIns(directory, tmp_path / "cache")
    await dropins.open()
    await dropins.close()
    assert list((tmp_path / "cache").iterdir()) == []


async def test_many_waiting_share_one_look(dropins: DropIns, directory: Path) -> None:
    put(directory / "A.b")
    assert all(await asyncio.gather(*(dropins.has("A.b") for _ in range(100))))
    assert dropins.names() == ["A.b"]
