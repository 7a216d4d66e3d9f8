from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from graft_common.rpc.chunks import TooLarge, save


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 10
        await asyncio.sleep(0)


async def receive(path: Path, limit: int) -> None:
    async for written in save(endless(), path, limit):
        assert written <= limit


async def test_what_is_saved_is_all_there(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await receive(tmp_path / "file", 100)
    assert (tmp_path / "file").read_bytes() == b"x" * 100
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


async def test_one_given_up_at_any_moment_leaves_no_file_open(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    for turns in range(30):
        receiving = asyncio.create_task(receive(tmp_path / str(turns), 1 << 30))
        for _ in range(turns):
            await asyncio.sleep(0)
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving
    await asyncio.get_running_loop().shutdown_default_executor()
    gc.collect()
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]
