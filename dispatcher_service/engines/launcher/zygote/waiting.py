"""A warm interpreter, and its children that wait for a script in sandboxes. The standard library only.

A zygote is started by the launcher in the template (`zygotes.py`), with a clean environment and without anything of a
call or of the dispatcher. It imports what scripts use, and then does nothing but fork: the child enters the namespaces
of a sandbox that waits, whose first process was made by the maker, builds the same walls around itself as that process
has, and waits for a call, for which it runs the script instead of executing it. The child is the launcher's
(CLONE_PARENT), and its end is the end of the call.

The line is a SOCK_SEQPACKET socket:

- in, first, as JSON: `inner`, `last_capability`, `rules` (what Landlock allows), `network`, `filter`,
  `preload`, `argv` (the interpreter's, without `-c`). With descriptors: for reports, and what the rules are about.
- out, once, as JSON: `files` of imported modules that are not of the standard library; or `error`.
- in, `ORDER`: the sandbox's number; whether its user is another one than the launcher's; whether there is a group of
  version 2. With descriptors: the sandbox's namespace of mounts, those of `SPACES`, the group's folder of version 2,
  and files through which processes enter the other groups.
- out, an answer as the maker's (`wire.py`), with one descriptor: the line on which the child waits.
- to the child: a call, as to any sandbox's first process (`wire.py`).
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import Any, NoReturn

from dispatcher_service.engines.launcher import kernel, landlock, wire
from dispatcher_service.engines.launcher.processes import receive
from dispatcher_service.engines.launcher.zygote import script

MAX_MESSAGE = 1 << 18
MAX_DESCRIPTORS = 32
ORDER = struct.Struct("=I??")
OLDEST = (3, 10)
"""The first Python that this runs in."""
PRELOAD = (
    "argparse",
    "base64",
    "collections",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fnmatch",
    "functools",
    "glob",
    "hashlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "logging",
    "operator",
    "pathlib",
    "platform",
    "queue",
    "random",
    "re",
    "shlex",
    "shutil",
    "string",
    "subprocess",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "traceback",
    "types",
    "typing",
    "urllib.parse",
    "urllib.request",
    "uuid",
    "xml.dom.minidom",
    "xml.etree.ElementTree",
    "xmlrpc.client",
)
"""What scripts use most, all of it without effects of its own."""
SPACES = (
    kernel.CLONE_NEWPID,
    kernel.CLONE_NEWIPC,
    kernel.CLONE_NEWUTS,
    kernel.CLONE_NEWNET,
    kernel.CLONE_NEWCGROUP,
)
"""In the order of the descriptors, behind the one of users."""
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
REPORT_FD, LINE_FD, RULES_FD = 3, 4, 5
LIKE_A_CALL = wire.pack_call(["/folder/name", "argument"], {"NAME": "value"}, [[1, 2, 3]], 4, [("/folder", 5)])


def main(line_fd: int) -> NoReturn:
    """Serve until the launcher is gone."""
    line = socket.socket(fileno=line_fd)
    line.set_inheritable(False)
    data, fds, _flags = receive(line, MAX_MESSAGE, MAX_DESCRIPTORS)
    if not data:
        os._exit(0)
    for which in IGNORED:
        signal.signal(which, signal.SIG_IGN)
    zygote = Zygote(json.loads(data), line, fds)
    try:
        zygote.warm_up()
    except BaseException as error:  # noqa: BLE001  (a module may do anything when it is imported)
        line.send(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}).encode())
        os._exit(1)
    line.send(json.dumps({"files": zygote.files()}).encode())
    while zygote.answer():
        pass
    os._exit(0)


class Zygote:
    """A warm interpreter.

    Args:
        profile: the first message.
        line: to the launcher.
        fds: where a child tells why it could not start, and what Landlock's rules are about.
    """

    def __init__(self, profile: dict[str, Any], line: socket.socket, fds: list[int]) -> None:
        self.profile = profile
        self.line = line
        self.report = fds[0]
        self.filter = kernel.Filter(bytes.fromhex(profile["filter"]))
        self.rules = list(zip(fds[1:], profile["rules"]))  # noqa: B905  (they are as many)

    def warm_up(self) -> None:
        """Import what scripts use."""
        if sys.version_info < OLDEST:
            raise ImportError(f"Python {sys.version.split()[0]} is older than {OLDEST[0]}.{OLDEST[1]}")
        for name in (*PRELOAD, *self.profile["preload"]):
            importlib.import_module(name)
        self.place = kernel.tid_address()
        if not self.place:
            raise OSError(errno.ENOSYS, "the kernel does not tell where the number of a thread is kept")
        self.interpreter = script.Interpreter()
        wire.unpack_call(LIKE_A_CALL)
        gc.collect()
        gc.freeze()  # so that a collection in a child touches, and so copies, none of what it shares with this process

    def files(self) -> list[str]:
        """The files of modules that may change without the interpreter."""
        found = (getattr(sys.modules[name], "__file__", None) for name in self.interpreter.modules)
        return sorted({file for file in found if file and file[0] == "/" and "-packages/" in file})[:1000]

    def answer(self) -> bool:
        """Fork a child into the next sandbox that comes; False when the launcher is gone."""
        data, fds, _flags = receive(self.line, MAX_MESSAGE, MAX_DESCRIPTORS)
        if not data:
            return False
        number, drops, unified = ORDER.unpack(data)
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours, theirs:
                kernel.setns(fds[2], kernel.CLONE_NEWPID)  # of the next child, not of this process
                pid = kernel.clone(kernel.CLONE_PARENT, self.place, fds[7] if unified else -1)
                if pid == 0:
                    Child(self, number, theirs).become(fds[:7], fds[8 if unified else 7 :], drops=drops)
                answer = wire.pack_answer(wire.Answer(number, pid))
                socket.send_fds(self.line, [answer], [ours.fileno()])
        except OSError as error:
            self.line.send(wire.pack_answer(wire.Answer(number, 0, error.strerror or str(error))))
        finally:
            for fd in fds:
                os.close(fd)
        return True


class Child:
    """A copy of a zygote on its way to being the script of a call."""

    def __init__(self, zygote: Zygote, number: int, line: socket.socket) -> None:
        self.zygote = zygote
        self.number = number
        self.line = line
        self.report = zygote.report

    def become(self, spaces: list[int], groups: list[int], *, drops: bool) -> NoReturn:
        """Never returns; a failure is told in the report."""
        try:
            os.setsid()
            for group in groups:
                os.write(group, b"0")
            # Through the template's /proc, which unlike the sandbox's own can be written to.
            with open("/proc/self/oom_score_adj", "wb", buffering=0) as adjust:  # noqa: PTH123  (pathlib would double this small process)
                adjust.write(b"500")
            self.enter(spaces, drops=drops)
            rules = landlock.Ruleset(network=self.zygote.profile["network"])
            for target, access in self.zygote.rules:
                rules.allow(target, access)
            rules.allow("/tmp", landlock.WRITE | landlock.EXECUTE)  # noqa: S108  (the sandbox's own)
            self.keep(rules)
            self.wait_for_call(rules)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the launcher must hear of it and this process end)
            text = getattr(error, "strerror", None) or str(error) or type(error).__name__
            os.write(self.report, wire.REPORT.pack(self.number, 0, 0, 0.0, 0) + text.encode()[: wire.MAX_ERROR])
        finally:
            os._exit(127)

    def enter(self, spaces: list[int], *, drops: bool) -> None:
        """Enter the sandbox as its user, who has no power in it; that of processes it was born in."""
        mounts, users, _processes, *others = spaces
        for fd, kind in zip(others, SPACES[1:]):  # noqa: B905  (they are as many)
            kernel.setns(fd, kind)
        kernel.setns(mounts, kernel.CLONE_NEWNS)
        if drops:
            os.setgroups([])
        kernel.setns(users, kernel.CLONE_NEWUSER)
        inner = self.zygote.profile["inner"]
        os.setresgid(inner, inner, inner)
        os.setresuid(inner, inner, inner)
        os.umask(0o022)
        kernel.drop_capabilities(self.zygote.profile["last_capability"])
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # a program that is executed is; and there is nothing in it to hide

    def keep(self, rules: landlock.Ruleset) -> None:
        """Keep nothing of the zygote's but two sockets, and the ruleset."""
        kept = [(self.report, REPORT_FD), (self.line.fileno(), LINE_FD), (rules.fd, RULES_FD)]
        moved = [(fcntl(fd, F_DUPFD_CLOEXEC, RULES_FD + 1), number) for fd, number in kept if fd != -1]
        for fd, number in moved:
            os.dup2(fd, number, inheritable=False)
        self.report, rules.fd = REPORT_FD, RULES_FD if rules.fd != -1 else -1
        kernel.close_from(RULES_FD + 1 if rules.fd != -1 else RULES_FD)
        self.line.detach()
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=LINE_FD)

    def wait_for_call(self, rules: landlock.Ruleset) -> NoReturn:
        """Wait for what makes this the process of a call, and run its script."""
        for which in IGNORED:
            signal.signal(which, signal.default_int_handler if which == signal.SIGINT else signal.SIG_DFL)
        message, fds, _flags = receive(self.line, wire.MAX_CALL, 3)
        if not message:
            os._exit(0)  # not needed any more
        call = wire.unpack_call(message)
        argv = [os.fsdecode(argument) for argument in call.argv]
        if not os.access(argv[0], os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if call.processes:
            most = call.processes + 1  # the sandbox's first one counts too
            set_limit(resource.RLIMIT_NPROC, most, most)
        for target, access in call.rules:
            rules.allow(target, access)
        rules.restrict()
        self.zygote.filter.install()
        for number, fd in enumerate(fds):  # none of them is below 3
            os.dup2(fd, number)
        for name, value in call.env.items():
            if os.environb.get(name) != value:
                os.environb[name] = value
        name = os.fsencode(argv[0]).rpartition(b"/")[2]
        kernel.set_name(name)
        self.line.detach()
        for number, soft, hard in call.rlimits:
            set_limit(number, soft, hard)
        kernel.close_from(REPORT_FD)
        script.run(self.zygote.interpreter, argv, self.zygote.profile["argv"])


def set_limit(number: int, soft: int, hard: int) -> None:
    """Set a resource limit; where there is a lower ceiling already, that one stays."""
    ceiling = resource.getrlimit(number)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(number, (soft, hard))
