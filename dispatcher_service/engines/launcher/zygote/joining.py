"""The library by which a zygote forks children, where there is one (`joining.c`). The standard library only."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import NoReturn


class Joiner:
    """The library.

    Args:
        library: a descriptor of it.
        profile: what sandboxes are made of, as the maker is told (`wire.py`).
        kind: the number of the network that they have in it.
        report: where children tell why they could not start.
        rules: what Landlock's rules in the profile are about.

    Raises:
        OSError: it is not for this interpreter's C library.
    """

    def __init__(self, library: int, profile: bytes, kind: int, report: int, rules: Sequence[int]) -> None:
        # With the interpreter's lock held: a fork that returns twice must find the interpreter as it left it.
        found = ctypes.PyDLL(f"/proc/self/fd/{library}")
        self._serve, self._wait = found.graft_serve, found.graft_wait
        self._confine, self._fail = found.graft_confine, found.graft_fail
        self._wait.restype = ctypes.c_void_p
        self._confine.restype = self._fail.restype = None
        self._kind = ctypes.c_uint(kind)
        self._size, self._count = ctypes.c_size_t(), ctypes.c_uint()
        places = (ctypes.c_int * len(rules))(*rules)
        if not found.graft_prepare(profile, ctypes.c_size_t(len(profile)), ctypes.c_int(report), places):
            raise OSError(0, "the library does not understand the profile")

    def serve(self, line: int, tid: int) -> int:
        """Fork children as they are ordered.

        Args:
            line: to the launcher.
            tid: see `kernel.tid_address`.

        Returns:
            In each child, which has joined its sandbox, whether it is to rehearse; in this process -1, when the
            launcher is gone.
        """
        return int(self._serve(ctypes.c_int(line), self._kind, ctypes.c_void_p(tid)))

    def wait(self) -> tuple[list[bytes], dict[bytes, bytes]]:
        """Wait in the child for its call: its arguments and variables."""
        text = self._wait(ctypes.byref(self._size), ctypes.byref(self._count))
        texts = ctypes.string_at(text, self._size.value).split(b"\0")
        count = self._count.value
        return texts[:count], dict(variable.split(b"=", 1) for variable in texts[count:-1])

    def confine(self, name: bytes) -> None:
        """Build the walls in the child that are only the call's, and give it a name."""
        self._confine(self._kind, name)

    def fail(self, why: bytes) -> NoReturn:
        """Tell in the child why it cannot run its script, and end."""
        self._fail(why)
        os._exit(127)
