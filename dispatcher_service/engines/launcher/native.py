"""How the launcher of the engine `native` makes sandboxes and furnishes them for calls. The standard library only.

A sandbox is made alike for all calls, but for its network: namespaces, an empty /tmp, and a first process that builds
the walls and then waits. What a call alone sees is mounted from here, into the namespace of mounts of its sandbox, when
nothing of the call runs yet.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher import kernel, landlock
from dispatcher_service.engines.launcher.accelerated import Accelerator
from dispatcher_service.engines.launcher.cgroups import Cgroups, Group
from dispatcher_service.engines.launcher.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_REMOUNT,
)
from dispatcher_service.engines.launcher.networks import Networks
from dispatcher_service.engines.launcher.sandbox import OOM_SCORE, OWN_RULES, PROC, USER_HINT, Report, Sandbox, Walls
from dispatcher_service.engines.launcher.template import Template, make_place
from dispatcher_service.engines.launcher.wire import HOST_NETWORK, KEPT_NETWORK, LOOPBACK, REPORT, Kind, Profile

OWN = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS
"""Namespaces of every call besides that of mounts; that of users comes later, so that it owns none of these."""
TMP = (16 << 20, 4096)
"""Bytes and files of /tmp in a sandbox that waits; a call that may have more, or less, has that changed."""
TMP_FLAGS, TMP_OPTIONS = MS_NOSUID | MS_NODEV, "mode=1777,size=%d,nr_inodes=%d"
PLACES = {"none": KEPT_NETWORK, "loopback": LOOPBACK, "outbound": HOST_NETWORK}
"""Where the kinds of network come from; for whom `start` is not the one to know."""
MAX_PLACES = 1024
SECRETS = "/run/secrets"
SECRETS_SIZE = 4 << 20


class Things(NamedTuple):
    """Mounts that a call is to see, which nobody has yet."""

    tree: int
    granted: list[tuple[int, str, bool]]
    """With their paths, and whether each is a folder."""


class NativeStarter:
    """Makes sandboxes from the template that it builds.

    Args:
        spec: see `Template`; and `filters`, the compiled seccomp filters by the kind of network, in hexadecimal,
            `programs`, folders below the root from which programs may be run, `inner`, the user's number inside, and
            `accelerator`, whether the maker is to be the compiled program (`accelerated.py`).

    Raises:
        WallError: the template cannot be built.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        os.umask(0o022)
        self.accelerator = Accelerator(spec["accelerator"])  # while it is to be seen
        self.template = Template(spec)
        rules, last_capability = landlock_rules(spec), kernel.last_capability()
        self.walls = {
            network: Walls(network, spec["inner"], rules, kernel.Filter(bytes.fromhex(code)), last_capability)
            for network, code in spec["filters"].items()
        }
        self.kinds = tuple(self.walls)
        """Of networks, by the numbers that orders name them by."""
        self.network = next(network for network in self.walls if network != "loopback")
        """Of calls that get no other."""
        self.covered = tuple(f"/{target}/" for _source, target in spec["binds"])
        self.places: set[tuple[str, bool]] = set()
        """Mount points that are known to be there, and whether they are folders."""
        self.tid_place = kernel.tid_address() if kernel.has_clone3() else 0
        self.networks = Networks()
        self._reports, self.report_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reports.setblocking(False)
        self.reports = self._reports.fileno()
        """Readable when a sandbox's first process has reported."""

    @property
    def clones_for_parent(self) -> bool:
        """Whether a sandbox becomes a child of the parent of the process that clones it, as only clone3 can do."""
        return self.tid_place != 0

    def profile(self, cgroups: Cgroups) -> tuple[Profile, list[int]]:
        """All that another program has to know to make the same sandboxes, and the descriptors that go with it."""
        walls = next(iter(self.walls.values()))
        handled, _attributes = landlock.RULESETS.get(True, (0, b""))
        kinds = [
            Kind(PLACES[network], landlock.RULESETS.get(network != "none", (0, b""))[1], of.seccomp.program)
            for network, of in self.walls.items()
        ]
        profile = Profile(
            namespaces=OWN,
            inner=walls.inner,
            last_capability=walls.last_capability,
            tmp=(TMP_FLAGS, TMP_OPTIONS % TMP),
            proc=PROC,
            handled=handled,
            of_files=landlock.OF_FILES,
            oom_score=OOM_SCORE,
            user_hint=USER_HINT,
            unified=[hierarchy.unified for hierarchy in cgroups.hierarchies],
            rules=[access for _fd, access in walls.rules],
            paths=list(OWN_RULES),
            kinds=kinds,
        )
        fds = [self.report_end.fileno(), *(hierarchy.fd for hierarchy in cgroups.hierarchies)]
        return profile, [*fds, *(fd for fd, _access in walls.rules)]

    def start(
        self, number: int, network: str, uid: int | None, group: Group | None, line: socket.socket
    ) -> tuple[int, int]:
        """Make a sandbox, whose first process waits for its call.

        Args:
            number: what it calls itself in its report.
            network: the kind.
            uid: the user that it becomes; None keeps the launcher's.
            group: its control group; None where there are none.
            line: on which it waits.

        Returns:
            The process's number and the namespace of mounts, for the parent; in the child this does not return.

        Raises:
            OSError: the kernel refuses.
        """
        flags = OWN | CLONE_NEWNET if network == "loopback" else OWN
        cgroup = group.fd if group is not None and group.fd is not None and self.tid_place else -1
        place = self.networks.inside(number) if network == "none" else contextlib.nullcontext()
        with place, self.template.new_mounts() as mounts:
            try:
                build_tmp(TMP, 0)
                pid = self.clone(flags, cgroup)
            except OSError:
                os.close(mounts)
                raise
            if pid == 0:
                join = None if group is None else lambda: group.attach(born_in=cgroup != -1)
                Sandbox(number, self.walls[network], uid, self.report_end.fileno(), line).become(join)
        return pid, mounts

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
            yield Things(tree, granted)
        finally:
            for fd in taken:
                os.close(fd)

    def furnish(self, mounts: int, request: dict[str, Any], things: Things, fds: list[int], uid: int | None) -> None:
        """Mount in a sandbox what its call sees.

        Args:
            mounts: the sandbox's namespace.
            request: see `program.py`.
            things: what was taken for the call.
            fds: what came with the request.
            uid: the user of the sandbox; None for the launcher's.

        Raises:
            OSError: something cannot be mounted; the text tells what.
        """
        own = [(things.tree, request["mount_at"], True), *things.granted]
        for _tree, path, is_folder in own:
            self.make_place(path, folder=is_folder)
        with self.template.inside(mounts):
            size, count = request["tmp"]
            if (size, count) != TMP:
                build_tmp((size, count), MS_REMOUNT)
            for tree, path, is_folder in own:
                if path.startswith("/tmp/"):  # noqa: S108  (the sandbox's own)
                    make_place(path[1:], None, folder=is_folder)
                kernel.attach_tree(tree, path)
            if request["secrets"]:
                build_secrets(request["secrets"], fds[4], uid)

    def read_reports(self) -> Iterator[Report]:
        """What first processes have reported since this was last called."""
        while True:
            try:
                data = self._reports.recv(1024)
            except BlockingIOError:
                return
            sandbox, code, number, cpu, maxrss = REPORT.unpack_from(data)
            yield Report(sandbox, code, number, data[REPORT.size :].decode(errors="replace"), cpu, maxrss)

    def clone(self, flags: int, cgroup: int) -> int:
        """Fork into namespaces, by whichever way this host has; in the maker, a child of the launcher."""
        if self.tid_place:
            return kernel.clone(flags | kernel.CLONE_PARENT, self.tid_place, cgroup)
        return kernel.fork_into(flags, self.template.pids)

    def make_place(self, path: str, *, folder: bool) -> None:
        """Make a mount point, unless it lies in what is mounted; where it cannot be made, mounting tells."""
        if (path, folder) in self.places or path.startswith(("/tmp/", *self.covered)):  # noqa: S108  (the sandbox's own)
            return
        with contextlib.suppress(OSError):
            self.template.make_place(path, folder=folder)
            if len(self.places) >= MAX_PLACES:
                self.places.clear()
            self.places.add((path, folder))


