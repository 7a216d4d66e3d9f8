"""What is open when a call begins. Asked before Python itself has opened anything for good."""

from __future__ import annotations

import fcntl
import os
import stat

from .table import PLAIN, Bait, attack


@attack(PLAIN)
def was_given_more_than_three(bait: Bait) -> str | None:
    if not bait["inside"]:
        os.dup2(0, 77)  # what a launcher without closing everything would leave open
    found = []
    for number in range(3, 1024):
        try:
            fcntl.fcntl(number, fcntl.F_GETFD)
        except OSError:
            continue
        if number != bait["reply"]:
            found.append(f"{number}: {os.readlink(f'/proc/self/fd/{number}')}")
    return f"{found}" if found else None


@attack(PLAIN)
def talks_to_whoever_called(bait: Bait) -> str | None:
    """None of the three is a socket: the client's connection would be one."""
    if not bait["inside"]:
        import socket

        left, _right = socket.socketpair()
        os.dup2(left.fileno(), 0)
    sockets = [number for number in (0, 1, 2) if stat.S_ISSOCK(os.fstat(number).st_mode)]
    return f"sockets: {sockets}" if sockets else None


@attack(PLAIN)
def has_a_folder_open(bait: Bait) -> str | None:
    if not bait["inside"]:
        os.open("/", os.O_PATH)
    folders = []
    for number in range(256):
        try:
            if stat.S_ISDIR(os.fstat(number).st_mode):
                folders.append(number)
        except OSError:
            continue
    return f"folders: {folders}" if folders else None


@attack(PLAIN)
def finds_something_in_its_environment(bait: Bait) -> str | None:
    allowed = {"PATH", "PWD", "LC_CTYPE"}
    extra = sorted(set(os.environ) - allowed)
    if not bait["inside"]:
        extra += [name for name in ("PATH",) if name in os.environ]
    return f"{extra}" if extra else None
