"""The engine `bubblewrap`: every call in fresh namespaces that the audited `bwrap` builds for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dispatcher_service.engines import bwrap, canary, host
from dispatcher_service.engines.base import (
    Command,
    EngineUnavailable,
    Finding,
    IsolationLevel,
    Verdict,
)
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.rootfs import INNER_GID, INNER_UID, Skeleton
from dispatcher_service.engines.seccomp.filter import compiled_filter
from dispatcher_service.engines.spawning import (
    ENVIRONMENT,
    CannotRun,
    LauncherEngine,
    interpreter_hint,
    rlimits,
)
from dispatcher_service.engines.trial import TRIAL, try_program, try_request

HOSTNAME = "graft"
NAMESPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
)


@dataclass(frozen=True, slots=True)
class Walls:
    """What all calls of one launcher share."""

    binary: Path
    abilities: bwrap.Abilities
    skeleton: Skeleton
    filter_file: Path
    crossing: Path
    """An empty folder, where a tree is shown to a call whose user could not walk to it."""
    waits: bool
    """Whether a sandbox has to wait until the launcher has limited its processes."""

    def pipes(self, first: int) -> list[str]:
        """The options for the pipes that the launcher adds behind the other descriptors."""
        options = ["--json-status-fd", str(first)]
        return [*options, "--block-fd", str(first + 1)] if self.waits else options

    def command_line(self, command: Command, *, crossing: bool) -> list[str]:
        """Make bubblewrap's whole command line.

        The tree is descriptor 3 when it is passed, which it is only when somebody takes and closes it: the launcher for
        a crossing, else a bwrap that binds descriptors. The filter comes next.

        Args:
            command: what to run.
            crossing: the tree is shown at `self.crossing`.

        Raises:
            CannotRun: the tree cannot be mounted where it should be.
        """
        try:
            mount_at = self.skeleton.mount_point(command.mount_at)
        except ValueError as error:
            raise CannotRun(str(error)) from None
        filter_fd = 4
        if crossing:
            tree = ["--ro-bind", str(self.crossing), mount_at]
        elif self.abilities.binds_descriptors:
            tree = ["--ro-bind-fd", "3", mount_at]
        else:
            tree, filter_fd = ["--ro-bind", str(command.tree), mount_at], 3
        return [
            str(self.binary),
            *NAMESPACES,
            *(["--disable-userns"] if self.abilities.disables_userns else []),
            *("--uid", str(INNER_UID), "--gid", str(INNER_GID)),
            *("--hostname", HOSTNAME),
            *("--cap-drop", "ALL"),
            "--new-session",
            "--die-with-parent",
            "--clearenv",
            *(word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)),
            *self.skeleton.arguments(command.limits.tmp_size),
            *tree,
            *("--chdir", "/"),
            *("--seccomp", str(filter_fd)),
            *self.pipes(filter_fd + 1),
            "--",
            command.path,
            *command.arguments,
        ]


class BubblewrapEngine(LauncherEngine):
    """Runs each call in namespaces of its own, with a read-only system, no network, no capabilities, a seccomp filter.

    bubblewrap tells a death by signal n as exit code 128 + n, so a command that ends itself with such a code is
    reported as `Verdict.SIGNALED`.
    """

    name = "bubblewrap"
    level = IsolationLevel.FULL
    _signals_by_exit_code = True

    def __init__(self) -> None:
        super().__init__()
        self._walls: Walls | None = None

    async def prepare(self) -> None:
        """See `Engine.prepare`."""
        launcher, tried = await self._try_host()
        if launcher is None:
            raise EngineUnavailable(self.name, [*host.settings_findings(), *tried])
        self._serve_with(launcher)

    async def probe(self) -> list[Finding]:
        """See `Engine.probe`. Starts a launcher of its own for the time, and runs only Graft's own canary."""
        launcher, tried = await self._try_host()
        if launcher is not None:
            await launcher.stop()
        informative = [host.user_finding(), host.landlock_finding(), host.cgroup_finding()]
        return [*informative, *host.settings_findings(), *tried]

    def _drops_uids(self) -> bool:
        return os.geteuid() == 0

    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        try:
            program = compiled_filter()
        except ValueError as error:
            return [Finding("seccomp", ok=False, detail=str(error), fix="run the dispatcher on x86-64 or aarch64")]
        binary = bwrap.find()
        if binary is None:
            return [Finding("bwrap", ok=False, detail="there is no bwrap on this host", fix=bwrap.INSTALL)]
        path = bwrap.place(binary, launcher.runtime_dir, for_others=self._drops_uids())
        version = await try_program(launcher, [str(path), "--version"])
        usage = await try_program(launcher, [str(path), "--help"])
        if version.verdict is not Verdict.EXITED or version.exit_code != 0:
            detail = f"{binary.path} does not run: {version.reason or version.stderr.decode(errors='replace').strip()}"
            return [Finding("bwrap", ok=False, detail=detail, fix=bwrap.INSTALL)]
        can = bwrap.abilities(version.stdout.decode(errors="replace"), usage.stdout.decode(errors="replace"))
        found = [_binary_finding(binary, can)]
        if not found[0].ok:
            return found
        root, crossing = launcher.runtime_dir / "root", launcher.runtime_dir / "tree"
        for folder in (root, crossing):
            folder.mkdir()
            folder.chmod(0o755)
        filter_file = launcher.runtime_dir / "filter.bpf"
        filter_file.write_bytes(program)
        filter_file.chmod(0o644)
        waits = not self._drops_uids() and host.counts_processes_per_namespace()
        walls = Walls(path, can, Skeleton(root), filter_file, crossing, waits)
        found += await _try_parts(launcher, walls)
        if all(finding.ok for finding in found):
            found.append(await self._try_canary(launcher, walls))
        self._walls = walls
        return found

    async def _try_canary(self, launcher: Launcher, walls: Walls) -> Finding:
        with canary.planted(launcher.runtime_dir) as bait:
            command = Command("canary", bait.tree, canary.MOUNT_AT, canary.NAME, bait.stdin, limits=TRIAL)
            request = self._build(command, walls)
            passed = walls.abilities.binds_descriptors
            extra = [os.open(bait.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)] if passed else []
            outcome = await try_request(launcher, request, bait.stdin, extra)
            if outcome.verdict is not Verdict.EXITED or outcome.exit_code != 0:
                text = outcome.reason or outcome.stderr.decode(errors="replace").strip() or outcome.verdict.value
                return Finding("canary", ok=False, detail=f"it did not run: {text}", fix=host.namespace_fix())
            escaped = canary.escapes(outcome.stdout, reached=bait.was_reached())
        if escaped:
            fix = "do not run extensions on this host before this is understood; report it to Graft's maintainers"
            return Finding("canary", ok=False, detail="; ".join(escaped), fix=fix)
        return Finding("canary", ok=True, detail="ran, and every attempt to get out failed")

    def _build(self, command: Command, walls: Walls) -> Request:
        crossing = self._drops_uids() and not bwrap.reachable_by_others(command.tree)
        return Request(
            argv=walls.command_line(command, crossing=crossing),
            mode="bubblewrap",
            wall=command.limits.wall,
            env=ENVIRONMENT,
            rlimits=rlimits(command.limits),
            processes=command.limits.processes if walls.waits or self._drops_uids() else 0,
            open=[str(walls.filter_file)],
            binds=[(3, str(walls.crossing))] if crossing else [],
        )

    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        del head, launcher
        if self._walls is None:
            raise CannotRun("the engine is not prepared")
        request = self._build(command, self._walls)
        return request, [tree_fd] if request.binds or self._walls.abilities.binds_descriptors else []

    def _why_not_started(self, command: Command, head: bytes, error: str, stderr: bytes) -> str:
        text = stderr.decode(errors="replace").strip().rpartition("\n")[2]
        failed = re.fullmatch(r"bwrap: execvp \S.*?: ([^:]+)", text)
        if failed:
            return f"cannot run {command.path}: {failed[1]}{interpreter_hint(head)}"
        if error and not bwrap.reachable_by_others(command.tree):
            error += f" (the call's user cannot walk to {command.tree}, and root here may not mount)"
        return f"the sandbox for {command.path} could not be built: {error or text or 'bwrap died without a word'}"


