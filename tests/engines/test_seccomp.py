"""The compiled filter, run by a small interpreter of classic BPF, for every system call number."""

from __future__ import annotations

import http.server
import json
import platform
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.engines.base import Network
from dispatcher_service.engines.seccomp.assembler import Action, Check, Condition, compile_filter, merge
from dispatcher_service.engines.seccomp.filter import (
    ARCHITECTURES,
    FCNTLS,
    IOCTLS,
    PRCTLS,
    Shares,
    compiled_filter,
    rules,
)
from dispatcher_service.engines.seccomp.syscalls import ALLOWED, CHECKED, NEWEST

KINDS = [(network, shares) for network in Network for shares in Shares]

NEVER = {
    "x86_64": {
        "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250, "add_key": 248,
        "request_key": 249, "init_module": 175, "finit_module": 313, "kexec_load": 246, "reboot": 169, "swapon": 167,
        "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438, "open_by_handle_at": 304,
        "seccomp": 317, "clock_settime": 227, "shmget": 29, "msgget": 68, "semget": 64, "memfd_secret": 447,
        "fsopen": 430, "move_mount": 429, "open_tree": 428, "mount_setattr": 442, "iopl": 172, "syslog": 103, "vmsplice": 278,
        "modify_ldt": 154, "acct": 163, "quotactl": 179, "landlock_create_ruleset": 444, "landlock_restrict_self": 446,
        "kcmp": 312, "process_madvise": 440, "process_mrelease": 448, "name_to_handle_at": 303, "io_uring_enter": 426,
        "inotify_init": 253, "inotify_init1": 294, "fanotify_init": 300, "shmat": 30, "mq_open": 240, "cachestat": 451,
        "sched_setaffinity": 203, "sched_setattr": 314, "ioprio_set": 251, "sync": 162, "syncfs": 306, "nfsservctl": 180,
        "migrate_pages": 256, "move_pages": 279, "adjtimex": 159, "settimeofday": 164, "lookup_dcookie": 212,
        "fsmount": 432, "fsconfig": 431, "fspick": 433, "quotactl_fd": 443, "vhangup": 153, "sethostname": 170,
    },
    "aarch64": {
        "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268,
        "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425, "keyctl": 219, "add_key": 217,
        "request_key": 218, "init_module": 105, "kexec_load": 104, "reboot": 142, "process_vm_readv": 270,
        "seccomp": 277, "open_by_handle_at": 265, "shmget": 194, "msgget": 186, "semget": 190, "clock_settime": 112,
        "kcmp": 272, "process_madvise": 440, "name_to_handle_at": 264, "inotify_init1": 26, "fanotify_init": 262,
        "cachestat": 451, "sched_setaffinity": 122, "sched_setattr": 274, "ioprio_set": 30, "sync": 81, "syncfs": 267,
        "quotactl": 60, "landlock_create_ruleset": 444, "mq_open": 180, "fsopen": 430, "move_mount": 429,
        "process_vm_writev": 271, "pidfd_getfd": 438, "swapon": 224, "syslog": 116, "acct": 89,
    },
}  # fmt: skip


def run(program: bytes, nr: int, arch: int, *arguments: int) -> int:
    """What the kernel would answer."""
    words = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("=IIQ6Q", nr, arch, 0, *(word % 2**64 for word in words))
    instructions = list(struct.iter_unpack("=HBBI", program))
    at, accumulator = 0, 0
    for _step in range(len(instructions) + 1):
        code, jt, jf, k = instructions[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, k)
        elif code == 0x06:
            return k
        elif code == 0x05:
            at += k
        else:
            holds = {
                0x15: accumulator == k,
                0x25: accumulator > k,
                0x35: accumulator >= k,
                0x45: bool(accumulator & k),
            }[code]
            at += jt if holds else jf
    raise AssertionError("the program does not end")


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("network", "shares"), KINDS)
def test_every_number(machine, network, shares):
    architecture = ARCHITECTURES[machine]
    program = compiled_filter(machine, network, shares)
    decided = rules(network, shares)
    by_number = {
        (ALLOWED.get(name) or CHECKED[name])[architecture.column]: decision for name, decision in decided.items()
    }
    for nr in range(NEWEST + 50):
        answer = run(program, nr, architecture.audit_arch, 3, 3, 3)
        expected = Action.ENOSYS if nr > NEWEST else answer_of(by_number.get(nr, Action.EPERM), (3, 3, 3, 0))
        assert answer == expected, nr


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("network", "shares"), KINDS)
def test_never(machine, network, shares):
    architecture = ARCHITECTURES[machine]
    for name, nr in NEVER[machine].items():
        assert run(compiled_filter(machine, network, shares), nr, architecture.audit_arch) == Action.EPERM, name


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_numbers_are_the_kernels(machine, header):
    if not Path(header).exists():
        pytest.skip("needs the kernel's headers, which come with the C library's")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text())
    known = {name: int(number) for name, number in found}
    column = ARCHITECTURES[machine].column
    for name, numbers in {**ALLOWED, **CHECKED}.items():
        number = numbers[column]
        if number is not None and number <= max(known.values()) and name not in ("newfstatat", "fadvise64"):
            assert known.get(name) == number, name
    for name, number in NEVER[machine].items():
        assert known.get(name, number) == number, name


