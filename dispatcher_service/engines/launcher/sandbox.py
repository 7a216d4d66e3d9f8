"""What a call's first process does in the engine `native`, from its clone to its end. The standard library only.

It is pid 1 of the call's own namespace of processes. It builds the rest of the walls around itself, starts the
executable as its child, reaps what the executable leaves behind, reports, and ends, whereupon the kernel kills whatever
is left. The order of the steps matters: each takes away what an earlier one needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import struct
from collections.abc import Callable
from fcntl import F_DUPFD_CLOEXEC, fcntl, ioctl
from typing import Any, NamedTuple, NoReturn

from dispatcher_service.engines.launcher import kernel, landlock
from dispatcher_service.engines.launcher.child import IGNORED
from dispatcher_service.engines.launcher.kernel import (
    CLONE_NEWUSER,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
)
from dispatcher_service.engines.launcher.template import make_place, write

MAX_MESSAGE = 1 << 18
SECRETS = "/run/secrets"
SECRETS_SIZE = 4 << 20
REPORT_FD, LINE_FD = 3, 4
REPORT = struct.Struct("=IIIdI")
"""The call's number, the exit code, the signal, CPU time and the largest process's size; then the text of an error."""
SPAWN_ROOM = 24 << 20
"""Bytes of address space that this process takes up, with some to spare: an executable that is allowed less is started
by a fork, whose child alone is limited; else this process is limited too, and starting needs some memory."""
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
RESET = (*IGNORED, signal.SIGXFSZ, signal.SIGCHLD)
"""Signals that are as they are by default when the executable starts. SIGPIPE stays ignored, as xapi leaves it."""


class Report(NamedTuple):
    """What a call's first process says at the end."""

    call: int
    code: int
    signal: int
    error: str
    """Why nothing was started; empty when something was."""
    cpu: float
    """Seconds, of all that has run in the sandbox."""
    maxrss: int
    """KiB, of the largest of its processes."""


