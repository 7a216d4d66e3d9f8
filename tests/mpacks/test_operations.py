"""Packs of the shapes that Ambari's own tests have, installed, upgraded and removed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from graft_common.errors import GraftError, service_unavailable
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.committing import Committer
from registry_service.mpacks.staging import Staging
from registry_service.mpacks.values import Done, Hook, HookOutcome, InstallOptions, Phase, Progress
from registry_service.store.change import Change
from registry_service.store.store import Store
from support.packs import (
    ADMIN,
    READER,
    REQUEST,
    Place,
    artifact,
    extension_pack,
    metadata,
    needs,
    open_place,
    service,
    session,
    snapshot,
    write_pack,
)
from support.resources import Resources

EXTENSIONS = [artifact("extension-definitions", "extensions")]


class Hooks:
    """Runs nothing, notes what it was given, and ends as it is told to."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str, str]] = []
        self.codes: dict[str, int] = {}

    async def run(self, hook: Hook, tree: Path) -> HookOutcome:
        self.ran.append((hook.name, hook.type, (tree / hook.script).read_text()))
        return HookOutcome(self.codes.get(hook.name, 0), "said", "what went wrong")


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    tree = Resources(tmp_path / "resources")
    tree.stack("HDP/2.4", HDFS="")
    tree.stack("HDP/2.5", "<extends>2.4</extends>")
    (tree.root / "mpacks").mkdir()
    return tree


@pytest.fixture
async def place(tmp_path: Path, tree: Resources, hooks: Hooks) -> AsyncIterator[Place]:
    async with open_place(tmp_path, hooks) as place:
        yield place


def write(place: Place, name: str, files: dict[str, Any]) -> Path:
    return write_pack(place.root.parent / f"{name}.tar.gz", name, files)


async def install(place: Place, archive: Path, **options: Any) -> Done:
    return await place.mpacks.install(ADMIN, archive, InstallOptions(**options), REQUEST)


async def refused(place: Place, code: str, act: Any) -> str:
    """See that something is refused and changes nothing; return why."""
    before = snapshot(place.root), await place.linked(), await place.extensions()
    with pytest.raises(GraftError) as caught:
        await act
    assert caught.value.code == code, caught.value
    assert (snapshot(place.root), await place.linked(), await place.extensions()) == before
    assert list((place.root / "mpacks/.staging").glob("*")) == []
    return "".join(caught.value.params)


def links(place: Place) -> dict[str, str]:
    return {name: what[1] for name, what in snapshot(place.root).items() if what[0] == "link"}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def myextension(place: Place) -> Path:
    """With the old form of prerequisites, which Ambari ignores and which makes it unlinkable."""
    old = "<metainfo><stacks><stack><name>HDP</name><version>2.4</version></stack></stacks></metainfo>"
    name = "myextension-ambari-mpack"
    files = {
        "mpack.json": metadata(name, "1.0.0.0", artifacts=EXTENSIONS, prerequisites={"min_ambari_version": "2.4.0.0"}),
        "extensions/MYEXTENSION/1.0/metainfo.xml": old,
        "extensions/MYEXTENSION/1.0/services/SVC/metainfo.xml": service("SVC"),
        "extensions/MYEXTENSION/1.1/metainfo.xml": "<metainfo><extends>1.0</extends></metainfo>",
    }
    return write(place, f"{name}-1.0.0.0", files)


def mystack(place: Place, version: str, services: tuple[str, ...], **more: Any) -> Path:
    name = "mystack-ambari-mpack"
    artifacts = [artifact("service-definitions", "common-services"), artifact("stack-definitions", "stacks")]
    files = {
        "mpack.json": metadata(name, version, artifacts=artifacts, **more),
        "stacks/stack_advisor.py": "# advice",
        "stacks/MYSTACK/metainfo.xml": "<metainfo/>",
        "stacks/MYSTACK/1.0/metainfo.xml": "<metainfo/>",
        "stacks/MYSTACK/1.0/repos/repoinfo.xml": "<reposinfo/>",
        "hooks/before.py": "print('before')",
        "hooks/after.sh": "echo after",
    }
    for one in services:
        folder = f"common-services/{one}/1.0.0"
        files[f"{folder}/metainfo.xml"] = service(one)
        files[f"{folder}/dashboards/grafana-dashboards/default/grafana-board.json"] = "{}"
        files[f"{folder}/dashboards/service-metrics/{one}.txt"] = "metrics"
        files[f"stacks/MYSTACK/1.0/services/{one}/metainfo.xml"] = service(one)
    return write(place, f"{name}-{version}", files)


def myservice(place: Place, **stack: str) -> Path:
    applicable = [{"stack_name": "HDP", "stack_version": "2.4"}, {"stack_name": "NONE", "stack_version": "1"}]
    mapping = [
        {"service_name": "MYSERVICE", "service_version": "1.0.0", "applicable_stacks": applicable},
        {"service_name": "MISSING", "service_version": "1.0.0", "applicable_stacks": applicable},
    ]
    artifacts = [
        artifact("service-definitions", "common-services"),
        artifact("stack-addon-service-definitions", "custom-services", service_versions_map=mapping),
        artifact("extension-definition", "old"),
    ]
    files = {
        "mpack.json": metadata("myservice", "1.0.0.0", artifacts=artifacts),
        "common-services/MYSERVICE/1.0.0/metainfo.xml": service("MYSERVICE"),
        "common-services/README": "left out",
        "custom-services/MYSERVICE/1.0.0/metainfo.xml": service("MYSERVICE"),
    }
    return write(place, "myservice-1.0.0.0", files)


