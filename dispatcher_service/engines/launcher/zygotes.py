"""The warm interpreters of a launcher: which there are, how they start, and when they are started anew.

The standard library only. What runs in them is in `zygote/`.

All children of one have its addresses and its hashes of texts in common. So each serves one folder of extensions only,
and not for ever. None runs a line of an extension itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections import deque
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher import kernel, wire
from dispatcher_service.engines.launcher.cgroups import Cgroups
from dispatcher_service.engines.launcher.child import IGNORED
from dispatcher_service.engines.launcher.interpreters import Kind
from dispatcher_service.engines.launcher.kernel import MS_NODEV, MS_NOSUID
from dispatcher_service.engines.launcher.native import NativeStarter
from dispatcher_service.engines.launcher.processes import receive
from dispatcher_service.engines.launcher.spares import LIFE, Spare
from dispatcher_service.engines.launcher.template import Template
from dispatcher_service.engines.launcher.zygote import loading
from dispatcher_service.engines.launcher.zygote.waiting import ORDER

MOST_ZYGOTES = 8
"""Each takes some 20 MiB, most of which it shares with its children."""
FEW, MOST = 2, 16
"""How many children wait at least, and at most, each with some 4 MiB of its own."""
QUIET_PEAK = 2
"""So many calls at once leave time for each child to rehearse: its call is quicker, but costs more altogether."""
KEPT = 30.0
"""Seconds after its last call for which a zygote is not let go for another one: to start one costs what some executed
calls do."""
IDLE = 600.0
"""Seconds without a call after which a zygote is let go."""
START_SECONDS, ANSWER_SECONDS = 30.0, 10.0
"""How long one may take to start, and to fork; it is stuck, or the machine is, when it takes longer."""
RETRY = 60.0
"""Seconds for which an interpreter that could not be warmed is left alone."""
LOOK = 1.0
"""Seconds between two looks whether modules have changed."""
MAX_READY = 1 << 18
LINE_FD, TEXT_FD, VENV_FD = 3, 4, 5

Pending = tuple[dict[str, Any], list[int]]
"""A call that waits for a child, with its descriptors."""


class Zygote:
    """One warm interpreter, and those of its children that wait for calls."""

    def __init__(self, kind: Kind, pid: int, line: socket.socket) -> None:
        self.kind = kind
        self.pid = pid
        self.line = line
        self.ready = False
        self.signature = signature_of(kind.path)
        self.files: dict[str, tuple[int, ...] | None] = {}
        """Modules that may change without the interpreter, as they were."""
        self.started_at = self.used_at = self.looked_at = time.monotonic()
        self.asked_at = 0.0
        """When the oldest order came that is not answered; 0 where there is none."""
        self.served = 0
        self.waiting: list[Spare] = []
        self.joining: dict[int, Spare] = {}
        """Sandboxes that a child is to join, by their numbers."""
        self.pending: deque[Pending] = deque()
        self.running = 0
        self.peak = 0
        """How many calls ran at once lately."""
        self.peak_at = 0.0

    @property
    def missing(self) -> int:
        """How many children are to be forked."""
        if not self.ready:
            return 0
        wanted = min(max(FEW, self.peak + 1), MOST) + len(self.pending)
        return wanted - len(self.waiting) - len(self.joining)

    def take(self) -> Spare | None:
        """A child for a call, which the caller closes."""
        return self.waiting.pop(0) if self.waiting else None

    def begin(self) -> None:
        """Count a call."""
        self.used_at = time.monotonic()
        self.served += 1
        self.running += 1
        if self.running >= self.peak or self.used_at - self.peak_at > LIFE:
            self.peak, self.peak_at = self.running, self.used_at

    def end(self) -> None:
        """Count a call no more."""
        self.running -= 1

    def keep_few(self) -> list[Spare]:
        """Have only a few wait from now on; the others, which the caller closes."""
        self.peak = self.running
        wanted = max(FEW, self.peak + 1)
        let_go, self.waiting = self.waiting[wanted:], self.waiting[:wanted]
        return let_go

    def is_stuck(self, now: float) -> bool:
        """Whether it has taken longer than anything does that goes well."""
        if not self.ready:
            return now >= self.started_at + START_SECONDS
        return self.asked_at != 0 and now >= self.asked_at + ANSWER_SECONDS

    def has_changed(self) -> bool:
        """Whether the interpreter, or a module that it has imported, is another one now."""
        if signature_of(self.kind.path) != self.signature:
            return True
        now = time.monotonic()
        if now - self.looked_at < LOOK:
            return False
        self.looked_at = now
        return any(signature_of(file) != before for file, before in self.files.items())

    def order(self, number: int, *, unified: bool, fds: list[int]) -> None:
        """Ask for a child in a sandbox.

        Raises:
            OSError: the zygote is dead.
        """
        self.asked_at = self.asked_at or time.monotonic()
        socket.send_fds(self.line, [ORDER.pack(number, unified, self.peak <= QUIET_PEAK)], fds)

    def receive(self) -> tuple[wire.Answer, int]:
        """Take an answer, and the line of the child.

        Raises:
            OSError: it is dead.
        """
        data, fds, _flags = receive(self.line, wire.MAX_ANSWER, 1)
        if not data:
            raise ConnectionResetError("the interpreter has died")
        return wire.unpack_answer(data), fds[0] if fds else -1

    def close(self) -> None:
        """Let it end, and all its children that have no call."""
        self.line.close()
        for spare in (*self.waiting, *self.joining.values()):
            spare.close()
        self.waiting.clear()
        self.joining.clear()


class Asked(NamedTuple):
    """A sandbox that is asked for its namespaces, for a zygote's child."""

    zygote: Zygote
    spare: Spare
    at: float


