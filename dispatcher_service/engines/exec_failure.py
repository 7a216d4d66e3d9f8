"""Why a small shell could not execute a command in its place, from what it has written."""

from __future__ import annotations

NOT_FOUND = ("not found", "required file not found", "bad interpreter: No such file or directory")
"""What shells say for ENOENT."""


def exec_failure(stderr: bytes, token: str) -> str:
    """The reason as the kernel would name it; empty when the command was executed.

    Args:
        stderr: all that is kept of it.
        token: what the shell is called and writes as its last line, and what the command could not guess.
    """
    if not stderr.endswith(f"{token}\n".encode()):
        return ""
    lines = stderr.decode(errors="replace").splitlines()
    said = next((line for line in reversed(lines[:-1]) if line.startswith(token)), "")
    reason = said.rpartition(": ")[2]
    if any(said.endswith(text) for text in NOT_FOUND):
        return "No such file or directory"
    return reason or "it could not be executed"
