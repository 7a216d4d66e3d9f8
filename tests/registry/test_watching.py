"""Noticing changes of the resources directory, whatever its files are called."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from registry_service.library import watching


async def test_a_name_that_is_no_text_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_WITHOUT_WATCH", 0.01)
    odd = os.fsencode(tmp_path) + b"/bad\xffname"
    os.mkdir(odd)  # noqa: PTH102  (a Path has no names that are no text)
    looks = 0

    async def look_three_times() -> None:
        nonlocal looks
        async with aclosing(watching.changes(tmp_path)) as told:
            async for changed in told:
                looks += changed is None
                if looks == 3:
                    return
                (tmp_path / "touched").write_text(str(looks))
                os.listdir(odd)  # noqa: PTH208  (the same)

    await asyncio.wait_for(look_three_times(), 60)


async def test_changes_are_told(tmp_path: Path) -> None:
    async with asyncio.timeout(60), aclosing(watching.changes(tmp_path)) as told:
        written = False
        async for changed in told:
            if changed:
                assert str(tmp_path / "new") in changed
                return
            if changed is not None and not written:
                (tmp_path / "new").write_text("")
                written = True
