"""What every engine is: the one protocol between the dispatcher and whoever builds the walls around a call."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class IsolationLevel(enum.Enum):
    """What an engine's walls are made of."""

    FULL = "full"
    """Own namespaces, a read-only system, no network, no capabilities, a seccomp filter, rlimits."""
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
    """Bytes of address space of each process."""
    processes: int = 64
    """Processes and threads at once."""
    output: int = 8 << 20
    """Bytes of stdout."""
    open_files: int = 256
    """File descriptors of each process."""
    file_size: int = 64 << 20
    """Bytes of any one file written."""
    tmp_size: int = 16 << 20
    """Bytes that the private /tmp holds, where there is one."""
    cpu: float | None = None
    """Seconds on a processor of each process, rounded up to whole ones; None: as long as `wall` lets it run."""


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
    KILLED = "killed"
    """Killed because `Engine.kill` asked for it."""
    NOT_STARTED = "not started"
    """Nothing was run; `Outcome.reason` tells why."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an execution has used up."""

    cpu: float = 0.0
    """Seconds on a processor, of the whole tree."""
    memory_peak: int = 0
    """Bytes of the largest resident set of any process of the tree."""
    wall: float = 0.0
    """Seconds from start to end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution has left behind, once everything that it started is dead."""

    verdict: Verdict
    exit_code: int = 0
    signal: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    """The first 4 KiB and the last 28 KiB, with a line between them that tells how much is missing."""
    usage: Usage = field(default_factory=Usage)
    reason: str = ""


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


class EngineUnavailable(Exception):  # noqa: N818  (a state of the host, not a mistake in the code)
    """The walls cannot be built here; the findings say what is missing and how to mend it."""

    def __init__(self, engine: str, findings: list[Finding]) -> None:
        self.engine = engine
        self.findings = findings
        missing = "; ".join(f"{f.name}: {f.detail} (fix: {f.fix})" for f in findings if not f.ok)
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