BITS = (0o4755, 0o2755, 0o6000)
"""Modes that lend a user or a group."""
MAKING = (0o100, 0o101 | 0o2000000, 0o20200000 | 1)
"""O_CREAT, the same to write with O_CLOEXEC, O_TMPFILE to write."""


def ask(machine, name, arguments, network=Network.NONE, shares=Shares.NOTHING):
    architecture = ARCHITECTURES[machine]
    nr = (ALLOWED.get(name) or CHECKED[name])[architecture.column]
    return (
        None if nr is None else run(compiled_filter(machine, network, shares), nr, architecture.audit_arch, *arguments)
    )


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("clone", (0x01200011,), Action.ALLOW),
        ("clone", (0x003D0F00,), Action.ALLOW),
        *[("clone", (flag | 17,), Action.EPERM) for flag in (1 << 15, 1 << 17, *(1 << n for n in range(25, 31)))],
        ("clone", (0x10000000 | 1 << 40,), Action.EPERM),
        ("clone3", (0,), Action.ENOSYS),
        ("memfd_create", (0,), Action.ENOSYS),
        ("socket", (1, 1), Action.ALLOW),
        ("socket", (1 | 1 << 32, 1), Action.ALLOW),
        *[("socket", (family, 1), Action.EPERM) for family in (0, 2, 10, 16, 17, 38, 40)],
        ("socketpair", (1, 1), Action.ALLOW),
        ("socketpair", (2, 1), Action.EPERM),
        *[("ioctl", (0, request), Action.ALLOW) for request in IOCTLS],
        *[("ioctl", (0, request), Action.EPERM) for request in (0x5412, 0x541C, 0x5410, 0, 0xC0105512)],
        *[("fcntl", (0, command), Action.ALLOW) for command in FCNTLS],
        *[("fcntl", (0, command), Action.EPERM) for command in (10, 15, 1024, 1026, 1031)],
        *[("prctl", (option,), Action.ALLOW) for option in PRCTLS],
        *[("prctl", (option,), Action.EPERM) for option in (22, 8, 24, 28, 35, 47, 53, 59, 0x59616D61)],
        ("personality", (0,), Action.ALLOW),
        ("personality", (0xFFFFFFFF,), Action.ALLOW),
        ("personality", (0x0040000,), Action.EPERM),
        ("prlimit64", (0, 7), Action.ALLOW),
        ("prlimit64", (1, 7), Action.EPERM),
        ("prlimit64", (4711, 7), Action.EPERM),
        ("setpriority", (0, 0, 19), Action.ALLOW),
        ("setpriority", (0, 1, 19), Action.EPERM),
        ("setpriority", (1, 0, 19), Action.EPERM),
        ("setpriority", (2, 0, 19), Action.EPERM),
        *[("sched_setscheduler", (0, policy), Action.ALLOW) for policy in (0, 3, 5, 0x40000000)],
        *[("sched_setscheduler", (0, policy), Action.EPERM) for policy in (1, 2, 6, 0x40000001)],
        ("sched_setscheduler", (1, 0), Action.EPERM),
        ("sched_setparam", (0,), Action.ALLOW),
        ("sched_setparam", (1,), Action.EPERM),
        *[(name, (0, 0o1777), Action.ALLOW) for name in ("chmod", "fchmod", "creat", "mkdir", "mknod")],
        *[(name, (0, 0, 0o1777), Action.ALLOW) for name in ("fchmodat", "fchmodat2", "mkdirat", "mknodat")],
        *[(name, (0, bit), Action.EPERM) for name in ("chmod", "fchmod", "creat", "mkdir", "mknod") for bit in BITS],
        *[
            (name, (0, 0, bit), Action.EPERM)
            for name in ("fchmodat", "fchmodat2", "mkdirat", "mknodat")
            for bit in BITS
        ],
        ("open", (0, 0o2000000, 0o6777), Action.ALLOW),  # nothing is made: there is no mode
        ("openat", (0, 0, 0o2000000, 0o6777), Action.ALLOW),
        *[("open", (0, flags, 0o666), Action.ALLOW) for flags in MAKING],
        *[("openat", (0, 0, flags, 0o666), Action.ALLOW) for flags in MAKING],
        *[("open", (0, flags, bit), Action.EPERM) for flags in MAKING for bit in BITS],
        *[("openat", (0, 0, flags, bit), Action.EPERM) for flags in MAKING for bit in BITS],
        ("openat2", (0,), Action.ENOSYS),
        ("pidfd_open", (1,), Action.ALLOW),
        ("connect", (3,), Action.ALLOW),
    ],
)
def test_arguments(machine, name, arguments, answer):
    assert ask(machine, name, arguments) in (answer, None)


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("network", "shares", "allowed"),
    [
        (Network.NONE, Shares.NOTHING, {"unix"}),
        (Network.LOOPBACK, Shares.NOTHING, {"unix", "internet"}),
        (Network.OUTBOUND, Shares.NOTHING, {"unix", "internet"}),
        (Network.NONE, Shares.HOST, set()),
        (Network.OUTBOUND, Shares.HOST, {"internet"}),
    ],
)
def test_sockets(machine, network, shares, allowed):
    kinds = {
        "unix": [(1, kind | flags, 0) for kind in (1, 2, 5) for flags in (0, 0x800, 0x80000, 0x80800)],
        "internet": [
            (family, kind | flags, protocol)
            for family in (2, 10)
            for kind, protocols in ((1, (0, 6)), (2, (0, 17)))
            for protocol in protocols
            for flags in (0, 0x800, 0x80000, 0x80800)
        ],
        "none": [(2, 3, 1), (2, 3, 255), (2, 2, 1), (10, 2, 58), (2, 1, 132), (2, 1, 262), (2, 5, 0), (2, 2, 136),
                 (16, 3, 0), (17, 3, 3), (38, 5, 0), (40, 1, 0), (29, 3, 1), (0, 1, 0)],
    }  # fmt: skip
    for kind, calls in kinds.items():
        for arguments in calls:
            answer = ask(machine, "socket", arguments, network, shares)
            assert answer == (Action.ALLOW if kind in allowed else Action.EPERM), (kind, arguments)
    may_connect = Action.ALLOW if allowed else Action.EPERM
    for name in ("connect", "bind", "listen", "accept", "accept4"):
        assert ask(machine, name, (3,), network, shares) == may_connect


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("network", Network)
def test_what_namespaces_do_not_hide(machine, network):
    """Without namespaces, the filter refuses what names or changes something of the host."""
    assert ask(machine, "pidfd_open", (1,), network, Shares.HOST) == Action.EPERM
    assert ask(machine, "socketpair", (1, 1 | 0x80000), network, Shares.HOST) == Action.ALLOW
    assert ask(machine, "socketpair", (1, 5), network, Shares.HOST) == Action.ALLOW
    assert ask(machine, "socketpair", (1, 2), network, Shares.HOST) == Action.EPERM
    for name in ("chmod", "fchmod", "fchmodat2", "fchownat", "fsetxattr", "lremovexattr", "utimensat"):
        assert ask(machine, name, (0,), network) in (Action.ALLOW, None), name
        assert ask(machine, name, (0,), network, Shares.HOST) in (Action.EPERM, None), name


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_foreign_abis_kill(machine):
    program = compiled_filter(machine)
    for arch in (0x40000003, 0xC000003E, 0xC00000B7, 0, 0x40000028):
        if arch != ARCHITECTURES[machine].audit_arch:
            assert run(program, 0, arch) == Action.KILL_PROCESS
    if machine == "x86_64":
        assert run(program, 0x40000000, 0xC000003E) == Action.KILL_PROCESS
        assert run(program, 0xFFFFFFFF, 0xC000003E) == Action.KILL_PROCESS
    assert len(program) // 8 < 220


