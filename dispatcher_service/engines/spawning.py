"""What the engines share that start each call through the launcher: its life, its bounds, its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import os
import resource
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatcher_service.engines import host
from dispatcher_service.engines.base import (
    Command,
    EngineUnavailable,
    Finding,
    IsolationLevel,
    Limits,
    Outcome,
    Usage,
    Verdict,
)
from dispatcher_service.engines.bwrap import allows_execution, reachable_by_others
from dispatcher_service.engines.executables import CannotRun, check_variables, interpreter_hint, read_head
from dispatcher_service.engines.launcher.client import End, Launcher, LauncherError, Request
from dispatcher_service.engines.limiting import bounds, exceeded, limits_finding, refused
from dispatcher_service.engines.started import Started
from dispatcher_service.engines.stdio import GivenEnds, OutputReader, close_quietly, sealed_input

ENVIRONMENT = {"PATH": "/sbin:/usr/sbin:/bin:/usr/bin"}
"""What xapi gives to an extension, exactly (forkhelpers.ml, default_path_env_pair)."""
RUNTIME_PREFIX = "graft-launcher-"
RESTART_PAUSES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a launcher that died is started again, by how often that happened in a row; the last one repeats."""
STEADY_SECONDS = 60.0
"""A launcher that lived this long does not count as having died in a row."""
UP_SECONDS = 10.0
"""How long a call waits for a launcher that is being restarted."""
ENDED_ALONE = (Verdict.EXITED, Verdict.SIGNALED, Verdict.NOT_STARTED)
LOST_SECONDS = 2.0
"""How long a call waits for its processes' ends of the pipes to close when the launcher has died."""


@dataclass(slots=True)
class _Running:
    launcher: Launcher | None = None
    number: int = 0
    killed: bool = False