async def test_an_extension_pack(place: Place) -> None:
    before = snapshot(place.root)
    done = await install(place, myextension(place))
    assert done.message == "Management pack myextension-ambari-mpack-1.0.0.0 successfully installed!"
    assert done.packs[0].extensions == (("MYEXTENSION", "1.0"), ("MYEXTENSION", "1.1"))
    home = "mpacks/myextension-ambari-mpack-1.0.0.0"
    assert links(place) == {
        "extensions/MYEXTENSION/1.0": f"../../{home}/extensions/MYEXTENSION/1.0",
        "extensions/MYEXTENSION/1.1": f"../../{home}/extensions/MYEXTENSION/1.1",
    }
    made = {name for name, what in snapshot(place.root).items() if what[0] == "folder" and not name.startswith(home)}
    assert made - set(before) == {
        *("extensions", "mpacks/cache", "common-services"),
        *("dashboards", "dashboards/grafana-dashboards", "dashboards/service-metrics", "extensions/MYEXTENSION"),
    }
    assert (place.root / f"mpacks/cache/{home[7:]}.tar.gz").read_bytes() == myextension(place).read_bytes()
    assert await place.extensions() == ["MYEXTENSION/1.0", "MYEXTENSION/1.1"]
    await place.mpacks.uninstall(ADMIN, "myextension-ambari-mpack", REQUEST)
    assert await place.extensions() == []
    assert not (place.root / "extensions/MYEXTENSION").exists()
    assert [name for name in snapshot(place.root) if name.startswith("mpacks/")] == [
        "mpacks/cache",
        "mpacks/mpacks_replay.log",
    ]
    assert (place.root / "mpacks/mpacks_replay.log").read_text() == ""


async def test_a_stack_pack_and_its_upgrade(place: Place, hooks: Hooks) -> None:
    said = [
        {"name": "before-install", "type": "python", "script": "hooks/before.py"},
        {"name": "after-install", "type": "shell", "script": "hooks/after.sh"},
        {"name": "before-upgrade", "type": "python", "script": "hooks/before.py"},
        {"name": "after-upgrade", "type": "shell", "script": "hooks/after.sh"},
    ]
    await install(place, mystack(place, "1.0.0.0", ("SERVICEA",), hooks=said))
    assert links(place)["dashboards/grafana-dashboards/SERVICEA"].endswith("/1.0.0/dashboards/grafana-dashboards")
    archive = mystack(place, "1.0.0.1", ("SERVICEA", "SERVICEB"), hooks=said)
    done = await place.mpacks.upgrade(ADMIN, archive, REQUEST)
    assert done.message == "Management pack mystack-ambari-mpack-1.0.0.1 successfully upgraded!"
    assert [pack.folder for pack in done.removed] == ["mystack-ambari-mpack-1.0.0.0"]
    home = "mpacks/mystack-ambari-mpack-1.0.0.1"
    expected = {
        "stacks/stack_advisor.py": f"../{home}/stacks/stack_advisor.py",
        "stacks/MYSTACK/metainfo.xml": f"../../{home}/stacks/MYSTACK/metainfo.xml",
        "stacks/MYSTACK/1.0/metainfo.xml": f"../../../{home}/stacks/MYSTACK/1.0/metainfo.xml",
        "stacks/MYSTACK/1.0/repos": f"../../../{home}/stacks/MYSTACK/1.0/repos",
    }
    for name in ("SERVICEA", "SERVICEB"):
        common = f"{home}/common-services/{name}/1.0.0"
        expected |= {
            f"stacks/MYSTACK/1.0/services/{name}": f"../../../../{home}/stacks/MYSTACK/1.0/services/{name}",
            f"common-services/{name}/1.0.0": f"../../{common}",
            f"dashboards/grafana-dashboards/{name}": f"../../{common}/dashboards/grafana-dashboards",
            f"dashboards/service-metrics/{name}.txt": f"../../{common}/dashboards/service-metrics/{name}.txt",
        }
    assert links(place) == expected
    assert hooks.ran == [
        ("before-install", "python", "print('before')"),
        ("after-install", "shell", "echo after"),
        ("before-upgrade", "python", "print('before')"),
        ("after-upgrade", "shell", "echo after"),
    ]
    ground = await place.links.ground()
    assert set(ground.catalog.stacks["MYSTACK", "1.0"].services) == {"SERVICEA", "SERVICEB"}
    cache = f"{place.root}/mpacks/cache"
    assert [(one.command, one.path, one.force) for one in await place.mpacks.operations(READER)] == [
        ("install-mpack", f"{cache}/mystack-ambari-mpack-1.0.0.0.tar.gz", False),
        ("upgrade-mpack", f"{cache}/mystack-ambari-mpack-1.0.0.1.tar.gz", True),
    ]
    await place.mpacks.uninstall(ADMIN, "mystack-ambari-mpack", REQUEST)
    assert links(place) == {}
    assert not (place.root / "stacks/MYSTACK").exists()
    assert names(place.root / "mpacks/cache") == []


