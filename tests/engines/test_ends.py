"""Commands that talk through pipes of which the dispatcher keeps the other ends."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Command, Ends, Verdict
from support.engines import prepared

SCRIPT = "#!/bin/sh\necho told >&2\nread line\necho $1 $line\nread line || exit 5\n"


def _tree(root: Path) -> Path:
    tree = root / "tree"
    tree.mkdir()
    (tree / "talk").write_text(SCRIPT)
    (tree / "talk").chmod(0o755)
    return tree


@pytest.mark.parametrize("name", ["native", "none", "bubblewrap", "confine", "oci:crun"])
async def test_it_talks_while_it_runs(name: str, tmp_path: Path) -> None:
    (in_r, in_w), (out_r, out_w), (err_r, err_w) = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
    ends = Ends([in_r, out_w, err_w], lambda: b"heard")
    async with prepared(name) as engine:
        command = Command("talk", _tree(tmp_path), "/opt/talk", "talk", b"", ("hello",), ends=ends)
        running = asyncio.create_task(engine.run(command))
        os.write(in_w, b"you\n")
        assert await asyncio.wait_for(asyncio.to_thread(os.read, out_r, 100), 10) == b"hello you\n"
        assert not running.done()
        os.close(in_w)
        outcome = await asyncio.wait_for(running, 10)
    assert (outcome.verdict, outcome.exit_code, outcome.stdout, outcome.stderr) == (Verdict.EXITED, 5, b"", b"heard")
    assert (os.read(err_r, 100), os.read(err_r, 100), os.read(out_r, 100)) == (b"told\n", b"", b"")
    for fd in (out_r, err_r):
        os.close(fd)


async def test_what_is_not_taken_is_closed_by_its_maker(tmp_path: Path) -> None:
    fds = [os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC) for _ in range(3)]
    ends = Ends(list(fds), bytes)
    async with prepared("none") as engine:
        outcome = await engine.run(Command("gone", _tree(tmp_path), "/opt/talk", "missing", b"", ends=ends))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert ends.fds == fds
    ends.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fds[0])
