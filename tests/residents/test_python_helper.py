"""One Python file that answers one call and leaves, or stays and answers many: as a process, over its pipes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

import graft_extension
from dispatcher_service.residents.frames import Decoder, Frame, concurrency_of, frame
from graft_common.values import Value
from graft_common.xmlrpc import Failure, Success, format_extension_call, parse_extension_output

FILE = """
import os, subprocess, sys, threading
from graft_extension import Failure, cancelled, method, run, session

MET = threading.Barrier(2)

@method("Stay.say")
def say(text: str) -> str:
    print("heard", text)
    os.system("echo from a child")
    assert sys.stdin.read() == ""
    return f"{text} {session()}"

@method("Stay.fail"%s)
def fail(how: str) -> str:
    if how == "named":
        raise Failure("STAY_BROKEN", how)
    if how == "exit":
        sys.exit("gone")
    raise ValueError(how)

@method("Stay.meet")
def meet() -> str:
    MET.wait(10)
    return session()

@method("Stay.wait")
def wait() -> bool:
    while not cancelled():
        threading.Event().wait(0.005)
    return cancelled()

run()
"""


@pytest.fixture(params=["", ', resident={"concurrency": 2}'], ids=["in turn", "by threads"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "Stay.py"
    path.write_text(FILE % request.param)
    return path


class Talk:
    """A process that stays, at the other end of its pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._decoder = Decoder(1 << 20)
        self._got: list[Frame] = []

    def say(self, kind: bytes, call: int, body: bytes = b"") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(frame(kind, call, body))
        self.process.stdin.flush()

    def hear(self) -> Frame:
        assert self.process.stdout is not None
        while not self._got:
            data = self.process.stdout.read1(1 << 16)  # type: ignore[attr-defined]  # a BufferedReader
            assert data, "it has ended"
            self._got += self._decoder.feed(data)
        return self._got.pop(0)

    def ask(self, number: int, method: str, *params: Value) -> Frame:
        self.say(b"call", number, format_extension_call(method, [f"ref{number}", *params]))
        return self.hear()


@contextmanager
def staying(file: Path) -> Iterator[Talk]:
    with file.with_suffix(".err").open("wb") as error:
        process = _start(file, error)
    with process:
        try:
            yield Talk(process)
        finally:
            process.kill()


def _start(file: Path, error: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", str(file), "--xmlrpc", "--graft-resident"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=error,
        env={"PYTHONPATH": str(Path(graft_extension.__file__).parents[1])},
    )


def value(got: Frame) -> Value:
    assert got.kind == b"answer", got
    answer = parse_extension_output(got.body)
    assert isinstance(answer, Success)
    return answer.value


def test_it_answers_many_calls_and_keeps_frames_apart_from_what_is_printed(file: Path) -> None:
    with staying(file) as talk:
        assert concurrency_of(talk.hear()) == (2 if "concurrency" in file.read_text() else 1)
        assert value(talk.ask(1, "Stay.say", "one")) == "one ref1"
        talk.say(b"ping", 2)
        assert talk.hear() == Frame(b"pong", 2, b"")
        assert value(talk.ask(3, "Stay.say", "ü" * 100_000)) == "ü" * 100_000 + " ref3"
        out, _error = talk.process.communicate(timeout=10)
    assert (out, talk.process.returncode) == (b"", 0)
    assert set(file.with_suffix(".err").read_text().splitlines()[:2]) == {"heard one", "from a child"}


def test_what_fails_is_one_call(file: Path) -> None:
    with staying(file) as talk:
        talk.hear()
        named = parse_extension_output(talk.ask(1, "Stay.fail", "named").body)
        assert isinstance(named, Failure)
        assert named.error == ["STAY_BROKEN", "named"]
        for number, how, says in ((2, "other", b"ValueError: other"), (3, "exit", b"SystemExit: gone")):
            got = talk.ask(number, "Stay.fail", how)
            assert (got.kind, got.call, says in got.body) == (b"failed", number, True)
        got = talk.ask(4, "Stay.fail", "x" * 200_000)
        assert (got.kind, len(got.body)) == (b"failed", 64 << 10)
        assert value(talk.ask(5, "Stay.say", "well")) == "well ref5"


def test_calls_at_once_and_cancelled_ones(tmp_path: Path) -> None:
    file = tmp_path / "Stay.py"
    file.write_text(FILE % ', resident={"concurrency": 2}')
    with staying(file) as talk:
        talk.hear()
        for number in (1, 2):
            talk.say(b"call", number, format_extension_call("Stay.meet", [f"ref{number}"]))
        assert {(got.call, value(got)) for got in (talk.hear(), talk.hear())} == {(1, "ref1"), (2, "ref2")}
        talk.say(b"call", 3, format_extension_call("Stay.wait", ["ref"]))
        assert value(talk.ask(4, "Stay.say", "meanwhile")) == "meanwhile ref4"
        talk.say(b"cancel", 3)
        assert value(talk.hear()) is True


def test_a_call_that_is_answered_in_turn_hears_that_it_is_cancelled(tmp_path: Path) -> None:
    file = tmp_path / "Stay.py"
    file.write_text(FILE % "")
    with staying(file) as talk:
        talk.hear()
        talk.say(b"call", 1, format_extension_call("Stay.wait", ["ref"]))
        talk.say(b"cancel", 1)
        assert value(talk.hear()) is True
        both = format_extension_call("Stay.wait", ["ref"])
        talk.process.stdin.write(frame(b"call", 2, both) + frame(b"cancel", 2))  # type: ignore[union-attr]  # a pipe
        talk.process.stdin.flush()  # type: ignore[union-attr]  # the same
        assert value(talk.hear()) is True
        assert value(talk.ask(3, "Stay.say", "ü" * 100_000)) == "ü" * 100_000 + " ref3"
        assert talk.process.communicate(timeout=10)[0] == b""


def test_the_same_file_answers_one_call_as_ever(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", str(file), "--xmlrpc"],
        input=format_extension_call("Stay.fail", ["ref", "named"]),
        capture_output=True,
        check=True,
        timeout=30,
        env={"PYTHONPATH": str(Path(graft_extension.__file__).parents[1])},
    )
    answer = parse_extension_output(done.stdout)
    assert isinstance(answer, Failure)
    assert answer.error == ["STAY_BROKEN", "named"]
