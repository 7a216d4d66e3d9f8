"""Runs a program as a container of Docker's does that was started without further options: no namespaces, no mounts.

`python without_namespaces.py PROGRAM [ARGUMENT …]`; the filter says what Docker's default one says of these calls.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from dispatcher_service.engines.seccomp.assembler import Action, Check, Condition, Decision, compile_filter, merge
from dispatcher_service.engines.seccomp.filter import ARCHITECTURES

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
CLONE_NEW = 0x7E020000
CALLS: dict[str, tuple[tuple[int, int], Decision]] = {
    "clone": ((56, 220), Check(((Condition(0, forbidden_bits=CLONE_NEW),),))),
    "clone3": ((435, 435), Action.ENOSYS),
    **{
        name: (numbers, Action.EPERM)
        for name, numbers in {
            "unshare": (272, 97),
            "setns": (308, 268),
            "mount": (165, 40),
            "umount2": (166, 39),
            "pivot_root": (155, 41),
            "open_tree": (428, 428),
            "move_mount": (429, 429),
            "fsopen": (430, 430),
            "fsmount": (432, 432),
            "mount_setattr": (442, 442),
        }.items()
    },
}


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def main() -> None:
    """Install the filter and become the program."""
    architecture = ARCHITECTURES[platform.machine()]
    decisions = {numbers[architecture.column]: decision for numbers, decision in CALLS.values()}
    ranges = merge(decisions, Action.ALLOW, (max(decisions) + 1, Action.ALLOW))
    code = compile_filter(architecture.audit_arch, ranges)
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(code) // 8, code)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
