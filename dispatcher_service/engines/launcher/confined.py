"""How a call is run without namespaces: what happens between the fork of its supervisor and its end.

The supervisor makes the call's folder, forks the command, which builds the walls around itself, waits for its end,
kills whatever it has left behind, removes the folder and reports. It stays outside of the walls, and is the subreaper
of all that the command starts, so that nothing can leave its family. The standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import stat
from typing import Any, NoReturn

from dispatcher_service.engines.launcher import kernel, landlock
from dispatcher_service.engines.launcher.child import Child, describe
from dispatcher_service.engines.launcher.processes import kill_children
from dispatcher_service.engines.launcher.removal import remove_tree

TREE_FD = 3
REMOVAL_SECONDS = 5.0
"""How long the end of a call waits for the removal of its folder; what takes longer, the launcher sees to."""
OWN_PROC = (
    *("auxv", "cgroup", "cmdline", "comm", "environ", "fd", "fdinfo", "io", "limits", "maps", "smaps", "smaps_rollup"),
    *("stat", "statm", "status"),
)
"""What a call reads in the /proc folder of its first process. Not `net`, `mounts` and `mountinfo`, which tell of the
host; and not `task`, in which there is a `net` too."""
END = signal.SIGUSR1
"""What brings a call's end early. Neither the launcher nor its child ignores it: before the child has got this far, it
dies of it, and nothing has been started."""
FAMILY = (END, signal.SIGCHLD)
STARTED = b'{"started": true}'
"""What is reported as soon as the command runs."""
SPARE = 64
"""How many processes more than its own an ordinary user's call may leave room for: other calls' come out of it."""


def place_of(folder: str) -> str:
    """Where a call may write, in its folder."""
    return folder + "/tmp"  # noqa: S108  (not the host's)


class Confined(Child):
    """A new process on its way to becoming the supervisor of a call."""

    def supervise(self) -> NoReturn:
        """See `Child.supervise`."""
        supervise(self)


def supervise(child: Child) -> NoReturn:
    """Run a call to its end, which `END` brings early. Never returns; what fails before the fork is raised."""
    request = child.request
    signal.pthread_sigmask(signal.SIG_BLOCK, FAMILY)
    child.bind_to_parent(END)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    try:
        make_folder(request, child.uid)
        most = request["processes"] + (0 if child.uid is not None else count_threads(os.getuid()) + SPARE)
        report = run(child, most)
    finally:
        remove_tree(request["folder"], REMOVAL_SECONDS)
    os.write(child.status_w, report)
    os._exit(0)


def run(child: Child, most: int) -> bytes:
    """Fork the command and wait until it and all that it has started are dead; returns what to report.

    Args:
        child: the call's.
        most: processes and threads that the user may have.
    """
    failed_r, failed_w = os.pipe2(os.O_CLOEXEC)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        become(child, supervisor, failed_w, most)
    status = None
    try:
        os.close(failed_w)
        leave_descriptors(len(child.fds))
        report = os.read(failed_r, 4096)
        held = hold(pid)
        if not report:
            os.write(child.status_w, STARTED)
        status = wait_for(pid)
    finally:  # whatever happens: the launcher may be dead, and nobody else there to do it
        status = kill_children().get(pid, status)
    for fd in held:
        os.close(fd)
    return report or describe_end(status)


def make_folder(request: dict[str, Any], uid: int | None) -> None:
    """Make the folder that only this call uses; where its user could not walk to the tree, with the tree in it."""
    folder = request["folder"]
    os.mkdir(folder, 0o700)  # noqa: PTH102  (pathlib would double this small process)
    os.mkdir(place_of(folder), 0o700)  # noqa: PTH102  (as above)
    if uid is not None:
        os.chown(folder, 0, uid)
        os.chmod(folder, 0o710)  # noqa: PTH101, S103  (as above; the group is the call's)
        os.chown(place_of(folder), uid, uid)
    if request["stage"]:
        stage(request["tree"], f"{folder}/tree")


def stage(source: str, target: str) -> None:
    """Lay a folder's files at another place too: the same files where that can be, else copies."""
    os.mkdir(target, 0o755)  # noqa: PTH102  (as above)
    os.chmod(target, 0o755)  # noqa: PTH101, S103  (as above; in a folder that is closed)
    with os.scandir(source) as entries:
        for entry in entries:
            place = f"{target}/{entry.name}"
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)  # noqa: PTH115, PTH211  (as above)
            elif entry.is_dir():
                stage(entry.path, place)
            elif entry.is_file():
                try:
                    os.link(entry.path, place)
                except OSError:  # another file system, or too many links
                    copy(entry.path, place)