class Profile(NamedTuple):
    """What all zygotes of a launcher are started with."""

    text: bytes
    """What makes an interpreter one."""
    message: dict[str, Any]
    """The first message to it, but for its own name."""
    report: int
    """Where its children report."""
    places: list[int]
    """What the rules in the message are about, and the library if there is one."""
    environment: dict[str, str]
    calls: int
    """After how many one is started anew."""
    age: float
    """After how many seconds it is."""
    template: Template


def start(kind: Kind, profile: Profile) -> Zygote:
    """Start a zygote, which says by itself when it is ready.

    Raises:
        OSError: it cannot be started.
    """
    if not kind.is_program():
        raise OSError(0, f"{kind.path} is not an interpreter itself")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Of the same kinds as a call's descriptors, since the interpreter looks at them once, when it starts.
    stdin = os.memfd_create("stdin", os.MFD_CLOEXEC)
    text = os.memfd_create("text", os.MFD_CLOEXEC)
    outputs = [os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)]
    venv = []
    try:
        name = kind.argv[0]
        if kind.venv:
            venv.append(empty_venv(kind, profile.template))
            name = f"/proc/self/fd/{VENV_FD}/bin/{kind.venv}"
        os.write(text, profile.text)
        os.lseek(text, 0, os.SEEK_SET)
        wanted = [stdin, outputs[0][1], outputs[1][1], theirs.fileno(), text, *venv]
        moved = [fcntl(fd, F_DUPFD_CLOEXEC, len(wanted)) for fd in wanted]
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(moved)]
        argv = [name, *kind.argv[1:], "-c", loading.BOOT.format(fd=TEXT_FD)]
        reset = (*IGNORED, signal.SIGXFSZ, signal.SIGCHLD)
        pid = os.posix_spawn(
            kind.path, argv, profile.environment, file_actions=actions, setsigdef=reset, setsigmask=(), setsid=True
        )
        for fd in moved:
            os.close(fd)
        message = json.dumps(profile.message | {"argv": kind.argv, "venv": bool(kind.venv)}).encode()
        socket.send_fds(ours, [message], [profile.report, *profile.places])
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        for fd in (stdin, text, *outputs[0], *outputs[1], *venv):
            os.close(fd)
    return Zygote(kind, pid, ours)


def empty_venv(kind: Kind, template: Template) -> int:
    """Make a virtual environment with nothing in it, which an interpreter for scripts of others is started in.

    So it has nothing of the system's own packages, which may do anything when an interpreter starts.

    Returns:
        A folder in memory that is nowhere to be seen; the interpreter finds it by this descriptor, and needs it only to
        start.

    Raises:
        OSError: the kernel refuses.
    """
    with template.new_mounts() as mounts:
        os.close(mounts)
        kernel.mount("venv", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k,nr_inodes=8")  # noqa: S108  (in a copy of the template that is gone at once)
        folder = kernel.clone_tree("/tmp")  # noqa: S108  (the same)
    try:
        os.mkdir("bin", 0o755, dir_fd=folder)
        os.symlink(kind.argv[0], f"bin/{kind.venv}", dir_fd=folder)
        text = f"home = {os.path.dirname(kind.argv[0])}\ninclude-system-site-packages = false\n"  # noqa: PTH120  (pathlib would double this small process)
        file = os.open("pyvenv.cfg", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=folder)
        os.write(file, os.fsencode(text))
        os.close(file)
    except BaseException:
        os.close(folder)
        raise
    return folder


def signature_of(path: str) -> tuple[int, ...] | None:
    """What tells a file from another one that has taken its place; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  (pathlib would double this small process)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def profile_of(
    native: NativeStarter, spec: dict[str, Any], text: bytes, cgroups: Cgroups, *, drops: bool
) -> Profile | None:
    """What a launcher's zygotes are started with; None where it is to have none.

    Args:
        native: knows the walls.
        spec: see `NativeStarter`; its `zygotes` are the settings.
        text: see `loading.py`.
        cgroups: the launcher's.
        drops: whether sandboxes have users of their own.
    """
    settings = spec.get("zygotes")
    if settings is None or not native.clones_for_parent:
        return None
    walls = native.walls[native.network]
    message = {
        "drops": drops,
        "inner": walls.inner,
        "last_capability": walls.last_capability,
        "network": walls.network != "none",
        "filter": spec["filters"][native.network],
        "preload": settings["preload"],
        "rules": [access for _fd, access in walls.rules],
        "joining": "",
        "kind": native.kinds.index(native.network),
    }
    report, places = native.report_end.fileno(), [fd for fd, _access in walls.rules if isinstance(fd, int)]
    if (library := native.accelerator.library) != -1:
        message["joining"] = wire.pack_profile(native.profile(cgroups)[0]).hex()
        places.append(library)
    environment, calls, age = spec["environment"], settings["calls"], settings["age"]
    return Profile(text, message, report, places, environment, calls, age, native.template)