async def test_an_addon_goes_to_the_stacks_that_are_there(place: Place) -> None:
    done = await install(place, myservice(place))
    assert links(place) == {
        "common-services/MYSERVICE/1.0.0": "../../mpacks/myservice-1.0.0.0/common-services/MYSERVICE/1.0.0",
        "stacks/HDP/2.4/services/MYSERVICE": "../../../../mpacks/myservice-1.0.0.0/custom-services/MYSERVICE/1.0.0",
    }
    assert done.warnings == (
        "common-services/README is no folder of a service, and left out",
        "service_versions_map names 'MISSING' '1.0.0', which custom-services/ lacks",
        "Unknown artifact extension-definition of type extension-definition",
        "There is no stacks/NONE/1; MYSERVICE is not added to it",
    )
    ground = await place.links.ground()
    assert set(ground.catalog.stacks["HDP", "2.4"].services) == {"HDFS", "MYSERVICE"}
    await place.mpacks.uninstall(ADMIN, "myservice", REQUEST)
    assert names(place.root / "stacks/HDP/2.4/services") == ["HDFS"]


async def test_one_version_does_not_touch_another_of_a_similar_name(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    await install(place, write(place, "foo-1.0.0.1", extension_pack("foo", "1.0.0.1", {"EXT/1.1": "A"})))
    await place.mpacks.uninstall(ADMIN, "foo", REQUEST, version="1.0")
    assert await place.extensions() == ["EXT/1.1"]
    assert [pack.folder for pack in await place.mpacks.packs(READER)] == ["foo-1.0.0.1"]
    assert names(place.root / "mpacks/cache") == ["foo-1.0.0.1.tar.gz"]
    # The folder that the first has made is the second's now.
    await place.mpacks.uninstall(ADMIN, "foo", REQUEST)
    assert not (place.root / "extensions/EXT").exists()


async def test_what_was_changed_since_is_left_alone(place: Place) -> None:
    await install(
        place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A", "EXT/2.0": "A", "OTHER/1": "B"}))
    )
    changed = place.root / "extensions/EXT/1.0"
    changed.unlink()
    changed.symlink_to("/somewhere/else")
    (place.root / "extensions/OTHER/notes.txt").write_text("mine")
    await place.mpacks.uninstall(ADMIN, "foo", REQUEST)
    assert links(place) == {"extensions/EXT/1.0": "/somewhere/else"}
    assert names(place.root / "extensions/OTHER") == ["notes.txt"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"extensions/README.txt": "x"}, "extensions/README.txt is there already, of first-1.0"),
        ({"extensions/EXT/1.0/metainfo.xml": needs("HDP", "2.4")}, "extensions/EXT/1.0 is there already, of first-1.0"),
        ({"extensions/MINE/1.0/metainfo.xml": "<metainfo/>"}, "extensions/MINE/1.0 is there already, as a folder"),
        ({"extensions/FILE/1.0/metainfo.xml": "<metainfo/>"}, "extensions/FILE is a file, no folder"),
        ({"extensions/AWAY/1.0/metainfo.xml": "<metainfo/>"}, "extensions/AWAY is a link, no folder"),
    ],
)
async def test_collisions(place: Place, tree: Resources, files: dict[str, str], said: str) -> None:
    tree.extension("MINE/1.0")
    tree.write("extensions/FILE", "a file")
    (place.root / "extensions/AWAY").symlink_to("MINE")
    first = extension_pack("first", "1.0", {"EXT/1.0": "A"}) | {"extensions/README.txt": "first"}
    await install(place, write(place, "first-1.0", first))
    second = write(place, "second-1.0", {"mpack.json": metadata("second", "1.0", artifacts=EXTENSIONS)} | files)
    for force in (False, True):
        text = await refused(place, "MPACK_COLLISION", install(place, second, force=force))
        assert said in text


async def test_installing_again(place: Place) -> None:
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    first = await install(place, archive)
    text = await refused(place, "MPACK_INSTALLED", install(place, archive))
    assert text == "Management pack foo-1.0 already installed!"
    other = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "B", "EXT/2.0": "B"}))
    again = await install(place, other, force=True)
    assert again.packs[0].id == first.packs[0].id
    assert await place.extensions() == ["EXT/1.0", "EXT/2.0"]
    ground = await place.links.ground()
    extension = ground.catalog.extension("EXT", "1.0")
    assert extension is not None
    assert set(extension.services) == {"B"}
    assert len(await place.mpacks.operations(READER)) == 1
    assert names(place.root / "mpacks/cache") == ["foo-1.0.tar.gz"]


