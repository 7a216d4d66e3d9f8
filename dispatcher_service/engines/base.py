"""What every engine is: the one protocol between the dispatcher and whoever builds the walls around a call."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol


class IsolationLevel(enum.Enum):
    """What an engine's walls are made of."""

    FULL = "full"
    """Own namespaces or an own kernel, a read-only system, no network, no capabilities, a seccomp filter, limits."""
    CONFINED = "confined"
    """No namespaces: Landlock, a seccomp filter and rlimits."""
    NONE = "none"
    """No walls; for tests."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use; beyond a limit everything that it started is killed."""

    wall: float = 60.0
    """Seconds from start to end."""
    memory: int = 1 << 30
    """Bytes of all its processes together; where an engine cannot count them, of each one's address space."""
    processes: int = 64
    """Processes and threads at once."""
    output: int = 8 << 20
    """Bytes of stdout."""
    stderr: int = 32 << 10
    """Bytes of stderr that are kept: the first eighth and what came last."""
    open_files: int = 256
    """File descriptors of each process."""
    file_size: int = 64 << 20
    """Bytes of any one file written."""
    tmp_size: int = 16 << 20
    """Bytes that the private /tmp holds, where there is one."""
    cpu: float | None = None
    """Seconds on processors, of the whole tree; None: as long as `wall` lets it run."""

    @property
    def tmp_files(self) -> int:
        """How many files the private /tmp holds, where an engine can bound that: one for each page, at least 1,024."""
        return max(1024, self.tmp_size // 4096)


TASK = "/run/graft/task"
"""Where a call that runs as a task sees the FIFO by which it tells how far it is."""
TASK_VARIABLE = "GRAFT_TASK"
"""The variable of its environment that names the FIFO."""


class Network(enum.Enum):
    """What a call reaches of the network."""

    NONE = "none"
    """Nothing: an empty network namespace, whose loopback is down."""
    LOOPBACK = "loopback"
    """A loopback of its own, on which it reaches itself and nobody else."""
    OUTBOUND = "outbound"
    """The host's network as it is, its loopback included."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a call reaches beyond its sandbox, because an administrator has granted it."""

    network: Network = Network.NONE
    read: tuple[str, ...] = ()
    """Absolute paths of the host, seen inside at the same place, read-only."""
    write: tuple[str, ...] = ()
    """The same, to read and write as far as the user that the call is on the host may."""
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Variables beside PATH, as (name, value)."""
    secrets: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """Files in /run/secrets, which only this call sees, as (name, content)."""
    task: str = ""
    """The path on the host of a FIFO that it sees at `TASK`, to tell of itself; empty for none. Engines of the level
    `FULL` alone can show it there."""


NO_ACCESS = Access()


def with_task(access: Access, fifo: str, level: IsolationLevel) -> Access:
    """Give a call a FIFO of the host besides what it is given: at its own place where the engine can show it there."""
    if level is IsolationLevel.FULL:
        return replace(access, task=fifo, environment=(*access.environment, (TASK_VARIABLE, TASK)))
    named = (*access.environment, (TASK_VARIABLE, fifo))
    return replace(access, write=(*access.write, fifo), environment=named)


@dataclass(slots=True)
class Ends:
    """The ends of pipes that a command is to have, of which whoever has made it keeps the others."""

    fds: list[int]
    """Standard input, output and error, until they are taken."""
    heard: Callable[[], bytes]
    """Returns what is kept of its standard error so far."""

    def take(self) -> list[int]:
        """Take them over, to be closed by the taker."""
        fds, self.fds = self.fds, []
        return fds

    def close(self) -> None:
        """Close them, unless they were taken."""
        for fd in self.take():
            os.close(fd)


@dataclass(frozen=True, slots=True)
class Command:
    """One execution to be: `[<mount_at>/<executable>, *arguments]` with `stdin` as its input."""

    call_id: str
    """Names this execution for `Engine.kill` and in logs; unique among those running."""
    tree: Path
    """The folder on this machine that holds the executable and what lies beside it; seen read-only inside."""
    mount_at: str
    """The absolute path that the folder has inside."""
    executable: str
    """The file's path below the folder."""
    stdin: bytes
    arguments: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    access: Access = NO_ACCESS
    zygote: bool = True
    """Whether a warm interpreter may run it, where the engine has any and it makes no difference."""
    ends: Ends | None = None
    """What it talks through in place of `stdin` and the outcome's output; such a command is always started anew."""

    @property
    def path(self) -> str:
        """The executable's path inside."""
        return f"{self.mount_at.rstrip('/')}/{self.executable}"


class Verdict(enum.Enum):
    """How an execution has ended."""

    EXITED = "exited"
    """By itself; `Outcome.exit_code` tells with what."""
    SIGNALED = "signaled"
    """By a signal that Graft did not send; `Outcome.signal` tells which."""
    TIMED_OUT = "timed out"
    """Killed at the wall time limit."""
    OUTPUT_EXCEEDED = "output exceeded"
    """Killed because stdout grew beyond its limit."""
    CPU_EXCEEDED = "cpu exceeded"
    """Killed at the limit of processor time."""
    MEMORY_EXCEEDED = "memory exceeded"
    """Killed at the limit of memory."""
    KILLED = "killed"
    """Killed because `Engine.kill` asked for it."""
    BROKE_OFF = "broke off"
    """It stayed as a resident and has not kept to its protocol; `Outcome.reason` tells how."""
    NOT_STARTED = "not started"
    """Nothing was run; `Outcome.reason` tells why."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an execution has used up. One by a process that answers others as well is known by `wall` alone."""

    cpu: float = 0.0
    """Seconds on a processor, of the whole tree."""
    memory_peak: int = 0
    """Bytes at most at once, of the whole tree; where that was not counted, of its largest process."""
    wall: float = 0.0
    """Seconds from start to end."""
    processes_peak: int = 0
    """Processes and threads at once; 0 where that was not counted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution has left behind, once everything that it started is dead."""

    verdict: Verdict
    exit_code: int = 0
    signal: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    """What is kept of it: its beginning and its end, with a line between them that tells how much is missing."""
    usage: Usage = field(default_factory=Usage)
    reason: str = ""
    refused: tuple[str, ...] = ()
    """Names of `Limits` that have refused something to the call without killing it, as far as that can be told:
    `processes`, `file_size`."""
    stderr_size: int = 0
    """Bytes that it has written to stderr; of those beyond `Limits.stderr` some are not kept."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a probe of this host has found out."""

    name: str
    """What was probed: `user namespaces`."""
    ok: bool
    detail: str
    """What was seen, in one sentence."""
    fix: str = ""
    """The command or setting that would mend it; empty where nothing is wrong."""
    by: str = ""
    """For a wall: what it is made of here, `user namespace, Landlock ABI 7`; empty for what is no wall."""


def fixes_once(fixes: Iterable[str]) -> list[str]:
    """Leave out of what mends one thing the parts, between semicolons, that mend something told before as well."""
    told: set[str] = set()
    found = []
    for fix in fixes:
        new = [part for part in fix.split("; ") if part not in told]
        told.update(part for part in new if part)
        found.append("; ".join(new) if new else "as above")
    return found


class EngineUnavailable(Exception):  # noqa: N818  (a state of the host, not a mistake in the code)
    """The walls cannot be built here; the findings say what is missing and how to mend it."""

    def __init__(self, engine: str, findings: list[Finding]) -> None:
        self.engine = engine
        self.findings = findings
        lacking = [finding for finding in findings if not finding.ok]
        fixes = fixes_once(finding.fix for finding in lacking)
        missing = "; ".join(f"{f.name}: {f.detail} (fix: {fix})" for f, fix in zip(lacking, fixes, strict=True))
        super().__init__(f"the engine {engine} cannot isolate calls on this host: {missing}")


class Engine(Protocol):
    """Builds the walls around calls. One object serves all calls of a dispatcher."""

    name: str
    level: IsolationLevel

    async def prepare(self) -> None:
        """Start what has to run, and prove the walls with a canary that must fail to get out.

        Raises:
            EngineUnavailable: the walls cannot be built on this host, or do not hold.
        """

    async def probe(self) -> list[Finding]:
        """Find out what this host allows and lacks, without running any call."""

    async def run(self, command: Command) -> Outcome:
        """Run one command to its end. When this returns, everything that the command started is dead.

        Never raises for what the command does. Cancelling it kills the command.
        """

    def kill(self, call_id: str) -> bool:
        """Kill a running command's whole tree; its `run` returns `Verdict.KILLED`. False when it is not running."""

    async def close(self) -> None:
        """Kill whatever runs and let go of everything."""
