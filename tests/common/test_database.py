"""Databases as both stores open them."""

from __future__ import annotations

import stat
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
