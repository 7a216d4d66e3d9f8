"""What /proc tells and lets one touch (processes of others, the kernel)."""

from __future__ import annotations

import os
import re

from .table import PLAIN, ROOT, Absent, Bait, attack

MANY = 40
"""More processes than any call has: then only those that are planted are looked at."""
WRITABLE = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/sysrq", "/proc/sys/vm/overcommit_memory", "/proc/sys/user/max_user_namespaces",
    "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/pipe-user-pages-soft", "/proc/sysrq-trigger",
    "/proc/1/oom_score_adj", "/proc/1/clear_refs",
)  # fmt: skip
READABLE = ("/proc/kcore", "/proc/kmsg", "/proc/vmallocinfo")


def visible() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def others(bait: Bait) -> list[int]:
    """The processes that are to be looked into: all that are seen, but the attacker and its parent."""
    pids = [pid for pid in visible() if pid not in (os.getpid(), os.getppid())]
    planted = [bait["victim"], bait["dispatcher"], bait["launcher"]]
    return planted if len(pids) > MANY else sorted({*pids, *planted})


def first(bait: Bait, found: str, read: object) -> str | None:
    """The first process from which a reader gets what was planted; errors only say that a wall held."""
    for pid in others(bait):
        try:
            data = read(pid)  # type: ignore[operator]  (one of the functions below)
        except OSError:
            continue
        if bait["mark"].encode() in data:
            return f"{found} of {pid}"
    return None


def content(path: str, size: int = 1 << 20) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(size)


@attack(PLAIN)
def sees_other_processes(bait: Bait) -> str | None:
    seen = [pid for pid in others(bait) if os.path.exists(f"/proc/{pid}/stat")]
    lines = {pid: content(f"/proc/{pid}/cmdline") for pid in seen}
    strange = [pid for pid, line in lines.items() if bait["line"].encode() in line]
    return f"the victim is seen: {strange}" if strange else None


@attack(PLAIN)
def finds_planted_pids(bait: Bait) -> str | None:
    names = {name: bait[name] for name in ("victim", "dispatcher", "launcher")}
    seen = [name for name, pid in names.items() if os.path.exists(f"/proc/{pid}")]
    return f"in /proc: {seen}" if seen else None


@attack(PLAIN)
def counts_more_processes_than_its_own(bait: Bait) -> str | None:
    count = len(visible())
    return f"{count} processes" if count > 5 else None


@attack(PLAIN)
def reads_environments(bait: Bait) -> str | None:
    return first(bait, "the environment", lambda pid: content(f"/proc/{pid}/environ"))


@attack(PLAIN)
def reads_memory(bait: Bait) -> str | None:
    return first(bait, "the memory", memory_of)


def memory_of(pid: int) -> bytes:
    """The stack and the heap, where what is planted lies, and what else is small and private."""
    found = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in content(f"/proc/{pid}/maps").decode(errors="replace").splitlines():
            fields = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \d+\s*(.*)", line)
            if fields is None or fields[3] not in ("", "[stack]", "[heap]"):
                continue
            start, end = int(fields[1], 16), int(fields[2], 16)
            try:
                memory.seek(start)
                found += memory.read(min(end - start, 4 << 20))
            except (OSError, OverflowError):
                continue
    return found


@attack(PLAIN)
def walks_through_roots(bait: Bait) -> str | None:
    return first(bait, "the root", lambda pid: content(f"/proc/{pid}/root{bait['secret']}"))


@attack(PLAIN)
def walks_through_working_folders(bait: Bait) -> str | None:
    return first(bait, "the working folder", lambda pid: content(f"/proc/{pid}/cwd/{bait['name']}"))


@attack(PLAIN)
def opens_descriptors(bait: Bait) -> str | None:
    def descriptors(pid: int) -> bytes:
        found = b""
        for number in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{number}"
            if os.path.isfile(path):
                found += content(path)
        return found

    return first(bait, "a descriptor", descriptors)


@attack(PLAIN)
def takes_over_what_is_less_confined(bait: Bait) -> str | None:
    """Whose memory one can write, in whose name one can act; that may be the own sandbox's first process, too."""
    for pid in others(bait):
        try:
            os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))
            status = dict(re.findall(r"(\w+):\s+(\S+)", content(f"/proc/{pid}/status").decode()))
        except OSError:
            continue
        if (status["Seccomp"], status["NoNewPrivs"], int(status["CapEff"], 16)) != ("2", "1", 0):
            return f"{status['Name']}, {pid}: {status}"
    return None


@attack(PLAIN)
def reads_maps(bait: Bait) -> str | None:
    for name in ("victim", "dispatcher", "launcher"):
        try:
            if content(f"/proc/{bait[name]}/maps"):
                return f"the maps of the {name}"
        except OSError:
            continue
    return None


@attack(PLAIN)
def follows_executables(bait: Bait) -> str | None:
    for name in ("victim", "dispatcher", "launcher"):
        try:
            return f"the {name} is {os.readlink(f'/proc/{bait[name]}/exe')}"
        except OSError:
            continue
    return None


@attack(PLAIN)
def lowers_its_place_among_the_killed(bait: Bait) -> str | None:
    """When memory runs out, a call has to go before the dispatcher does."""
    with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
        before = int(file.read())
        file.seek(0)
        file.write(b"%d" % (before - 1))
    return f"oom_score_adj is {content('/proc/self/oom_score_adj')!r}, was {before}"


def _writes(path: str) -> None:
    @attack(ROOT, f"opens {path} for writing")
    def run(bait: Bait) -> str:
        """Only opens: the machine's settings stay as they are."""
        if not bait["inside"] and not os.path.exists(path):
            raise Absent(path)
        try:
            os.close(os.open(path, os.O_WRONLY))
        except PermissionError:
            if not bait["inside"] and path.startswith("/proc/sys/user/"):
                raise Absent("root lacks CAP_SYS_RESOURCE on this machine") from None
            raise
        return path


def _reads(path: str) -> None:
    @attack(ROOT, f"reads {path}")
    def run(bait: Bait) -> str:
        if not bait["inside"] and not os.path.exists(path):
            raise Absent(path)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return f"{os.read(fd, 16)!r}"


for _path in WRITABLE:
    _writes(_path)
for _path in READABLE:
    _reads(_path)
