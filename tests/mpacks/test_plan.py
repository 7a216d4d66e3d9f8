"""Plans, made of a tree that is a table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from registry_service.mpacks.layout import BASE_FOLDERS, Wanted
from registry_service.mpacks.plan import (
    Given,
    MakeFolder,
    MakeLink,
    Place,
    Plan,
    Remove,
    RemoveFolder,
    find_collisions,
    plan_installation,
    plan_removal,
)
from registry_service.mpacks.trees import What


@dataclass(frozen=True)
class Table:
    """Paths that end in `/` are folders, those with an arrow links."""

    said: tuple[str, ...]

    def what(self, path: str) -> What:
        if f"{path}/" in self.said or any(one.startswith(f"{path}/") for one in self.said):
            return What.FOLDER
        if path in self.said:
            return What.FILE
        return What.LINK if self.target(path) else What.MISSING

    def names(self, path: str) -> list[str]:
        below = (one.partition(" -> ")[0].removeprefix(f"{path}/") for one in self.said if one.startswith(f"{path}/"))
        return sorted({name.split("/")[0] for name in below if name})

    def target(self, path: str) -> str:
        return next((one.partition(" -> ")[2] for one in self.said if one.startswith(f"{path} -> ")), "")


BASE = tuple(f"{folder}/" for folder in BASE_FOLDERS)
NEW = Place("mpacks/foo-1.0", "unpacked")


NOTHING = Given({}, ())


def plan(tree: Table, *wanted: Wanted, given: Given = NOTHING, **more: object) -> Plan:
    said: dict[str, object] = {"removed": (), "emptied": (), "replaceable": (), **more}
    return plan_installation(tree, given, "foo-1.0", wanted, [NEW], **said)  # type: ignore[arg-type]  # a table


def test_everything_that_is_missing_is_made_in_order() -> None:
    made = plan(Table(()), Wanted("extensions/EXT/1.0", "ext/EXT/1.0"))
    folders = [step.path for step in made.steps if isinstance(step, MakeFolder)]
    assert folders == sorted({*BASE_FOLDERS, "extensions/EXT"})
    assert made.steps[len(folders) :] == (NEW, MakeLink("extensions/EXT/1.0", "../../mpacks/foo-1.0/ext/EXT/1.0"))
    assert made.links == {"extensions/EXT/1.0": "../../mpacks/foo-1.0/ext/EXT/1.0"}
    assert made.folders == ("extensions/EXT",)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("stacks/a.py", "../mpacks/foo-1.0/src"),
        ("stacks/S/1/services/X", "../../../../mpacks/foo-1.0/src"),
        ("dashboards/service-metrics/X.txt", "../../mpacks/foo-1.0/src"),
    ],
)
def test_links_are_relative(path: str, target: str) -> None:
    assert plan(Table(BASE), Wanted(path, "src")).links == {path: target}


def test_a_folder_that_somebody_else_made_is_not_owned() -> None:
    tree = Table((*BASE, "extensions/EXT/", "extensions/OLD/"))
    wanted = [Wanted(f"extensions/{name}/1", "a") for name in ("EXT", "OLD", "NEW")]
    assert plan(tree, *wanted, given=Given({}, {"extensions/OLD"})).folders == ("extensions/NEW", "extensions/OLD")


def test_what_needs_a_folder_that_is_missing_is_left_out() -> None:
    addons = [Wanted(f"stacks/{key}/services/X", "x", needs=f"stacks/{key}") for key in ("S/1", "S/2", "OWN/1")]
    made = plan(Table((*BASE, "stacks/S/1/")), *addons, Wanted("stacks/OWN/1/metainfo.xml", "m"))
    assert set(made.links) == {"stacks/S/1/services/X", "stacks/OWN/1/services/X", "stacks/OWN/1/metainfo.xml"}
    assert made.warnings == ("There is no stacks/S/2; X is not added to it",)


def test_what_is_optional_gives_way() -> None:
    path = "dashboards/grafana-dashboards/X"
    made = plan(Table((*BASE, f"{path}/")), Wanted(path, "boards", "exists already"))
    assert made.links == {}
    assert made.warnings == ("exists already",)


@pytest.mark.parametrize(
    ("said", "given", "found"),
    [
        ("extensions/E/1 -> x", {"extensions/E/1": "bar-1"}, ["extensions/E/1 is there already, of bar-1"]),
        ("extensions/E/1 -> x", {}, ["extensions/E/1 is there already, as a link"]),
        ("extensions/E/1/", {}, ["extensions/E/1 is there already, as a folder"]),
        ("extensions/E", {}, ["extensions/E is a file, no folder"]),
        ("extensions/E -> elsewhere", {}, ["extensions/E is a link, no folder"]),
        ("mpacks/foo-1.0/", {}, ["mpacks/foo-1.0 is there already, as a folder"]),
        ("extensions/E/2/", {}, []),
    ],
)
def test_collisions_are_found_before_anything_is_touched(said: str, given: dict[str, str], found: list[str]) -> None:
    tree, known = Table((*BASE, said)), Given(given, ())
    assert find_collisions(tree, plan(tree, Wanted("extensions/E/1", "e"), given=known), known) == found


def test_links_of_a_pack_that_gives_way_are_replaced() -> None:
    tree = Table((*BASE, "extensions/E/1 -> old"))
    known = Given({"extensions/E/1": "foo-0.9"}, ())
    made = plan(tree, Wanted("extensions/E/1", "e"), given=known, replaceable=["foo-0.9"])
    assert made.steps == (Remove("extensions/E/1"), NEW, MakeLink("extensions/E/1", "../../mpacks/foo-1.0/e"))
    assert find_collisions(tree, made, known) == []


def test_what_lies_below_something_that_goes_goes_with_it() -> None:
    tree = Table((*BASE, "stacks/S/1/services/X -> x"))
    made = plan(tree, Wanted("stacks/S/1/m", "m"), removed={"stacks/S", "stacks/S/1/services/X"})
    assert [step.path for step in made.steps if isinstance(step, Remove)] == ["stacks/S"]
    assert [step.path for step in made.steps if isinstance(step, MakeFolder)] == ["stacks/S", "stacks/S/1"]


def test_only_what_is_empty_then_goes() -> None:
    links = ("extensions/A/1 -> x", "extensions/B/1 -> x", "stacks/S/1/services/X -> x")
    tree = Table((*BASE, *links, "extensions/B/mine"))
    emptied = {"extensions/A", "extensions/B", "stacks/S", "stacks/S/1", "stacks/S/1/services", "extensions"}
    made = plan_removal(tree, {link.partition(" -> ")[0] for link in links}, emptied)
    assert [step.path for step in made.steps if isinstance(step, RemoveFolder)] == [
        "stacks/S/1/services",
        "stacks/S/1",
        "extensions/A",
        "stacks/S",
    ]
