"""The engine `bubblewrap`: every call in fresh namespaces that the audited `bwrap` builds for it."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from weakref import WeakKeyDictionary

from dispatcher_service.engines import bwrap, canary, host
from dispatcher_service.engines.base import (
    Command,
    Finding,
    IsolationLevel,
    Limits,
    Network,
    Outcome,
    Verdict,
)
from dispatcher_service.engines.executables import CannotRun, interpreter_hint
from dispatcher_service.engines.granted import FIRST_PASSED, SECRETS, Granted, Passed, Root, Roots, open_granted
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.pool import SCRIPT, SHELL, Pool, Waiting, is_poolable
from dispatcher_service.engines.rootfs import INNER_GID, INNER_UID
from dispatcher_service.engines.seccomp.filter import Shares, compiled_filter
from dispatcher_service.engines.spawning import ENVIRONMENT, LauncherEngine, rlimits
from dispatcher_service.engines.stdio import close_quietly, sealed_input
from dispatcher_service.engines.trial import TRIAL, try_program, try_request

HOSTNAME = "graft"
PAGE = 4096
WAITING_SHELL = (SHELL, "-c", SCRIPT, SHELL)
NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


@dataclass(frozen=True, slots=True)
class Walls:
    """What all calls of one launcher share."""

    binary: Path
    abilities: bwrap.Abilities
    roots: Roots
    filters: dict[Network, Path]
    """Files with the compiled filters, by what a call reaches of the network."""
    places: Path
    """Where things are shown to a call whose user could not walk to them; see `Passed`."""
    drops: bool
    """Whether calls are users of their own."""
    waits: bool
    """Whether a sandbox has to wait until the launcher has limited its processes."""

    def pipes(self, first: int) -> list[str]:
        """The options for the pipes that the launcher adds behind the other descriptors."""
        options = ["--json-status-fd", str(first)]
        return [*options, "--block-fd", str(first + 1)] if self.waits else options

    def request(self, command: Command, tree_fd: int, sight: Sight, passed: Passed, words: Sequence[str]) -> Request:
        """Make what the launcher is to run.

        Args:
            command: whose sandbox it is.
            tree_fd: its folder.
            sight: what it sees beside that.
            passed: takes up the descriptors that go with the request.
            words: what is executed in the sandbox.

        Raises:
            CannotRun: something cannot be mounted where it should be.
        """
        access, limits = command.access, command.limits
        try:
            mounts = self._mounts(command, tree_fd, sight, passed)
        except ValueError as error:
            raise CannotRun(str(error)) from None
        behind = FIRST_PASSED + len(passed.fds)
        environment = ENVIRONMENT | dict(access.environment)
        argv = [
            str(self.binary),
            *NAMESPACES,
            *([] if access.network is Network.OUTBOUND else ["--unshare-net"]),
            *(["--disable-userns"] if self.abilities.disables_userns else []),
            *("--uid", str(INNER_UID), "--gid", str(INNER_GID)),
            *("--hostname", HOSTNAME),
            *("--cap-drop", "ALL"),
            "--new-session",
            "--die-with-parent",
            "--clearenv",
            *(word for name, value in environment.items() for word in ("--setenv", name, value)),
            *sight.root.skeleton.arguments(limits.tmp_size),
            *mounts,
            *("--chdir", "/"),
            *("--seccomp", str(behind)),
            *self.pipes(behind + 1),
            "--",
            *words,
        ]
        return Request(
            argv=argv,
            mode="bubblewrap",
            wall=limits.wall,
            env=ENVIRONMENT,
            rlimits=rlimits(limits),
            processes=limits.processes if self.waits or self.drops else 0,
            open=[str(self.filters[access.network])],
            binds=passed.binds,
        )

    def _mounts(self, command: Command, tree_fd: int, sight: Sight, passed: Passed) -> list[str]:
        """The options that mount what is this command's own, what contains others before them."""
        skeleton, access = sight.root.skeleton, command.access
        at = skeleton.mount_point(command.mount_at)
        shown = self.drops and not bwrap.reachable_by_others(command.tree)
        mounts = [(at, self._bind(Granted(tree_fd, str(command.tree), folder=True, writable=False), at, passed, shown))]
        mounts += [(one.place, self._bind(one, one.place, passed, self.drops)) for one in sight.granted]
        if access.network is Network.OUTBOUND:
            mounts += [(bind.target, ["--ro-bind", bind.source, bind.target]) for bind in skeleton.resolver()]
        if access.secrets:
            mounts.append((SECRETS, _secrets(access.secrets, passed)))
        mounts.sort(key=lambda mount: len(PurePosixPath(mount[0]).parts))
        return [word for _target, options in mounts for word in options]

    def _bind(self, source: Granted, target: str, passed: Passed, shown: bool) -> list[str]:
        """The options that bind something; a descriptor is passed only when somebody takes and closes it."""
        option = "--bind" if source.writable else "--ro-bind"
        if shown:
            return [option, passed.show(source.fd, folder=source.folder), target]
        if self.abilities.binds_descriptors:
            return [f"{option}-fd", str(passed.add(source.fd)), target]
        return [option, source.path, target]


