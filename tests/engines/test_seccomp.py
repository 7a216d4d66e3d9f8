"""The compiled filter, run by a small interpreter of classic BPF, for every system call number."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.engines.seccomp.assembler import Action, Check, compile_filter, merge
from dispatcher_service.engines.seccomp.filter import ARCHITECTURES, IOCTLS, PRCTLS, compiled_filter
from dispatcher_service.engines.seccomp.syscalls import ALLOWED, CHECKED, NEWEST

NEVER = {
    "x86_64": {
        "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250, "add_key": 248,
        "request_key": 249, "init_module": 175, "finit_module": 313, "kexec_load": 246, "reboot": 169, "swapon": 167,
        "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438, "open_by_handle_at": 304,
        "seccomp": 317, "clock_settime": 227, "shmget": 29, "msgget": 68, "semget": 64, "memfd_secret": 447,
        "fsopen": 430, "move_mount": 429, "open_tree": 428, "mount_setattr": 442, "iopl": 172, "syslog": 103,
        "modify_ldt": 154, "acct": 163, "quotactl": 179, "landlock_create_ruleset": 444,
    },
    "aarch64": {
        "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268,
        "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425, "keyctl": 219, "add_key": 217,
        "request_key": 218, "init_module": 105, "kexec_load": 104, "reboot": 142, "process_vm_readv": 270,
        "seccomp": 277, "open_by_handle_at": 265, "shmget": 194, "msgget": 186, "semget": 190, "clock_settime": 112,
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
def test_every_number(machine):
    architecture = ARCHITECTURES[machine]
    program = compiled_filter(machine)
    allowed = {numbers[architecture.column] for numbers in ALLOWED.values()}
    checked = {numbers[architecture.column] for numbers in CHECKED.values()}
    for nr in range(NEWEST + 50):
        answer = run(program, nr, architecture.audit_arch)
        if nr > NEWEST:
            assert answer == Action.ENOSYS
        elif nr in allowed:
            assert answer == Action.ALLOW, nr
        elif nr not in checked:
            assert answer == Action.EPERM, nr


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_never(machine):
    architecture = ARCHITECTURES[machine]
    for name, nr in NEVER[machine].items():
        assert run(compiled_filter(machine), nr, architecture.audit_arch) == Action.EPERM, name


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("clone", (0x01200011,), Action.ALLOW),
        ("clone", (0x003D0F00,), Action.ALLOW),
        *[("clone", (flag | 17,), Action.EPERM) for flag in (1 << 17, *(1 << n for n in range(25, 31)))],
        ("clone", (0x10000000 | 1 << 40,), Action.EPERM),
        ("clone3", (0,), Action.ENOSYS),
        ("socket", (1, 1), Action.ALLOW),
        ("socket", (1 | 1 << 32, 1), Action.ALLOW),
        *[("socket", (family, 1), Action.EPERM) for family in (0, 2, 10, 16, 17, 38, 40)],
        ("socketpair", (1, 1), Action.ALLOW),
        ("socketpair", (2, 1), Action.EPERM),
        *[("ioctl", (0, request), Action.ALLOW) for request in IOCTLS],
        *[("ioctl", (0, request), Action.EPERM) for request in (0x5412, 0x541C, 0x5410, 0, 0xC0105512)],
        *[("prctl", (option,), Action.ALLOW) for option in PRCTLS],
        *[("prctl", (option,), Action.EPERM) for option in (22, 8, 24, 28, 35, 47, 53, 59, 0x59616D61)],
        ("personality", (0,), Action.ALLOW),
        ("personality", (0xFFFFFFFF,), Action.ALLOW),
        ("personality", (0x0040000,), Action.EPERM),
    ],
)
def test_arguments(machine, name, arguments, answer):
    architecture = ARCHITECTURES[machine]
    nr = CHECKED[name][architecture.column]
    assert nr is not None
    assert run(compiled_filter(machine), nr, architecture.audit_arch, *arguments) == answer


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_foreign_abis_kill(machine):
    program = compiled_filter(machine)
    for arch in (0x40000003, 0xC000003E, 0xC00000B7, 0, 0x40000028):
        if arch != ARCHITECTURES[machine].audit_arch:
            assert run(program, 0, arch) == Action.KILL_PROCESS
    if machine == "x86_64":
        assert run(program, 0x40000000, 0xC000003E) == Action.KILL_PROCESS
        assert run(program, 0xFFFFFFFF, 0xC000003E) == Action.KILL_PROCESS
    assert len(program) // 8 < 200


def test_unknown_architecture():
    with pytest.raises(ValueError, match=r"riscv64.*x86_64"):
        compiled_filter("riscv64")


DECISIONS = st.sampled_from([Action.ALLOW, Action.EPERM, Action.ENOSYS, Check(0, (1, 5)), Check(1, forbidden_bits=6)])


def answer_of(decision, arguments):
    if isinstance(decision, Action):
        return decision
    value = arguments[decision.argument]
    good = not value & decision.forbidden_bits if decision.forbidden_bits else value in decision.values
    return Action.ALLOW if good else Action.EPERM


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
    table = {n: [Action.ALLOW, Action.ENOSYS, Check(0, (1,))][n % 3] for n in range(1500)}
    program = compile_filter(7, merge(table, Action.EPERM, (1500, Action.ENOSYS)), None)
    assert len(program) // 8 > 1500
    for nr, decision in table.items():
        assert run(program, nr, 7, 1) == answer_of(decision, (1,))