async def test_force_must_not_take_away_what_is_linked(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A", "EXT/2.0": "A"})))
    await place.link("EXT/1.0", "HDP/2.4")
    less = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/2.0": "A"}))
    text = await refused(place, "MPACK_IN_USE", install(place, less, force=True))
    assert "link 1 needs it" in text


async def test_uninstalling_what_is_linked(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    link = await place.link("EXT/1.0", "HDP/2.4")
    text = await refused(place, "MPACK_IN_USE", place.mpacks.uninstall(ADMIN, "foo", REQUEST))
    assert f"link {link} needs it (stackName=HDP, stackVersion=2.4, extensionName=EXT, extensionVersion=1.0)" in text
    await place.links.remove(ADMIN, link, REQUEST)
    await place.mpacks.uninstall(ADMIN, "foo", REQUEST)


async def test_uninstalling_a_stack_that_is_linked(place: Place, tree: Resources) -> None:
    tree.extension("EXT/1.0", needs("MYSTACK", "1.0").removeprefix("<metainfo>").removesuffix("</metainfo>"), OOZIE="")
    await install(place, mystack(place, "1.0.0.0", ("SERVICEA",)))
    await place.link("EXT/1.0", "MYSTACK/1.0")
    text = await refused(place, "MPACK_IN_USE", place.mpacks.uninstall(ADMIN, "mystack-ambari-mpack", REQUEST))
    assert "Stack MYSTACK 1.0 is not in the resources directory" in text


async def test_uninstalling_what_another_extension_is_made_of(place: Place, tree: Resources) -> None:
    await install(place, myservice(place))
    inner = "<prerequisites><min-stack-versions><stack><name>HDP</name><version>2.4</version></stack></min-stack-versions></prerequisites>"
    tree.extension("EXT/1.0", inner, OTHER="<extends>common-services/MYSERVICE/1.0.0</extends>")
    async with place.library.held():
        pass
    await place.link("EXT/1.0", "HDP/2.5")
    text = await refused(place, "MPACK_IN_USE", place.mpacks.uninstall(ADMIN, "myservice", REQUEST))
    assert "would have no effect" in text


async def test_what_clusters_have_installed(place: Place) -> None:
    await install(place, mystack(place, "1.0.0.0", ("SERVICEA", "SERVICEB")))
    await install(place, myservice(place))
    await place.clusters.create(ADMIN, "c1", "HDP", "2.5", REQUEST)
    await place.clusters.add_services(ADMIN, "c1", ["MYSERVICE"], REQUEST)
    text = await refused(place, "MPACK_IN_USE", place.mpacks.uninstall(ADMIN, "myservice", REQUEST))
    assert text.endswith("service MYSERVICE is still installed on stack HDP 2.5")
    await place.clusters.create(ADMIN, "c2", "MYSTACK", "1.0", REQUEST)
    await place.clusters.add_services(ADMIN, "c2", ["SERVICEB"], REQUEST)
    text = await refused(place, "MPACK_IN_USE", place.mpacks.uninstall(ADMIN, "mystack-ambari-mpack", REQUEST))
    assert "cluster c2 is on stack MYSTACK 1.0" in text
    less = mystack(place, "1.0.0.1", ("SERVICEA",))
    text = await refused(place, "MPACK_IN_USE", place.mpacks.upgrade(ADMIN, less, REQUEST))
    assert text.endswith("service SERVICEB is still installed on stack MYSTACK 1.0")
    purge = install(place, less, purge=("stack-definitions",))
    text = await refused(place, "MPACK_PURGE_REFUSED", purge)
    assert text.startswith("This Ambari instance is already managing the cluster c1 that has the HDP-2.5 stack")
    await place.clusters.remove(ADMIN, "c1", REQUEST)
    await place.clusters.remove_service(ADMIN, "c2", "SERVICEB", REQUEST)
    await place.mpacks.upgrade(ADMIN, less, REQUEST)


async def test_an_upgrade_must_not_drop_an_installed_service(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    await place.link("EXT/1.0", "HDP/2.4")
    await place.clusters.create(ADMIN, "c1", "HDP", "2.4", REQUEST)
    await place.clusters.add_services(ADMIN, "c1", ["A"], REQUEST)
    other = write(place, "foo-2.0", extension_pack("foo", "2.0", {"EXT/2.0": "B"}))
    text = await refused(place, "MPACK_IN_USE", place.mpacks.upgrade(ADMIN, other, REQUEST))
    assert "cannot be switched to 2.0: Extension service is still installed" in text


async def test_an_upgrade_moves_links(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A", "KEPT/1.0": "K"})))
    await install(place, write(place, "foo-1.1", extension_pack("foo", "1.1", {"EXT/1.1": "A"})))
    first, second = await place.link("EXT/1.0", "HDP/2.4"), await place.link("EXT/1.1", "HDP/2.5")
    kept = await place.link("KEPT/1.0", "HDP/2.4")
    new = extension_pack(
        "foo", "2.0", {"EXT/2.0": "A", "EXT/2.1": "A", "EXT/2.2": "A", "KEPT/1.0": "K", "KEPT/2.0": "K"}
    )
    new["extensions/EXT/2.2/metainfo.xml"] = needs("HDP", "2.5")
    done = await place.mpacks.upgrade(ADMIN, write(place, "foo-2.0", new), REQUEST)
    assert [(one.id, one.old_version, one.new_version) for one in done.moved] == [
        (first, "1.0", "2.1"),
        (second, "1.1", "2.2"),
    ]
    assert await place.linked() == {first: "EXT/2.1", second: "EXT/2.2", kept: "KEPT/1.0"}
    assert [pack.folder for pack in done.removed] == ["foo-1.1", "foo-1.0"]
    assert await place.extensions() == ["EXT/2.0", "EXT/2.1", "EXT/2.2", "KEPT/1.0", "KEPT/2.0"]


async def test_an_upgrade_in_the_order_that_links_need(place: Place) -> None:
    def pack(version: str) -> dict[str, Any]:
        files = extension_pack("foo", version, {f"ALPHA/{version}": "A", f"BETA/{version}": "B"})
        needed = (
            f"<min-extension-versions><extension><name>BETA</name><version>{version}</version></extension>"
            "</min-extension-versions></prerequisites>"
        )
        files[f"extensions/ALPHA/{version}/metainfo.xml"] = needs("HDP", "2.4").replace("</prerequisites>", needed)
        return files

    await install(place, write(place, "foo-1.0", pack("1.0")))
    for extension in ("BETA/1.0", "ALPHA/1.0"):
        await place.link(extension, "HDP/2.4")
    await place.mpacks.upgrade(ADMIN, write(place, "foo-2.0", pack("2.0")), REQUEST)
    assert sorted((await place.linked()).values()) == ["ALPHA/2.0", "BETA/2.0"]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ({"OTHER/1.0": "O"}, "fits none of the versions that the pack brings"),
        ({"EXT/2.0": "HDFS"}, "cannot be switched to 2.0: Existing service is included in extension"),
        ({"EXT/2.0": "A", "NEXT/3.0": "N"}, "requiredExtensionName=NEXT, requiredExtensionVersion=1.0"),
    ],
)
async def test_an_upgrade_that_is_refused(place: Place, tree: Resources, new: dict[str, str], said: str) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A", "NEXT/1.0": "N"})))
    await place.link("EXT/1.0", "HDP/2.4")
    await place.link("EXT/1.0", "HDP/2.5")
    if "NEXT/3.0" in new:
        await place.link("NEXT/1.0", "HDP/2.4")
        needed = (
            "<min-extension-versions><extension><name>NEXT</name><version>1.0</version></extension>"
            "</min-extension-versions></prerequisites>"
        )
        inner = needs("HDP", "2.4").replace("</prerequisites>", needed)
        tree.extension("NEEDY/1.0", inner.removeprefix("<metainfo>").removesuffix("</metainfo>"), NEEDY="")
        async with place.library.held():
            pass
        await place.link("NEEDY/1.0", "HDP/2.4")
    archive = write(place, "foo-2.0", extension_pack("foo", "2.0", new))
    text = await refused(place, "MPACK_IN_USE", place.mpacks.upgrade(ADMIN, archive, REQUEST))
    assert text.startswith("Management pack foo-2.0 cannot take the place of its older versions:")
    assert said in text


async def test_an_upgrade_whose_versions_need_what_it_removes(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    await place.link("EXT/1.0", "HDP/2.4")
    new = extension_pack("foo", "2.0", {"EXT/2.0": "A"})
    new["extensions/EXT/2.0/metainfo.xml"] = needs("HDP", "2.4").replace(
        "<metainfo>", "<metainfo><extends>1.0</extends>"
    )
    text = await refused(place, "MPACK_IN_USE", place.mpacks.upgrade(ADMIN, write(place, "foo-2.0", new), REQUEST))
    assert "is not valid" in text


async def test_nothing_to_upgrade_or_uninstall(place: Place) -> None:
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    upgrade = "No management packs found that can be upgraded!"
    assert await refused(place, "MPACK_NOT_FOUND", place.mpacks.upgrade(ADMIN, archive, REQUEST)) == upgrade
    await install(place, archive)
    assert await refused(place, "MPACK_NOT_FOUND", place.mpacks.upgrade(ADMIN, archive, REQUEST)) == upgrade
    uninstall = "No management packs found that can be uninstalled!"
    for name, version in (("fo", ""), ("foo", "2.0")):
        act = place.mpacks.uninstall(ADMIN, name, REQUEST, version=version)
        assert await refused(place, "MPACK_NOT_FOUND", act) == uninstall
    missing = place.mpacks.uninstall(ADMIN, " ", REQUEST)
    assert await refused(place, "MPACK_NOT_SPECIFIED", missing) == "Management pack name not specified!"


async def test_archives_that_are_not_there(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {})))
    assert await refused(place, "MPACK_NOT_SPECIFIED", install(place, Path())) == "Management pack not specified!"
    text = await refused(place, "MPACK_NOT_READABLE", install(place, Path("/missing.tar.gz")))
    assert text.startswith("Management pack could not be downloaded!")
    text = await refused(place, "MPACK_MALFORMED", install(place, write(place, "bar-1.0", {"a": "b"})))
    assert text == "Malformed management pack bar-1.0.tar.gz. Metadata file missing!"


async def test_prerequisites_are_enforced(place: Place) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {})))
    needed = {"max-ambari-version": "2.6", "min_stack_versions": [{"stack_name": "HDP", "stack_version": "2.4"}]}
    archive = write(place, "bar-1.0", extension_pack("bar", "1.0", {}, prerequisites=needed))
    text = await refused(place, "MPACK_PREREQUISITES", install(place, archive))
    assert text == (
        "Prerequisites for management pack bar-1.0 failed! "
        "Prerequisite failure! Current Ambari Version = 2.7.8, Max Ambari Version = 2.6"
    )