@dataclass(slots=True)
class Sight:
    """What a call sees beside its own folder."""

    root: Root
    granted: list[Granted]


def _secrets(secrets: Sequence[tuple[str, bytes]], passed: Passed) -> list[str]:
    """The options that make the folder of secrets, in memory that only this call has."""
    size = sum(len(content) + PAGE for _name, content in secrets) + PAGE
    options = ["--perms", "0700", "--size", str(size), "--tmpfs", SECRETS]
    for name, content in secrets:
        if "/" in name or name in (".", ".."):
            raise CannotRun("the name of a secret is no file's name")
        fd = sealed_input(content)
        options += ["--perms", "0400", "--file", str(passed.add(fd)), f"{SECRETS}/{name}"]
        os.close(fd)
    return [*options, "--remount-ro", SECRETS]


@dataclass(frozen=True, slots=True)
class Kind:
    """What calls have to have in common for the same sandboxes to fit."""

    tree: tuple[str, int, int]
    """Where it is, and which folder that is."""
    mount_at: str
    limits: Limits
    network: Network


@dataclass(slots=True)
class _Call:
    """What one call uses until its end."""

    root: Root | None = None
    kind: Kind | None = None
    pool: Pool | None = None


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
        self._built: WeakKeyDictionary[Launcher, tuple[Walls, Pool]] = WeakKeyDictionary()
        self._calls: dict[str, _Call] = {}

    def _settings(self) -> list[Finding]:
        return host.settings_findings()

    def _surroundings(self) -> list[Finding]:
        return [host.user_finding(), host.landlock_finding()]

    def _drops_uids(self) -> bool:
        return os.geteuid() == 0

    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        try:
            compiled_filter()
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
        for name in ("roots", "shown"):
            (launcher.runtime_dir / name).mkdir()
            (launcher.runtime_dir / name).chmod(0o755)
        filters = {kind: launcher.runtime_dir / f"{kind.value}.bpf" for kind in Network}
        for kind, file in filters.items():
            file.write_bytes(compiled_filter(network=kind, shares=Shares.NETWORK))
            file.chmod(0o644)
        drops = self._drops_uids()
        waits = not drops and host.counts_processes_per_namespace()
        roots = Roots(launcher.runtime_dir / "roots")
        walls = Walls(path, can, roots, filters, launcher.runtime_dir / "shown", drops, waits)
        found += await _try_parts(launcher, walls)
        if all(finding.ok for finding in found):
            found.append(await self._try_canary(launcher, walls))
        self._built[launcher] = walls, Pool(launcher)
        return found

    async def _try_canary(self, launcher: Launcher, walls: Walls) -> Finding:
        with canary.planted(launcher.runtime_dir) as bait:
            command = Command("canary", bait.tree, canary.MOUNT_AT, canary.NAME, bait.stdin, limits=TRIAL)
            passed = Passed(walls.places)
            fd = os.open(bait.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                request = walls.request(command, fd, Sight(walls.roots.common, []), passed, [command.path])
            except CannotRun as error:
                passed.close()
                return Finding("canary", ok=False, detail=f"it did not run: {error}", fix="see the message")
            finally:
                os.close(fd)
            outcome = await try_request(launcher, request, bait.stdin, passed.fds)
            if outcome.verdict is not Verdict.EXITED or outcome.exit_code != 0:
                text = outcome.reason or outcome.stderr.decode(errors="replace").strip() or outcome.verdict.value
                return Finding("canary", ok=False, detail=f"it did not run: {text}", fix=host.namespace_fix())
            escaped = canary.escapes(outcome.stdout, reached=bait.was_reached())
        if escaped:
            fix = "do not run extensions on this host before this is understood; report it to Graft's maintainers"
            return Finding("canary", ok=False, detail="; ".join(escaped), fix=fix)
        return Finding("canary", ok=True, detail="ran, and every attempt to get out failed")

    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        del head
        walls, _pool = self._built[launcher]
        granted = open_granted(command.access)
        passed = Passed(walls.places)
        try:
            root = walls.roots.take(granted, secrets=bool(command.access.secrets))
            self._calls.setdefault(command.call_id, _Call()).root = root
            words = [command.path, *command.arguments]
            return walls.request(command, tree_fd, Sight(root, granted), passed, words), passed.fds
        except BaseException:
            passed.close()
            raise
        finally:
            close_quietly([one.fd for one in granted])

    def _take_ready(self, command: Command, tree_fd: int, launcher: Launcher) -> Waiting | None:
        if not is_poolable(command):
            return None
        _walls, pool = self._built[launcher]
        status = os.fstat(tree_fd)
        tree = (str(command.tree), status.st_dev, status.st_ino)
        kind = Kind(tree, command.mount_at, command.limits, command.access.network)
        self._calls[command.call_id] = _Call(kind=kind, pool=pool)
        waiting = pool.enter(kind)
        return waiting if waiting is not None and pool.begin(waiting, command) else None

    async def run(self, command: Command) -> Outcome:
        """See `Engine.run`."""
        try:
            return await super().run(command)
        finally:
            call = None if command.call_id in self._running else self._calls.pop(command.call_id, None)
            if call is not None and call.root is not None:
                Roots.give_back(call.root)
            if call is not None and call.pool is not None and call.kind is not None:
                call.pool.leave(call.kind, functools.partial(self._build_waiting, command, call.kind))

    def _build_waiting(self, command: Command, kind: Kind, pool: Pool) -> None:
        """Build a sandbox that waits for a call like a former one, if the tree is still the same folder."""
        walls, _pool = self._built[pool.launcher]

        def make(go: int) -> tuple[Request, list[int]]:
            passed = Passed(walls.places)
            try:
                passed.add(go)
                request = walls.request(command, tree_fd, Sight(walls.roots.common, []), passed, WAITING_SHELL)
            except BaseException:
                passed.close()
                raise
            return request, passed.fds

        with contextlib.suppress(CannotRun, OSError):  # the next call starts cold, and tells what is wrong
            tree_fd = os.open(command.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                status = os.fstat(tree_fd)
                if kind.tree == (str(command.tree), status.st_dev, status.st_ino):
                    pool.start(kind, command.limits, make)
            finally:
                os.close(tree_fd)

    async def close(self) -> None:
        """See `Engine.close`."""
        for _walls, pool in list(self._built.values()):
            pool.close()
        await super().close()

    def _why_not_started(self, command: Command, head: bytes, error: str, stderr: bytes) -> str:
        text = stderr.decode(errors="replace").strip().rpartition("\n")[2]
        failed = re.fullmatch(r"bwrap: execvp \S.*?: ([^:]+)", text)
        if failed:
            return f"cannot run {command.path}: {failed[1]}{interpreter_hint(head, failed[1])}"
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
        ("process namespaces with an own /proc", [*base, "--unshare-pid", "--proc", "/proc"], host.namespace_fix()),
        ("seccomp", [*base, "--seccomp", "3"], "a kernel with CONFIG_SECCOMP_FILTER"),
    ]
    findings: list[Finding] = []
    for name, options, fix in parts:
        files = [str(walls.filters[Network.NONE])] if "--seccomp" in options else []
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
