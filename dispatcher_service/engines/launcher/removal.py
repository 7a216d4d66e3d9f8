"""Removing what a call has left in a folder of its own, whatever it is. The standard library only.

A call may have nested folders deeper than any path is long, made them unreadable, or filled them with more files than
there is time for. Nobody writes there any more when this runs.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from dispatcher_service.engines.launcher.kernel import PR_SET_PDEATHSIG, prctl


def remove_tree(path: str, seconds: float | None = None) -> bool:
    """Remove a folder and all that is in it.

    Args:
        path: the folder; its own path is short and leads through nobody else's folder.
        seconds: when to give up; None for never.

    Returns:
        Whether it is gone.
    """
    deadline = float("inf") if seconds is None else time.monotonic() + seconds
    try:
        os.chmod(path, 0o700)  # noqa: PTH101  (pathlib would double this small process)
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        changed = True
        while changed:  # names may be missed while others are removed and added, so again, until nothing changes
            changed = False
            for name in _names(top, deadline):
                changed |= _lessen(top, name, deadline)
    finally:
        os.close(top)
    try:
        os.rmdir(path)  # noqa: PTH106  (as above)
    except OSError:
        return not os.path.lexists(path)
    return True


def begin_removal(path: str, seconds: float | None) -> int:
    """The same, by a child of this process that ends when it has done so; one that has no end is a patient one.

    Returns:
        The child's number.

    Raises:
        OSError: there can be no more processes.
    """
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(10 if seconds is None else 0)
        remove_tree(path, seconds)
    finally:
        os._exit(0)


def _names(folder: int, deadline: float) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if time.monotonic() > deadline:
                return
            yield entry.name


def _lessen(top: int, name: str, deadline: float) -> bool:
    """Remove what has that name, or what is in it; whether anything has changed."""
    try:
        os.unlink(name, dir_fd=top)
    except IsADirectoryError:
        return _flatten(top, name, deadline)
    except OSError:
        return False
    return True


def _flatten(top: int, name: str, deadline: float) -> bool:
    """Remove a folder, after moving the folders in it up beside it, so that no depth is too deep."""
    changed = False
    try:
        os.chmod(name, 0o700, dir_fd=top)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    except OSError:
        return False
    try:
        prefix = os.urandom(8).hex()
        for number, below in enumerate(_names(inner, deadline)):
            changed |= _move_up(inner, below, top, f"{prefix}-{number}")
    finally:
        os.close(inner)
    try:
        os.rmdir(name, dir_fd=top)
    except OSError:
        return changed
    return True


def _move_up(inner: int, name: str, top: int, to: str) -> bool:
    try:
        os.unlink(name, dir_fd=inner)
    except IsADirectoryError:
        try:
            os.chmod(name, 0o700, dir_fd=inner)  # moving a folder changes its `..`
            os.rename(name, to, src_dir_fd=inner, dst_dir_fd=top)
        except OSError:
            return False
    except OSError:
        return False
    return True
