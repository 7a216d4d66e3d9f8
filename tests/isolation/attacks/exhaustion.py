"""What one uses up: each tells how much it got, which is an escape beyond `bait["bar"]`. Bounded, also where nothing
else bounds it."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import select
import signal
import socket
import threading
import time

from .table import PLAIN, PROCESS, ROOT, USER, Absent, Bait, attack

F_SETPIPE_SZ = 1031
HOLD_SECONDS = 1.5
"""How long memory is kept, for somebody who looks at it from time to time."""
MIB = 1 << 20


def beyond(got: int, bait: Bait, what: str) -> str | None:
    return f"{got} {what}, at most {bait['bar']}" if got > bait["bar"] else None


def at_most(bait: Bait) -> int:
    """How much an attacker takes when nothing stops it."""
    return int(bait["bar"] * 1.5) + 10


def places(bait: Bait) -> list[str]:
    """Where files may be made."""
    return ["/tmp", "/dev/shm", "/var/tmp", "/run", "/run/lock", "/dev/mqueue"] if bait["inside"] else [bait["drop"]]


@attack(PLAIN)
def has_many_processes(bait: Bait) -> str | None:
    made: list[int] = []
    try:
        while len(made) < at_most(bait):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            made.append(pid)
    except BlockingIOError:
        pass
    finally:
        for pid in made:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return beyond(len(made), bait, "processes")


@attack(PLAIN)
def has_many_threads(bait: Bait) -> str | None:
    over, made = threading.Event(), 0
    threading.stack_size(64 << 10)
    try:
        while made < at_most(bait):
            threading.Thread(target=over.wait, daemon=True).start()
            made += 1
    except RuntimeError:
        pass
    over.set()
    return beyond(made, bait, "threads")


def take(size: int) -> mmap.mmap:
    """Memory that is really there."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, size, mmap.PAGESIZE):
        memory[offset] = 1
    return memory


@attack(PLAIN)
def takes_memory(bait: Bait) -> str | None:
    memory = [take(16 * MIB) for _ in range(int(bait["bar"] * 1.5 / 16 / MIB))]
    time.sleep(HOLD_SECONDS)
    return beyond(len(memory) * 16 * MIB, bait, "bytes in one process")


def hold_in_children(count: int, act: object) -> int:
    """Have children do something, and wait: how many of them have done it and still live after a while."""
    children = {}
    for _number in range(count):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                kept = act()  # type: ignore[operator]  (what the caller wants)
                os.write(write_end, b"1")
                signal.pause()
                del kept
            finally:
                os._exit(1)
        os.close(write_end)
        children[pid] = read_end
    done = [pid for pid, pipe in children.items() if os.read(pipe, 1)]
    select.select([], [], [], HOLD_SECONDS)
    living = [pid for pid in done if os.waitpid(pid, os.WNOHANG)[0] == 0]
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue
    return len(living)


@attack(PLAIN)
def takes_memory_in_many_processes(bait: Bait) -> str | None:
    share = int(bait["bar"] * 0.4)
    return beyond(hold_in_children(4, lambda: take(share)) * share, bait, "bytes in four processes")


