"""How one becomes more than one is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import struct
import subprocess
import time

from .files import OWN
from .table import PLAIN, ROOT, SPACES, USER, Absent, Bait, attack, reaches, syscall

CLONE_NEW = {"user": 0x10000000, "mount": 0x20000, "net": 0x40000000, "pid": 0x20000000, "ipc": 0x8000000}
KEYRING_SESSION, KEYRING_USER = -3, -4
SETUID_PROGRAMS = ("su", "passwd", "newgrp", "sudo", "mount", "chsh", "ping", "pkexec", "newuidmap", "fusermount3")


def status(field: str, pid: str = "self") -> list[str]:
    with open(f"/proc/{pid}/status") as file:
        return next((line.split()[1:] for line in file if line.startswith(f"{field}:")), [])


@attack(USER)
def runs_a_program_of_root(bait: Bait) -> str | None:
    """Planted beside the attacker: a copy of `id`, root's, with the set-user-id bit."""
    if not bait["powerful"]:
        raise Absent("only root can plant a program of root's")
    said = subprocess.run([f"{OWN}/id-of-root", "-u"], capture_output=True, check=False).stdout.strip()
    return f"user {said!r}" if said == b"0" else None


@attack(USER)
def runs_a_program_with_capabilities(bait: Bait) -> str | None:
    if not bait["powerful"]:
        raise Absent("only root can plant a program with capabilities")
    said = subprocess.run([f"{OWN}/grep-with-powers", "CapEff", "/proc/self/status"], capture_output=True, check=False)
    return (
        f"{said.stdout!r}" if int(said.stdout.partition(b":")[2] or b"0", 16) else None
    )  # nothing, if it may not look


@attack(PLAIN)
def runs_its_own_copy_with_the_bit(bait: Bait) -> str | None:
    """It gains nothing over its owner anywhere; inside even the owner's other names must not come."""
    path = f"{'/tmp' if bait['inside'] else bait['drop']}/id-{os.getpid()}"
    shutil.copy("/usr/bin/id", path)
    os.chmod(path, 0o4755)
    said = subprocess.run([path, "-u"], capture_output=True, check=False).stdout.strip()
    expected = str(os.getuid()).encode()
    if bait["inside"]:
        return f"user {said!r}" if said != expected else None
    return "runs" if said == expected else None


@attack(USER)
def runs_the_systems_programs_of_root(_bait: Bait) -> str | None:
    for name in SETUID_PROGRAMS:
        path = shutil.which(name, path="/usr/bin:/bin:/usr/sbin")
        if path is None or not os.stat(path).st_mode & 0o4000:
            continue
        with subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                for _attempt in range(50):
                    with contextlib.suppress(OSError, StopIteration):
                        if status("Uid", str(process.pid))[1] == "0":
                            return f"{name} runs as root"
                    if process.poll() is not None:
                        break
                    time.sleep(0.002)
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL) if os.getpgid(process.pid) == process.pid else process.kill()
    return None


@attack(PLAIN)
def may_gain_privileges_at_all(_bait: Bait) -> str | None:
    return "no_new_privs is off" if status("NoNewPrivs") != ["1"] else None


