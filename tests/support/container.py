"""An imitation of what Docker's defaults forbid a container: namespaces and mounts by seccomp, most capabilities."""

from __future__ import annotations

import platform
import sys

from dispatcher_service.engines.seccomp.assembler import Action, Check, Condition, Decision, compile_filter, merge
from dispatcher_service.engines.seccomp.filter import ARCHITECTURES, CLONE_NEW_ANY

KNOWN = tuple(ARCHITECTURES)
REFUSED = {
    "x86_64": {
        "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "mount_setattr": 442, "bpf": 321,
        "keyctl": 250, "add_key": 248, "request_key": 249, "perf_event_open": 298, "userfaultfd": 323,
        "io_uring_setup": 425, "open_by_handle_at": 304, "quotactl": 179, "init_module": 175, "kexec_load": 246,
    },
    "aarch64": {
        "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "mount_setattr": 442, "bpf": 280,
        "keyctl": 219, "add_key": 217, "request_key": 218, "perf_event_open": 241, "userfaultfd": 282,
        "io_uring_setup": 425, "open_by_handle_at": 265, "quotactl": 60, "init_module": 105, "kexec_load": 104,
    },
}  # fmt: skip
CLONE, CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
CAPABILITIES = (
    "chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,"
    "+audit_write,+setfcap"
)
INSTALL = """
import ctypes, os, struct, sys
code = bytes.fromhex(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
kept = ctypes.create_string_buffer(code, len(code))
described = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(kept)))
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, ctypes.byref(described), 0, 0) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""


def docker_filter() -> bytes:
    """What of Docker's default profile matters here: everything but what it keeps for CAP_SYS_ADMIN."""
    machine = platform.machine()
    table: dict[int, Decision] = dict.fromkeys(REFUSED[machine].values(), Action.EPERM)
    table[CLONE[machine]] = Check(((Condition(0, forbidden_bits=CLONE_NEW_ANY),),))
    table[CLONE3] = Action.ENOSYS
    return compile_filter(ARCHITECTURES[machine].audit_arch, merge(table, Action.ALLOW, (500, Action.ALLOW)))


def filtered(program: bytes, python: str = sys.executable) -> list[str]:
    """The start of a command line whose rest runs under a filter."""
    return [python, "-c", INSTALL, program.hex()]


def docker_capabilities() -> list[str]:
    """The start of a command line whose rest is root with what Docker leaves to root in a container."""
    return ["setpriv", f"--bounding-set=-all,+{CAPABILITIES}", f"--inh-caps=-all,+{CAPABILITIES}", "--"]
