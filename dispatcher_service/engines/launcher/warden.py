"""The process between the dispatcher and a launcher that has no namespace of its own. The standard library only.

A launcher kills its calls before it ends; when it is killed itself, the kernel kills the first process of each. Not yet
what such a process has made a moment ago: bubblewrap's sandbox ties itself to bubblewrap only when it is half built. So
the warden, whose children they all become then, kills them. It does nothing else, and the launcher ends with it, too.
"""

from __future__ import annotations

import os
import signal
import socket

from dispatcher_service.engines.launcher import kernel
from dispatcher_service.engines.launcher.processes import kill_children, max_files

GIVE_UP = signal.SIGUSR1
"""By which the dispatcher has a launcher killed that does not answer; a warden that does not know it dies of it."""
ORPHANED = signal.SIGCHLD
"""What a launcher gets when its warden has died; it looks then whose child it is (`ForkingLauncher.reap`)."""
SWEEP_SECONDS = 10
NOTICE_SECONDS = 1.0
"""How long the dispatcher may take to notice that its launcher is gone."""


def divide(line: socket.socket) -> bool:
    """Split into the warden and the launcher.

    Args:
        line: to the dispatcher. It ends, for the dispatcher, when the launcher has ended and what it left is dead.

    Returns:
        True in the launcher, at once; False in the warden, when the dispatcher has noticed that the launcher has ended.
    """
    warden = os.getpid()
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    launcher = os.fork()
    if launcher != 0:
        _stand_by(launcher, line)
        return False
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, ORPHANED)
    if os.getppid() != warden:
        os._exit(1)
    return True


def _stand_by(launcher: int, line: socket.socket) -> None:
    signal.signal(GIVE_UP, lambda _number, _frame: os.kill(launcher, signal.SIGKILL))
    os.closerange(3, line.fileno())
    os.closerange(line.fileno() + 1, max_files())
    os.waitid(os.P_PID, launcher, os.WEXITED | os.WNOWAIT)
    signal.signal(GIVE_UP, signal.SIG_DFL)
    signal.alarm(SWEEP_SECONDS)
    kill_children()
    line.settimeout(NOTICE_SECONDS)
    try:
        line.shutdown(socket.SHUT_WR)
        while line.recv(1):
            continue
    except OSError:
        return  # it is gone itself, or does not look
