"""The canary: a call that tries to get out of the sandbox, and must fail at every attempt but work otherwise.

Run once before an engine serves. What it goes for is planted, readable and reachable for everybody, so that only the
walls can be what stops it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dispatcher_service.engines.base import IsolationLevel

MOUNT_AT = "/opt/graft-canary"
NAME = "canary"
SCRIPT = r"""#!/bin/sh
read -r _kernel < /proc/version && echo "kernel $_kernel"
read -r secret port dispatcher host_net host_pid host_mnt host_ipc host_uts
say() { echo "$1 $2"; }
try() { name=$1; shift; if ( "$@" ) >/dev/null 2>&1; then say "$name" escaped; else say "$name" held; fi; }
differs() {
    now=$(readlink "$1" 2>/dev/null)
    if [ -n "$now" ] && [ "$now" != "$2" ]; then say "$3" held; else say "$3" escaped; fi
}
write() { : > "$1" && rm -f "$1"; }
peek() { read -r _line < "$1"; }
change() { : >> "$1"; }
reach() { : < "$1"; }

try secret peek "$secret"
try write-usr write /usr/.graft-canary
try write-etc write /etc/.graft-canary
try write-root write /.graft-canary
try write-own write "${0%/*}/.graft-canary"
try write-proc change /proc/sys/kernel/core_pattern
if [ "$(readlink /proc/self/ns/pid)" = "$host_pid" ]; then
    try signals kill -0 "$dispatcher"
    try environment reach "/proc/$dispatcher/environ"
else
    # The numbers of processes mean others here.
    say signals held
    say environment held
fi
differs /proc/self/ns/net "$host_net" network
differs /proc/self/ns/pid "$host_pid" pids
differs /proc/self/ns/mnt "$host_mnt" mounts
differs /proc/self/ns/ipc "$host_ipc" ipc
differs /proc/self/ns/uts "$host_uts" hostname

if [ "$port" != 0 ] && [ -x /bin/bash ]; then
    try listener /bin/bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
fi

seen=0
for entry in /proc/[0-9]*; do seen=$((seen + 1)); done
if [ "$seen" -le 3 ]; then say processes held; else say processes escaped; fi

descriptors=held
for number in 3 4 5 6 7 8 9; do if [ -e "/proc/$$/fd/$number" ]; then descriptors=escaped; fi; done
say descriptors $descriptors

capabilities=held
bounding=held
new_privileges=escaped
filter=escaped
while read -r key value _rest; do
    case "$key" in
    CapInh: | CapPrm: | CapEff: | CapAmb:)
        case "$value" in *[!0]*) capabilities=escaped ;; esac ;;
    CapBnd:) case "$value" in *[!0]*) bounding=escaped ;; esac ;;
    NoNewPrivs:) [ "$value" = 1 ] && new_privileges=held ;;
    Seccomp:) [ "$value" = 2 ] && filter=held ;;
    esac
done < /proc/self/status
say capabilities $capabilities
say bounding-set $bounding
say no-new-privileges $new_privileges
say seccomp $filter
if command -v unshare >/dev/null 2>&1; then try user-namespace unshare -U true; fi
if command -v keyctl >/dev/null 2>&1; then try keyring keyctl show @u; fi

