"""What is not promised, by engine, user and attack, and why. Everything else must hold."""

from __future__ import annotations

from fnmatch import fnmatchcase

NOT_PROMISED: list[tuple[str, str, str, str]] = [
    # engine, user, attack (each may have *), why
    ("bubblewrap", "*", "exhaustion: makes many files", "bubblewrap bounds the bytes of a tmpfs, not its inodes"),
    (
        "*",
        "user",
        "exhaustion: takes memory in sockets",
        "the kernel's own buffers are counted by control groups alone; the open files of all processes bound them",
    ),
]


def reason(engine: str, who: str, attack: str) -> str:
    """Why an engine need not hold an attack; empty when it must."""
    for engines, users, attacks, why in NOT_PROMISED:
        if fnmatchcase(engine, engines) and fnmatchcase(who, users) and fnmatchcase(attack, attacks):
            return why
    return ""
