"""How the launcher of the engine `native` starts a call: one clone into fresh namespaces. The standard library only."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher import kernel, landlock
from dispatcher_service.engines.launcher.cgroups import Group
from dispatcher_service.engines.launcher.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
)
from dispatcher_service.engines.launcher.sandbox import REPORT, Report, Sandbox
from dispatcher_service.engines.launcher.template import Template

OWN = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS
"""Namespaces of every call; that of users comes later, so that it owns none of these."""


class Things(NamedTuple):
    """Mounts that a call's first process attaches."""

    tree: int
    granted: list[tuple[int, str, bool]]
    """With their paths, and whether each is a folder."""


class NativeStarter:
    """Starts calls from the template that it builds.

    Args:
        spec: see `Template`; and `filters`, the compiled seccomp filters by the kind of network, in hexadecimal, and
            `programs`, folders below the root from which programs may be run.

    Raises:
        WallError: the template cannot be built.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        os.umask(0o022)
        self.template = Template(spec)
        self.filters = {network: kernel.Filter(bytes.fromhex(code)) for network, code in spec["filters"].items()}
        self.network = next(network for network in self.filters if network != "loopback")
        """Of calls that get no other."""
        self.covered = tuple(f"/{target}/" for _source, target in spec["binds"])
        self.last_capability = kernel.last_capability()
        self.tid_place = kernel.tid_address() if kernel.has_clone3() else 0
        self.rules = landlock_rules(spec)
        # Calls may share a network in which there is nothing, unless they could meet at its abstract unix sockets.
        meet = "abstract unix sockets" in landlock.missing()
        self.own_networks = {"loopback", "none"} if meet else {"loopback"}
        self._reports, self._report_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reports.setblocking(False)
        self.reports = self._reports.fileno()
        """Readable when a call's first process has reported."""

    @contextlib.contextmanager
    def take(self, request: dict[str, Any], place: tuple[int, int]) -> Iterator[Things]:
        """Take from the host what a call is to see of it, as long as this lasts.

        Args:
            request: see `program.py`.
            place: what tells the tree's folder from others, its device and number.

        Raises:
            OSError: something cannot be had; the text tells what.
        """
        granted = self.template.take_paths(request["paths"]) if request["paths"] else []
        taken = [tree for tree, _path, _is_folder in granted]
        try:
            tree = self.template.take_tree(request["tree"], place)
            taken.append(tree)
            self.make_place(request["mount_at"], folder=True)
            for _tree, path, is_folder in granted:
                self.make_place(path, folder=is_folder)
            yield Things(tree, granted)
        finally:
            for fd in taken:
                os.close(fd)

    def start(
        self,
        request: dict[str, Any],
        fds: list[int],
        things: Things | None,
        uid: int | None,
        group: Group | None,
        line: socket.socket | None,
    ) -> int:
        """Clone a call's first process.

        Args:
            request: see `program.py`.
            fds: see there.
            things: what it is to see of the host; None for a blank, which waits before it differs from any other.
            uid: the user that it becomes; None keeps the launcher's.
            group: the call's control group; None where there are none.
            line: on which it is to wait for its call, or for what is missing; None when it has it all.

        Returns:
            Its number, for the parent; in the child this does not return.

        Raises:
            OSError: the kernel refuses.
        """
        network = request.get("network", self.network)
        flags = OWN | CLONE_NEWNET if network in self.own_networks else OWN
        cgroup = group.fd if group is not None and group.fd is not None and self.tid_place else -1
        pid = self.clone(flags, cgroup)
        if pid == 0:
            report_w = self._report_end.fileno()
            join = None if group is None else lambda: group.attach(born_in=cgroup != -1)
            tree, granted = things or (-1, [])
            common = (self.rules, self.filters[network], self.last_capability)
            Sandbox(request, fds, report_w, uid, tree, granted, *common, line).become(join)
        return pid

    def read_reports(self) -> Iterator[Report]:
        """What first processes have reported since this was last called."""
        while True:
            try:
                data = self._reports.recv(1024)
            except BlockingIOError:
                return
            call, code, number, cpu, maxrss = REPORT.unpack_from(data)
            yield Report(call, code, number, data[REPORT.size :].decode(errors="replace"), cpu, maxrss)

    def clone(self, flags: int, cgroup: int) -> int:
        """Fork into namespaces, by whichever way this host has."""
        if self.tid_place:
            return kernel.clone(flags, self.tid_place, cgroup)
        return kernel.fork_into(flags, self.template.pids)

    def make_place(self, path: str, *, folder: bool) -> None:
        """Make a mount point, unless it lies in what is mounted; where it cannot be made, mounting tells."""
        if not path.startswith(("/tmp/", *self.covered)):  # noqa: S108  (the sandbox's own)
            with contextlib.suppress(OSError):
                self.template.make_place(path, folder=folder)


def landlock_rules(spec: dict[str, Any]) -> list[landlock.Rule]:
    """What all calls may do with the root that they have in common."""
    programs = [f"/{name}" for name in spec["programs"]]
    rules: list[tuple[str, int]] = [("/", landlock.READ), ("/dev", landlock.DEVICE)]
    rules += [(path, landlock.EXECUTE) for path in programs if os.path.isdir(path) and not os.path.islink(path)]  # noqa: PTH112, PTH114  (pathlib would double this small process)
    return [(os.open(path, os.O_PATH | os.O_CLOEXEC), access) for path, access in rules]
