"""Management packs for tests, and a registry's domain around them without its services."""

from __future__ import annotations

import io
import json
import stat
import tarfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry_service.clusters.clusters import Clusters
from registry_service.identity.values import Request, Session
from registry_service.library.library import Library
from registry_service.library.tree import Tree
from registry_service.links.ground import LinkSpec
from registry_service.links.links import Links
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.mpacks import Mpacks
from registry_service.mpacks.values import HookRunner
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock
from support.stores import with_tables

HIDDEN = {"mpacks/.lock", "mpacks/.staging", "mpacks/.manifests"}
REQUEST = Request("test", "request-1")


def session(*roles: str) -> Session:
    now = datetime.now(UTC)
    return Session("d" * 64, "uuid", "someone", "user-uuid", roles, "", now, now)


ADMIN = session("pool-admin")
READER = session("read-only")


@dataclass(frozen=True)
class Link:
    """A symbolic link in an archive."""

    target: str


Files = Mapping[str, "str | bytes | Link"]


def metadata(name: str = "foo", version: str = "1.0", **more: Any) -> str:
    said = {"type": "full-release", "name": name, "version": version, "description": "", "prerequisites": {}}
    return json.dumps(said | {"artifacts": []} | more)


def artifact(kind: str, source: str, **more: Any) -> dict[str, Any]:
    return {"name": kind, "type": kind, "source_dir": source, **more}


def needs(stack: str, version: str) -> str:
    return (
        f"<metainfo><prerequisites><min-stack-versions><stack><name>{stack}</name><version>{version}</version></stack>"
        "</min-stack-versions></prerequisites></metainfo>"
    )


def service(name: str, body: str = "") -> str:
    return (
        f"<metainfo><schemaVersion>2.0</schemaVersion><services><service><name>{name}</name>{body}"
        "</service></services></metainfo>"
    )


def extension_pack(
    name: str, version: str, extensions: Mapping[str, str], **more: Any
) -> dict[str, str | bytes | Link]:
    """Make the files of a pack with extension versions, each with one service: `{"EXT/1.0": "OOZIE"}`."""
    artifacts = [artifact("extension-definitions", "extensions")] if extensions else []
    files: dict[str, str | bytes | Link] = {"mpack.json": metadata(name, version, artifacts=artifacts, **more)}
    for key, brought in extensions.items():
        files[f"extensions/{key}/metainfo.xml"] = needs("HDP", "2.4")
        files[f"extensions/{key}/services/{brought}/metainfo.xml"] = service(brought)
    return files


def write_pack(path: Path, root: str, files: Files) -> Path:
    """Write an archive of the kind that its name tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(f"{root}/{name}")
                mode = stat.S_IFLNK | 0o777 if isinstance(content, Link) else stat.S_IFREG | 0o644
                info.external_attr = mode << 16
                archive.writestr(info, content.target if isinstance(content, Link) else content)
        return path
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]  # the mode is chosen by the name
        for name, content in files.items():
            info = tarfile.TarInfo(f"{root}/{name}")
            if isinstance(content, Link):
                info.type, info.linkname = tarfile.SYMTYPE, content.target
                tar.addfile(info)
            else:
                data = content.encode() if isinstance(content, str) else content
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def snapshot(root: Path) -> dict[str, tuple[str, ...]]:
    """Describe everything below a folder but what operations keep for themselves."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name in HIDDEN or name.startswith("mpacks/.staging/"):
            continue
        status = path.lstat()
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", oct(stat.S_IMODE(status.st_mode)))
        else:
            content = "" if name.startswith("mpacks/.manifests/") else path.read_bytes().hex()
            found[name] = ("file", oct(stat.S_IMODE(status.st_mode)), content)
    return found


@dataclass
class Place:
    """The part of a registry that packs have to do with."""

    root: Path
    store: Store
    links: Links
    library: Library
    mpacks: Mpacks
    clusters: Clusters

    async def link(self, extension: str, stack: str) -> int:
        spec = LinkSpec(*stack.split("/"), *extension.split("/"))
        made, *_ = await self.links.create(ADMIN, [spec], REQUEST)
        return made[0].id

    async def linked(self) -> dict[int, str]:
        ground = await self.links.ground()
        return {
            link.id: f"{link.extension_name}/{link.extension_version}" + (" !" if link.problem else "")
            for link in ground.all_links()
        }

    async def extensions(self) -> list[str]:
        ground = await self.links.ground()
        return sorted(f"{name}/{version}" for name, found in ground.catalog.extensions.items() for version in found)


@asynccontextmanager
async def open_place(
    folder: Path, hooks: HookRunner | None = None, *, read: bool = True, bounds: Bounds | None = None
) -> AsyncIterator[Place]:
    """Open the resources directory `folder/resources` with the database `folder/registry.db`."""
    root = folder / "resources"
    tuning = Tuning()
    store = await Store.open(f"sqlite:///{with_tables(folder, 'registry') / 'registry.db'}", tuning.now)
    async with store.read() as view:
        clock = RevisionClock((await view.revisions()).current)
    store.on_commit = clock.advance
    links = Links(store, clock, tuning)
    library = Library(Tree(root, folder / "cache"), links, store, tuning)
    mpacks = Mpacks(root, "2.7.8", store, links, library, hooks, tuning, bounds)
    try:
        await mpacks.recover()
        if read:
            async with library.held():
                pass
        yield Place(root, store, links, library, mpacks, Clusters(links, tuning))
    finally:
        await mpacks.close()
        await library.stop()
        await store.close()
