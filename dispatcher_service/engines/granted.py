"""What a call was granted beyond its sandbox, made ready to be mounted: paths, and roots with places for them."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from dispatcher_service.engines.base import TASK, Access
from dispatcher_service.engines.executables import CannotRun
from dispatcher_service.engines.rootfs import Skeleton
from dispatcher_service.engines.stdio import close_quietly

MAX_PATHS = 16
"""Granted paths of one call; each takes a descriptor on the way to its sandbox."""
MAX_ROOTS = 64
SECRETS = "/run/secrets"
"""The folder inside that holds a call's secrets."""


@dataclass(frozen=True, slots=True)
class Granted:
    """One path of the host that a call sees, held open so that what is mounted is what was looked at."""

    fd: int
    path: str
    folder: bool
    writable: bool
    at: str = ""
    """Where it is seen, unless that is at the same place."""

    @property
    def place(self) -> str:
        """Where it is seen."""
        return self.at or self.path


def open_granted(access: Access) -> list[Granted]:
    """Open the paths that were granted, those to write last where one is granted both ways.

    Raises:
        CannotRun: one is not there, or is reached over a symbolic link, which somebody could turn.
    """
    wanted = dict.fromkeys(access.read, False) | dict.fromkeys(access.write, True)
    if len(wanted) > MAX_PATHS:
        raise CannotRun(f"{len(wanted)} paths were granted to it, at most {MAX_PATHS} can be")
    opened: list[Granted] = []
    try:
        for path, writable in wanted.items():
            opened.append(_open(path, writable=writable))
        if access.task:
            opened.append(replace(_open(access.task, writable=True), at=TASK))
    except BaseException:
        close_quietly([granted.fd for granted in opened])
        raise
    return opened


def _open(path: str, *, writable: bool) -> Granted:
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise CannotRun(f"the granted path {path} cannot be opened: {error.strerror}") from None
    try:
        real = str(Path(f"/proc/self/fd/{fd}").readlink())
        mode = os.fstat(fd).st_mode
    except OSError:
        os.close(fd)
        raise
    if real != path or stat.S_ISLNK(mode):
        os.close(fd)
        raise CannotRun(f"the granted path {path} leads over a symbolic link to {os.path.realpath(path)}: grant that")
    return Granted(fd, path, stat.S_ISDIR(mode), writable)


FIRST_PASSED = 3
"""The number of the first descriptor of a call after the standard three."""


class Passed:
    """The descriptors that the launcher gets for one call, and those of them that it shows at other places.

    As root, what a call sees is shown at a place of Graft's own, to this call alone: the user that it runs as might not
    be able to walk to where it lies.

    Args:
        places: a folder for these places, which every user can reach.
    """

    def __init__(self, places: Path) -> None:
        self._places = places
        self.fds: list[int] = []
        self.binds: list[tuple[int, str]] = []
        """For `Request.binds`."""

    def add(self, fd: int) -> int:
        """Pass a copy of a descriptor; give its number there."""
        self.fds.append(os.dup(fd))
        return FIRST_PASSED + len(self.fds) - 1

    def show(self, fd: int, *, folder: bool) -> str:
        """Have a file or folder shown; give its place."""
        number = self.add(fd)
        place = self._places / f"{'folder' if folder else 'file'}{number}"
        if not place.exists():
            place.mkdir() if folder else place.touch()
            place.chmod(0o755 if folder else 0o644)
        self.binds.append((number, str(place)))
        return str(place)

    def close(self) -> None:
        """Close them, when no launcher has taken them over."""
        close_quietly(self.fds)
        self.fds.clear()


@dataclass(slots=True)
class Root:
    """A root folder with places to mount at, and how many calls are in it."""

    path: Path
    skeleton: Skeleton
    users: int = 0


class Roots:
    """The root folders of a launcher's calls: one that most share, and one for each set of granted paths.

    Apart, so that no call sees from the empty places what was granted to another.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._roots: dict[frozenset[tuple[str, bool]], Root] = {}
        self.common = self._make()

    def _make(self) -> Root:
        path = self._folder / f"root{self._made}"
        self._made += 1
        path.mkdir()
        path.chmod(0o755)
        root = Root(path, Skeleton(path))
        (path / "tmp").chmod(0o1777)  # some OCI runtimes give what they mount there the mode that they find
        return root

    def take(self, granted: list[Granted], *, secrets: bool) -> Root:
        """The root for a call; give it back with `give_back`.

        Args:
            granted: its paths.
            secrets: whether it has any.

        Raises:
            CannotRun: a path cannot be mounted, or too many roots are in use.
        """
        places = {one.place: one.folder for one in granted} | ({SECRETS: True} if secrets else {})
        root = self._find(frozenset(places.items()))
        try:
            for path, folder in places.items():
                root.skeleton.mount_point(path, file=not folder)
        except ValueError as error:
            raise CannotRun(f"a granted path cannot be shown to it: {error}") from None
        root.users += 1
        return root

    def _find(self, key: frozenset[tuple[str, bool]]) -> Root:
        if not key:
            return self.common
        root = self._roots.pop(key, None)
        if root is None:
            if len(self._roots) >= MAX_ROOTS:
                idle = next((other for other, one in self._roots.items() if not one.users), None)
                if idle is None:
                    raise CannotRun(f"calls with more than {MAX_ROOTS} different sets of granted paths run at once")
                shutil.rmtree(self._roots.pop(idle).path, ignore_errors=True)
            root = self._make()
        self._roots[key] = root
        return root

    @staticmethod
    def give_back(root: Root) -> None:
        """Tell that a call is over."""
        root.users -= 1
