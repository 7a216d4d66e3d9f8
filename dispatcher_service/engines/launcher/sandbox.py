"""What a sandbox's first process does in the engine `native`, from its clone to its end. The standard library only.

It is pid 1 of the sandbox's own namespace of processes. It builds the walls around itself, waits for its call, starts
the executable as its child, reaps what the executable leaves behind, reports, and waits for its end, with which the
kernel kills whatever is left. The order of the steps matters: each takes away what an earlier one needed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import struct
from collections.abc import Callable
from fcntl import F_DUPFD_CLOEXEC, fcntl, ioctl
from typing import NamedTuple, NoReturn

from dispatcher_service.engines.launcher import kernel, landlock, wire
from dispatcher_service.engines.launcher.child import IGNORED
from dispatcher_service.engines.launcher.kernel import (
    CLONE_NEWUSER,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
)
from dispatcher_service.engines.launcher.processes import receive
from dispatcher_service.engines.launcher.template import write

LIKE_A_CALL = wire.pack_call(["/folder/name", "argument"], {"NAME": "value"}, [(1, 2, 3)], 4, [("/folder", 5)])
REPORT_FD, LINE_FD, RULES_FD = 3, 4, 5
PROC = (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")
"""Flags and options of a sandbox's own /proc."""
OOM_SCORE = "500"
"""When memory runs out, calls go before the dispatcher does."""
OWN_RULES = (("/tmp", landlock.WRITE | landlock.EXECUTE),)  # noqa: S108  (the sandbox's own)
"""Landlock's, about what each sandbox has of its own before there is a call."""
USER_HINT = "run the dispatcher as an ordinary user, or give it CAP_SETUID and CAP_SETGID over users 60000 to 65375"
SPACES = ("user", "pid", "ipc", "uts", "net", "cgroup")
"""What `wire.JOIN` is answered with, in this order; the namespace of mounts the launcher has."""
SPAWN_ROOM = 24 << 20
"""Bytes of address space that this process takes up, with some to spare: an executable that is allowed less is started
by a fork, whose child alone is limited; else this process is limited too, and starting needs some memory."""
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
RESET = (*IGNORED, signal.SIGXFSZ, signal.SIGCHLD)
"""Signals that are as they are by default when the executable starts. SIGPIPE stays ignored, as xapi leaves it."""


class Report(NamedTuple):
    """What a call's first process says at the end."""

    sandbox: int
    """Its number."""
    code: int
    signal: int
    error: str
    """Why nothing was started; empty when something was."""
    cpu: float
    """Seconds, of all that has run in the sandbox."""
    maxrss: int
    """KiB, of the largest of its processes."""


class Walls(NamedTuple):
    """What sandboxes of one kind are made with."""

    network: str
    """`none`, `loopback` or `outbound`."""
    inner: int
    """The user's number inside."""
    rules: list[tuple[int, int]]
    """Landlock's, about what all calls see: descriptors, and what may be done with what they are of."""
    seccomp: kernel.Filter
    last_capability: int
    """The newest one's number."""


