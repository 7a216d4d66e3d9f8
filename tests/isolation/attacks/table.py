"""The table of attacks, and how one is run. Standard library only: all this runs inside, on the system's Python.

An attack is a function that takes the bait (a dictionary, see `isolation/bait.py`) and tells in words what it got; that
is an escape. None, `Held` or an OSError or MemoryError is what a wall makes of it. Any other exception is a mistake in
the attack, which fails the test, because an attack that cannot work proves nothing; for the same reason each is shown
to succeed without walls, in the way that `shown` says.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SECONDS = 10
"""What one attack may take before it counts as hung."""
MACHINE = platform.machine()
PLAIN = "plain"
"""Shown on the engine `none`, as root and as an ordinary user."""
ROOT = "root"
"""Shown on the engine `none`, as root only: it takes root's power."""
USER = "user"
"""Shown on the engine `none`, as an ordinary user only: root is not bound by what is got round here, or would harm."""
SPACES = "spaces"
"""Shown in throw-away namespaces, where the attacker is root over nothing: outside it would harm the machine."""
PROCESS = "process"
"""Shown as a plain process whose input is an ordinary file: even the engine `none` hands in what cannot be changed."""
TERMINAL = "terminal"
"""Shown as a plain process on a terminal of its own."""

Bait = dict[str, Any]
Function = Callable[[Bait], "str | None"]


class Held(Exception):
    """A wall has held, and how."""


class Absent(Exception):
    """This machine has nothing that could be attacked so."""


@dataclass(frozen=True)
class Attack:
    name: str
    run: Function
    shown: str


TABLE: dict[str, Attack] = {}


def attack(shown: str = PLAIN, name: str = "") -> Callable[[Function], Function]:
    """Put a function into the table, by `<its module>: <its name>`."""

    def put(function: Function) -> Function:
        title = f"{function.__module__.rpartition('.')[2]}: {name or function.__name__.replace('_', ' ')}"
        if title in TABLE:
            raise ValueError(f"two attacks are called {title}")
        TABLE[title] = Attack(title, function, shown)
        return function

    return put


def of_subject(subject: str) -> list[Attack]:
    return [attack for name, attack in TABLE.items() if name.startswith(f"{subject}: ")]


libc = ctypes.CDLL(None, use_errno=True)
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "capset": (126, 91),
    "chroot": (161, 51), "clone": (56, 220), "clone3": (435, 435), "delete_module": (176, 106),
    "creat": (85, None), "fanotify_init": (300, 262), "fchmodat2": (452, 452), "finit_module": (313, 273), "fsopen": (430, 430), "init_module": (175, 105),
    "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "ioprio_set": (251, 30),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219),
    "memfd_secret": (447, 447), "mount": (165, 40), "mount_setattr": (442, 442), "mq_open": (240, 180),
    "mknod": (133, None), "mknodat": (259, 33), "mq_unlink": (241, 181), "msgctl": (71, 187), "msgget": (68, 186), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "openat2": (437, 437), "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pivot_root": (155, 41), "prctl": (157, 167),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "reboot": (169, 142), "renameat2": (316, 276), "request_key": (249, 218), "rt_sigqueueinfo": (129, 138),
    "seccomp": (317, 277), "semctl": (66, 191), "semget": (64, 190), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "shmat": (30, 196), "shmctl": (31, 195), "shmget": (29, 194),
    "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116), "tgkill": (234, 131), "umount2": (166, 39),
    "unshare": (272, 97), "userfaultfd": (323, 282), "vhangup": (153, 58),
    "vmsplice": (278, 75),
}  # fmt: skip
"""x86-64 and aarch64, from the kernel's `asm/unistd_64.h` and `asm-generic/unistd.h`."""


def syscall(name: str, *arguments: Any) -> int:
    """Make a system call by its number, past the C library.

    Raises:
        Absent: this architecture has no such call.
        OSError: it was refused.
    """
    number = NUMBERS[name][0 if MACHINE == "x86_64" else 1]
    if number is None:
        raise Absent(f"{MACHINE} has no {name}")
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    ctypes.set_errno(0)
    result: int = libc.syscall(ctypes.c_long(number), *words)
    if result == -1 and ctypes.get_errno():
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return result


def reaches(name: str, *arguments: Any, beyond: Sequence[int] = ()) -> str:
    """Make a call with arguments that can do nothing; that the kernel looks at them shows that it would be allowed.

    Args:
        name: which call.
        arguments: what makes it harmless.
        beyond: the errors by which the kernel refuses these arguments, having allowed the call itself.
    """
    try:
        return f"{name} = {syscall(name, *arguments)}"
    except OSError as error:
        if error.errno in beyond:
            return f"{name} was let through, and found only its arguments wrong ({error.strerror})"
        raise


def run_one(attack: Attack, bait: Bait) -> tuple[str, str]:
    """Run an attack in this process: what came of it, and the details."""
    try:
        got = attack.run(bait)
    except Absent as error:
        return "absent", str(error)
    except Held as error:
        return "held", str(error)
    except (OSError, MemoryError) as error:
        if not bait["inside"] and getattr(error, "errno", 0) == errno.ENOSYS:
            return "absent", "this kernel has no such call"
        return "held", f"{type(error).__name__}: {error}"
    except BaseException:
        return "broken", traceback.format_exc()
    return ("escaped", got) if got else ("held", "got nothing")


def run_apart(attack: Attack, bait: Bait) -> tuple[str, str]:
    """Run an attack in a process of its own, which it may lose."""
    read_end, write_end = os.pipe()
    bait = {**bait, "reply": write_end}
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        os.close(read_end)
        result = run_one(attack, bait)
        os.write(write_end, json.dumps((result[0], result[1][:2000])).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    status = os.waitpid(pid, 0)[1]
    if data:
        kind, detail = json.loads(data)
        return kind, detail
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
        return "held", "killed by the filter"
    return "broken", f"it ended with status {status:#x} and said nothing"


def main(order: dict[str, Any], answers: int) -> None:
    """Run the attacks of `{"names", "bait"}`; write one `[name, result, detail]` a line."""
    for name in order["names"]:
        run = run_one if order["bait"]["together"] else run_apart
        result, detail = run(TABLE[name], order["bait"])
        os.write(answers, json.dumps([name, result, detail]).encode() + b"\n")


def errors(*names: str) -> tuple[int, ...]:
    return tuple(getattr(errno, name) for name in names)
