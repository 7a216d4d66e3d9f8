"""The frames that the dispatcher and a resident process exchange; docs/resident-methods.md is the reference.

A frame is one line of ASCII, `KIND CALL LENGTH` and a line feed, and then so many bytes of body. Call 0 is no call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

ARGUMENT = "--graft-resident"
"""What tells an executable that it is to stay."""
VERSION = 1
HELLO, ANSWER, FAILED, PONG = b"hello", b"answer", b"failed", b"pong"
"""What a process says."""
CALL, CANCEL, PING = b"call", b"cancel", b"ping"
"""What it is told."""
MAX_LINE = 48
"""Bytes of a frame's line, the line feed included."""
MAX_HELLO = 1024
MAX_FAILURE = 64 << 10
"""Bytes of a body, by kind; an answer has as many as the call's limit of output."""
_MAX_SHOWN = 80
_LINE = re.compile(rb"(hello|answer|failed|pong) (0|[1-9][0-9]{0,15}) (0|[1-9][0-9]{0,15})\n")
_HELLO_LINE = re.compile(r"([a-z][a-z_]{0,31})=([!-~]{0,64})")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")


class Frame(NamedTuple):
    """One frame of a process."""

    kind: bytes
    call: int
    body: bytes


class FrameError(ValueError):
    """A process has broken the protocol; the text says how, and quotes it.

    Args:
        fault: says how; what is quoted may be anything, a session too, and is nothing for logs.
        written: what it has written.
    """

    def __init__(self, fault: str, written: bytes) -> None:
        super().__init__(f"{fault}: {_shown(written)}")
        self.fault = fault


class AnswerTooLongError(FrameError):
    """An answer is longer than its call may write."""

    def __init__(self, fault: str, written: bytes, call: int) -> None:
        super().__init__(fault, written)
        self.call = call


def frame(kind: bytes, call: int = 0, body: bytes = b"") -> bytes:
    """Write a frame."""
    return b"%s %d %d\n%s" % (kind, call, len(body), body)


class Decoder:
    """Finds the frames in what a process writes, piece by piece, in bounded memory.

    Args:
        output: bytes that an answer may have.
    """

    def __init__(self, output: int) -> None:
        self._most = {HELLO: MAX_HELLO, ANSWER: output, FAILED: MAX_FAILURE, PONG: 0}
        self._line = b""
        """The beginning of a line."""
        self._kind = b""
        self._call = 0
        self._body = bytearray()
        """The beginning of a body."""
        self._missing = 0
        """Bytes of a body that are still to come."""

    @property
    def within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._line or self._missing)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take what has come, and give the frames that it completes; to be used up before more is taken.

        Raises:
            FrameError: it is no such frame, or too long. Nothing can be taken any more then.
        """
        if self._missing:
            part = data[: self._missing]
            self._body += part
            self._missing -= len(part)
            if self._missing:
                return
            body, self._body = bytes(self._body), bytearray()
            yield Frame(self._kind, self._call, body)
            data = data[len(part) :]
        if self._line:
            data, self._line = self._line + data, b""
        place, end = 0, len(data)
        while place < end:
            found = _LINE.match(data, place)
            if found is None:
                self._line = data[place : place + MAX_LINE]
                if len(self._line) == MAX_LINE or b"\n" in self._line:
                    raise FrameError("it has written what is no frame", data[place:])
                return
            kind, call, size = found[1], int(found[2]), int(found[3])
            self._check(found[0], kind, call, size)
            place = found.end()
            body = data[place : place + size]
            place += size
            if place > end:
                self._kind, self._call, self._body, self._missing = kind, call, bytearray(body), place - end
                return
            yield Frame(kind, call, body)

    def _check(self, line: bytes, kind: bytes, call: int, size: int) -> None:
        if size <= self._most[kind]:
            return
        fault = f"it has begun a frame that is too long, at most {self._most[kind]} bytes"
        if kind == ANSWER:
            raise AnswerTooLongError(fault, line, call)
        raise FrameError(fault, line)


def concurrency_of(hello: Frame) -> int:
    """Return how many calls a process says that it answers at once.

    Raises:
        FrameError: its first frame is no hello, or of another version.
    """
    if hello.kind != HELLO or hello.call != 0:
        raise FrameError("its first frame is no hello", frame(*hello))
    lines = hello.body.decode("ascii", "replace").splitlines()
    found = {match[1]: match[2] for match in map(_HELLO_LINE.fullmatch, lines) if match is not None}
    if len(found) != len(lines):
        raise FrameError("its hello is not lines of name=value", hello.body)
    if found.get("version") != str(VERSION):
        raise FrameError(f"its hello has no version={VERSION}", hello.body)
    text = found.get("concurrency", "1")
    if not _COUNT.fullmatch(text):
        raise FrameError("the concurrency of its hello is no number from 1 to 999999", hello.body)
    return int(text)


def _shown(data: bytes) -> str:
    return repr(data[:_MAX_SHOWN]).removeprefix("b") + ("…" if len(data) > _MAX_SHOWN else "")
