"""Keeps what was in force of the declarations directory for the next start.

It makes starts quick, and lets a file's last good version stay in force where the file was broken meanwhile. A file
that is damaged, or was written by another version of this code, is as good as none.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from graft_common.declarations.packing import mark, pack, unpack
from graft_common.declarations.settling import GoodFile, Noted, Settled

_log = structlog.get_logger("graft.declarations")
_HEAD = 2 * hashlib.sha256().digest_size
MAX_SIZE = 512 << 20


@dataclass(frozen=True)
class Kept:
    """What was settled, and from which contents."""

    digests: dict[str, str]
    """Of each file that was there, by name: SHA-256 in hex; empty where it could not be read."""
    files: dict[str, GoodFile]
    notes: tuple[Noted, ...]

    @property
    def settled(self) -> Settled:
        """As it was."""
        return Settled(self.files, self.notes)


def save(kept: Kept, path: Path) -> None:
    """Write it, replacing the file as a whole; a failure is logged, and costs no more than the next start's time."""
    content = pack(kept)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged.touch(mode=0o600)
        staged.write_bytes(mark() + hashlib.sha256(content).digest() + content)
        staged.replace(path)
    except OSError as error:
        _log.warning("declarations.not_kept", path=str(path), reason=error.strerror)
        with suppress(OSError):
            staged.unlink()


def load(path: Path) -> Kept | None:
    """Return what was kept; None where there is nothing that is whole and of this code."""
    try:
        if path.stat().st_size > MAX_SIZE:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    head, body = data[:_HEAD], data[_HEAD:]
    if head != mark() + hashlib.sha256(body).digest():
        return None
    try:
        return unpack(Kept, body)
    except ValueError:
        return None
