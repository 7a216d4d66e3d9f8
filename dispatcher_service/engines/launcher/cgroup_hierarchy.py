"""One hierarchy of control groups in use, with the folder that a launcher has in it. The standard library only.

A launcher's groups lie in a folder of its own, `graft-calls-<random>`, on which it holds a lock (flock): a folder whose
lock is free belongs to a launcher that is dead, and the next one removes it with whatever is left in it. A launcher's
children inherit that lock, so that they must close its descriptor, or run another program, before they last.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from typing import NamedTuple

from dispatcher_service.engines.launcher.cgroup_mounts import Home

PREFIX = "graft-calls-"
STALE = 1 << 20
"""Bytes that a group still counts when its call is over, above which it is made anew: they would be the next one's."""
KILL_ROUNDS = 64
CLEAN_SECONDS = 1.0
"""How long what is left of a dead launcher may take to die."""


CPU_SECONDS, MEMORY_PEAK, OOM_KILLS = "cpu", "memory", "oom"
PROCESSES_PEAK, REFUSALS, MEMORY_HELD = "processes", "refusals", "held"
"""What may be counted of a group: processor time, bytes at most at once, processes killed because the group was at its
limit of memory, processes and threads at most at once, how often one was refused at the limit, and bytes now."""
GROWING = (OOM_KILLS, REFUSALS)
"""Of these, what is counted since the group was made, and changes only by its processes' doing."""
MAX_USAGE = "memory.max_usage_in_bytes"


class Counter(NamedTuple):
    """Where a number stands in a group's folder."""

    file: str
    key: bytes | None = None
    """In front of it; None where the file holds nothing else."""
    scale: float = 1
    resets: bool = False
    """Whether it becomes what it is at the moment when something is written to it."""

    def read(self, fd: int) -> float:
        """The number now, from the open file."""
        text = os.pread(fd, 4096, 0)
        return self.scale * (int(text) if self.key is None else _keyed(text, self.key))