@attack(ROOT)
def has_capabilities(_bait: Bait) -> str | None:
    held = {name: "".join(status(name)) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    return f"{held}" if any(int(value or "0", 16) for value in held.values()) else None


@attack(PLAIN)
def runs_without_a_filter(_bait: Bait) -> str | None:
    return f"Seccomp: {status('Seccomp')}" if status("Seccomp") != ["2"] else None


@attack(ROOT)
def is_root(_bait: Bait) -> str | None:
    return f"{os.getresuid()}" if 0 in (*os.getresuid(), *os.getresgid(), *os.getgroups()) else None


def _becomes(name: str, act: object) -> None:
    @attack(SPACES, f"becomes root by {name}")
    def run(_bait: Bait) -> str:
        act()  # type: ignore[operator]  (one of those below)
        return f"{os.getresuid()} {os.getresgid()}"


_becomes("setuid", lambda: os.setuid(0))
_becomes("setresuid", lambda: os.setresuid(0, 0, 0))
_becomes("setreuid", lambda: os.setreuid(0, 0))
_becomes("setgid", lambda: os.setgid(0))
_becomes("setresgid", lambda: os.setresgid(0, 0, 0))


@attack(ROOT)
def joins_groups(_bait: Bait) -> str:
    os.setgroups([0, 4, 27])
    return f"{os.getgroups()}"


@attack(SPACES)
def takes_capabilities(_bait: Bait) -> str:
    header = struct.pack("Ii", 0x20080522, 0)
    everything = struct.pack("6I", 1 << 21, 1 << 21, 0, 0, 0, 0)  # CAP_SYS_ADMIN
    syscall("capset", ctypes.create_string_buffer(header), ctypes.create_string_buffer(everything))
    return f"{status('CapEff')}"


@attack(SPACES)
def keeps_capabilities_for_others(_bait: Bait) -> str:
    raise_ambient, admin = 2, 21
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    syscall("capset", header, ctypes.create_string_buffer(struct.pack("6I", *[1 << admin] * 3, 0, 0, 0)))
    syscall("prctl", 47, raise_ambient, admin, 0, 0)
    return f"{status('CapAmb')}"


def _new_namespace(kind: str) -> None:
    flags = CLONE_NEW[kind]
    shown = PLAIN if kind == "user" else ROOT

    @attack(shown, f"unshares a {kind} namespace")
    def unshares(_bait: Bait) -> str:
        if reason := _forbidden_here(_bait):
            raise Absent(reason)
        syscall("unshare", flags)
        return "unshared"

    @attack(shown, f"clones into a {kind} namespace")
    def clones(_bait: Bait) -> str:
        if reason := _forbidden_here(_bait):
            raise Absent(reason)
        return _born(lambda: syscall("clone", flags | signal.SIGCHLD, 0, 0, 0, 0))

    @attack(shown, f"clones into a {kind} namespace, the new way")
    def clones_anew(_bait: Bait) -> str:
        if reason := _forbidden_here(_bait):
            raise Absent(reason)
        arguments = ctypes.create_string_buffer(struct.pack("11Q", flags, 0, 0, 0, signal.SIGCHLD, *[0] * 6))
        return _born(lambda: syscall("clone3", arguments, 88))

    @attack(shown, f"unshares a {kind} namespace with others hidden among its bits")
    def hidden(_bait: Bait) -> str:
        """A filter that compares 32 bits of the argument, or all of it, may be got round by bits that do not count."""
        if reason := _forbidden_here(_bait):
            raise Absent(reason)
        syscall("unshare", flags | CLONE_NEW["user"] | 0x200)  # CLONE_FS
        return "unshared"


def _forbidden_here(bait: Bait) -> str:
    if bait["inside"] or os.geteuid() == 0:
        return ""
    for path, bad in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ):
        with contextlib.suppress(OSError), open(path) as file:
            if file.read().strip() == bad:
                return f"{path} is {bad}"
    return ""


def _born(clone: object) -> str:
    pid = clone()  # type: ignore[operator]  (one of the two above)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return f"born as {pid}"


for _kind in CLONE_NEW:
    _new_namespace(_kind)


@attack(PLAIN)
def has_a_keyring(_bait: Bait) -> str:
    return f"the session keyring is {syscall('keyctl', 0, KEYRING_SESSION, 1, 0, 0)}"


@attack(PLAIN)
def keeps_a_key(_bait: Bait) -> str:
    """In the process's own keyring, which goes with it."""
    process_keyring = -2
    return f"key {syscall('add_key', b'user', b'graft-test', b'x', 1, process_keyring)}"


@attack(PLAIN)
def asks_for_a_key(_bait: Bait) -> str:
    return reaches("request_key", b"user", b"graft-test-absent", 0, 0, beyond=(126, 128, 129))  # ENOKEY and its kin


@attack(PLAIN)
def switches_address_randomisation_off(_bait: Bait) -> str:
    return f"personality was {syscall('personality', 0x40000)}"


@attack(PLAIN)
def filters_its_children(_bait: Bait) -> str:
    """Filters of one's own can be made to notify, and to confuse programs with more power."""
    get_action_available = 2
    return f"{syscall('seccomp', get_action_available, 0, ctypes.byref(ctypes.c_uint(0x7FFF0000)))}"


@attack(PLAIN)
def installs_a_filter_by_prctl(_bait: Bait) -> str:
    set_seccomp, filter_mode = 22, 2
    return reaches("prctl", set_seccomp, filter_mode, 0, 0, 0, beyond=(14, 22))