@pytest.mark.parametrize("failing", ["before-install", "after-install"])
async def test_a_hook_that_fails_leaves_everything_as_it_was(place: Place, hooks: Hooks, failing: str) -> None:
    await install(place, write(place, "bar-1.0", extension_pack("bar", "1.0", {})))
    said = [{"name": failing, "type": "shell", "script": "hook"}]
    files = extension_pack("foo", "1.0", {"EXT/1.0": "A"}, hooks=said)
    hooks.codes[failing] = 3
    archive = write(place, "foo-1.0", files | {"hook": "exit 3"})
    text = await refused(place, "MPACK_HOOK_FAILED", install(place, archive))
    assert text == f"Failed to execute {failing} hook. Failed with error code 3what went wrong"
    hooks.codes.clear()
    assert [outcome.stdout for _, outcome in (await install(place, archive)).hooks] == ["said"]


async def test_a_hook_whose_script_is_missing(place: Place) -> None:
    await install(place, write(place, "bar-1.0", extension_pack("bar", "1.0", {})))
    said = [{"name": "after-install", "type": "shell", "script": "hooks/none.sh"}]
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}, hooks=said))
    text = await refused(place, "MPACK_MALFORMED", install(place, archive))
    assert text == "Malformed management pack. Missing after-install hook script hooks/none.sh"