def test_unknown_architecture():
    with pytest.raises(ValueError, match=r"riscv64.*x86_64"):
        compiled_filter("riscv64")


CONDITIONS = [Condition(0, (1, 5)), Condition(1, forbidden_bits=6), Condition(1, (2,)), Condition(0, (0, 2, 3))]
DECISIONS = st.one_of(
    st.sampled_from([Action.ALLOW, Action.EPERM, Action.ENOSYS]),
    st.lists(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(
        lambda alternatives: Check(tuple(alternatives))
    ),
)


def answer_of(decision, arguments):
    if isinstance(decision, Action):
        return decision
    return Action.ALLOW if decision.holds(arguments) else Action.EPERM


@given(
    table=st.dictionaries(st.integers(0, 1200), DECISIONS, max_size=900),
    probes=st.lists(st.integers(0, 1300), min_size=1, max_size=60),
    arguments=st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_compiles_any_table(table, probes, arguments):
    program = compile_filter(7, merge(table, Action.EPERM, (1201, Action.ENOSYS)), None)
    for nr in [*probes, *list(table)[:60]]:
        expected = Action.ENOSYS if nr > 1200 else answer_of(table.get(nr, Action.EPERM), arguments)
        assert run(program, nr, 7, *arguments) == expected


def test_far_jumps():
    table = {n: [Action.ALLOW, Action.ENOSYS, Check(((Condition(0, (1,)),),))][n % 3] for n in range(1500)}
    program = compile_filter(7, merge(table, Action.EPERM, (1500, Action.ENOSYS)), None)
    assert len(program) // 8 > 1500
    for nr, decision in table.items():
        assert run(program, nr, 7, 1) == answer_of(decision, (1,))


INSTALLING = """
import ctypes, json, struct, sys
program, script = json.load(sys.stdin)
code = bytes.fromhex(program)
libc = ctypes.CDLL(None, use_errno=True)
kept = ctypes.create_string_buffer(code, len(code))
described = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(kept)))
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, ctypes.byref(described), 0, 0) == 0
exec(script)
"""


def under(program, script):
    """What a script prints under a filter, in a real process."""
    if platform.machine() not in ARCHITECTURES:
        pytest.skip("there is no filter for this architecture")
    done = subprocess.run(
        [sys.executable, "-c", INSTALLING],
        input=json.dumps([program.hex(), script]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout.split()


@pytest.mark.parametrize("shares", Shares)
def test_programs_work_online(shares):
    """Names are resolved and HTTP is spoken without netlink sockets; a server can be one too."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script = f"""
import http.client, socket, urllib.request
for host in ("127.0.0.1", "localhost"):
    line = http.client.HTTPConnection(host, {server.server_port}, timeout=20)
    line.request("GET", "/")
    print(line.getresponse().status)
listener = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(listener.getsockname()) as line:
    print(line.getpeername() == listener.getsockname())
a, b = socket.socketpair()
a.send(b"pair")
print(b.recv(4).decode())
"""
        answers = under(compiled_filter(network=Network.OUTBOUND, shares=shares), script)
        server.shutdown()
    assert answers == ["501", "501", "True", "pair"]


@pytest.mark.parametrize("shares", Shares)
def test_programs_work_offline(shares, tmp_path):
    script = f"""
import asyncio, os, resource, socket, subprocess, tempfile, threading
thread = threading.Thread(target=print, args=("thread",), kwargs=dict(flush=True))
thread.start(); thread.join()
print(subprocess.run(["sh", "-c", "ulimit -n 50; nice echo child | tr a-z a-z"], capture_output=True, text=True).stdout)
with tempfile.TemporaryFile(dir={str(tmp_path)!r}) as file:
    file.write(b"file"); file.seek(0); print(file.read().decode())
async def main():
    process = await asyncio.create_subprocess_exec("echo", "loop", stdout=-1)
    print((await process.communicate())[0].decode())
asyncio.run(main())
resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
for family in (socket.AF_INET, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
    except PermissionError:
        print("refused")
"""
    assert under(compiled_filter(shares=shares), script) == ["thread", "child", "file", "loop", "refused", "refused"]
