"""What happens between the fork of a call's first process and its exec. The standard library only."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
from typing import Any, NoReturn

from dispatcher_service.engines.launcher.cgroups import Group
from dispatcher_service.engines.launcher.kernel import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl
from dispatcher_service.engines.launcher.processes import bind_privately, give_pipes, kill_children, max_files

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What a service manager or a terminal sends to a whole group. The launcher ignores it, because the dispatcher decides
when its calls end; the calls themselves do not."""


class Child:
    """A new process on its way to becoming a call's first one."""

    def __init__(
        self,
        request: dict[str, Any],
        fds: list[int],
        status_w: int,
        hold_r: int | None,
        uid: int | None,
        launcher: int,
        group: Group | None,
    ) -> None:
        self.request = request
        self.fds = fds
        self.status_w = status_w
        self.hold_r = hold_r
        self.uid = uid
        self.launcher = launcher
        self.group = group

    def become(self) -> NoReturn:
        """Never returns; a failure is told through the status pipe."""
        try:
            if self.group is not None:
                self.group.attach()
            self.arrange_signals()
            self.arrange_fds()
            if self.request["binds"]:
                bind_privately(self.request["binds"])
            if self.request["mode"] == "bubblewrap":
                self.limit()
                self.drop()
                self.bind_to_parent(signal.SIGKILL)
                execute(self.request)
            self.bind_to_parent(signal.SIGTERM)
            self.supervise()
        except BaseException as error:  # noqa: BLE001  (whatever it is, the launcher must hear of it and this process end)
            os.write(self.status_w, describe(error))
        finally:
            os._exit(127)

    def supervise(self) -> NoReturn:
        """Stay outside of what the command gets, and end when all of it has."""
        supervise(self)

    def arrange_signals(self) -> None:
        """Undo what the launcher has set for itself. SIGPIPE stays ignored, as xapi leaves it."""
        signal.set_wakeup_fd(-1)
        for number in (*IGNORED, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)

    def arrange_fds(self) -> None:
        """Put the descriptors where the command expects them, from 0 on, and close everything else."""
        opened = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in self.request["open"]]
        wanted = [*self.fds, *opened]
        if self.request["mode"] == "bubblewrap":
            wanted += [self.status_w] if self.hold_r is None else [self.status_w, self.hold_r]
        count = len(wanted)
        # The own end of the status pipe, which the exec closes.
        self.status_w = fcntl.fcntl(self.status_w, fcntl.F_DUPFD_CLOEXEC, count)
        moved = [fd if fd >= count else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, count) for fd in wanted]
        for number, fd in enumerate(moved):
            os.dup2(fd, number, inheritable=True)
        os.closerange(count, self.status_w)
        os.closerange(self.status_w + 1, max_files())

    def limit(self) -> None:
        """Set the resource limits; where there is a lower ceiling already, that one stays."""
        for number, soft, hard in self.request["rlimits"]:
            ceiling = resource.getrlimit(number)[1]
            if ceiling == resource.RLIM_INFINITY:
                resource.setrlimit(number, (soft, hard))
            else:
                resource.setrlimit(number, (min(soft, ceiling), min(hard, ceiling)))
        if self.uid is not None:
            # bubblewrap's monitor and pid 1 count too.
            limit = self.request["processes"] + 2
            resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
        # When the machine runs out of memory, calls go before the dispatcher does.
        adjust = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        os.write(adjust, b"500")
        os.close(adjust)

    def drop(self) -> None:
        """Become a user that owns nothing; a call never runs as root."""
        os.umask(0o022)
        if self.uid is not None:
            give_pipes((1, 2), self.uid)
            try:
                os.setgroups([])
                os.setresgid(self.uid, self.uid, self.uid)
                os.setresuid(self.uid, self.uid, self.uid)
            except OSError as error:
                raise PermissionError(
                    f"root here cannot become user {self.uid} ({error.strerror}): run the dispatcher as an ordinary "
                    "user, or give it CAP_SETUID and CAP_SETGID over users 60000 to 65375"
                ) from None
        if 0 in os.getresuid():
            raise PermissionError("a call must not run as root")

    def bind_to_parent(self, number: int) -> None:
        """Get a signal when the launcher dies."""
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != self.launcher:
            os._exit(127)


def execute(request: dict[str, Any]) -> NoReturn:
    """Become the command."""
    argv = request["argv"]
    os.execve(argv[0], argv, request["env"])  # noqa: S606  (argv is a list; there is no shell)


def describe(error: BaseException) -> bytes:
    """An error as one JSON object of a bounded length."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return json.dumps({"error": text[:500]}).encode()


def supervise(child: Child) -> NoReturn:
    """Run a command without walls, from a process of its own that kills whatever the command leaves behind."""

    def leave(_number: int, _frame: object) -> None:
        kill_children()
        os._exit(143)

    signal.signal(signal.SIGTERM, leave)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    failed_r, failed_w = os.pipe2(os.O_CLOEXEC)
    supervisor = os.getpid()
    command = os.fork()
    if command == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            child.limit()
            os.umask(0o022)
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == supervisor:
                execute(child.request)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the supervisor must hear of it)
            os.write(failed_w, describe(error))
        finally:
            os._exit(127)
    os.close(failed_w)
    devnull = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(devnull, fd)
    report = os.read(failed_r, 4096)
    pid, status = os.waitpid(-1, 0)
    while pid != command:
        pid, status = os.waitpid(-1, 0)
    kill_children()
    if not report and os.WIFSIGNALED(status):
        report = json.dumps({"signal": os.WTERMSIG(status)}).encode()
    elif not report:
        report = json.dumps({"exit-code": os.WEXITSTATUS(status)}).encode()
    os.write(child.status_w, report)
    os._exit(0)