if ( write "${TMPDIR:-/tmp}/.graft-canary-$$" && : > /dev/null ) 2>/dev/null; then say works yes; else say works no; fi
"""
MUST_HOLD = {
    "secret": "it could read a planted file",
    "write-usr": "it could write to /usr",
    "write-etc": "it could write to /etc",
    "write-root": "it could write to /",
    "write-own": "it could write beside itself",
    "network": "it shares the host's network",
    "pids": "it shares the host's processes",
    "mounts": "it shares the host's mounts",
    "ipc": "it shares the host's System V IPC",
    "hostname": "it shares the host's name",
    "processes": "it saw processes that are not its own",
    "descriptors": "it inherited descriptors",
    "write-proc": "it could change a setting of the kernel",
    "signals": "it could signal the dispatcher",
    "environment": "it could read the dispatcher's environment",
    "capabilities": "it kept capabilities",
    "bounding-set": "a program could give it capabilities",
    "no-new-privileges": "it could gain privileges by exec",
    "seccomp": "no seccomp filter was in force",
}
NEEDS_NAMESPACES = frozenset({"network", "pids", "mounts", "ipc", "hostname", "bounding-set"})
"""What does not hold where an engine has no namespaces: there, what these would hide is forbidden instead."""
MAY_BE_TRIED = {
    "listener": "it reached a planted TCP listener",
    "user-namespace": "it could create a user namespace",
    "keyring": "it could use a keyring",
}
"""Tried where the system has a program for it; refused all the same, by the network namespace and the filter."""


TOLD_BY_KERNEL = {
    *("mounts", "ipc", "hostname", "no-new-privileges", "seccomp", "user-namespace", "keyring"),
    *("write-proc", "signals", "environment"),
}
"""What a kernel of the call's own does not tell of itself, or tells of its own insides."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What the canary goes for."""

    tree: Path
    stdin: bytes
    listener: socket.socket | None

    def was_reached(self) -> bool:
        """Whether somebody has connected to the listener."""
        if self.listener is None:
            return False
        try:
            connection, _address = self.listener.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True


@contextlib.contextmanager
def planted(folder: Path) -> Iterator[Planted]:
    """Plant a secret, a listener and the canary itself below a folder that a call's user can reach."""
    tree = folder / "canary"
    tree.mkdir()
    (tree / NAME).write_text(SCRIPT)
    secret = folder / "secret"
    secret.write_text("for nobody inside\n")
    for path, mode in ((tree, 0o755), (tree / NAME, 0o755), (secret, 0o644)):
        path.chmod(mode)
    listener, port = None, 0
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        except OSError:
            listener = None  # a host without a loopback: nothing to reach
        else:
            listener.setblocking(False)
            port = listener.getsockname()[1]
        own = Path("/proc/self/ns")
        spaces = " ".join(str((own / kind).readlink()) for kind in ("net", "pid", "mnt", "ipc", "uts"))
        yield Planted(tree, f"{secret} {port} {os.getpid()} {spaces}\n".encode(), listener)


def escapes(
    output: bytes, *, reached: bool, level: IsolationLevel = IsolationLevel.FULL, own_kernel: bool = False
) -> list[str]:
    """What the canary could do that it must not, or could not do that it must; empty when the walls hold.

    Args:
        output: what it has printed.
        reached: whether somebody has connected to the listener.
        level: what the engine's walls are made of.
        own_kernel: a kernel that is not the host's must have answered it; then what it says of its own insides does
            not count.
    """
    answers = dict(line.split(" ", 1) for line in output.decode(errors="replace").splitlines() if " " in line)
    needed = MUST_HOLD.keys() - (NEEDS_NAMESPACES if level is IsolationLevel.CONFINED else set())
    tried = MAY_BE_TRIED
    if own_kernel:
        needed -= TOLD_BY_KERNEL
        tried = {name: text for name, text in MAY_BE_TRIED.items() if name not in TOLD_BY_KERNEL}
    found = [text for name, text in MUST_HOLD.items() if name in needed and answers.get(name) == "escaped"]
    found += [text for name, text in tried.items() if answers.get(name) == "escaped"]
    if own_kernel and answers.get("kernel", "").split() in ([], Path("/proc/version").read_text().split()):
        found.append("the host's own kernel answered it")
    if reached and MAY_BE_TRIED["listener"] not in found:
        found.append(MAY_BE_TRIED["listener"])
    silent = [name for name in MUST_HOLD if name in needed and name not in answers]
    if silent:
        found.append(f"it did not say whether these hold: {', '.join(silent)}")
    if answers.get("works") != "yes":
        found.append("it could not write to its own /tmp and /dev/null")
    return found
