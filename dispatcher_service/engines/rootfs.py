"""What a sandboxed call sees of the file system: a read-only skeleton, the system's programs, a private /tmp.

The skeleton is a folder, built once for each launcher: every mount point, link and small file that all calls share.
bubblewrap binds it read-only as the root and mounts the rest on it, which takes fewer steps for each call than letting
it make them.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import NamedTuple

SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Beside /usr: links into it on today's systems, folders of their own on older ones."""
ETC_BOUND = (
    "ld.so.cache",
    "alternatives",
    "ssl/certs",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "crypto-policies",
)
"""Of /etc, bound as they are, so that a package update counts at once; none holds a secret."""
ETC_COPIED = ("localtime", "timezone", "protocols", "services", "mime.types", "ssl/openssl.cnf", "bash.bashrc")
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {
    "dev/fd": "/proc/self/fd",
    "dev/stdin": "/proc/self/fd/0",
    "dev/stdout": "/proc/self/fd/1",
    "dev/stderr": "/proc/self/fd/2",
    "dev/shm": "../tmp",  # one bound for both
    "var/tmp": "../tmp",
    "etc/os-release": "../usr/lib/os-release",
    "etc/mtab": "/proc/self/mounts",
}
INNER_UID = INNER_GID = 1000
FILES = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\ngraft:x:1000:1000:graft:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\ngraft:x:1000:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost graft\n::1 localhost graft\n",
    "etc/hostname": "graft\n",
    "etc/resolv.conf": "",
    "etc/nsswitch.conf": "".join(f"{database}: files\n" for database in ("passwd", "group", "services", "protocols"))
    + "hosts: files dns\n",
}
RESOLVER = ("etc/resolv.conf", "etc/hosts")
"""Shown as the host has them to a call that is granted the host's network."""
KEPT = ("/proc", "/dev")
"""Nothing may be mounted at or below these."""


class Bind(NamedTuple):
    """Something of the host that calls see."""

    source: str
    target: str
    writable: bool = False
    """To be read and written; everything else is read-only."""


CHECKED = 1024
"""How many places are remembered at which something may be mounted."""


class Skeleton:
    """The root folder of all calls of one launcher, and how bubblewrap is to mount it.

    Args:
        root: an empty folder that a call's user can reach.
        host: where the system's own root is; another one only in tests.
    """

    def __init__(self, root: Path, host: Path = Path("/")) -> None:
        self._root = root
        self._host = host
        self._mounted: list[str] = ["/tmp"]  # noqa: S108  (the sandbox's own)
        self.binds: list[Bind] = []
        """What is mounted on the root, in this order."""
        self._ready: set[str] = set()
        self._checked: dict[str, PurePosixPath] = {}
        self._build_system()
        self._build_etc()
        self._build_rest()

    def _build_system(self) -> None:
        for name in ("usr", "etc", "dev", "proc", "tmp", "var", "run", "root", "home", "opt"):
            self._folder(name)
        self._bind("usr")
        for name in SYSTEM_FOLDERS:
            system = self._host / name
            if system.is_symlink():
                (self._root / name).symlink_to(system.readlink())
            elif system.is_dir():
                self._folder(name)
                self._bind(name)

    def _build_etc(self) -> None:
        for name in ETC_BOUND:
            system = self._host / "etc" / name
            if system.is_dir():
                self._folder(f"etc/{name}")
                self._bind(f"etc/{name}")
            elif system.is_file():
                self._file(f"etc/{name}", "")
                self._bind(f"etc/{name}")
        for name in ETC_COPIED:
            system = self._host / "etc" / name
            if system.is_file():
                self._folder(str(PurePosixPath("etc", name).parent))
                shutil.copyfile(system, self._root / "etc" / name)
                (self._root / "etc" / name).chmod(0o644)

    def _build_rest(self) -> None:
        for name, text in FILES.items():
            self._file(name, text)
        for name in DEVICES:
            self._file(f"dev/{name}", "")
            self.binds.append(Bind(f"/dev/{name}", f"/dev/{name}", writable=True))
        for name, target in LINKS.items():
            if not (self._root / name).is_symlink():
                (self._root / name).symlink_to(target)

    def _folder(self, name: str) -> None:
        path = self._root
        for part in PurePosixPath(name).parts:
            path = path / part
            if not path.is_dir():
                path.mkdir()
                path.chmod(0o755)

    def _file(self, name: str, text: str) -> None:
        self._folder(str(PurePosixPath(name).parent))
        path = self._root / name
        path.write_text(text)
        path.chmod(0o644)

    def _bind(self, name: str) -> None:
        self.binds.append(Bind(str(self._host / name), f"/{name}"))
        self._mounted.append(f"/{name}")

    def arguments(self, tmp_size: int) -> list[str]:
        """Give bubblewrap's options that build the root; what comes after them mounts on top."""
        return [
            *("--ro-bind", str(self._root), "/"),
            *(word for bind in self.binds for word in ("--dev-bind" if bind.writable else "--ro-bind", *bind[:2])),
            *("--proc", "/proc", "--remount-ro", "/proc"),
            *("--perms", "1777", "--size", str(tmp_size), "--tmpfs", "/tmp"),  # noqa: S108  (the sandbox's own)
        ]

    def resolver(self) -> list[Bind]:
        """The files by which the host finds others on its network, as far as it has them."""
        found = ((self._host / name).resolve() for name in RESOLVER)
        return [Bind(str(file), f"/{name}") for name, file in zip(RESOLVER, found, strict=True) if file.is_file()]

    def check_place(self, path: str) -> PurePosixPath:
        """Make sure that something may be mounted at a path.

        Raises:
            ValueError: it may not, and why.
        """
        known = self._checked.get(path)
        if known is not None:  # what follows takes longer than all that is done for most calls
            return known
        pure = PurePosixPath(path)
        if not pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == "/" or path.startswith("//"):
            raise ValueError(f"{path!r} is not an absolute, normal path below /")
        for kept in KEPT:
            if pure.is_relative_to(kept):
                raise ValueError(f"nothing can be mounted below {kept}, so not at {path}")
        for mounted in (*self._mounted, "/etc", *(f"/{name}" for name in SYSTEM_FOLDERS)):
            if PurePosixPath(mounted).is_relative_to(pure):
                raise ValueError(f"a folder mounted at {path} would hide the system's {mounted}")
        if len(self._checked) < CHECKED:
            self._checked[path] = pure
        return pure

    def mount_point(self, path: str, *, file: bool = False) -> str:
        """Make sure that an extension's folder, or a file, can be mounted at a path.

        Raises:
            ValueError: it cannot, and why.
        """
        pure = self.check_place(path)
        if path not in self._ready:
            if not any(pure.is_relative_to(mounted) for mounted in self._mounted) and not self._is_linked(pure):
                name = str(pure.relative_to("/"))
                if not file:
                    self._folder(name)
                elif not (self._root / name).exists():
                    self._file(name, "")
            self._ready.add(path)
        return path

    def _is_linked(self, path: PurePosixPath) -> bool:
        return any((self._root / folder.relative_to("/")).is_symlink() for folder in (path, *path.parents))
