"""What is to be moved, made and removed for an operation: found out before anything is touched."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry_service.mpacks.errors import refused
from registry_service.mpacks.layout import BASE_FOLDERS, Wanted
from registry_service.mpacks.trees import Tree, What


@dataclass(frozen=True, slots=True)
class Remove:
    """What is at a path goes, with all that is below it."""

    path: str


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """A folder goes, if it is empty by then."""

    path: str


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """A folder is made where nothing is."""

    path: str


@dataclass(frozen=True, slots=True)
class MakeLink:
    """A link is made where nothing is."""

    path: str
    target: str
    """Relative to the folder of the link."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that was prepared is moved to where nothing is."""

    path: str
    prepared: str
    """Its name in the operation's own folder."""


Step = Remove | RemoveFolder | MakeFolder | MakeLink | Place


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order, and what the pack owns after them."""

    steps: tuple[Step, ...]
    links: Mapping[str, str]
    """What each link says."""
    folders: tuple[str, ...]
    """Folders that are the packs' own and in which this one has something."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What there is besides the tree itself."""

    owners: Mapping[str, str]
    """To which pack, by the name of its folder, each link belongs."""
    folders: Collection[str]
    """Folders that packs have made."""


def plan_installation(
    tree: Tree,
    given: Given,
    folder: str,
    wanted: Sequence[Wanted],
    placed: Iterable[Place],
    removed: Collection[str],
    emptied: Collection[str],
    replaceable: Collection[str],
) -> Plan:
    """Plan what puts a pack in its place.

    Args:
        tree: the resources directory.
        given: what else there is.
        folder: the name of the pack's folder in `mpacks`.
        wanted: the links it wants.
        placed: what else gets a place: its folder, its archive, its manifest.
        removed: what goes first.
        emptied: folders that go as well where nothing is left in them.
        replaceable: the packs, by the names of their folders, whose links may be replaced.

    Raises:
        GraftError: MPACK_COLLISION.
    """
    own, warnings = _possible(tree, wanted, removed)
    replaced = {one.path for one in own if given.owners.get(one.path) in replaceable and _is_link(tree, one.path)}
    removed = _topmost({*removed, *replaced})
    going = _Going(tree, set(removed))
    own = list(_untaken(own, going, warnings))
    made = _missing_folders([one.path for one in own], going)
    leftover = going.take_empty(emptied, keep=[one.path for one in own])
    links = {one.path: _target(one, folder) for one in own}
    placements = list(placed)
    base = [one for one in _with_parents(BASE_FOLDERS) if going.what(one) is What.MISSING and one not in made]
    steps: list[Step] = [
        *(Remove(path) for path in sorted(removed)),
        *(RemoveFolder(path) for path in leftover),
        *(MakeFolder(path) for path in sorted({*base, *made})),
        *placements,
        *(MakeLink(path, target) for path, target in links.items()),
    ]
    used = {parent for path in links for parent in _parents(path)}
    folders = {path for path in used if path in made or path in given.folders} - set(BASE_FOLDERS)
    return Plan(tuple(steps), links, tuple(sorted(folders)), tuple(warnings))


def plan_removal(tree: Tree, removed: Collection[str], emptied: Collection[str], placed: Iterable[Place] = ()) -> Plan:
    """Plan what removes packs; see `plan_installation`."""
    removed = _topmost(removed)
    leftover = _Going(tree, set(removed)).take_empty(emptied, keep=())
    steps: list[Step] = [
        *(Remove(path) for path in sorted(removed)),
        *(RemoveFolder(path) for path in leftover),
        *placed,
    ]
    return Plan(tuple(steps), {}, ())


class _Going:
    """The tree as it is once some of it is gone."""

    def __init__(self, tree: Tree, removed: set[str]) -> None:
        self._tree = tree
        self._removed = removed

    def what(self, path: str) -> What:
        if path in self._removed or any(parent in self._removed for parent in _parents(path)):
            return What.MISSING
        return self._tree.what(path)

    def take_empty(self, folders: Collection[str], keep: Collection[str]) -> list[str]:
        """Return the folders in which nothing is left, the deepest first, and let them go."""
        kept = {parent for path in keep for parent in _parents(path)} | set(BASE_FOLDERS)
        taken = []
        for folder in sorted(set(folders) - kept, key=lambda path: (-path.count("/"), path)):
            if self.what(folder) is What.FOLDER and all(
                f"{folder}/{name}" in self._removed for name in self._tree.names(folder)
            ):
                taken.append(folder)
                self._removed.add(folder)
        return taken


def _possible(tree: Tree, wanted: Sequence[Wanted], removed: Collection[str]) -> tuple[list[Wanted], list[str]]:
    """Leave out what needs a folder that is not there; return the rest, and warnings."""
    going = _Going(tree, set(removed))
    made = {parent for one in wanted if not one.needs for parent in _parents(one.path)}
    own, warnings = [], []
    for one in wanted:
        if one.needs and one.needs not in made and going.what(one.needs) is What.MISSING:
            warnings.append(f"There is no {one.needs}; {posixpath.basename(one.path)} is not added to it")
        else:
            own.append(one)
    return own, warnings


def _untaken(wanted: Iterable[Wanted], going: _Going, warnings: list[str]) -> Iterator[Wanted]:
    for one in wanted:
        if one.optional and going.what(one.path) is not What.MISSING:
            warnings.append(one.optional)
        else:
            yield one


def find_collisions(tree: Tree, plan: Plan, given: Given) -> list[str]:
    """Return what is in the way of a plan."""
    going = _Going(tree, {step.path for step in plan.steps if isinstance(step, (Remove, RemoveFolder))})
    found = []
    for step in plan.steps:
        if isinstance(step, (Remove, RemoveFolder)):
            continue
        what = going.what(step.path)
        if what is not What.MISSING:
            owner = given.owners.get(step.path)
            found.append(f"{step.path} is there already, {f'of {owner}' if owner else f'as {what.value}'}")
        found += [
            f"{parent} is {going.what(parent).value}, no folder"
            for parent in _parents(step.path)
            if going.what(parent) not in {What.MISSING, What.FOLDER}
        ]
    return list(dict.fromkeys(found))


def refuse_collisions(tree: Tree, plan: Plan, given: Given, folder: str) -> None:
    """Raise MPACK_COLLISION where something is in the way."""
    found = find_collisions(tree, plan, given)
    if found:
        raise refused("MPACK_COLLISION", f"Management pack {folder} collides with what is there:", found)


def _missing_folders(paths: Iterable[str], going: _Going) -> set[str]:
    return {parent for path in paths for parent in _parents(path) if going.what(parent) is What.MISSING}


def _topmost(paths: Collection[str]) -> set[str]:
    """Leave out what lies below another of the paths, and goes with it."""
    return {path for path in paths if not any(parent in paths for parent in _parents(path))}


def _target(one: Wanted, folder: str) -> str:
    return posixpath.relpath(f"mpacks/{folder}/{one.source}", posixpath.dirname(one.path) or ".")


def _is_link(tree: Tree, path: str) -> bool:
    return tree.what(path) is What.LINK


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _with_parents(paths: Iterable[str]) -> list[str]:
    return sorted({one for path in paths for one in (*_parents(path), path)})
