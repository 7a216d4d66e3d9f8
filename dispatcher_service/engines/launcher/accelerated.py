"""The accelerator: a compiled maker in place of the one in Python (`making.py`). The standard library only.

It is a small static program without policy of its own: it is told in a profile (`wire.py`) what sandboxes are made of.
Where Graft was installed without a C compiler it is not there, and on some hosts it cannot be started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import NoReturn

from dispatcher_service.engines.launcher import kernel, wire
from dispatcher_service.engines.launcher.template import WallError

PROGRAM = os.path.join(os.path.dirname(__file__), "accelerator", "graft-maker")  # noqa: PTH118, PTH120  (pathlib would double this small process)
LIBRARY = os.path.join(os.path.dirname(__file__), "accelerator", "graft-joining.so")  # noqa: PTH118, PTH120  (as above)
"""For warm interpreters; see `joining.c`."""
LINE_FD = 3
"""Where the program finds its line."""
ON, OFF = "on", "off"
ACCELERATOR = "accelerator"
"""The name of the finding about it, and of what cannot be built where it was asked for."""
IN_USE = "in use: sandboxes are made by the compiled program"
NOT_THERE = "it was not compiled when Graft was installed: there was no C compiler, or no static C library"


class Accelerator:
    """The program, opened while the host's files are to be seen.

    Args:
        wanted: `auto`, `on` or `off`.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.lacking = ""
        """Why it is not used."""
        self._program = self.library = -1
        if wanted == OFF:
            self.lacking = "switched off by GRAFT_ACCELERATOR=off"
            return
        try:
            self._program = os.open(PROGRAM, os.O_RDONLY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):  # it is not needed
                self.library = os.open(LIBRARY, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self.lacking = NOT_THERE
        except OSError as error:
            self.lacking = f"{PROGRAM}: {error.strerror}"

    def start(self, profile: wire.Profile, fds: Sequence[int], seconds: float) -> tuple[int, socket.socket | None]:
        """Start the program as a child of this process; it ends when its line does.

        Args:
            profile: what sandboxes are made of.
            fds: the profile's descriptors.
            seconds: how long it may take.

        Returns:
            The child's number and the line to it; 0 and None where it is not used, for the reason in `lacking`.

        Raises:
            WallError: it was asked for by `on`, and cannot be used.
        """
        if not self.lacking:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            pid = os.fork()
            if pid == 0:
                self._become(theirs, profile.last_capability)
            theirs.close()
            self.lacking = greet(ours, profile, fds, seconds)
            if not self.lacking:
                return pid, ours
            ours.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if self.wanted == ON:
            raise WallError(ACCELERATOR, self.lacking)
        return 0, None

    def close(self) -> None:
        """Let go of the program."""
        if self._program != -1:
            os.close(self._program)

    def _become(self, line: socket.socket, last_capability: int) -> NoReturn:
        try:
            program, theirs = (fcntl(fd, F_DUPFD_CLOEXEC, LINE_FD + 1) for fd in (self._program, line.fileno()))
            os.dup2(theirs, LINE_FD)
            with contextlib.suppress(OSError):  # root's programs have them all the same; if not, it finds out itself
                kernel.hand_down_capabilities(last_capability)
            os.execve(program, ["graft-maker"], {})  # noqa: S606  (there is no shell)
        except OSError as error:
            line.send(wire.pack_answer(wire.Answer(0, 0, f"it cannot be executed: {error.strerror}")))
        finally:
            os._exit(127)


def greet(line: socket.socket, profile: wire.Profile, fds: Sequence[int], seconds: float) -> str:
    """Tell the program the profile, and hear from it that it can make sandboxes; else why not."""
    line.settimeout(seconds)
    with contextlib.suppress(ConnectionError):  # it may have said why it has ended
        socket.send_fds(line, [wire.pack_profile(profile)], list(fds))
    data = b""
    for _attempt in range(2):  # the first may only tell that what was sent has not been read
        try:
            data = line.recv(wire.MAX_ANSWER)
        except ConnectionError:
            continue
        except TimeoutError:
            return f"it has not answered within {seconds:g} s"
        break
    line.settimeout(None)
    if not data:
        return "it has died at once"
    answer = wire.unpack_answer(data)
    return "" if answer.pid else f"sandboxes cannot be made by it here: {answer.error}"
