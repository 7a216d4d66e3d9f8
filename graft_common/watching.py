"""What is common to those who watch a directory: whether it is still the same one, and what can end a watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from structlog.typing import FilteringBoundLogger
from watchfiles._rust_notify import WatchfilesRustInternalError


@dataclass(slots=True)
class Watch:
    """A watch that has ended or goes on."""

    failed: bool = False
    """Whether something has ended it that may end the next one, too."""


@contextmanager
def failures_told(log: FilteringBoundLogger, event: str, directory: Path) -> Iterator[Watch]:
    """Log what ends a watch of a directory, with what mends it, so that the block's end can begin another.

    Args:
        log: takes the warning.
        event: its name.
        directory: what is watched.
    """
    watch = Watch()

    def tell(errors: BaseException, fix: str) -> None:
        watch.failed = True
        while isinstance(errors, BaseExceptionGroup):
            errors = errors.exceptions[0]
        log.warning(event, directory=str(directory), reason=str(errors), fix=fix)

    try:
        yield watch
    except* OSError as errors:
        tell(errors, "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl")
    except* WatchfilesRustInternalError as errors:
        # Whatever befalls a path that is no UTF-8, be it that somebody lists it, ends a watch.
        tell(errors, "rename what has a name that is not UTF-8")


def identity(directory: Path) -> tuple[int, int] | None:
    """Return what tells a directory from another of the same name: its device and number; None where there is none."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
