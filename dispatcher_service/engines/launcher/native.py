"""How the launcher of the engine `native` starts a call: one clone into fresh namespaces. The standard library only."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from dispatcher_service.engines.launcher import kernel
from dispatcher_service.engines.launcher.cgroups import Group
from dispatcher_service.engines.launcher.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
)
from dispatcher_service.engines.launcher.sandbox import Sandbox
from dispatcher_service.engines.launcher.template import Template

OWN = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS
"""Namespaces of every call; that of users comes later, so that it owns none of these."""


class NativeStarter:
    """Starts calls from the template that it builds.

    Args:
        spec: see `Template`; and `filters`, the compiled seccomp filters by the kind of network, in hexadecimal.

    Raises:
        WallError: the template cannot be built.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        os.umask(0o022)
        self.template = Template(spec)
        self.filters = {network: kernel.Filter(bytes.fromhex(code)) for network, code in spec["filters"].items()}
        self.covered = tuple(f"/{target}/" for _source, target in spec["binds"])
        self.last_capability = kernel.last_capability()
        self.tid_place = kernel.tid_address()

    def start(
        self, request: dict[str, Any], fds: list[int], status_w: int, uid: int | None, group: Group | None
    ) -> int:
        """Clone a call's first process.

        Args:
            request: see `program.py`.
            fds: see there.
            status_w: where that process reports; the parent closes it.
            uid: the user that it becomes; None keeps the launcher's.
            group: the call's control group; None where there are none.

        Returns:
            Its number, for the parent; in the child this does not return.

        Raises:
            OSError: something that it needs cannot be had; the text tells what.
        """
        granted = self.template.take_paths(request["paths"]) if request["paths"] else []
        taken = [tree for tree, _path, _is_folder in granted]
        try:
            tree = self.template.take_tree(request["tree"], fds[3])
            taken.append(tree)
            self.make_place(request["mount_at"], folder=True)
            for _tree, path, is_folder in granted:
                self.make_place(path, folder=is_folder)
            flags = OWN | CLONE_NEWNET if request["network"] == "loopback" else OWN
            cgroup = group.fd if group is not None and group.fd is not None and self.tid_place else -1
            pid = self.clone(flags, cgroup)
            if pid == 0:
                Sandbox(
                    request,
                    fds,
                    status_w,
                    uid,
                    tree,
                    granted,
                    self.filters[request["network"]],
                    self.last_capability,
                ).become(None if group is None else lambda: group.attach(born_in=cgroup != -1))
        finally:
            for fd in taken:
                os.close(fd)
        return pid

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