def build_tmp(room: tuple[int, int], flags: int) -> None:
    """Mount an empty /tmp, or change its bounds."""
    kernel.mount("tmp", "/tmp", "tmpfs", flags | TMP_FLAGS, TMP_OPTIONS % room)  # noqa: S108  (the sandbox's own)


def build_secrets(secrets: list[tuple[str, int]], content: int, uid: int | None) -> None:
    """Put secrets, which the launcher does not read, into a folder in memory.

    Args:
        secrets: names and sizes.
        content: what holds them, one after the other.
        uid: whom they are for; None for the launcher's user.
    """
    owner = os.geteuid() if uid is None else uid
    options = f"mode=500,uid={owner},gid={owner if uid is not None else os.getegid()}"
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    kernel.mount("secrets", SECRETS, "tmpfs", flags, f"{options},size={SECRETS_SIZE},nr_inodes=1024")
    at = 0
    for name, size in secrets:
        made = os.open(f"{SECRETS}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        try:
            if uid is not None:
                os.fchown(made, uid, uid)
            end = at + size
            while at < end:
                at += os.sendfile(made, content, at, end - at)
        finally:
            os.close(made)
    kernel.set_attributes(kernel.AT_FDCWD, SECRETS, kernel.ATTR_RDONLY, recursive=False)


def landlock_rules(spec: dict[str, Any]) -> list[tuple[int, int]]:
    """What all calls may do with the root that they have in common."""
    programs = [f"/{name}" for name in spec["programs"]]
    rules: list[tuple[str, int]] = [("/", landlock.READ), ("/dev", landlock.DEVICE)]
    rules += [(path, landlock.EXECUTE) for path in programs if os.path.isdir(path) and not os.path.islink(path)]  # noqa: PTH112, PTH114  (pathlib would double this small process)
    return [(os.open(path, os.O_PATH | os.O_CLOEXEC), access) for path, access in rules]


def landlock_rules_of(request: dict[str, Any]) -> list[tuple[str, int]]:
    """What a call may do with what it alone sees."""
    granted = [(path, landlock.WRITE if writable else landlock.READ) for _source, path, writable in request["paths"]]
    return [(request["mount_at"], landlock.EXECUTE), *granted]