async def test_a_purge(place: Place, tree: Resources) -> None:
    tree.write("stacks/stack_advisor.txt", "stays")
    await install(place, myservice(place))
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    addon = write(place, "bar-1.0", extension_pack("bar", "1.0", {}))
    purge = ("stack-definitions", "mpacks")
    text = await refused(place, "MPACK_PURGE_REFUSED", install(place, addon, purge=purge))
    assert "does not contain stack definitions" in text
    assert "--purge-list=['stack-definitions', 'mpacks']" in text
    link = await place.link("EXT/1.0", "HDP/2.4")
    stack = mystack(place, "1.0.0.0", ("SERVICEA",))
    assert f"link {link} needs it" in await refused(place, "MPACK_IN_USE", install(place, stack, purge=purge))
    await place.links.remove(ADMIN, link, REQUEST)
    done = await install(place, stack, purge=purge)
    assert sorted(pack.folder for pack in done.removed) == ["foo-1.0", "myservice-1.0.0.0"]
    ground = await place.links.ground()
    assert set(ground.catalog.stacks) == {("MYSTACK", "1.0")}
    assert [pack.folder for pack in await place.mpacks.packs(READER)] == ["mystack-ambari-mpack-1.0.0.0"]
    assert (place.root / "stacks/stack_advisor.txt").read_text() == "stays"
    operations = await place.mpacks.operations(READER)
    assert [(one.purge, one.purge_list) for one in operations] == [(True, purge)]
    unknown = install(place, addon, purge=("everything",))
    assert "everything" in await refused(place, "VALUE_NOT_SUPPORTED", unknown)


async def test_a_pack_that_ambari_has_installed(place: Place) -> None:
    """Its links are found by where they lead, since no manifest tells of them."""
    home = place.root / "mpacks/foo-1.0"
    for name, content in extension_pack("foo", "1.0", {"EXT/1.0": "A"}).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(str(content))
    (place.root / "mpacks/foo-1.0.0.1").mkdir()
    (place.root / "extensions/EXT").mkdir(parents=True)
    (place.root / "extensions/EXT/1.0").symlink_to(home / "extensions/EXT/1.0")
    (place.root / "extensions/EXT/1.1").symlink_to(place.root / "mpacks/foo-1.0.0.1")
    assert [(pack.folder, pack.managed, pack.id) for pack in await place.mpacks.packs(READER)] == [
        ("foo-1.0", False, 0)
    ]
    archive = write(place, "foo-1.2", extension_pack("foo", "1.2", {"EXT/1.2": "A"}))
    await place.mpacks.upgrade(ADMIN, archive, REQUEST)
    assert names(place.root / "extensions/EXT") == ["1.1", "1.2"]
    assert not home.exists()


async def test_roles_and_records(place: Place) -> None:
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    for caller in (READER, session("pool-operator")):
        with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
            await place.mpacks.install(caller, archive, InstallOptions(), REQUEST)
        with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
            await place.mpacks.uninstall(caller, "foo", REQUEST)
        with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
            await place.mpacks.verify(caller, archive)
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await place.mpacks.packs(session())
    await install(place, archive)
    async with place.store.read() as view:
        records = await view.login_records(beyond=None, since=None, limit=100)
    told = [(record.action, record.outcome) for record in records if record.action.startswith("mpack.")]
    assert sorted(told) == sorted(
        [
            *[("mpack.install", "RBAC_PERMISSION_DENIED"), ("mpack.uninstall", "RBAC_PERMISSION_DENIED")] * 2,
            ("mpack.install", "OK"),
        ]
    )


async def test_one_operation_at_a_time(place: Place) -> None:
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    results = await asyncio.gather(install(place, archive), install(place, archive), return_exceptions=True)
    assert [getattr(result, "code", "OK") for result in results] == ["OK", "MPACK_BUSY"]
    with Staging(place.root).locked():
        await refused(place, "MPACK_BUSY", place.mpacks.uninstall(ADMIN, "foo", REQUEST))


async def test_progress(place: Place) -> None:
    told: list[Progress] = []
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    await place.mpacks.install(ADMIN, archive, InstallOptions(), REQUEST, told.append)
    assert list(dict.fromkeys(one.phase for one in told)) == [
        Phase.COPY,
        Phase.UNPACK,
        Phase.CHECK,
        Phase.CHANGE,
        Phase.READ,
    ]
    changes = [one for one in told if one.phase is Phase.CHANGE]
    assert changes[-1].done == changes[-1].total


