"""The engine `native`: every call in fresh namespaces, which a launcher of Graft's own clones from a template."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispatcher_service.engines import canary, host
from dispatcher_service.engines.base import (
    TASK,
    Command,
    Finding,
    IsolationLevel,
    Limits,
    Network,
)
from dispatcher_service.engines.executables import CannotRun, interpreter_hint, python_script
from dispatcher_service.engines.launcher.accelerated import ACCELERATOR, IN_USE
from dispatcher_service.engines.launcher.client import Launcher, LauncherError, Request
from dispatcher_service.engines.launcher.template import MOUNTS, PROC, SPACES, USER, USERS
from dispatcher_service.engines.options import DEFAULTS, EngineOptions
from dispatcher_service.engines.rootfs import INNER_UID, SYSTEM_FOLDERS, Bind, Skeleton
from dispatcher_service.engines.seccomp.filter import compiled_filter
from dispatcher_service.engines.spawning import ENVIRONMENT, LauncherEngine, rlimits
from dispatcher_service.engines.stdio import OutputReader, sealed_input

HOSTNAME = "graft"
TRIAL = Limits(wall=10.0, output=64 << 10)
SPEC_FILE = "native.json"
KERNEL = (5, 12)
"""The first Linux with all the system calls."""
SECCOMP = "seccomp"
ACCELERATOR_FIX = (
    "GRAFT_ACCELERATOR=auto, which does without where it must; or a C compiler with a static C library (gcc and "
    "libc6-dev), and install Graft again"
)
MADE_OF = {
    USER: "own user namespace inside another",
    SPACES: "own process, IPC and UTS namespace; a network namespace with nothing in it",
    MOUNTS: "own mount namespace, copied from a read-only template",
    PROC: "own read-only procfs, hidepid",
}
"""What a wall is made of here, by its name."""


def accelerator_finding(lacking: str) -> Finding:
    """Tell whether sandboxes are made by the compiled program; it is faster, and the walls are the same.

    Args:
        lacking: why they are not; empty where they are.
    """
    return Finding(ACCELERATOR, ok=True, detail=f"not in use: {lacking}" if lacking else IN_USE)


def warm_finding(*, wanted: bool, warms: bool) -> Finding:
    """Tell whether Python scripts are run in warm interpreters; it is faster, and the walls are the same.

    Args:
        wanted: whether the settings ask for it.
        warms: whether the launcher does so.
    """
    if warms:
        detail = "Python scripts are run in copies of them, whichever interpreter their first line asks for"
    else:
        detail = "not in use: " + ("the kernel or a filter lacks clone3" if wanted else "GRAFT_ZYGOTES is off")
    return Finding("warm interpreters", ok=True, detail=detail)


class NativeEngine(LauncherEngine):
    """Runs each call in namespaces of its own, with a read-only system, no network, no capabilities, a seccomp filter.

    Needs nothing but the kernel (Linux 5.12) and the standard library. The walls stand once for all calls in the
    launcher's template; a call costs a clone of it, a few mounts, and what makes it powerless.
    """

    name = "native"
    level = IsolationLevel.FULL

    def __init__(self, options: EngineOptions = DEFAULTS) -> None:
        super().__init__()
        self._options = options
        self._skeleton: Skeleton | None = None
        self._outbound: Launcher | None = None
        self._outbound_lock = asyncio.Lock()

    def _settings(self) -> list[Finding]:
        return host.settings_findings()

    def _surroundings(self) -> list[Finding]:
        return [host.user_finding()]

    async def close(self) -> None:
        """See `Engine.close`."""
        await super().close()
        async with self._outbound_lock:
            launcher, self._outbound = self._outbound, None
        if launcher is not None:
            await launcher.stop()

    def _drops_uids(self) -> bool:
        return os.geteuid() == 0

    def _make_launcher(self, runtime_dir: Path) -> Launcher:
        try:
            spec, self._skeleton = write_spec(runtime_dir, self._options, outbound=False)
        except (OSError, ValueError) as error:
            shutil.rmtree(runtime_dir, ignore_errors=True)
            failed = LauncherError(str(error))
            failed.wall = SECCOMP if isinstance(error, ValueError) else ""
            raise failed from None
        return Launcher(runtime_dir, drop_uids=self._drops_uids(), spec=spec)

    def _explain(self, error: Exception) -> list[Finding]:
        wall = error.wall if isinstance(error, LauncherError) else ""
        if not wall:
            return super()._explain(error)
        fix = host.namespace_fix()
        if host.kernel_version() < KERNEL:
            fix = "Linux 5.12 or later; or the engine bubblewrap, which does with 5.9"
        elif wall == USERS:
            fix = "give it CAP_KILL, or start it as an ordinary user"
        elif wall == ACCELERATOR:
            fix = ACCELERATOR_FIX
        elif wall == SECCOMP:
            fix = "run the dispatcher on x86-64 or aarch64"
        return [Finding(wall, ok=False, detail=str(error).removeprefix(f"{wall}: "), fix=fix)]

    async def _launcher_for(self, command: Command) -> Launcher | None:
        if command.access.network is not Network.OUTBOUND:
            return self._launcher
        async with self._outbound_lock:
            if self._closed:
                return None
            if self._outbound is not None and self._outbound.gone.is_set():
                await self._outbound.stop()
                self._outbound = None
            if self._outbound is None:
                self._outbound = await self._start_outbound()
            return self._outbound

    async def _start_outbound(self) -> Launcher:
        """Start a second launcher, which keeps the host's network; it starts again with the next call that needs it."""
        folder = self._make_runtime_dir()
        try:
            spec, _skeleton = write_spec(folder, self._options, outbound=True)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        launcher = Launcher(folder, drop_uids=self._drops_uids(), spec=spec)
        try:
            await launcher.start()
        except (LauncherError, OSError) as error:
            await launcher.stop()
            raise CannotRun(f"the launcher for calls with the host's network does not start: {error}") from None
        except BaseException:
            await launcher.stop()
            raise
        return launcher

    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        walls = [Finding(wall, ok=True, detail="can be built", by=by) for wall, by in MADE_OF.items()]
        warm = warm_finding(wanted=self._options.zygotes, warms=launcher.warms)
        return [*walls, accelerator_finding(launcher.accelerator), warm, await self._try_canary(launcher)]

    async def _try_canary(self, launcher: Launcher) -> Finding:
        with canary.planted(launcher.runtime_dir) as bait:
            command = Command("canary", bait.tree, canary.MOUNT_AT, canary.NAME, bait.stdin, limits=TRIAL)
            reader = OutputReader(TRIAL.output, lambda: None)
            tree = os.open(bait.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            fds = [sealed_input(bait.stdin), *reader.write_ends, tree]
            _number, end = launcher.run(build(command), fds)
            ended = await end
            stdout, stderr = reader.finish()
            if not ended.started or ended.signal or ended.code:
                text = ended.error or stderr.decode(errors="replace").strip() or f"signal {ended.signal}"
                return Finding("canary", ok=False, detail=f"it did not run: {text}", fix=host.namespace_fix())
            escaped = canary.escapes(stdout, reached=bait.was_reached())
        if escaped:
            fix = "do not run extensions on this host before this is understood; report it to Graft's maintainers"
            return Finding("canary", ok=False, detail="; ".join(escaped), fix=fix)
        return Finding("canary", ok=True, detail="ran, and every attempt to get out failed")

    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        del launcher
        if self._skeleton is None:
            raise CannotRun("the engine is not prepared")
        try:
            for place in (command.mount_at, *command.access.read, *command.access.write):
                self._skeleton.check_place(place)
        except ValueError as error:
            raise CannotRun(str(error)) from None
        for name, _content in command.access.secrets:
            if name in {"", ".", ".."} or "/" in name or "\0" in name:
                raise CannotRun(f"a secret cannot be called {name!r}")
        outbound = command.access.network is Network.OUTBOUND
        request = build(command, self._skeleton.resolver() if outbound else ())  # as they are now
        if self._options.zygotes and command.zygote and (script := python_script(head, command.access.environment)):
            request.more["script"] = script
        secrets = command.access.secrets
        if not secrets:
            return request, [tree_fd]
        return request, [tree_fd, sealed_input(b"".join(content for _name, content in secrets))]

    def _why_not_started(self, command: Command, head: bytes, error: str, stderr: bytes) -> str:
        del stderr
        return f"cannot run {command.path}: {error or 'its first process died'}{interpreter_hint(head, error)}"


def write_spec(runtime_dir: Path, options: EngineOptions, *, outbound: bool) -> tuple[Path, Skeleton]:
    """Tell the launcher in a file what to build.

    Args:
        runtime_dir: the launcher's folder; the skeleton is made in it.
        options: what an administrator has chosen.
        outbound: keep the host's network.

    Returns:
        The file, and the skeleton, which knows where nothing may be mounted.
    """
    root = runtime_dir / "root"
    root.mkdir()
    root.chmod(0o755)
    skeleton = Skeleton(root)
    (root / "run" / "secrets").mkdir(mode=0o755)
    kinds = [Network.OUTBOUND] if outbound else [Network.NONE, Network.LOOPBACK]
    spec: dict[str, Any] = {
        "root": str(root),
        "binds": [[bind.source, bind.target.lstrip("/")] for bind in skeleton.binds if not is_device(bind)],
        "devices": [bind.source.removeprefix("/dev/") for bind in skeleton.binds if is_device(bind)],
        "hostname": HOSTNAME,
        "inner": INNER_UID,
        "host_network": outbound,
        "accelerator": options.accelerator,
        "programs": ["usr", *SYSTEM_FOLDERS],
        "filters": {kind.value: compiled_filter(network=kind).hex() for kind in kinds},
    }
    if options.zygotes:
        spec["zygotes"] = {"preload": options.preload, "calls": options.zygote_calls, "age": options.zygote_age}
        spec["environment"] = ENVIRONMENT
    path = runtime_dir / SPEC_FILE
    path.write_text(json.dumps(spec))
    path.chmod(0o600)
    return path, skeleton


def is_device(bind: Bind) -> bool:
    return bind.target.startswith("/dev/")


def build(command: Command, resolver: Sequence[Bind] = ()) -> Request:
    """Tell the launcher about one call.

    Args:
        command: the call.
        resolver: files by which the host finds others on its network, for a call that is on it.
    """
    limits, access = command.limits, command.access
    counted = os.geteuid() == 0 or host.counts_processes_per_namespace()
    return Request(
        argv=[command.path, *command.arguments],
        mode="native",
        wall=limits.wall,
        env=ENVIRONMENT | dict(access.environment),
        rlimits=rlimits(limits),
        processes=limits.processes if counted else 0,
        more={
            "tree": str(command.tree),
            "mount_at": command.mount_at,
            "network": access.network.value,
            "tmp": [limits.tmp_size, limits.tmp_files],
            "paths": [[path, path, False] for path in access.read]
            + [[path, path, True] for path in access.write]
            + [[path, TASK, True] for path in (access.task,) if path]
            + [[bind.source, bind.target, False] for bind in resolver],
            "secrets": [[name, len(content)] for name, content in access.secrets],
        },
    )
