"""Carrying a plan out so that it is done as a whole or not at all, wherever the process is killed.

Everything is a move between the resources directory and the operation's own folder on the same file system: what is
removed goes there, what is made was prepared there. One side of each move is ours alone, so that what is there tells
which moves have been made. The journal lists them before the first one; as long as it is there they can be undone.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from graft_common.errors import GraftError
from registry_service.catalog.catalog import VersionKey
from registry_service.mpacks.plan import MakeFolder, MakeLink, Place, Plan, Remove, RemoveFolder

JOURNAL = "journal"
_IN = "in"
_OUT = "out"
_MAX_JOURNAL = 64 * 1024 * 1024


class Move(msgspec.Struct, frozen=True, array_like=True):
    """One move between `path` in the resources directory and `aside` in the operation's folder."""

    path: str
    aside: str
    direction: Literal["in", "out"]
    folder: bool
    """A folder that is only moved out if it is empty, and only removed again if it is."""


class Journal(msgspec.Struct, frozen=True):
    """What an operation is about to do."""

    action: str
    pack: str
    moves: list[Move]
    brings: list[VersionKey]
    """Extension versions that only its result has: a link to one proves that the operation was committed."""
    linked: list[int]
    """Links that prove nothing: they have led to these versions before, as something that had vanished."""


def prepare(own: Path, plan: Plan) -> list[Move]:
    """Make what the plan needs in the operation's folder; return the moves."""
    (own / _IN).mkdir()
    (own / _OUT).mkdir()
    moves = []
    for number, step in enumerate(plan.steps):
        aside = f"{_IN}/{number}"
        if isinstance(step, (Remove, RemoveFolder)):
            moves.append(Move(step.path, f"{_OUT}/{number}", "out", isinstance(step, RemoveFolder)))
            continue
        if isinstance(step, MakeFolder):
            (own / aside).mkdir(0o755)
            (own / aside).chmod(0o755)
        elif isinstance(step, MakeLink):
            (own / aside).symlink_to(step.target)
        elif isinstance(step, Place):
            aside = step.prepared
        moves.append(Move(step.path, aside, "in", isinstance(step, MakeFolder)))
    return moves


def check_device(root: Path, own: Path, moves: Sequence[Move]) -> None:
    """Raise MPACK_FAILED if a part of the resources directory is on another file system."""
    device = own.stat().st_dev
    for folder in sorted({str(Path(move.path).parent) for move in moves}):
        path = root / folder
        if path.is_dir() and path.stat().st_dev != device:
            raise GraftError(
                "MPACK_FAILED",
                f"{folder} is on another file system than mpacks; management packs need the resources directory on one",
            )


def write_journal(own: Path, journal: Journal) -> None:
    """Begin: from now on the operation is undone if it is not ended."""
    new = own / f"{JOURNAL}.new"
    with new.open("wb") as file:
        file.write(msgspec.json.encode(journal))
        file.flush()
        os.fsync(file.fileno())
    new.rename(own / JOURNAL)
    _sync_folder(own)


def read_journal(own: Path) -> Journal | None:
    """Return what an operation was about to do; None if it had not begun, or has ended.

    Raises:
        GraftError: MPACK_FAILED.
    """
    try:
        with (own / JOURNAL).open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_JOURNAL), type=Journal)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise GraftError("MPACK_FAILED", f"{own / JOURNAL} cannot be read: {error}") from error


def carry_out(root: Path, own: Path, moves: Sequence[Move], step: Callable[[int], None]) -> None:
    """Make the moves; `step` is told how many are made.

    Raises:
        OSError: one could not be made; those before it were.
    """
    for number, move in enumerate(moves, 1):
        inside, aside = root / move.path, own / move.aside
        if move.direction == "in":
            _refuse_to_overwrite(inside)
            aside.rename(inside)
        elif move.folder:
            _take_empty_folder(inside, aside)
        else:
            inside.rename(aside)
        step(number)
    for folder in sorted({(root / move.path).parent for move in moves}):
        _sync_folder(folder)


def undo(root: Path, own: Path, moves: Sequence[Move]) -> None:
    """Take the moves back, as far as they were made; may be called again and again.

    Raises:
        OSError: one could not be taken back; nothing is lost, and it can be tried again.
    """
    for move in reversed(moves):
        inside, aside = root / move.path, own / move.aside
        if move.direction == "out":
            if os.path.lexists(aside):
                _refuse_to_overwrite(inside)
                aside.rename(inside)
        elif not os.path.lexists(aside):
            if not move.folder and os.path.lexists(inside):
                inside.rename(aside)
            elif move.folder and inside.is_dir() and not os.listdir(inside):  # noqa: PTH208  (one look is cheaper)
                inside.rmdir()


def end(own: Path) -> None:
    """The operation has been done, or undone, as a whole."""
    (own / JOURNAL).unlink(missing_ok=True)
    _sync_folder(own)


def sweep(own: Path) -> None:
    """Remove the folder of an operation that has ended, as far as that is possible."""
    shutil.rmtree(own, ignore_errors=True)


def _refuse_to_overwrite(path: Path) -> None:
    """Raise FileExistsError for what somebody has put there since the plan was made."""
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "something has got in the way", str(path))


def _take_empty_folder(inside: Path, aside: Path) -> None:
    """Move an empty folder out. It may have got something in it, or have gone, since the plan was made."""
    try:
        inside.rename(aside)
    except FileNotFoundError:
        return
    if os.listdir(aside):  # noqa: PTH208  (one look is cheaper)
        aside.rename(inside)


def _sync_folder(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