async def test_a_caller_who_goes_away_early_leaves_nothing(place: Place) -> None:
    before = snapshot(place.root)
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}) | {"big": os.urandom(3_000_000)})
    told = asyncio.Event()
    task = asyncio.create_task(place.mpacks.install(ADMIN, archive, InstallOptions(), REQUEST, lambda _: told.set()))
    await told.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await place.mpacks.close()
    after = snapshot(place.root)
    assert after == before or "mpacks/foo-1.0" in after
    assert list((place.root / "mpacks/.staging").iterdir()) == []


async def test_a_caller_who_goes_away_ends_a_hook_that_runs_before(
    place: Place, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, ended = asyncio.Event(), asyncio.Event()

    async def for_ever(_hook: Hook, _tree: Path) -> HookOutcome:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    monkeypatch.setattr(hooks, "run", for_ever)
    said = [{"name": "before-install", "type": "shell", "script": "hook"}]
    files = extension_pack("foo", "1.0", {"EXT/1.0": "A"}, hooks=said) | {"hook": ""}
    task = asyncio.create_task(place.mpacks.install(ADMIN, write(place, "foo-1.0", files), InstallOptions(), REQUEST))
    async with asyncio.timeout(30):
        await running.wait()
        task.cancel()
        await ended.wait()
        await place.mpacks.close()
    await install(place, write(place, "bar-1.0", extension_pack("bar", "1.0", {})))
    assert await place.extensions() == []


async def test_a_caller_who_goes_away_late_leaves_it_done(place: Place) -> None:
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    changing = asyncio.Event()

    def report(progress: Progress) -> None:
        if progress.phase is Phase.CHANGE:
            changing.set()

    task = asyncio.create_task(place.mpacks.install(ADMIN, archive, InstallOptions(), REQUEST, report))
    await changing.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await place.mpacks.close()
    assert await place.extensions() == ["EXT/1.0"]


async def test_what_fails_is_recorded_though_nobody_waits(place: Place, hooks: Hooks) -> None:
    said = [{"name": "after-install", "type": "shell", "script": "hook"}]
    hooks.codes["after-install"] = 1
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}, hooks=said) | {"hook": ""})
    changing = asyncio.Event()

    def report(progress: Progress) -> None:
        if progress.phase is Phase.CHANGE:
            changing.set()

    task = asyncio.create_task(place.mpacks.install(ADMIN, archive, InstallOptions(), REQUEST, report))
    await changing.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await place.mpacks.close()
    async with place.store.read() as view:
        records = await view.login_records(beyond=None, since=None, limit=1)
    assert [(record.action, record.outcome) for record in records] == [("mpack.install", "MPACK_HOOK_FAILED")]
    assert await place.extensions() == []


async def test_too_large_a_pack(tmp_path: Path, tree: Resources) -> None:
    async with open_place(tmp_path, bounds=Bounds(archive=1000)) as place:
        await install(place, write(place, "bar-1.0", {"mpack.json": metadata("bar", "1.0")}))
        archive = write(place, "foo-1.0", {"mpack.json": metadata("foo", "1.0"), "big": os.urandom(5000)})
        await refused(place, "MPACK_MALFORMED", install(place, archive))


async def test_without_anything_that_runs_hooks(tmp_path: Path, tree: Resources) -> None:
    async with open_place(tmp_path) as place:
        await install(place, write(place, "bar-1.0", extension_pack("bar", "1.0", {})))
        said = [{"name": "after-install", "type": "shell", "script": "hook"}]
        files = extension_pack("foo", "1.0", {"EXT/1.0": "A"}, hooks=said) | {"hook": ""}
        text = await refused(place, "MPACK_HOOK_FAILED", install(place, write(place, "foo-1.0", files)))
        assert "Hooks cannot be run here" in text


