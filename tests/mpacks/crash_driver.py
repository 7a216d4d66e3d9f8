"""Kills a process after each single step of an operation, lets another recover, and tells what was found.

Run as a program of its own, so that it can fork before there are threads: `crash_driver.py SCENARIO FOLDER STRIDE`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from registry_service.mpacks.values import Hook, HookOutcome, InstallOptions
from registry_service.store.change import Change
from registry_service.store.store import Store
from support.packs import (
    ADMIN,
    REQUEST,
    Place,
    artifact,
    extension_pack,
    metadata,
    open_place,
    service,
    snapshot,
    write_pack,
)
from support.resources import Resources

KILLED = 9
_CHANGING = ("rename", "replace", "mkdir", "rmdir", "unlink", "remove", "symlink", "link", "fsync")


class Hooks:
    async def run(self, hook: Hook, tree: Path) -> HookOutcome:
        assert (tree / hook.script).is_file()
        return HookOutcome(0)


Act = Callable[[Place, Path], Awaitable[object]]


async def prepare(folder: Path) -> None:
    """Two stacks, a pack of version 1.0 that is installed and linked, and another that owns something beside it."""
    tree = Resources(folder / "resources")
    tree.stack("HDP/2.4", HDFS="")
    tree.stack("HDP/2.5", "<extends>2.4</extends>")
    tree.write("stacks/stack_advisor.py", "# stays")
    shared = {"extensions/README.txt": "about EXT"}
    hooks = [{"name": name, "type": "shell", "script": "hook.sh"} for name in ("before-upgrade", "after-upgrade")]
    for version, extensions in {
        "1.0": {"EXT/1.0": "OOZIE", "OLD/1.0": "OLD"},
        "1.1": {"EXT/1.1": "OOZIE", "EXT/1.2": "OOZIE"},
        "1.0.0.1": {"SIDE/1.0": "SIDE"},
    }.items():
        files = extension_pack("foo", version, extensions, hooks=hooks) | {"hook.sh": "exit 0"}
        write_pack(folder / f"foo-{version}.tar.gz", f"foo-{version}", files | (shared if version != "1.0.0.1" else {}))
    stack = {
        "mpack.json": metadata("stacked", "2.0", artifacts=[artifact("stack-definitions", "stacks")]),
        "stacks/HDP/2.4/metainfo.xml": "<metainfo/>",
        "stacks/HDP/2.4/services/HDFS/metainfo.xml": service("HDFS"),
        "stacks/HDP/2.5/metainfo.xml": "<metainfo><extends>2.4</extends></metainfo>",
    }
    write_pack(folder / "stacked-2.0.zip", "stacked", stack)
    async with open_place(folder, Hooks()) as place:
        for version in ("1.0.0.1", "1.0"):
            await place.mpacks.install(ADMIN, folder / f"foo-{version}.tar.gz", InstallOptions(), REQUEST)


async def with_links(folder: Path) -> None:
    await prepare(folder)
    async with open_place(folder, Hooks()) as place:
        await place.mpacks.uninstall(ADMIN, "foo", REQUEST, version="1.0.0.1")
        await place.link("EXT/1.0", "HDP/2.4")
        await place.link("EXT/1.0", "HDP/2.5")


async def empty(folder: Path) -> None:
    await prepare(folder)
    shutil.rmtree(folder / "resources")
    # The folder for packs is made once and for all, before anything is begun.
    (folder / "resources/mpacks").mkdir(parents=True)
    async with open_place(folder, Hooks()):
        pass


async def vanished(folder: Path) -> None:
    """A link whose extension version was removed by hand: it leads to what the pack will bring."""
    await prepare(folder)
    async with open_place(folder, Hooks()) as place:
        await place.link("EXT/1.0", "HDP/2.4")
    for path in ("extensions/EXT", "extensions/OLD", "extensions/README.txt", "mpacks/foo-1.0", "mpacks/.manifests"):
        gone = folder / "resources" / path
        gone.unlink() if gone.is_file() else shutil.rmtree(gone)
    async with open_place(folder, Hooks()):
        pass


async def install(place: Place, folder: Path) -> None:
    await place.mpacks.install(ADMIN, folder / "foo-1.0.tar.gz", InstallOptions(), REQUEST)


async def force(place: Place, folder: Path) -> None:
    await place.mpacks.install(ADMIN, folder / "foo-1.0.tar.gz", InstallOptions(force=True), REQUEST)


async def purge(place: Place, folder: Path) -> None:
    options = InstallOptions(purge=("stack-definitions", "extension-definitions", "mpacks"))
    await place.mpacks.install(ADMIN, folder / "stacked-2.0.zip", options, REQUEST)


async def upgrade(place: Place, folder: Path) -> None:
    await place.mpacks.upgrade(ADMIN, folder / "foo-1.1.tar.gz", REQUEST)


async def uninstall(place: Place, folder: Path) -> None:
    await place.mpacks.uninstall(ADMIN, "foo", REQUEST, version="1.0")


SCENARIOS: dict[str, tuple[Callable[[Path], Coroutine[Any, Any, None]], Act]] = {
    "install": (empty, install),
    "bring back": (vanished, install),
    "force": (prepare, force),
    "purge": (prepare, purge),
    "upgrade": (with_links, upgrade),
    "uninstall": (prepare, uninstall),
}


def kill_after(number: int) -> None:
    """End this process, without any tidying up, after so many steps that change something."""
    made = 0

    def count() -> None:
        nonlocal made
        made += 1
        if made == number:
            os._exit(KILLED)

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*args: Any, **kwargs: Any) -> Any:
            result = act(*args, **kwargs)
            count()
            return result

        return acted

    for name in _CHANGING:
        setattr(os, name, counted(getattr(os, name)))
    change = Store.change

    @asynccontextmanager
    async def counted_change(store: Store) -> AsyncIterator[Change]:
        async with change(store) as changing:
            yield changing
            count()
        count()

    Store.change = counted_change  # type: ignore[method-assign]  # a kill just before a commit, and just after it


def in_child(act: Callable[[], Coroutine[Any, Any, object]]) -> tuple[int, Any]:
    """Do something in a forked process; return its exit code and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        result = asyncio.run(act())
        with os.fdopen(writing, "w") as pipe:
            json.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), json.loads(said) if said else None


