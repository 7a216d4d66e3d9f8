"""The engines `oci:crun`, `oci:runc`, `oci:runsc`: every call in a container of its own, made by a runtime."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from dispatcher_service.engines import canary, host
from dispatcher_service.engines.base import (
    Command,
    EngineUnavailable,
    Finding,
    IsolationLevel,
    Limits,
    Network,
    Outcome,
    Verdict,
)
from dispatcher_service.engines.exec_failure import exec_failure
from dispatcher_service.engines.executables import CannotRun, interpreter_hint
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.launcher.processes import reserve_uids
from dispatcher_service.engines.limiting import bounds
from dispatcher_service.engines.oci import leftovers, runtimes, seccomp
from dispatcher_service.engines.oci.bundle import Bundles, Container, Walls, failure
from dispatcher_service.engines.spawning import LauncherEngine
from dispatcher_service.engines.trial import TRIAL, try_program, try_request

RUNTIME_MEMORY, SANDBOX_MEMORY = 16 << 20, 128 << 20
"""Bytes that a runtime itself may take beside its container, and gVisor with its own kernel."""


@dataclass(frozen=True, slots=True)
class _Call:
    bundles: Bundles
    launcher: Launcher
    container: Container
    head: bytes


class OciEngine(LauncherEngine):
    """Runs each call in a container that an OCI runtime makes for it and takes away again.

    The command is the second process of its container (`spec.INIT` says why). Runtimes tell a death by signal n as exit
    code 128 + n, so a command that ends itself with such a code is reported as `Verdict.SIGNALED`. Where the dispatcher
    is no root, a runtime can map one user only, and that must be the container's user 0: it has no capabilities, and is
    the dispatcher's own user on the host.

    Args:
        runtime: its name, as `runtimes.RUNTIMES` has it.
    """

    level = IsolationLevel.FULL
    _signals_by_exit_code = True

    def __init__(self, runtime: str) -> None:
        super().__init__()
        self._runtime = runtimes.RUNTIMES[runtime]
        self.name = f"oci:{runtime}"
        self._bundles: WeakKeyDictionary[Launcher, Bundles] = WeakKeyDictionary()
        self._calls: dict[str, _Call] = {}
        self._uid_lock: socket.socket | None = None
        self._first_uid: int | None = None

    async def prepare(self) -> None:
        """See `Engine.prepare`."""
        try:
            await super().prepare()
        except EngineUnavailable:
            self._release_users()
            raise

    async def probe(self) -> list[Finding]:
        """See `Engine.probe`."""
        found = await super().probe()
        if self._launcher is None:
            self._release_users()
        return found

    async def close(self) -> None:
        """See `Engine.close`."""
        await super().close()
        self._release_users()

    def _release_users(self) -> None:
        if self._uid_lock is not None:
            self._uid_lock.close()
        self._uid_lock = self._first_uid = None

    def _bounds(self, limits: Limits) -> dict[str, float]:
        """Leave room for the runtime, whose memory and processes count with the call's; the container bounds those."""
        held = bounds(limits)
        room = SANDBOX_MEMORY if self._runtime.own_kernel else RUNTIME_MEMORY
        return held | {"memory": held["memory"] + room, "processes": 0, "sampled": 1}

    def _drops_uids(self) -> bool:
        return os.geteuid() == 0

    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        runtime = self._runtime
        binary = runtime.find()
        if binary is None:
            return [Finding(runtime.name, ok=False, detail=f"there is no {runtime.name} in PATH", fix=runtime.install)]
        told = await try_program(launcher, [binary, "--version"])
        if told.verdict is not Verdict.EXITED or told.exit_code != 0:
            detail = f"{binary} does not run: {told.reason or told.stderr.decode(errors='replace').strip()}"
            return [Finding(runtime.name, ok=False, detail=detail, fix=runtime.install)]
        version = runtime.version(told.stdout.decode(errors="replace"))
        if self._drops_uids() and self._first_uid is None:
            self._uid_lock, self._first_uid = reserve_uids()
        hidden = runtime.refuses_hybrid and runtimes.is_hybrid()
        grouped = runtime.makes_groups and self._drops_uids()
        # Those of version 1 that a runtime makes lie within the call's, which does not hear what is killed in them.
        limits = grouped and launcher.groups.get("memory") != "cgroup v1"
        counted = "memory" in launcher.groups and not grouped
        walls = Walls(runtime, binary, version, launcher.runtime_dir, self._first_uid, hidden, counted, limits)
        leftovers.claim(launcher.runtime_dir)
        await self._remove_leftovers(launcher, walls)
        by = f"{runtime.name} {version}" + (f", platform {runtimes.platform(version)}" if runtime.own_kernel else "")
        found = [Finding(runtime.name, ok=True, detail=binary, by=by)]
        try:
            if runtime.own_kernel:
                walls.filters = dict.fromkeys(Network, seccomp.refusals())
            else:
                walls.filters = {kind: seccomp.profile(kind) for kind in Network}
        except ValueError as error:
            return [Finding("seccomp", ok=False, detail=str(error), fix="run the dispatcher on x86-64 or aarch64")]
        bundles = Bundles(walls)
        found.append(await _try_canary(launcher, bundles))
        self._bundles[launcher] = bundles
        return found

    async def _remove_leftovers(self, launcher: Launcher, walls: Walls) -> None:
        leftovers.remove_secrets()
        if self._runtime.makes_groups:
            leftovers.remove_groups({call.container.bundle.name for call in self._calls.values()})
        for folder in leftovers.abandoned():
            state = folder / "state"
            if state.is_dir():
                for entry in state.iterdir():
                    root = self._runtime.options(walls.version, state, root=self._drops_uids())
                    await try_program(launcher, [walls.binary, *root, "delete", "--force", entry.name])
            shutil.rmtree(folder, ignore_errors=True)

    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        bundles = self._bundles[launcher]
        container, request = bundles.make(command, tree_fd)
        self._calls[command.call_id] = _Call(bundles, launcher, container, head)
        return request, container.passed.fds

    async def run(self, command: Command) -> Outcome:
        """See `Engine.run`."""
        try:
            return self._judge(command, await super().run(command))
        finally:
            if command.call_id not in self._running:
                await self._remove(command.call_id)

    def _judge(self, command: Command, outcome: Outcome) -> Outcome:
        """Tell a command that has failed from a container, or a first process, that never came to run it."""
        call = self._calls.get(command.call_id)
        if call is None or outcome.verdict is not Verdict.EXITED or not outcome.exit_code:
            return outcome
        problem = failure(call.container)
        if problem:
            reason = f"the container for {command.path} could not be made: {problem}"
            return Outcome(Verdict.NOT_STARTED, reason=reason)
        problem = exec_failure(outcome.stderr, call.container.token)
        if problem:
            reason = f"cannot run {command.path}: {problem}{interpreter_hint(call.head, problem)}"
            return Outcome(Verdict.NOT_STARTED, reason=reason)
        return outcome

    async def _remove(self, call_id: str) -> None:
        """Remove what a call had outside its container, even when this is cancelled."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        removal = asyncio.ensure_future(_delete(call.launcher, call.bundles, call.container))
        try:
            await asyncio.shield(removal)
        except asyncio.CancelledError:
            with contextlib.suppress(asyncio.CancelledError):
                await removal
            raise

    def _why_not_started(self, command: Command, head: bytes, error: str, stderr: bytes) -> str:
        del head, stderr
        return f"the container for {command.path} could not be made: {error or 'the runtime died without a word'}"


async def _delete(launcher: Launcher, bundles: Bundles, container: Container) -> None:
    """Take a container away; when its runtime was killed, another run of the runtime does what that one has not."""
    if launcher.alive and bundles.is_left(container):
        await try_program(launcher, bundles.walls.command_line(["delete", "--force", container.bundle.name]))
    bundles.remove(container)


async def _try_canary(launcher: Launcher, bundles: Bundles) -> Finding:
    with canary.planted(launcher.runtime_dir) as bait:
        command = Command("canary", bait.tree, canary.MOUNT_AT, canary.NAME, bait.stdin, limits=TRIAL)
        fd = os.open(bait.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            container, request = bundles.make(command, fd)
        except CannotRun as error:
            return Finding("canary", ok=False, detail=f"it did not run: {error}", fix="see the message")
        finally:
            os.close(fd)
        outcome = await try_request(launcher, request, bait.stdin, container.passed.fds)
        failed = failure(container)
        await _delete(launcher, bundles, container)
        if outcome.verdict is not Verdict.EXITED or outcome.exit_code != 0:
            said = outcome.reason or outcome.stderr.decode(errors="replace").strip() or f"exit code {outcome.exit_code}"
            problem = failed or said.partition("\n\n")[0]  # without the stack of a runtime that has panicked
            return Finding("canary", ok=False, detail=f"it did not run: {problem}", fix=_fix(problem))
        escaped = canary.escapes(
            outcome.stdout, reached=bait.was_reached(), own_kernel=bundles.walls.runtime.own_kernel
        )
    if escaped:
        fix = "do not run extensions on this host before this is understood; report it to Graft's maintainers"
        return Finding("canary", ok=False, detail="; ".join(escaped), fix=fix)
    return Finding("canary", ok=True, detail="ran, and every attempt to get out failed")


def _fix(problem: str) -> str:
    """What most likely helps when a runtime could not make a container."""
    if "hybrid" in problem:
        return (
            "mount control groups of one version only (kernel option systemd.unified_cgroup_hierarchy=1), or use runc"
        )
    if "cgroup" in problem:
        return (
            "mount control groups at /sys/fs/cgroup and let the dispatcher write to its own (systemd: Delegate=yes), "
            "or use an engine that makes none"
        )
    return host.namespace_fix()
