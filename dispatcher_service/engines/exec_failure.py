"""Why a small shell could not execute a command in its place, from what it has written."""

from __future__ import annotations

from dispatcher_service.engines.executables import UNNAMED_FAILURE

NOT_FOUND = ("not found", "required file not found", "bad interpreter: No such file or directory")
"""What shells say for ENOENT."""


def exec_failure(stderr: bytes, token: str) -> str:
    """The reason as the kernel would name it; empty when the command was executed.

    Args:
        stderr: all that is kept of it.
        token: what the shell writes as its last line, after what it says about it.
    """
    if not stderr.endswith(f"{token}\n".encode()):
        return ""
    said = ["", *stderr.decode(errors="replace").splitlines()][-2]
    if said.endswith(NOT_FOUND):
        return "No such file or directory"
    return said.rpartition(": ")[2] or UNNAMED_FAILURE