def copy(source: str, target: str) -> None:
    """Copy a file and its permissions."""
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            at = 0
            while at < found.st_size and (sent := os.sendfile(made, fd, at, found.st_size - at)):
                at += sent
            os.fchmod(made, stat.S_IMODE(found.st_mode) & 0o777)
        finally:
            os.close(made)
    finally:
        os.close(fd)


def become(child: Child, supervisor: int, failed_w: int, most: int) -> NoReturn:
    """Build the walls around this process and become the command; never returns, a failure is told through the pipe.

    Args:
        child: the call's.
        supervisor: the process that this one is to die with.
        failed_w: where to tell what fails; closed by the exec.
        most: processes and threads that the user may have.
    """
    request = child.request
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.setsid()
        child.limit()
        set_limit(resource.RLIMIT_NPROC, most)
        if child.uid is not None:
            forget_capabilities()
        child.drop()
        kernel.drop_capabilities(-1)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # becoming another user has undone what was set before
        if os.getppid() != supervisor:
            os._exit(127)
        landlock.restrict(rules_for(request), network=request["network"])
        for fd in range(TREE_FD, len(child.fds)):
            os.close(fd)
        kernel.Filter(bytes.fromhex(request["filter"])).install()
        place = place_of(request["folder"])
        request["env"].update(dict.fromkeys(("TMPDIR", "TMP", "TEMP", "HOME"), place))
        base = f"{request['folder']}/tree" if request["stage"] else request["tree"]
        path = f"{base}/{request['argv'][0]}"
        os.execve(path, [path, *request["argv"][1:]], request["env"])  # noqa: S606  (a list; there is no shell)
    except BaseException as error:  # noqa: BLE001  (whatever it is, the supervisor must hear of it)
        os.write(failed_w, describe(error))
    finally:
        os._exit(127)


def rules_for(request: dict[str, Any]) -> list[landlock.Rule]:
    """What this call reaches: what the dispatcher has said, its tree, its folder, what the kernel says about itself."""
    staged = f"{request['folder']}/tree"
    return [
        *((path, access) for path, access in request["rules"]),
        (staged if request["stage"] else TREE_FD, landlock.EXECUTE),
        *enumerate(request["granted"], TREE_FD + 1),
        (place_of(request["folder"]), landlock.WRITE | landlock.EXECUTE),
        *((f"/proc/self/{name}", landlock.READ) for name in OWN_PROC),
    ]


def forget_capabilities() -> None:
    """Have no program give a capability back; as far as this root may."""
    for number in range(kernel.last_capability() + 1):
        with contextlib.suppress(OSError):
            kernel.prctl(kernel.PR_CAPBSET_DROP, number)


def set_limit(number: int, value: int) -> None:
    """Set a resource limit; where there is a lower ceiling already, that one stays."""
    ceiling = resource.getrlimit(number)[1]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(number, (value, value))


def count_threads(uid: int) -> int:
    """How many threads a user has that this process can see: the kernel counts them all when it limits them."""
    count = 0
    with os.scandir("/proc") as entries:
        for entry in entries:
            try:
                if entry.name.isdigit() and entry.stat(follow_symlinks=False).st_uid == uid:
                    count += len(os.listdir(f"/proc/{entry.name}/task"))  # noqa: PTH208  (as above)
            except OSError:
                continue  # it has just ended
    return count


def leave_descriptors(count: int) -> None:
    """Let go of what is the command's, which got that many."""
    devnull = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in range(count):
        os.dup2(devnull, fd)
    os.close(devnull)


def hold(pid: int) -> list[int]:
    """Keep the files of its /proc folder that the command has rules for from being forgotten and made anew."""
    held = []
    for name in OWN_PROC:
        with contextlib.suppress(OSError):  # it may have ended
            held.append(os.open(f"/proc/{pid}/{name}", os.O_PATH | os.O_CLOEXEC))
    return held


def wait_for(pid: int) -> int | None:
    """Wait for the command's end, reaping what others leave to this process.

    Returns:
        The status that it has ended with; None when it is to be killed.
    """
    while True:
        if signal.sigwaitinfo(FAMILY).si_signo == END:
            return None
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == pid:
                return status
            if ended == 0:
                break


def describe_end(status: int | None) -> bytes:
    """How the command has ended, as the launcher reads it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    end: dict[str, Any] = {"maxrss": used.ru_maxrss}
    if status is not None and os.WIFSIGNALED(status):
        end["signal"] = os.WTERMSIG(status)
    elif status is not None:
        end["exit-code"] = os.WEXITSTATUS(status)
    return json.dumps(end).encode()
