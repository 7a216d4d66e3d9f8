"""Databases as both stores open them."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

from sqlalchemy import text

from graft_common.database import open_database


def _modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def test_nobody_else_may_read_what_sqlite_writes(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/store.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE secret (value TEXT)"))
        modes = _modes(tmp_path)
    await engine.dispose()
    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)


async def test_another_process_does_not_take_the_files_of_a_running_one_away(tmp_path: Path) -> None:
    """Who closes a database last removes its journal: an administrator's `sqlite3` must see that others have it open.

    They are told by locks, of which a process loses all on a file as soon as it closes one descriptor of that file
    (SQLite's `howtocorrupt.html`, 2.2); what was written afterwards would be lost.
    """
    path = tmp_path / "store.db"
    engine = open_database(f"sqlite:///{path}")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE note (value TEXT)"))
    async with engine.connect(), engine.connect():
        assert await _look(path) == ""
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO note VALUES ('kept')"))
        assert await _look(path) == "kept"
        assert {"store.db", "store.db-wal", "store.db-shm"} == set(_modes(tmp_path))
    await engine.dispose()
    assert await _look(path) == "kept"


async def _look(path: Path) -> str:
    script = (
        "import contextlib, sqlite3, sys\n"
        "with contextlib.closing(sqlite3.connect(sys.argv[1])) as database:\n"
        "    print(*[value for value, in database.execute('SELECT value FROM note')], end='')\n"
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await running.communicate()
    return out.decode()