class Sandbox:
    """A new process on its way to being the first of a sandbox.

    Args:
        number: what it calls itself in its report.
        walls: what it is made with.
        uid: the user to become on the host; None keeps the launcher's.
        report_w: where to report.
        line: on which its call comes (`wire.py`); before it, maybe, `wire.JOIN`.
    """

    def __init__(self, number: int, walls: Walls, uid: int | None, report_w: int, line: socket.socket) -> None:
        self.number = number
        self.walls = walls
        self.uid = uid
        self.report_w = report_w
        self.line = line
        self.call = wire.CallMessage([], {}, [], 0, [])
        self.fds: list[int] = []

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
            write("oom_score_adj", OOM_SCORE, own)
            self.build_network()
            kernel.mount("proc", "/proc", "proc", *PROC)
            self.become_user(own)
            os.umask(0o022)
            kernel.drop_capabilities(self.walls.last_capability)
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            rules = landlock.Ruleset(network=self.walls.network != "none")
            for place, access in self.walls.rules:
                rules.allow(place, access)
            for path, access in OWN_RULES:
                rules.allow(path, access)
            self.keep(rules)
            self.wait_for_call()
            self.confine(rules)
            self.run()
        except BaseException as error:  # noqa: BLE001  (whatever it is, the launcher must hear of it and this process end)
            text = getattr(error, "strerror", None) or str(error) or type(error).__name__
            os.write(self.report_w, wire.REPORT.pack(self.number, 0, 0, 0.0, 0) + text.encode()[: wire.MAX_ERROR])
        finally:
            os._exit(127)

    def build_network(self) -> None:
        """Switch the loopback on, in a network namespace that is the call's own."""
        if self.walls.network != "loopback":
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            asked = ioctl(line, SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0))
            flags = struct.unpack("16sH22x", asked)[1]
            ioctl(line, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))

    def become_user(self, own: int) -> None:
        """Become a user that owns nothing, in a user namespace that owns none of the other namespaces."""
        uid, gid = os.geteuid(), os.getegid()
        if self.uid is not None:
            uid = gid = self.uid
            try:
                os.setgroups([])
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            except OSError as error:
                raise PermissionError(f"root here cannot become user {uid} ({error.strerror}): {USER_HINT}") from None
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # for the maps
        if 0 in os.getresuid():
            raise PermissionError("a call must not run as root")
        inner = self.walls.inner
        kernel.unshare(CLONE_NEWUSER)
        write("setgroups", "deny", own)
        write("uid_map", f"{inner} {uid} 1", own)
        write("gid_map", f"{inner} {gid} 1", own)
        # This process is a copy of the launcher: the call must not look into it.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)

    def keep(self, rules: landlock.Ruleset) -> None:
        """Keep nothing of the launcher's but two sockets, and the ruleset."""
        kept = [(self.report_w, REPORT_FD), (self.line.fileno(), LINE_FD), (rules.fd, RULES_FD)]
        moved = [(fcntl(fd, F_DUPFD_CLOEXEC, RULES_FD + 1), number) for fd, number in kept if fd != -1]
        for fd, number in moved:
            os.dup2(fd, number, inheritable=False)
        self.report_w, rules.fd = REPORT_FD, RULES_FD if rules.fd != -1 else -1
        kernel.close_from(RULES_FD + 1 if rules.fd != -1 else RULES_FD)
        self.line.detach()
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=LINE_FD)

    def wait_for_call(self) -> None:
        """Wait for what makes this the sandbox of a call."""
        # A clone copies each page when it first writes to it. What is done for a call later is done for nothing now, so
        # that much of that is over when one comes.
        wire.unpack_call(LIKE_A_CALL)
        end_the_rest()
        while True:
            message, self.fds, _flags = receive(self.line, wire.MAX_CALL, 3)
            if not message:
                os._exit(0)  # not needed any more
            if message != wire.JOIN:
                break
            self.let_in()
        self.call = wire.unpack_call(message)

    def let_in(self) -> None:
        """Hand out the sandbox's namespaces, for a process that is to run in it in place of an executable."""
        # Its own files in /proc are still to be had, though no other process of the sandbox's user may open them.
        opened = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in SPACES]
        socket.send_fds(self.line, [wire.JOIN], opened)
        for fd in opened:
            os.close(fd)

    def confine(self, rules: landlock.Ruleset) -> None:
        """Set what holds for this call alone: limits, what it may do with what was mounted for it, its descriptors."""
        if self.call.processes:
            most = self.call.processes + 1  # this one counts too
            set_limit(resource.RLIMIT_NPROC, most, most)
        for target, access in self.call.rules:
            rules.allow(target, access)
        rules.restrict()
        self.walls.seccomp.install()
        for number, fd in enumerate(self.fds):  # none of them is below 3
            os.dup2(fd, number)
        kernel.close_from(REPORT_FD + 1)
        for number, soft, hard in self.call.rlimits:
            if number != resource.RLIMIT_AS or hard >= SPAWN_ROOM:
                set_limit(number, soft, hard)

    def run(self) -> None:
        """Start the executable, wait for its end, end what it has left behind, and report."""
        argv, environment = self.call.argv, self.call.env
        limits = [limit for limit in self.call.rlimits if limit[0] == resource.RLIMIT_AS]
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
        os.write(REPORT_FD, wire.REPORT.pack(self.number, code, number, cpu, used.ru_maxrss))
        while True:
            signal.pause()  # the launcher kills this process when it has told of the end, which has no time to lose


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


def fork_limited(argv: list[bytes], environment: dict[bytes, bytes], limits: list[tuple[int, int, int]]) -> int:
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