def share_and_forget(size: int) -> list[mmap.mmap]:
    """Memory that is really there, and in the account of no process: whoever has mapped it has let go of its pages."""
    held = []
    for _chunk in range(size // (4 * MIB)):
        memory = mmap.mmap(-1, 4 * MIB, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        for offset in range(0, len(memory), mmap.PAGESIZE):
            memory[offset] = 1
        memory.madvise(mmap.MADV_DONTNEED)
        held.append(memory)
    return held


@attack(PLAIN)
def takes_memory_and_lets_go_of_it(bait: Bait) -> str | None:
    share = int(bait["bar"] * 0.4)
    got = hold_in_children(4, lambda: share_and_forget(share)) * share
    return beyond(got, bait, "bytes that four processes have shared with nobody")


@attack(PLAIN)
def takes_memory_as_files(bait: Bait) -> str | None:
    """Memory that is in nobody's address space."""
    held, chunk = [], 16 * MIB
    for number in range(int(bait["bar"] * 1.5 / chunk)):
        fd = os.memfd_create(f"graft-{number}")
        written = 0
        while written < chunk:
            written += os.write(fd, bytes(MIB))
        held.append(fd)
    time.sleep(HOLD_SECONDS)
    return beyond(len(held) * chunk, bait, "bytes in memory files")


@attack(PLAIN)
def takes_memory_in_sockets(bait: Bait) -> str | None:
    held, got = [], 0
    try:
        while got < bait["bar"] * 1.5:
            left, right = socket.socketpair()
            left.setblocking(False)
            left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            held += [left, right]
            try:
                while True:
                    got += left.send(bytes(64 << 10))
            except BlockingIOError:
                continue
    except OSError:
        pass
    time.sleep(HOLD_SECONDS if got > bait["bar"] else 0)
    return beyond(got, bait, "bytes in sockets")


@attack(ROOT)
def takes_memory_in_pipes(bait: Bait) -> str | None:
    """An ordinary user's are bounded by the kernel (fs.pipe-user-pages-soft), whatever the limits of a call are."""
    got = 0
    try:
        while got < bait["bar"] * 1.25:
            _read_end, write_end = os.pipe2(os.O_NONBLOCK)
            try:
                size = fcntl.fcntl(write_end, F_SETPIPE_SZ, MIB)
            except OSError:
                size = 64 << 10
            try:
                for _page in range(size // mmap.PAGESIZE):
                    got += os.write(write_end, bytes(mmap.PAGESIZE))
            except BlockingIOError:
                pass
    except OSError:
        pass
    return beyond(got, bait, "bytes in pipes")


@attack(PLAIN)
def spins_in_many_processes(bait: Bait) -> str | None:
    """No process for itself uses more than a third."""

    def spin() -> None:
        while time.process_time() * 1000 < bait["bar"] * 0.7:
            pass

    children = [os.fork() for _number in range(1)]
    while children[-1] and len(children) < 3:
        children.append(os.fork())
    if not children[-1]:
        spin()
        os._exit(0)
    for pid in children:
        os.waitpid(pid, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return beyond(int((used.ru_utime + used.ru_stime) * 1000), bait, "milliseconds on processors")


@attack(PLAIN)
def spins_in_children_that_nobody_waits_for(bait: Bait) -> str | None:
    """Each is gone before anybody looks, and what it has used is told to nobody, since its end is ignored."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    read_end, write_end = os.pipe()
    got = 0
    while got < bait["bar"] * 2.5:
        if os.fork() == 0:
            while time.process_time() < 0.005:
                pass
            os.write(write_end, b"1")
            os._exit(0)
        got += 5 * len(os.read(read_end, 1))
    return beyond(got, bait, "milliseconds on processors")


@attack(PLAIN)
def opens_many_files(bait: Bait) -> str | None:
    opened = 0
    try:
        while opened < at_most(bait):
            os.open("/dev/null", os.O_RDONLY)
            opened += 1
    except OSError:
        pass
    return beyond(opened, bait, "descriptors")


@attack(PLAIN)
def sends_descriptors_away_to_have_more(bait: Bait) -> str | None:
    """What is on its way through a socket is open, but in no table."""
    sent, kept = 0, []
    try:
        while sent < at_most(bait):
            left, right = socket.socketpair()
            left.setblocking(False)
            with left:
                socket.send_fds(left, [b"x"], [0] * 50)
            sent += 50
            kept.append(right)
    except OSError:
        pass
    return beyond(sent, bait, "descriptors on their way")


@attack(PLAIN)
def makes_many_files(bait: Bait) -> str | None:
    made = 0
    for place in places(bait):
        try:
            while made < at_most(bait):
                os.close(os.open(f"{place}/graft-{os.getpid()}-{made}", os.O_CREAT | os.O_WRONLY, 0o600))
                made += 1
        except OSError:
            continue
    return beyond(made, bait, "files")


@attack(PLAIN)
def fills_the_disk(bait: Bait) -> str | None:
    written = 0
    for place in places(bait):
        try:
            fd = os.open(f"{place}/graft-{place.replace('/', '-')}-{os.getpid()}", os.O_CREAT | os.O_WRONLY, 0o600)
            while written < bait["bar"] * 1.5:
                written += os.write(fd, bytes(64 << 10))
        except OSError:
            continue
    return beyond(written, bait, "bytes")


@attack(PROCESS)
def writes_a_large_file(bait: Bait) -> str | None:
    fd = os.memfd_create("graft")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    written = 0
    try:
        while written < bait["bar"] * 1.5:
            written += os.write(fd, bytes(64 << 10))
    except OSError:
        pass
    return beyond(written, bait, "bytes in one file")


@attack(USER)
def watches_for_all(bait: Bait) -> str | None:
    """Watches are counted for each user of the host: whoever takes them all leaves the dispatcher none. Waits so."""
    libc = ctypes.CDLL(None, use_errno=True)
    made = 0
    while libc.inotify_init1(0) >= 0:
        made += 1
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", bait["line"]])
    os.waitpid(pid, 0)
    return f"{made} sets of watches"


@attack(PROCESS)
def stays_in_memory_by_lock(bait: Bait) -> str | None:
    memory = take(16 * MIB)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(16 * MIB)) != 0:
        if not bait["inside"] and resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] < 16 * MIB:
            raise Absent("locked memory is limited on this machine already")
        return None
    return "16 MiB are locked"