async def look(folder: Path) -> Any:
    async with open_place(folder, Hooks()) as place:
        found = {name: list(what) for name, what in snapshot(place.root).items()}
        staging = place.root / "mpacks/.staging"
        left = [path.name for path in staging.iterdir()] if staging.exists() else []
        packs = [pack.folder for pack in await place.mpacks.packs(ADMIN)]
        links = {str(number): link for number, link in (await place.linked()).items()}
        return {"tree": found, "links": links, "left": left, "packs": packs, "extensions": await place.extensions()}


def main(scenario: str, folder: Path, stride: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    make, act = SCENARIOS[scenario]
    template, work = folder / "template", folder / "work"
    template.mkdir()

    def fresh() -> None:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(template, work, symlinks=True)

    async def do(number: int = 0) -> None:
        async with open_place(work, Hooks()) as place:
            if number:
                kill_after(number)
            await act(place, work)

    # The replay log names absolute paths, so that everything is made where it is used.
    template.rename(work)
    in_child(lambda: make(work))
    work.rename(template)
    fresh()
    _, before = in_child(lambda: look(work))
    in_child(do)
    _, after = in_child(lambda: look(work))
    points, results, code = 1 - stride, {"before": 0, "after": 0}, KILLED
    while code == KILLED:
        points += stride
        fresh()
        code, _ = in_child(partial(do, points))
        _, found = in_child(lambda: look(work))
        if found not in (before, after):
            odd = {key: (before[key], after[key], found[key]) for key in found if found[key] != after[key]}
            print(json.dumps({"point": points, "found": odd}))
            return
        results["before" if found == before else "after"] += 1
    print(json.dumps({"points": points, "code": code, **results, "changed": before != after}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