class Sandbox:
    """A new process on its way to being the first of a call's.

    Args:
        request: see `program.py`.
        fds: standard input, output and error, the tree's folder, and the secrets where there are any.
        report_w: where to report.
        uid: the user to become on the host; None keeps the launcher's.
        tree: the tree's mounts, not attached yet; -1 for a blank.
        granted: mounts of what is granted, with their paths and whether each is a folder.
        rules: Landlock's, about what all calls see.
        seccomp: the filter.
        last_capability: the newest capability's number.
        line: on which the rest of the request comes: number, command, environment, descriptors; None when it is there.
    """

    def __init__(
        self,
        request: dict[str, Any],
        fds: list[int],
        report_w: int,
        uid: int | None,
        tree: int,
        granted: list[tuple[int, str, bool]],
        rules: list[landlock.Rule],
        seccomp: kernel.Filter,
        last_capability: int,
        line: socket.socket | None,
    ) -> None:
        self.request = request
        self.fds = fds
        self.report_w = report_w
        self.uid = uid
        self.tree = tree
        self.granted = granted
        self.rules = rules
        self.seccomp = seccomp
        self.last_capability = last_capability
        self.line = line

    def become(self, join: Callable[[], None] | None) -> NoReturn:
        """Never returns; a failure is told in the report.

        Args:
            join: moves this process into its control groups.
        """
        try:
            if join is not None:
                join()
            kernel.unshare(kernel.CLONE_NEWCGROUP)  # only now, so that its own groups are the roots that it sees
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            # Through the launcher's /proc, which unlike the call's own can be written to.
            own = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            write("oom_score_adj", "500", own)  # when memory runs out, calls go before the dispatcher does
            if self.tree == -1 and self.line is not None:
                self.take_call(self.line)
            self.build_network()
            self.build_files()
            self.become_user(own)
            self.limit()
            self.confine()
            if self.line is not None:
                self.wait_for_call(self.line)
            self.arrange_fds()
            self.run()
        except BaseException as error:  # noqa: BLE001  (whatever it is, the launcher must hear of it and this process end)
            text = getattr(error, "strerror", None) or str(error) or type(error).__name__
            os.write(self.report_w, REPORT.pack(self.request["id"], 0, 0, 0.0, 0) + text[:500].encode())
        finally:
            os._exit(127)

    def take_call(self, line: socket.socket) -> None:
        """Wait, as a blank, for everything that makes this a call's sandbox."""
        message, fds, _flags, _address = socket.recv_fds(line, MAX_MESSAGE, 4, socket.MSG_CMSG_CLOEXEC)
        if not message:
            os._exit(0)  # not needed any more
        self.request = json.loads(message)
        *self.fds, self.tree = fds
        self.line = None

    def build_network(self) -> None:
        """Switch the loopback on, in a network namespace that is the call's own."""
        if self.request["network"] != "loopback":
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            asked = ioctl(line, SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0))
            flags = struct.unpack("16sH22x", asked)[1]
            ioctl(line, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))

    def build_files(self) -> None:
        """Mount what this call alone sees."""
        request = self.request
        size, count = request["tmp"]
        kernel.mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={size},nr_inodes={count}")  # noqa: S108  (the sandbox's own)
        kernel.mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")
        for tree, path, is_folder in [(self.tree, request["mount_at"], True), *self.granted]:
            if path.startswith("/tmp/"):  # noqa: S108  (as above)
                make_place(path[1:], None, folder=is_folder)
            kernel.attach_tree(tree, path)
        if request["secrets"]:
            self.build_secrets()

    def build_secrets(self) -> None:
        """Write the secrets, which the launcher never reads, into a folder in memory."""
        owner = os.geteuid() if self.uid is None else self.uid
        options = f"mode=500,uid={owner},gid={owner if self.uid is not None else os.getegid()}"
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        kernel.mount("secrets", SECRETS, "tmpfs", flags, f"{options},size={SECRETS_SIZE},nr_inodes=1024")
        at = 0
        for name, size in self.request["secrets"]:
            made = os.open(f"{SECRETS}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
            if self.uid is not None:
                os.fchown(made, self.uid, self.uid)
            end = at + size
            while at < end:
                at += os.sendfile(made, self.fds[4], at, end - at)
            os.close(made)
        kernel.set_attributes(kernel.AT_FDCWD, SECRETS, kernel.ATTR_RDONLY, recursive=False)

    def become_user(self, own: int) -> None:
        """Become a user that owns nothing, in a user namespace that owns none of the other namespaces."""
        uid, gid = os.geteuid(), os.getegid()
        if self.uid is not None:
            uid = gid = self.uid
            try:
                for fd in self.fds[1:3]:
                    os.fchown(fd, uid, gid)  # so that a script may open /dev/stdout and /dev/stderr
                os.setgroups([])
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            except OSError as error:
                raise PermissionError(
                    f"root here cannot become user {uid} ({error.strerror}): run the dispatcher as an ordinary user, "
                    "or give it CAP_SETUID and CAP_SETGID over users 60000 to 65375"
                ) from None
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # for the maps
        if 0 in os.getresuid():
            raise PermissionError("a call must not run as root")
        inner = self.request["inner"]
        kernel.unshare(CLONE_NEWUSER)
        write("setgroups", "deny", own)
        write("uid_map", f"{inner} {uid} 1", own)
        write("gid_map", f"{inner} {gid} 1", own)
        # This process is a copy of the launcher: the call must not look into it.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)

    def limit(self) -> None:
        """Set the resource limits; that of processes counts in the user namespace alone."""
        os.umask(0o022)
        for number, soft, hard in self.request["rlimits"]:
            if number != resource.RLIMIT_NOFILE and (number != resource.RLIMIT_AS or hard >= SPAWN_ROOM):
                set_limit(number, soft, hard)
        if self.request["processes"]:
            most = self.request["processes"] + 1  # this one counts too
            set_limit(resource.RLIMIT_NPROC, most, most)

    def confine(self) -> None:
        """Give up what only the building of the walls needed."""
        kernel.drop_capabilities(self.last_capability)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        request = self.request
        rules = [*self.rules, ("/tmp", landlock.WRITE | landlock.EXECUTE), (request["mount_at"], landlock.EXECUTE)]  # noqa: S108  (the sandbox's own)
        rules += [(path, landlock.WRITE if writable else landlock.READ) for _source, path, writable in request["paths"]]
        landlock.restrict(rules, network=request["network"] != "none")
        self.seccomp.install()

    def wait_for_call(self, line: socket.socket) -> None:
        """Wait for what is still missing, holding nothing of the launcher's but two sockets."""
        report, own_end = (fcntl(fd, F_DUPFD_CLOEXEC, LINE_FD + 1) for fd in (self.report_w, line.fileno()))
        self.report_w = os.dup2(report, REPORT_FD, inheritable=False)
        os.dup2(own_end, LINE_FD, inheritable=False)
        kernel.close_from(LINE_FD + 1)
        own = socket.socket(fileno=LINE_FD)
        message, self.fds, _flags, _address = socket.recv_fds(own, MAX_MESSAGE, 3, socket.MSG_CMSG_CLOEXEC)
        if not message:
            os._exit(0)  # not needed any more
        self.request |= json.loads(message)

    def arrange_fds(self) -> None:
        """Keep standard input, output and error, and the line to the launcher for this process alone."""
        for number, fd in enumerate(self.fds[:3]):  # none of them is below 3
            os.dup2(fd, number)
        if self.report_w != REPORT_FD:
            self.report_w = os.dup2(self.report_w, REPORT_FD, inheritable=False)
        kernel.close_from(REPORT_FD + 1)
        for number, soft, hard in self.request["rlimits"]:
            if number == resource.RLIMIT_NOFILE:  # before, there were more
                set_limit(number, soft, hard)

    def run(self) -> None:
        """Start the executable, wait for its end, end what it has left behind, and report."""
        argv, environment = self.request["argv"], self.request["env"]
        limits = [limit for limit in self.request["rlimits"] if limit[0] == resource.RLIMIT_AS]
        if limits and limits[0][2] < SPAWN_ROOM:
            pid = fork_limited(argv, environment, limits)
        else:
            pid = os.posix_spawn(argv[0], argv, environment, setsigdef=RESET, setsigmask=())
        ended, status = os.waitpid(-1, 0)
        while ended != pid:
            ended, status = os.waitpid(-1, 0)
        end_the_rest()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        cpu = used.ru_utime + used.ru_stime
        os.write(REPORT_FD, REPORT.pack(self.request["id"], code, number, cpu, used.ru_maxrss))
        os._exit(0)


def end_the_rest() -> None:
    """Kill and reap everything else in this namespace, of which this process is pid 1: what is left is its child."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)


def set_limit(number: int, soft: int, hard: int) -> None:
    """Set a resource limit; where there is a lower ceiling already, that one stays."""
    ceiling = resource.getrlimit(number)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(number, (soft, hard))


def fork_limited(argv: list[str], environment: dict[str, str], limits: list[tuple[int, int, int]]) -> int:
    """Start an executable whose address space is to be smaller than this process's.

    Raises:
        OSError: it cannot be executed.
    """
    failed_r, failed_w = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            for number in RESET:
                signal.signal(number, signal.SIG_DFL)
            for limit in limits:
                set_limit(*limit)
            os.execve(argv[0], argv, environment)  # noqa: S606  (argv is a list; there is no shell)
        except OSError as error:
            os.write(failed_w, b"%d" % (error.errno or 0))
        finally:
            os._exit(127)
    os.close(failed_w)
    failed = os.read(failed_r, 16)
    os.close(failed_r)
    if failed:
        raise OSError(int(failed), os.strerror(int(failed)))
    return pid
