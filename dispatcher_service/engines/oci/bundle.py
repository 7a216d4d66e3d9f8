"""Bundles: the folder with a container's configuration, and all else that one call has outside its container."""

from __future__ import annotations

import json
import os
import secrets as random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dispatcher_service.engines import bwrap
from dispatcher_service.engines.base import Command, Network
from dispatcher_service.engines.executables import CannotRun
from dispatcher_service.engines.granted import Granted, Passed, Root, Roots, open_granted
from dispatcher_service.engines.launcher.client import Request
from dispatcher_service.engines.launcher.processes import MAX_CALLS
from dispatcher_service.engines.oci import leftovers, spec
from dispatcher_service.engines.oci.runtimes import Runtime, without_hybrid
from dispatcher_service.engines.rootfs import INNER_GID, INNER_UID, Bind
from dispatcher_service.engines.spawning import ENVIRONMENT
from dispatcher_service.engines.stdio import close_quietly

MAX_ARGUMENTS = 128_000
"""Characters; the kernel takes no argument of 128 KiB."""


@dataclass(slots=True)
class Walls:
    """What all calls of one launcher share.

    Args:
        runtime: which one.
        binary: where it is.
        version: its version.
        folder: the launcher's runtime folder.
        first_uid: the first of `MAX_CALLS` users of the host that are only for this engine; None when it is no root.
        limits: the runtime is to limit each container by a control group that it makes for it.
        counted: control groups of the launcher's bound what a call uses of memory.
        hidden: the runtime has to run where it does not see that control groups of both versions are mounted.
    """

    runtime: Runtime
    binary: str
    version: str
    folder: Path
    first_uid: int | None
    hidden: bool
    counted: bool
    limits: bool
    filters: dict[Network, dict[str, Any]] = field(default_factory=dict)
    """By what a call reaches of the network."""
    state: Path = field(init=False)
    """Where the runtime keeps its notes about containers."""
    bundles: Path = field(init=False)
    shown: Path = field(init=False)
    roots: Roots = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()  # runc takes no root behind a symbolic link
        for name in ("state", "bundles", "shown", "roots"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o755)
        self.state, self.bundles, self.shown = (self.folder / name for name in ("state", "bundles", "shown"))
        self.roots = Roots(self.folder / "roots")

    def command_line(self, arguments: Sequence[str], options: Sequence[str] = ()) -> list[str]:
        """The runtime's whole command line."""
        root = self.first_uid is not None
        argv = [self.binary, *self.runtime.options(self.version, self.state, root=root), *options, *arguments]
        return without_hybrid(argv, root=root) if self.hidden else argv


@dataclass(slots=True)
class Container:
    """What one call has of its own."""

    bundle: Path
    root: Root
    token: str
    slot: int | None
    passed: Passed
    secrets: Path | None = None