async def test_a_file_system_that_refuses(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await install(place, write(place, "bar-1.0", extension_pack("bar", "1.0", {})))
    archive = write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"}))
    rename = os.rename

    def full(source: Any, target: Any) -> None:
        if str(target).endswith("extensions/EXT/1.0"):
            raise OSError(28, "No space left on device", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", full)
    text = await refused(place, "MPACK_FAILED", install(place, archive))
    assert "No space left on device" in text


@asynccontextmanager
async def failing_database(monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> AsyncIterator[list[str]]:
    """Let the next changes fail, just before or just after their commit; the list tells how many more do."""
    change, left = Store.change, ["one"]

    @asynccontextmanager
    async def cut_off(store: Store) -> AsyncIterator[Change]:
        async with change(store) as changing:
            yield changing
            if left and not committed:
                left.pop()
                raise service_unavailable("registry", "cut off")
        if left:
            left.pop()
            raise service_unavailable("registry", "cut off")

    monkeypatch.setattr(Store, "change", cut_off)
    yield left
    monkeypatch.setattr(Store, "change", change)


@pytest.mark.parametrize("committed", [True, False])
async def test_a_database_that_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch, committed: bool) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    await place.link("EXT/1.0", "HDP/2.4")
    archive = write(place, "foo-2.0", extension_pack("foo", "2.0", {"EXT/2.0": "A"}))
    async with failing_database(monkeypatch, committed=committed):
        if committed:
            done = await place.mpacks.upgrade(ADMIN, archive, REQUEST)
            assert len(done.moved) == 1
            assert await place.extensions() == ["EXT/2.0"]
            assert list((await place.linked()).values()) == ["EXT/2.0"]
        else:
            await refused(place, "SERVICE_UNAVAILABLE", place.mpacks.upgrade(ADMIN, archive, REQUEST))


async def test_nothing_is_lost_where_something_gets_in_the_way_of_undoing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    before = snapshot(place.root)
    link = place.root / "extensions/EXT/1.0"

    async def put_something_there(*_: Any) -> int:
        link.parent.mkdir(exist_ok=True)
        link.write_text("mine")
        raise GraftError("MPACK_FAILED", "for a test")

    with monkeypatch.context() as failing:
        failing.setattr(place.library, "adopt", put_something_there)
        with pytest.raises(GraftError, match="something has got in the way"):
            await place.mpacks.uninstall(ADMIN, "foo", REQUEST)
    with pytest.raises(GraftError, match=r"cannot be undone: something has got in the way: .*extensions/EXT'"):
        await place.mpacks.recover()
    link.unlink()
    link.parent.rmdir()
    await place.mpacks.recover()
    assert snapshot(place.root) == before


async def test_a_database_that_stays_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether it has committed: what was begun is left, and the next operation finds out."""
    await install(place, write(place, "foo-1.0", extension_pack("foo", "1.0", {"EXT/1.0": "A"})))
    await place.link("EXT/1.0", "HDP/2.4")
    before = snapshot(place.root)
    archive = write(place, "foo-2.0", extension_pack("foo", "2.0", {"EXT/2.0": "A"}))
    with monkeypatch.context() as away:

        async def unknown(*_: Any) -> bool:
            raise service_unavailable("registry", "its database does not answer")

        away.setattr(Committer, "_is_committed", unknown)
        async with failing_database(monkeypatch, committed=False):
            with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
                await place.mpacks.upgrade(ADMIN, archive, REQUEST)
        assert snapshot(place.root) != before
    await place.mpacks.recover()
    assert snapshot(place.root) == before
    async with place.library.held():
        pass
    assert await place.linked() == {1: "EXT/1.0"}


async def test_verification(place: Place) -> None:
    files = extension_pack("foo", "1.0", {"EXT/1.0": "A"}, prerequisites={"min-ambari-version": "9"})
    files["extensions/EXT/1.0/metainfo.xml"] = "<metainfo><stacks/><nonsense/></metainfo>"
    files["extensions/EXT/1.0/services/A/configuration/a.xml"] = "<configuration><property/></configuration>"
    archive = write(place, "foo-1.0", files)
    before = snapshot(place.root)
    found = await place.mpacks.verify(ADMIN, archive)
    assert found.pack.extensions == (("EXT", "1.0"),)
    assert found.problems == ("Prerequisite failure! Current Ambari Version = 2.7.8, Min Ambari Version = 9",)
    files_named = {finding.file for finding in found.findings}
    assert "mpack.json" in files_named
    assert "extensions/EXT/1.0/metainfo.xml" in files_named
    assert "extensions/EXT/1.0/services/A/configuration/a.xml" in files_named
    assert snapshot(place.root) == before
    await install(place, write(place, "bar-1.0", extension_pack("bar", "1.0", {"EXT/1.0": "A"})))
    again = await place.mpacks.verify(ADMIN, archive)
    assert again.problems[1] == "extensions/EXT/1.0 is there already, of bar-1.0"


async def test_what_is_not_valid_is_told_and_installed(place: Place) -> None:
    files = extension_pack("foo", "1.0", {"EXT/1.0": "A", "EXT/2.0": "B", "EXT/3.0": "C", "HDP/1.0": "D"})
    files["extensions/EXT/1.0/metainfo.xml"] = "<metainfo><broken"
    files["extensions/EXT/2.0/metainfo.xml"] = "<metainfo><extends>1.0</extends></metainfo>"
    files["extensions/EXT/3.0/services/C/metainfo.xml"] = service("C", "<extends>common-services/C/1.0</extends>")
    files["common/C/1.0/metainfo.xml"] = service("C")
    artifacts = [*EXTENSIONS, artifact("service-definitions", "common")]
    files["mpack.json"] = metadata("foo", "1.0", artifacts=artifacts)
    archive = write(place, "foo-1.0", files)
    found = await place.mpacks.verify(ADMIN, archive)
    assert found.problems == ()
    told = {finding.file: finding.text for finding in found.findings if "is not valid, " in finding.text}
    assert told.keys() == {f"extensions/{key}/metainfo.xml" for key in ("EXT/1.0", "EXT/2.0", "HDP/1.0")}
    parse_error = "Unable to parse extension metainfo.xml file at location: extensions/EXT/1.0/metainfo.xml"
    assert parse_error in told["extensions/EXT/1.0/metainfo.xml"]
    done = await install(place, archive)
    assert sorted(warning.split(" is not valid, ")[0] for warning in done.warnings) == [
        "The extension version EXT/1.0",
        "The extension version EXT/2.0",
        "The extension version HDP/1.0",
    ]
