"""A warm interpreter, and its children that wait for a script in sandboxes. The standard library only.

A zygote is started by the launcher in the template (`zygotes.py`), with a clean environment and without anything of a
call or of the dispatcher. It imports what scripts use, and then does nothing but fork: the child enters the namespaces
of a sandbox that waits, whose first process was made by the maker, builds the same walls around itself as that process
has, and waits for a call, for which it runs the script instead of executing it. The child is the launcher's
(CLONE_PARENT), and its end is the end of the call.

The line is a SOCK_SEQPACKET socket:

- in, first, as JSON: `drops` (whether sandboxes have users of their own), `inner`, `last_capability`, `rules` (what
  Landlock allows), `network`, `filter`, `preload`, `argv` (the interpreter's, without `-c`), `venv` (whether it is for
  scripts of virtual environments, and for no others), `joining` (the profile for the library, in hexadecimal; empty
  without one), `kind` (of network, in that). With descriptors: for reports, what the rules are about, and the library.
- out, once, as JSON: `files` of imported modules that are not of the standard library; or `error`.
- in, `ORDER`: the sandbox's number; whether there is a group of version 2; whether to rehearse. With descriptors: the
  sandbox's namespace of mounts, those of `SPACES`, the group's folder of version 2, and files through which processes
  enter the other groups.
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
import socket
import struct
import sys
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import Any, NoReturn

from dispatcher_service.engines.launcher import kernel, landlock, wire
from dispatcher_service.engines.launcher.processes import receive
from dispatcher_service.engines.launcher.zygote import script
from dispatcher_service.engines.launcher.zygote.joining import Joiner

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
LINE_FD, REPORT_FD, CHILD_FD, RULES_FD = 3, 4, 5, 6
"""The line to the launcher, where children report, and what is made for each: its line and its Landlock ruleset."""
LIKE_A_CALL = wire.pack_call(["/folder/name", "argument"], {"NAME": "value"}, [[1, 2, 3]], 4, [("/folder", 5)])


def main(line_fd: int) -> NoReturn:
    """Serve until the launcher is gone."""
    line = socket.socket(fileno=line_fd)
    line.set_inheritable(False)
    data, fds, _flags = receive(line, MAX_MESSAGE, MAX_DESCRIPTORS)
    if not data:
        os._exit(0)
    try:
        zygote = Zygote(json.loads(data), line, fds)
        zygote.warm_up()
    except BaseException as error:  # noqa: BLE001  (a module may do anything when it is imported)
        line.send(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}).encode())
        os._exit(1)
    line.send(json.dumps({"files": zygote.files()}).encode())
    zygote.serve()


class Zygote:
    """A warm interpreter.

    A page that a process of its family writes to is copied first. So what its children have in common is done here, and
    what is left to them is little.

    Args:
        profile: the first message.
        line: to the launcher.
        fds: where a child tells why it could not start, and what Landlock's rules are about.
    """

    def __init__(self, profile: dict[str, Any], line: socket.socket, fds: list[int]) -> None:
        self.profile = profile
        self.line = line
        self.filter = kernel.Filter(bytes.fromhex(profile["filter"]))
        self.rules = [(fcntl(fd, F_DUPFD_CLOEXEC, 16), access) for fd, access in zip(fds[1:], profile["rules"])]  # noqa: B905  (they are as many)
        library = fds.pop() if profile["joining"] else -1
        places = [fcntl(fd, F_DUPFD_CLOEXEC, 16) for fd in (fds[0], fds[0], fds[0])]
        for fd in fds:
            os.close(fd)
        for fd, number in zip(places, (REPORT_FD, CHILD_FD, RULES_FD)):  # noqa: B905  (the same)
            os.dup2(fd, number, inheritable=False)  # the latter two only keep their places
            os.close(fd)
        self.joiner = self.load(library) if library != -1 else None
        os.umask(0o022)
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as adjust:  # noqa: PTH123  (pathlib would double this small process)
            adjust.write(b"500")  # when memory runs out, calls go before the dispatcher does
        if profile["drops"]:
            os.setgroups([])
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.heed_all_signals()
        self.memory = kernel.Memory()
        self.robust_list = kernel.RobustList()

    def load(self, library: int) -> Joiner | None:
        """The library for children; None where this interpreter cannot load it, or they need Python's own fork."""
        try:
            profile, kind = bytes.fromhex(self.profile["joining"]), self.profile["kind"]
            return Joiner(library, profile, kind, REPORT_FD, [fd for fd, _access in self.rules])
        except OSError:
            return None
        finally:
            os.close(library)

    def warm_up(self) -> None:
        """Import what scripts use."""
        if sys.version_info < OLDEST:
            raise ImportError(f"Python {sys.version.split()[0]} is older than {OLDEST[0]}.{OLDEST[1]}")
        adds_folder = sys.path[:1] == [""]  # of `-c`, but for -I and -P
        if adds_folder:
            del sys.path[0]
        for name in (*PRELOAD, *self.profile["preload"]):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                if not self.profile["venv"]:  # where the system's packages are not to be found
                    raise
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208  (pathlib would double this small process)
            raise ImportError("a module has started a thread, which copies would not have")
        # Those of the standard library are about other threads, and about `random`, which is seen to.
        self.has_hooks = bool(self.profile["preload"])
        if self.has_hooks:
            self.joiner = None
        self.place = kernel.tid_address()
        if not self.place:
            raise OSError(errno.ENOSYS, "the kernel does not tell where the number of a thread is kept")
        self.interpreter = script.Interpreter(self.profile["inner"], adds_folder=adds_folder)
        wire.unpack_call(LIKE_A_CALL)
        gc.collect()
        gc.freeze()  # so that a collection in a child touches, and so copies, none of what it shares with this process

    def files(self) -> list[str]:
        """The files of modules that may change without the interpreter."""
        found = (getattr(sys.modules[name], "__file__", None) for name in self.interpreter.modules)
        return sorted({file for file in found if file and file[0] == "/" and "-packages/" in file})[:1000]

    def serve(self) -> NoReturn:
        """Fork children as they are ordered, until the launcher is gone."""
        if self.joiner is None:
            while self.answer():
                pass
        elif (rehearse := self.joiner.serve(LINE_FD, self.place)) != -1:
            self.become_by(self.joiner, rehearse=bool(rehearse))
        os._exit(0)

    def become_by(self, joiner: Joiner, *, rehearse: bool) -> NoReturn:
        """Be a child that has joined its sandbox, and wait; never returns, and a failure is told in the report."""
        try:
            self.warm_child(rehearse=rehearse)
            argv, environment = joiner.wait()
            text, own = self.look(argv, environment)
            joiner.confine(name_of(argv[0], text, own))
        except BaseException as error:  # noqa: BLE001  (whatever it is, the launcher must hear of it and this process end)
            joiner.fail(describe(error))
        try:
            script.run(self.interpreter, argv, environment, text, own)
        finally:
            os._exit(127)

    def warm_child(self, *, rehearse: bool) -> None:
        """Make a child ready to wait."""
        self.robust_list.register()
        script.renew(self.interpreter)
        if rehearse:
            script.rehearse(self.interpreter)

    def look(self, argv: list[bytes], environment: dict[bytes, bytes]) -> tuple[script.Text, list[str]]:
        """Look at the script of a call, and show in /proc what it is called with.

        Returns:
            The script, and how this interpreter would have been started for it.
        """
        text = script.read(argv[0], self.profile["argv"], of_venv=self.profile["venv"])
        own = [text.venv or self.profile["argv"][0], *self.profile["argv"][1:]]
        self.memory.show([*map(os.fsencode, own), *argv], [b"%b=%b" % pair for pair in environment.items()])
        return text, own

    def answer(self) -> bool:
        """Fork a child into the next sandbox that comes; False when the launcher is gone."""
        data, fds, _flags = receive(self.line, MAX_MESSAGE, MAX_DESCRIPTORS)
        if not data:
            return False
        number, unified, rehearse = ORDER.unpack(data)
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours:
                os.dup2(theirs.fileno(), CHILD_FD, inheritable=False)
                theirs.close()
                self.lay_rules()
                cgroup, groups = (fds[7], fds[8:]) if unified else (-1, fds[7:])
                kernel.setns(fds[2], kernel.CLONE_NEWPID)  # of the next child, not of this process
                pid = kernel.clone(kernel.CLONE_PARENT, self.place, cgroup, hooks=self.has_hooks)
                if pid == 0:
                    self.become(number, fds, groups, rehearse=rehearse)
                socket.send_fds(self.line, [wire.pack_answer(wire.Answer(number, pid))], [ours.fileno()])
        except OSError as error:
            self.line.send(wire.pack_answer(wire.Answer(number, 0, error.strerror or str(error))))
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def lay_rules(self) -> None:
        """Make the ruleset of the next child, with what all of them may do."""
        rules = landlock.Ruleset(network=self.profile["network"])
        for target, access in self.rules:
            rules.allow(target, access)
        if rules.fd != -1:
            os.dup2(rules.fd, RULES_FD, inheritable=False)
            os.close(rules.fd)
            rules.fd = RULES_FD
        self.ruleset = rules

    def become(self, number: int, spaces: list[int], groups: list[int], *, rehearse: bool) -> NoReturn:
        """Be the child: enter the sandbox, and wait; never returns, and a failure is told in the report."""
        try:
            for group in groups:
                os.write(group, b"0")
            # As its user, who has no power in it; the namespace of processes it was born in.
            for fd, kind in zip(spaces[3:7], SPACES[1:]):  # noqa: B905  (they are as many)
                kernel.setns(fd, kind)
            kernel.setns(spaces[0], kernel.CLONE_NEWNS)
            kernel.setns(spaces[1], kernel.CLONE_NEWUSER)
            inner = self.profile["inner"]
            os.setresgid(inner, inner, inner)
            os.setresuid(inner, inner, inner)
            kernel.drop_capabilities(self.profile["last_capability"])  # a user namespace has given them all
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # as a program that is executed; and there is nothing to hide here
            os.setsid()
            os.close(LINE_FD)
            kernel.close_from(RULES_FD + 1 if self.ruleset.fd != -1 else RULES_FD)
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=CHILD_FD)
            self.warm_child(rehearse=rehearse)
            message, fds, _flags = receive(line, wire.MAX_CALL, 3)
            if not message:
                os._exit(0)  # not needed any more
            line.detach()
            call = wire.unpack_call(message)
            text, own = self.enclose(call, fds)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the launcher must hear of it and this process end)
            os.write(REPORT_FD, wire.REPORT.pack(number, 0, 0, 0.0, 0) + describe(error))
            os._exit(127)
        try:
            script.run(self.interpreter, call.argv, call.env, text, own)
        finally:
            os._exit(127)

    def enclose(self, call: wire.CallMessage, fds: list[int]) -> tuple[script.Text, list[str]]:
        """Build the walls that are only a call's.

        Returns:
            The script, and how this interpreter would have been started for it.
        """
        path = call.argv[0]
        if not os.access(path, os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        text, own = self.look(call.argv, call.env)
        if call.processes:
            most = call.processes + 1  # the sandbox's first one counts too
            set_limit(resource.RLIMIT_NPROC, most, most)
        self.ruleset.allow("/tmp", landlock.WRITE | landlock.EXECUTE)  # noqa: S108  (the sandbox's own)
        for target, access in call.rules:
            self.ruleset.allow(target, access)
        self.ruleset.restrict()
        self.filter.install()
        for number, fd in enumerate(fds):  # none of them is below 3
            os.dup2(fd, number)
        kernel.set_name(name_of(path, text, own))
        for which, soft, hard in call.rlimits:
            set_limit(which, soft, hard)
        kernel.close_from(LINE_FD)
        return text, own


def describe(error: BaseException) -> bytes:
    """An error's text for a report."""
    text: str = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.encode(errors="replace")[: wire.MAX_ERROR]


def name_of(path: bytes, text: script.Text, own: list[str]) -> bytes:
    """What a process is called that runs a script: like the file that was executed last but one."""
    return (os.fsencode(own[0]) if text.is_found_by_path else path).rpartition(b"/")[2]


def set_limit(number: int, soft: int, hard: int) -> None:
    """Set a resource limit; where there is a lower ceiling already, that one stays."""
    ceiling = resource.getrlimit(number)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(number, (soft, hard))