class Bundles:
    """Makes what calls need, and takes it away again."""

    def __init__(self, walls: Walls) -> None:
        self.walls = walls
        self._slots = list(range(MAX_CALLS - 1, 0, -1))  # the first user is the user 0 of all containers

    def make(self, command: Command, tree_fd: int) -> tuple[Container, Request]:
        """Write a bundle; whatever comes of it, give the container back with `remove`.

        Args:
            command: what to run.
            tree_fd: its folder, which stays the caller's.

        Raises:
            CannotRun: there can be no container for this command.
        """
        granted = open_granted(command.access)
        try:
            container = self._begin(granted, secrets=bool(command.access.secrets))
            try:
                return container, self._fill(container, command, tree_fd, granted)
            except BaseException:
                container.passed.close()
                self.remove(container)
                raise
        except ValueError as error:
            raise CannotRun(str(error)) from None
        finally:
            close_quietly([one.fd for one in granted])

    def _begin(self, granted: list[Granted], *, secrets: bool) -> Container:
        if self.walls.first_uid is not None and not self._slots:
            raise CannotRun(f"more than {MAX_CALLS - 1} calls run at once")
        root = self.walls.roots.take(granted, secrets=secrets)
        name = leftovers.container_name()
        slot = self._slots.pop() if self.walls.first_uid is not None else None
        return Container(
            self.walls.bundles / name, root, f"graft-{random.token_hex(8)}", slot, Passed(self.walls.shown)
        )

    def _fill(self, container: Container, command: Command, tree_fd: int, granted: list[Granted]) -> Request:
        walls, network = self.walls, command.access.network
        length = sum(len(argument) for argument in command.arguments)
        if length > MAX_ARGUMENTS:
            raise CannotRun(f"the command line is too long ({length} bytes, at most {MAX_ARGUMENTS})")
        container.bundle.mkdir(mode=0o700)
        place = self._place(container, command, tree_fd, granted)
        (container.bundle / "config.json").write_text(json.dumps(spec.configuration(command, place, container.token)))
        options = [*walls.runtime.network(network), f"--log={container.bundle / 'log'}", "--log-format=json"]
        arguments = ["run", f"--bundle={container.bundle}", container.bundle.name]
        return Request(
            argv=walls.command_line(arguments, options),
            mode="plain",
            wall=command.limits.wall,
            env=ENVIRONMENT,
            rlimits=[],
            binds=container.passed.binds,
            more={"own": walls.runtime.processes},
        )

    def _place(self, container: Container, command: Command, tree_fd: int, granted: list[Granted]) -> spec.Place:
        walls = self.walls
        root = walls.first_uid is not None
        tree = str(command.tree)
        if root and not bwrap.reachable_by_others(command.tree):
            tree = container.passed.show(tree_fd, folder=True)
        binds = [
            Bind(container.passed.show(one.fd, folder=one.folder) if root else one.path, one.place, one.writable)
            for one in granted
        ]
        mapping, uid, gid = self._users(container)
        return spec.Place(
            root=container.root.path,
            skeleton=container.root.skeleton,
            tree=tree,
            granted=binds,
            secrets=self._secrets(container, command),
            mapping=mapping,
            uid=uid,
            gid=gid,
            seccomp=walls.filters[command.access.network],
            groups=walls.limits,
            counted=walls.counted,
        )

    def _users(self, container: Container) -> tuple[spec.Mapping | None, int, int]:
        walls = self.walls
        if walls.first_uid is not None and container.slot is not None:
            users = ((0, walls.first_uid), (INNER_UID, walls.first_uid + container.slot))
            return spec.Mapping(users), INNER_UID, INNER_GID
        if walls.runtime.own_kernel:
            return None, 0, 0
        return spec.Mapping(((0, 0 if walls.hidden else os.geteuid()),)), 0, 0

    def _secrets(self, container: Container, command: Command) -> str | None:
        """Write the secrets where only this call's user can read them; give the folder as the runtime finds it."""
        if not command.access.secrets:
            return None
        if any("/" in name or name in (".", "..") for name, _content in command.access.secrets):
            raise CannotRun("the name of a secret is no file's name")
        folder = container.secrets = leftovers.secret_folder(self.walls.folder)
        for name, content in command.access.secrets:
            file = folder / name
            file.touch(0o600)
            file.write_bytes(content)
            file.chmod(0o400)
        if container.slot is None:
            return str(folder)
        user = (self.walls.first_uid or 0) + container.slot
        for path in (*folder.iterdir(), folder):
            os.chown(path, user, user)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return container.passed.show(fd, folder=True)
        finally:
            os.close(fd)

    def remove(self, container: Container) -> None:
        """Take everything away that a call had."""
        for folder in (container.bundle, container.secrets):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        if container.slot is not None:
            self._slots.append(container.slot)
        self.walls.roots.give_back(container.root)

    def is_left(self, container: Container) -> bool:
        """Whether the runtime still has notes about a container whose processes are all dead."""
        return any(container.bundle.name in entry.name for entry in self.walls.state.iterdir())


def failure(container: Container) -> str:
    """Why the runtime could not make a container, from what it has logged; empty when it could."""
    try:
        log = (container.bundle / "log").read_text(errors="replace")
    except OSError:
        return ""
    return errors_in(log)


def errors_in(log: str) -> str:
    """The messages of errors among the JSON objects of a log, the last one, which is the result, first; or nothing."""
    decoder, place, found = json.JSONDecoder(), 0, dict[str, None]()
    while (place := log.find("{", place)) != -1:
        try:
            entry, place = decoder.raw_decode(log, place)
        except ValueError:
            place += 1
            continue
        if entry.get("level") in ("error", "fatal"):
            found[str(entry.get("msg", "")).strip()] = None
    return "; ".join(reversed(found))[:500]
