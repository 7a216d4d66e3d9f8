"""What calls tell of themselves: the lines, and the FIFO that they come by."""

from __future__ import annotations

import asyncio
import math
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.tasks.channel import PAUSE, PIECE, Channels
from dispatcher_service.tasks.lines import MAX_LINE, LineReader, Told
from dispatcher_service.tasks.task import MAX_LOG_LINES, MAX_LOG_TEXT, LogLine, bounded_log
from graft_common.errors import GraftError
from support.dispatcher_hosts import until

PUZZLED = "(neither a progress from 0 to 1 nor a log line: {!r})"


@pytest.mark.parametrize(
    ("data", "progress", "lines"),
    [
        (b"progress 0.5\n", 0.5, []),
        (b"progress 0\nprogress 1\n", 1.0, []),
        (b"progress 1e-1\r\n", 0.1, []),
        (b"progress -0\n", 0.0, []),
        (b"log Copying disk 2 of 7\n", None, ["Copying disk 2 of 7"]),
        (b"log\n", None, [""]),
        (b"log a\nprogress 0.25\nlog b\n", 0.25, ["a", "b"]),
        (b"progress 0.5", None, []),
        (b"\n \n", None, []),
        (b"progress 2\n", None, [PUZZLED.format("progress 2")]),
        (b"progress -0.1\nprogress nan\n", None, [PUZZLED.format("progress -0.1")]),
        (b"progress inf\n", None, [PUZZLED.format("progress inf")]),
        (b"progress half\n", None, [PUZZLED.format("progress half")]),
        (b"PROGRESS 0.5\n", None, [PUZZLED.format("PROGRESS 0.5")]),
        (b"hello\nhello again\n", None, [PUZZLED.format("hello")]),
        (b"log \x1b[31mred\x07\xe2\x80\xa8\n", None, [" [31mred  "]),
        (b"log \xff\n", None, ["\N{REPLACEMENT CHARACTER}"]),
        (b"log " + b"x" * 3000 + b"\nlog next\n", None, ["x" * MAX_LINE, "next"]),
        (b"log " + b"x" * 100_000 + b"\nlog next\n", None, ["x" * MAX_LINE, "next"]),
    ],
)
def test_what_lines_tell(data, progress, lines):
    told = LineReader().feed(data)
    assert told == Told(progress, lines)
    assert told.progress is None or math.copysign(1, told.progress) == 1


@given(
    st.lists(st.sampled_from([b"progress 0.5\n", b"log a b\n", b"log ", b"x" * 5000, b"\n", b"\xff", b"junk\n"])),
    st.data(),
)
def test_pieces_make_no_difference(parts, data):
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    at_once, piecewise = LineReader().feed(whole), Told()
    reader = LineReader()
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        told = reader.feed(whole[start:end])
        piecewise.progress = piecewise.progress if told.progress is None else told.progress
        piecewise.lines += told.lines
    # A line that is too long is told as soon as that is known; then one reader may be ahead of the other.
    assert piecewise.progress == at_once.progress
    assert [line[:40] for line in piecewise.lines] == [line[:40] for line in at_once.lines]


@given(st.lists(st.text(max_size=MAX_LINE), max_size=300))
def test_a_log_is_bounded_and_keeps_what_came_last(texts):
    lines = [LogLine(float(place), text) for place, text in enumerate(texts)]
    kept = bounded_log(lines)
    assert list(kept) == lines[len(lines) - len(kept) :]
    assert len(kept) <= MAX_LOG_LINES
    assert sum(len(line.text) for line in kept) <= MAX_LOG_TEXT
    assert kept or not lines


@pytest.fixture
def channels(tmp_path: Path) -> Channels:
    made = Channels(tmp_path / "tasks")
    made.open()
    return made


async def test_what_is_written_is_told_while_the_call_runs(channels):
    told: list[Told] = []
    with channels.channel(told.append) as path:
        path.write_text("progress 0.5\nlog one\n")

        async def heard() -> bool:
            return bool(told)

        await until("the first lines", heard)
        assert told == [Told(0.5, ["one"])]
        path.write_text("progress 0.75\nlog the last one has no end")
    assert told[1:] == [Told(0.75, []), Told(None, ["the last one has no end"])]
    assert not path.exists()


def write_what_fits(end: int, line: bytes) -> int:
    written = 0
    while written < 16 * PIECE:
        try:
            written += os.write(end, line)
        except BlockingIOError:
            return written
    pytest.fail("nothing bounds what is written")


async def test_whoever_writes_without_end_waits_and_holds_nobody_up(channels):
    told: list[Told] = []
    with channels.channel(told.append) as path:
        end = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        line = b"log " + b"x" * 59 + b"\n"
        written = write_what_fits(end, line)
        for _ in range(100):
            await asyncio.sleep(0)
        # One piece at most was read: the rest is for later.
        assert sum(len(each.lines) for each in told) <= PIECE // len(line)
        os.close(end)
    assert sum(len(each.lines) for each in told) == written // len(line)


async def test_lines_that_cost_more_are_read_less_often(channels, monkeypatch):
    """Thousands of short lines in every piece would take much of the dispatcher's time, for a few calls that do so."""
    loop, pauses = asyncio.get_running_loop(), []
    call_later = loop.call_later

    def noted(delay, callback, *args, context=None):
        pauses.append(delay)
        return call_later(delay, callback, *args, context=context)

    def told(_: Told) -> None:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    monkeypatch.setattr(loop, "call_later", noted)
    with channels.channel(told) as path:
        path.write_text("log\n" * 100)

        async def read() -> bool:
            return max(pauses, default=0.0) >= PAUSE

        await until("the first piece", read)
    assert max(pauses) >= 2.0


async def test_calls_may_only_write(channels):
    with channels.channel(lambda _: None) as path:
        assert path.stat().st_mode & 0o777 == 0o622
        assert path.parent.stat().st_mode & 0o777 == 0o711


async def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(GraftError, match="INTERNAL_ERROR"), Channels(tmp_path / "gone").channel(lambda _: None):
        pass


async def test_what_an_earlier_dispatcher_has_left_is_gone(tmp_path):
    (tmp_path / "tasks").mkdir()
    os.mkfifo(tmp_path / "tasks" / "task-1")
    made = Channels(tmp_path / "tasks")
    made.open()
    with made.channel(lambda _: None) as path:
        assert path.is_fifo()