@functools.lru_cache(maxsize=256)
def rlimits(limits: Limits) -> Sequence[tuple[int, int, int]]:
    """The resource limits of every process of a call, as (resource, soft, hard).

    That of address space holds only where no control group bounds memory. That of CPU time is a second line behind the
    meter, which counts all processes: the kernel may count by ticks for it, which can be a fifth more than was used, so
    that it comes later. Without a limit it is what all processors give within the wall time.
    """
    cpu = math.ceil(limits.wall * len(os.sched_getaffinity(0)) + 1 if limits.cpu is None else limits.cpu * 1.25)
    same = {
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_STACK: min(8 << 20, limits.memory),
        resource.RLIMIT_CORE: 1,  # 0 would not stop a core_pattern that is a pipe
        resource.RLIMIT_MEMLOCK: 64 << 10,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,  # counted for the user, who may be the dispatcher's
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    return (*((number, value, value) for number, value in same.items()), (resource.RLIMIT_CPU, cpu, cpu + 1))


class LauncherEngine(ABC):
    """An engine whose calls are processes that the launcher starts."""

    name: str
    level: IsolationLevel
    _signals_by_exit_code = False
    """Whether a death by signal n is reported as exit code 128 + n."""

    def __init__(self) -> None:
        self._launcher: Launcher | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._running: dict[str, _Running] = {}
        self._closed = False
        self.findings: list[Finding] = []
        """What was found out when its launcher was last tried and found good."""

    @abstractmethod
    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        """Build what calls need in the launcher's runtime folder, and try it; a finding that is not ok prevents use."""

    @abstractmethod
    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        """What the launcher is to run for a command, and the descriptors it gets beyond the standard three.

        Raises:
            CannotRun: nothing can be run for this command.
        """

    @property
    def launcher_pid(self) -> int:
        """The process id of the launcher, for tests and for people; 0 when there is none."""
        return self._launcher.pid if self._launcher else 0

    def _drops_uids(self) -> bool:
        return False

    def _bounds(self, limits: Limits) -> dict[str, float]:
        """What the launcher holds all processes of a call to together; see `Launcher.run`."""
        return bounds(limits)

    def _make_runtime_dir(self) -> Path:
        """A new folder that calls' users can reach, on a file system that programs may be run from."""
        bases = ["/run", "/var/tmp", "/dev/shm"]  # noqa: S108  (mkdtemp below)
        with contextlib.suppress(FileNotFoundError):  # no temporary folder can be written
            bases.insert(0, tempfile.gettempdir())
        for base in dict.fromkeys(bases):
            folder = Path(base)
            fits = folder.is_dir() and os.access(folder, os.W_OK) and allows_execution(folder)
            if fits and (not self._drops_uids() or reachable_by_others(folder)):
                made = Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX, dir=folder))
                made.chmod(0o755)
                return made
        raise LauncherError(
            "no folder to work in: neither the temporary folder nor /run, /var/tmp or /dev/shm can be written, "
            "reached, and run programs from; mount one of them writable and without noexec, or set TMPDIR to a folder "
            "that is"
        )

    def _make_launcher(self, runtime_dir: Path) -> Launcher:
        """A launcher that is not started yet."""
        return Launcher(runtime_dir, drop_uids=self._drops_uids())

    def _explain(self, error: Exception) -> list[Finding]:
        """What it means that the launcher did not start."""
        if not Path("/proc/self").exists():
            return [Finding("/proc", ok=False, detail="it is not mounted", fix=host.PROC_FIX)]
        if isinstance(error, OSError) and error.filename:
            detail = f"{error.filename}: {error.strerror}"
            return [Finding("launcher", ok=False, detail=detail, fix=f"let user {os.geteuid()} reach and use it")]
        detail, _, fix = str(error).partition("; ")
        return [
            Finding("launcher", ok=False, detail=detail, fix=fix or "see what it has said before this; start again")
        ]

    async def _launcher_for(self, command: Command) -> Launcher | None:
        """The launcher that is to run a command; None when the engine is being closed.

        Raises:
            CannotRun: there is none for it.
        """
        del command
        return self._launcher

    async def _start_launcher(self) -> tuple[Launcher, list[Finding]]:
        launcher = self._make_launcher(self._make_runtime_dir())
        try:
            await launcher.start()
            return launcher, await self._set_up(launcher)
        except BaseException:
            await launcher.stop()
            raise

    async def _try_host(self) -> tuple[Launcher | None, list[Finding]]:
        """Start a launcher and try everything with it; it is stopped again when something is not as it must be."""
        try:
            launcher, findings = await self._start_launcher()
        except (LauncherError, OSError) as error:
            return None, self._explain(error)
        held_by = limits_finding(launcher.groups, launcher.lacking)
        found = [Finding("launcher", ok=True, detail="starts and answers"), *findings, held_by]
        if all(finding.ok for finding in findings):
            self.findings = found
            return launcher, found
        await launcher.stop()
        return None, found

    def _settings(self) -> list[Finding]:
        """What of the host's settings decides whether walls can be built."""
        return []

    def _surroundings(self) -> list[Finding]:
        """What else of the host a person should know."""
        return []

    async def prepare(self) -> None:
        """See `Engine.prepare`."""
        launcher, tried = await self._try_host()
        if launcher is None:
            raise EngineUnavailable(self.name, [*self._settings(), *tried])
        self._serve_with(launcher)

    async def probe(self) -> list[Finding]:
        """See `Engine.probe`. Starts a launcher of its own for the time, and runs only Graft's own canary."""
        launcher, tried = await self._try_host()
        if launcher is not None:
            await launcher.stop()
        return [*self._surroundings(), *self._settings(), *tried]

    def _serve_with(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._up.set()
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper of the {self.name} launcher")

    async def _keep(self) -> None:
        """Start the launcher again whenever it dies."""
        deaths = 0
        while self._launcher is not None:
            since = time.monotonic()
            await self._launcher.gone.wait()
            self._up.clear()
            await self._launcher.stop()
            deaths = deaths + 1 if time.monotonic() - since < STEADY_SECONDS else 0
            while not self._up.is_set():
                await asyncio.sleep(RESTART_PAUSES[min(deaths, len(RESTART_PAUSES) - 1)])
                launcher, _findings = await self._try_host()
                if launcher is None:
                    deaths += 1
                    continue
                self._launcher = launcher
                self._up.set()

    async def run(self, command: Command) -> Outcome:
        """See `Engine.run`."""
        if self._closed or self._keeper is None:
            return _not_started("the engine is not running")
        if command.call_id in self._running:
            return _not_started(f"a call {command.call_id} is running already")
        running = self._running[command.call_id] = _Running()
        try:
            return await self._run(command, running)
        except CannotRun as error:
            return _not_started(str(error))
        except OSError as error:
            return _not_started(f"the dispatcher lacks something to start the call: {error}")
        finally:
            del self._running[command.call_id]

    async def _run(self, command: Command, running: _Running) -> Outcome:
        if self._launcher is not None and not self._launcher.alive:
            self._up.clear()  # its keeper is about to notice
        if not self._up.is_set():
            try:
                await asyncio.wait_for(self._up.wait(), UP_SECONDS)
            except TimeoutError:
                raise CannotRun("the launcher has died and is being started again") from None
        launcher = await self._launcher_for(command)
        if launcher is None or running.killed:
            return Outcome(Verdict.KILLED, reason="killed before it started")
        if any("\0" in argument for argument in (command.mount_at, *command.arguments)):
            raise CannotRun("an argument contains a NUL")
        check_variables(command.access.environment)
        tree_fd = os.open(command.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            head = read_head(tree_fd, command.executable)
            ready = self._take_ready(command, tree_fd, launcher) if command.ends is None else None
            if ready is not None:
                try:
                    outcome = await self._follow(command, head, running, ready)
                    if outcome.verdict not in ENDED_ALONE or ready.was_run():
                        return outcome
                finally:
                    ready.close()
            started = self._start(command, tree_fd, head, launcher)
        finally:
            os.close(tree_fd)
        return await self._follow(command, head, running, started)

    def _take_ready(self, command: Command, tree_fd: int, launcher: Launcher) -> Started | None:
        """A sandbox that has waited for such a command, and has become it; None for a cold start."""
        del command, tree_fd, launcher
        return None

    def _start(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> Started:
        request, extra = self._request(command, tree_fd, head, launcher)
        if tree_fd in extra:
            extra[extra.index(tree_fd)] = os.dup(tree_fd)
        try:
            given = command.ends.take() if command.ends is not None else []
            fds = given[:1] or [sealed_input(command.stdin)]
        except OSError:
            close_quietly(extra)
            raise
        try:
            reader = GivenEnds(given[1:], command.ends.heard) if command.ends is not None else None
            started = Started(launcher, command.limits, reader)
        except OSError:
            close_quietly([*fds, *extra])
            raise
        started.start(request, [*fds, *started.reader.write_ends, *extra], self._bounds(command.limits))
        return started

    async def _follow(self, command: Command, head: bytes, running: _Running, started: Started) -> Outcome:
        running.launcher, running.number = started.launcher, started.number
        reader = started.reader
        try:
            ended = await started.end
        except BaseException:  # the wait was cancelled, which has killed the call
            reader.finish()
            raise
        if ended.verdict == "lost":
            await reader.wait_for_ends(LOST_SECONDS)
        stdout, stderr = reader.finish()
        outcome = self._outcome(command, head, running, ended, reader, stdout, stderr)
        return started.judge(command, head, outcome)

    def _outcome(
        self,
        command: Command,
        head: bytes,
        running: _Running,
        end: End,
        reader: OutputReader | GivenEnds,
        stdout: bytes,
        stderr: bytes,
    ) -> Outcome:
        limits = command.limits
        usage = Usage(end.cpu, end.memory, end.wall, end.processes)
        code, signal_number = end.code, end.signal
        if self._signals_by_exit_code and 128 < code <= 128 + 64:
            code, signal_number = 0, code - 128
        over = exceeded(limits, end, signal_number)
        reason = ""
        if reader.exceeded:
            verdict, reason = Verdict.OUTPUT_EXCEEDED, f"it wrote more than {limits.output} bytes to its output"
        elif running.killed:
            verdict, reason = Verdict.KILLED, "killed on request"
        elif end.verdict == "timeout":
            verdict, reason = Verdict.TIMED_OUT, f"it did not end within {limits.wall:g} s"
        elif end.verdict == "lost":
            verdict, reason = Verdict.KILLED, "the launcher died while the call was running"
        elif over is not None:
            verdict, reason = over
        elif not end.started:
            why = self._why_not_started(command, head, end.error, stderr)
            return Outcome(Verdict.NOT_STARTED, reason=why, stderr_size=reader.stderr_size)
        else:
            verdict = Verdict.SIGNALED if signal_number else Verdict.EXITED
            denied = refused(end, code, signal_number)
            return Outcome(verdict, code, signal_number, stdout, stderr, usage, "", denied, reader.stderr_size)
        return Outcome(verdict, 0, 0, stdout, stderr, usage, reason, refused(end, 0, 0), reader.stderr_size)

    def _why_not_started(self, command: Command, head: bytes, error: str, stderr: bytes) -> str:
        del stderr
        return f"cannot run {command.path}: {error or 'its first process died'}{interpreter_hint(head, error)}"

    def kill(self, call_id: str) -> bool:
        """See `Engine.kill`."""
        running = self._running.get(call_id)
        if running is None:
            return False
        running.killed = True
        if running.launcher is not None:
            running.launcher.kill(running.number)
        return True

    async def close(self) -> None:
        """See `Engine.close`."""
        self._closed = True
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            await launcher.stop()


def _not_started(reason: str) -> Outcome:
    return Outcome(Verdict.NOT_STARTED, reason=reason)