def _binary_finding(binary: bwrap.Binary, can: bwrap.Abilities) -> Finding:
    where = f"bubblewrap {can.version} of {binary.source}, {binary.path}"
    if can.missing:
        return Finding("bwrap", ok=False, detail=f"{where}, lacks {', '.join(can.missing)}", fix=bwrap.INSTALL)
    return Finding("bwrap", ok=True, detail=where)


async def _try_parts(launcher: Launcher, walls: Walls) -> list[Finding]:
    """Build sandboxes of growing completeness, so that a failure names the wall that this host does not allow."""
    base = ["--unshare-user", "--ro-bind", "/", "/"]
    parts: list[tuple[str, list[str], str]] = [
        ("user namespaces", base, host.namespace_fix()),
        ("network namespaces", [*base, "--unshare-net"], host.namespace_fix()),
        ("process namespaces with an own /proc", [*base, "--unshare-pid", "--proc", "/proc"], host.CONTAINER_FIX),
        ("seccomp", [*base, "--seccomp", "3"], "a kernel with CONFIG_SECCOMP_FILTER"),
    ]
    findings: list[Finding] = []
    for name, options, fix in parts:
        files = [str(walls.filter_file)] if "--seccomp" in options else []
        argv = [str(walls.binary), *options, *walls.pipes(3 + len(files)), "--", "/bin/sh", "-c", "exit 0"]
        outcome = await try_program(launcher, argv, mode="bubblewrap", files=files, processes=64)
        good = outcome.verdict is Verdict.EXITED and outcome.exit_code == 0
        text = "can be created" if name != "seccomp" else "filters can be installed"
        if not good:
            text = outcome.reason or outcome.stderr.decode(errors="replace").strip() or outcome.verdict.value
        findings.append(Finding(name, ok=good, detail=text, fix="" if good else fix))
        if not good:
            break
    return findings
