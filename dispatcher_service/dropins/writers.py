"""Telling whether somebody is writing to a file right now."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

STILL_FOR = 0.1
"""Seconds that a file must not have changed for, where the kernel does not tell who has it open."""


class BeingWritten(Exception):  # noqa: N818  (a state of the file, not a mistake)
    """Somebody has the file open for writing, or has just changed it."""


@contextmanager
def held_still(descriptor: int) -> Iterator[None]:
    """Make sure that nobody writes to a file while the block runs.

    A read lease (fcntl F_SETLEASE) is granted only while nobody has the file open for writing, and makes whoever then
    opens it for writing wait until the block ends. The kernel refuses leases on files of others without CAP_LEASE and
    on some file systems; there a file counts as still when it has not changed for a tenth of a second.

    Args:
        descriptor: the file, open for reading only.

    Raises:
        BeingWritten: it is not still; nothing in the block was run.
    """
    try:
        # A broken lease is told by SIGIO, which kills by default; SIGURG is ignored by default.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise BeingWritten from error
        if 0 <= time.time() - os.fstat(descriptor).st_ctime < STILL_FOR:
            raise BeingWritten from error
        yield
        return
    try:
        yield
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