class Hierarchy:
    """One hierarchy in use: this launcher's folder in it, and the folders of calls in there."""

    def __init__(self, home: Home) -> None:
        """Make the launcher's folder and lock it.

        Raises:
            OSError: this launcher may not.
        """
        self.controllers = home.controllers
        self.unified = home.unified
        self._bounds: dict[str, tuple[int, int]] = {}
        """Memory and processes of the groups that have been given limits."""
        self._killed: set[str] = set()
        """Groups that were killed as a whole; what is cloned into one later is killed as well (seen on Linux 6.18)."""
        self.home = home.path
        # Descriptors, so that it does not matter what the launcher sees of the file system later.
        self.home_fd = os.open(home.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.name, self.fd = _own_folder(self.home_fd)
        except BaseException:
            os.close(self.home_fd)
            raise
        try:
            if self.unified:
                for controller in sorted(self.controllers):
                    self.write("cgroup.subtree_control", b"+%s" % controller.encode())
            self.make("trial")
            self._look()
        except BaseException:
            self.close()
            raise

    def _look(self) -> None:
        """Find out what the kernel offers, by a group and a process of its own."""
        trial = os.open("trial", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            with os.scandir(trial) as entries:
                here = {entry.name for entry in entries}
        finally:
            os.close(trial)
        self.kills = "cgroup.kill" in here
        self.swap = {"memory.memsw.limit_in_bytes", "memory.swap.max"} & here
        self.memory_peaks = bool({"memory.peak", MAX_USAGE} & here)
        self.process_peaks = "pids.peak" in here
        self.cpu = self.unified or "cpuacct" in self.controllers
        # A peak that cannot be reset is the next call's too, unless that gets a new folder.
        self.renews = self.process_peaks or (self.unified and "memory" in self.controllers)
        self.bound("trial", memory=1 << 30, processes=64)
        child = os.fork()
        if child == 0:
            try:
                self.attach("trial")
                os._exit(0)
            finally:
                os._exit(1)
        _pid, status = os.waitpid(child, 0)
        if status != 0:
            raise OSError(f"{self.home}: a process could not be moved in")
        if not self.remove("trial"):
            raise OSError(f"{self.home}: a group could not be removed")

    def read(self, file: str) -> bytes:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            return os.read(fd, 4096)
        finally:
            os.close(fd)

    def write(self, file: str, data: bytes) -> None:
        fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def make(self, name: str) -> None:
        os.mkdir(name, 0o755, dir_fd=self.fd)
        self.forget(name)

    def renew(self, name: str) -> None:
        """Make a group that is as none had ever been there.

        Raises:
            OSError: it cannot be made, or something in the old one is not dead yet.
        """
        if not self.remove(name):
            raise OSError(errno.EBUSY, f"the control group {name} is still in use")
        self.make(name)

    def forget(self, name: str) -> None:
        """Take note that somebody else has made a group anew."""
        self._bounds.pop(name, None)
        self._killed.discard(name)

    def bound(self, name: str, *, memory: int, processes: int) -> None:
        """Set the limits that this hierarchy can hold, unless they are set already."""
        before = self._bounds.get(name, (0, 0))
        if before == (memory, processes):
            return
        self._bounds[name] = (0, 0)
        if "pids" in self.controllers:
            self.write(f"{name}/pids.max", b"%d" % processes if processes else b"max")
        if "memory" in self.controllers:
            for file in self._memory_limits(raised=0 < before[0] <= memory):
                self.write(f"{name}/{file}", b"%d" % memory)
            if self.unified:
                self.write(f"{name}/memory.oom.group", b"1")
                if self.swap:
                    self.write(f"{name}/memory.swap.max", b"0")
        self._bounds[name] = (memory, processes)

    def _memory_limits(self, *, raised: bool) -> tuple[str, ...]:
        if self.unified:
            return ("memory.max",)
        memory, both = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
        if not self.swap:
            return (memory,)
        # The limit of memory and swap together may never be the lower one.
        return (both, memory) if raised else (memory, both)

    def attach(self, name: str) -> None:
        """Move the process that asks for it into a group."""
        self.write(f"{name}/cgroup.procs", b"0")

    def processes(self, name: str) -> list[int]:
        """The processes of a group, as far as this process could signal them."""
        return [int(pid) for pid in self.read(f"{name}/cgroup.procs").split() if pid != b"0"]

    def counters(self) -> dict[str, Counter]:
        """What is counted here, and where."""
        found = {}
        if self.unified:
            found[CPU_SECONDS] = Counter("cpu.stat", b"usage_usec", 1e-6)
        elif "cpuacct" in self.controllers:
            found[CPU_SECONDS] = Counter("cpuacct.usage", None, 1e-9)
        if "memory" in self.controllers:
            found[OOM_KILLS] = Counter("memory.events" if self.unified else "memory.oom_control", b"oom_kill")
            if self.memory_peaks:
                resets = not self.unified and not self.renews
                found[MEMORY_PEAK] = Counter("memory.peak" if self.unified else MAX_USAGE, resets=resets)
            if not self.renews:
                found[MEMORY_HELD] = Counter("memory.current" if self.unified else "memory.usage_in_bytes")
        if "pids" in self.controllers:
            found[REFUSALS] = Counter("pids.events", b"max")
            if self.process_peaks:
                found[PROCESSES_PEAK] = Counter("pids.peak")
        return found

    def is_stale(self, name: str, held: int) -> bool:
        """Whether something of a call that is over would be taken for the next one's.

        Args:
            name: the group's.
            held: bytes that are still counted as its.
        """
        return self.renews or name in self._killed or ("memory" in self.controllers and held > STALE)

    def kill(self, name: str) -> None:
        """Kill every process in a group; never raises."""
        try:
            if self.kills:
                self._killed.add(name)
                self.write(f"{name}/cgroup.kill", b"1")
                return
            for _round in range(KILL_ROUNDS):
                pids = self.processes(name)
                if not pids:
                    return
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
        except OSError:
            return

    def remove(self, name: str) -> bool:
        """Remove a group, killing what is in it; False when something of that is not dead yet."""
        self.forget(name)
        try:
            os.rmdir(name, dir_fd=self.fd)
        except FileNotFoundError:
            return True
        except OSError:
            self.kill(name)
            return _remove_group(self.fd, name)
        return True

    def close(self) -> None:
        """Remove the launcher's folder with all groups in it."""
        if self.fd == -1:
            return
        clear(self.home_fd, self.name, self.fd)
        os.close(self.fd)
        os.close(self.home_fd)
        self.fd = -1


def remove_leftovers(home: str) -> None:
    """Remove the folders of launchers that are dead, and kill what they have left behind; never raises."""
    try:
        home_fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    for name in _folders(home_fd):
        if not name.startswith(PREFIX):
            continue
        try:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=home_fd)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear(home_fd, name, fd)
        except OSError:
            continue  # its launcher lives
        finally:
            os.close(fd)
    os.close(home_fd)


def clear(home_fd: int, name: str, fd: int) -> None:
    """Remove a launcher's folder and the groups in it, killing what is in those; gives up after a second.

    Args:
        home_fd: what the folder lies in.
        name: its name there.
        fd: the folder, whose lock is held.
    """
    until = time.monotonic() + CLEAN_SECONDS
    while True:
        for group in _folders(fd):
            _remove_group(fd, group)
        try:
            os.rmdir(name, dir_fd=home_fd)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY) or time.monotonic() > until:
                return
        else:
            return
        time.sleep(0.005)


def _own_folder(home_fd: int) -> tuple[str, int]:
    """Make a folder that holds this launcher's groups, and lock it: its name and a descriptor."""
    for _attempt in range(8):
        name = PREFIX + os.urandom(6).hex()
        os.mkdir(name, 0o755, dir_fd=home_fd)
        fd = -1
        try:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=home_fd)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(name, dir_fd=home_fd)):
                return name, fd
        except OSError:
            pass  # another launcher has taken it for a dead one's before it was locked
        if fd != -1:
            os.close(fd)
    raise OSError("no folder could be kept")


def _remove_group(fd: int, name: str) -> bool:
    """Remove a group with those that container runtimes have made in it; False when something is not dead yet."""
    _kill_all(fd, name)
    try:
        group = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    for below in _folders(group):
        _remove_group(group, below)
    os.close(group)
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError:
        return False
    return True


def _kill_all(fd: int, group: str) -> None:
    """Kill what is in a group, whichever way the kernel has."""
    for file, flags in (("cgroup.kill", os.O_WRONLY), ("cgroup.procs", os.O_RDONLY)):
        try:
            opened = os.open(f"{group}/{file}", flags | os.O_CLOEXEC, dir_fd=fd)
        except OSError:
            continue
        try:
            if file == "cgroup.kill":
                os.write(opened, b"1")
                return
            for pid in os.read(opened, 65536).split():
                if pid != b"0":
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            continue
        finally:
            os.close(opened)


def _folders(where: int) -> list[str]:
    try:
        with os.scandir(where) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _keyed(text: bytes, key: bytes) -> int:
    """A number of a file with a name and a number in each line; 0 where it is not there."""
    for line in text.splitlines():
        name, _, value = line.partition(b" ")
        if name == key:
            return int(value)
    return 0
