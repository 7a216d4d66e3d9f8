"""The last valid state of a linked extension version: what is kept of it, and what becomes of it over restarts."""

from __future__ import annotations

import asyncio
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from graft.registry.v1 import registry_pb2 as pb
from graft_common.database import open_database
from links.conftest import needs
from links.test_links_rpc import Client, Start, refused, start  # noqa: F401  (a fixture)
from registry_service.catalog import configuration_definitions, definitions, value_types
from registry_service.catalog.origins import origins_of
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.links import last_good
from registry_service.links.last_good import UnreadableError, digest_of, keep, restore
from registry_service.store import tables
from support.resources import Resources, component, config_property
from tests.registry.conftest import (  # noqa: F401  (fixtures)
    clock,
    database_url,
    settings,
    start_registry,
    tuning,
)

LINK = "EXT/1.0 HDP/2.4"
Rows = dict[tuple[str, str], tuple[str, str, bytes]]


def break_files(tree: Resources) -> None:
    tree.write("extensions/EXT/1.0/services/OOZIE/metainfo.xml", "<metainfo><")


def vanish(tree: Resources) -> None:
    """Take the version away in one step: of one that goes piece by piece a valid rest may be read on the way."""
    gone = tree.root.with_name("gone")
    (tree.root / "extensions/EXT/1.0").rename(gone)
    shutil.rmtree(gone)


def come_back_broken(tree: Resources) -> None:
    """In one step too."""
    draft = Resources(tree.root.with_name("draft"))
    draft.extension("EXT/1.0", needs("HDP", "2.4"))
    break_files(draft)
    (draft.root / "extensions/EXT/1.0").rename(tree.root / "extensions/EXT/1.0")


async def started(start: Start, tree: Resources) -> Client:  # noqa: F811
    """Start a registry, and wait until it has read the tree."""
    client = await start(tree.root)
    await client.extension("EXT/2.0")
    return client


async def rows(url: str) -> Rows:
    engine = open_database(url)
    async with engine.connect() as connection:
        found = await connection.execute(sa.select(tables.last_good))
        kept = {(row[0], row[1]): (row[2], row[3], row[4]) for row in found}
    await engine.dispose()
    return kept


async def is_in_force(client: Client) -> bool:
    extension = await client.extension("EXT/1.0")
    assert not extension.extension_version.valid
    return extension.last_good_in_force


async def assert_stands(client: Client) -> None:
    """See that the state of version 1 of OOZIE stands, and that the error is visible."""
    assert await is_in_force(client)
    stack = await client.stack("HDP/2.4", service="OOZIE", with_origins=True)
    assert stack.services[0].version == "1"
    assert stack.services[0].origins["version"] == "extensions/EXT/1.0"
    problem = (await client.links())[LINK].problem
    assert "its last valid state stays in force" in problem
    assert "metainfo.xml" in problem


@pytest.mark.parametrize("broken_while_down", [False, True])
async def test_it_outlives_restarts_until_the_version_is_valid_again(
    start: Start,  # noqa: F811
    tree: Resources,
    broken_while_down: bool,
) -> None:
    client = await started(start, tree)
    await client.create(LINK)
    if not broken_while_down:
        break_files(tree)
        await client.reload()
    await client.registry.stop()
    break_files(tree)
    for _ in range(2):
        client = await started(start, tree)
        await assert_stands(client)
        async with refused("EXTENSION_NOT_VALID"):
            await client.create("EXT/1.0 HDP/2.10")
        await client.registry.stop()
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1.1</version>")
    client = await started(start, tree)
    assert not (await client.extension("EXT/1.0")).last_good_in_force
    assert (await client.links())[LINK].problem == ""
    assert (await client.stack("HDP/2.4", service="OOZIE")).services[0].version == "1.1"


async def test_it_is_the_state_of_the_last_change_that_was_valid(start: Start, tree: Resources) -> None:  # noqa: F811
    client = await started(start, tree)
    await client.create("EXT/1.0 HDP/2.4")
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1.5</version>")
    await client.reload()
    await client.registry.stop()
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1.7</version>")
    client = await started(start, tree)
    await client.reload()
    await client.registry.stop()
    break_files(tree)
    client = await started(start, tree)
    assert (await client.stack("HDP/2.4", service="OOZIE")).services[0].version == "1.7"


async def test_a_version_that_vanishes_brings_nothing_and_one_that_comes_back_broken_its_last_state(
    start: Start,  # noqa: F811
    tree: Resources,
) -> None:
    client = await started(start, tree)
    (link,) = await client.create(LINK)
    vanish(tree)
    await client.reload()
    assert "is not in the resources directory" in (await client.links())[LINK].problem
    assert not (await client.stack("HDP/2.4", service="")).stack_version.extensions
    come_back_broken(tree)
    await client.reload()
    await assert_stands(client)
    vanish(tree)
    await client.registry.stop()
    client = await started(start, tree)
    assert "is not in the resources directory" in (await client.links())[LINK].problem
    await client("DeleteLink", pb.DeleteLinkRequest(id=link))
    assert await client.links() == {}


async def test_it_is_kept_for_as_long_as_there_is_a_link(
    start: Start,  # noqa: F811
    tree: Resources,
    database_url: str,  # noqa: F811
) -> None:
    client = await started(start, tree)
    first, second = await client.create(LINK, "EXT/1.0 HDP/2.10")
    assert set(await rows(database_url)) == {("EXT", "1.0")}
    await client("UpdateLink", pb.UpdateLinkRequest(id=first, extension_name="EXT", extension_version="2.0"))
    assert set(await rows(database_url)) == {("EXT", "1.0"), ("EXT", "2.0")}
    break_files(tree)
    await client.reload()
    assert await is_in_force(client)
    await client("DeleteLink", pb.DeleteLinkRequest(id=second))
    assert not await is_in_force(client)
    assert set(await rows(database_url)) == {("EXT", "2.0")}
    await client("DeleteLink", pb.DeleteLinkRequest(id=first))
    assert await rows(database_url) == {}


async def test_a_failed_write_keeps_nothing(start: Start, tree: Resources, database_url: str) -> None:  # noqa: F811
    client = await started(start, tree)
    async with refused("LINK_EXISTS"):
        await client.create(LINK, "EXT/1.0 HDP/2.10", LINK)
    assert await rows(database_url) == {}


async def test_another_replica_has_it_in_force_too(start: Start, tree: Resources) -> None:  # noqa: F811
    one, other = await start(tree.root), await start(tree.root)
    await other.reload()
    await one.create(LINK)
    break_files(tree)
    for client in (one, other):
        await client.reload()
        await assert_stands(client)
    (link,) = (await other.links()).values()
    await other("DeleteLink", pb.DeleteLinkRequest(id=link.id))
    async with asyncio.timeout(10):
        while await is_in_force(one):  # noqa: ASYNC110  (a replica learns it when it looks)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "another"}, "it was kept by another release of Graft"),
        ({"body": b"damage"}, "it is damaged"),
        ({"body": zlib.compress(b"\x90")}, "it is damaged"),
    ],
)
async def test_what_cannot_be_read_is_a_problem_of_its_links_and_of_nothing_else(
    start: Start,  # noqa: F811
    tree: Resources,
    database_url: str,  # noqa: F811
    change: dict[str, object],
    reason: str,
) -> None:
    client = await started(start, tree)
    await client.create(LINK, "EXT/2.0 HDP/2.10")
    await client.registry.stop()
    engine = open_database(database_url)
    async with engine.begin() as connection:
        await connection.execute(sa.update(tables.last_good).values(change))
    await engine.dispose()
    break_files(tree)
    client = await started(start, tree)
    assert not await is_in_force(client)
    assert f"its services are not offered, for its last valid state is lost: {reason}" in (
        (await client.links())[LINK].problem
    )
    assert (await client.links())["EXT/2.0 HDP/2.10"].problem == ""
    await client.registry.stop()
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1.1</version>")
    client = await started(start, tree)
    assert (await client.links())[LINK].problem == ""
    await client.registry.stop()
    break_files(tree)
    client = await started(start, tree)
    assert await is_in_force(client)


@pytest.fixture
def inheriting(tmp_path: Path) -> Resources:
    """A chain of versions, one service of which extends a common one, and one that is deleted."""
    tree = Resources(tmp_path / "resources")
    tree.common("SHARED/1.0", component("BASE", "<cardinality>1</cardinality>"))
    site = config_property("a", "1")
    tree.extension("EXT/1.0", "", OOZIE="<version>1</version>" + component("SERVER"), PIG="", GONE="")
    tree.configuration("extensions/EXT/1.0/services/OOZIE", "oozie-site", site)
    tree.extension("EXT/2.0", "<extends>1.0</extends>", OOZIE="", GONE="<deleted>true</deleted>")
    tree.extension(
        "EXT/3.0",
        "<extends>2.0</extends>",
        OOZIE="<comment>third</comment>" + component("SERVER", "<cardinality>2</cardinality>"),
        SHARED="<extends>common-services/SHARED/1.0</extends>",
    )
    return tree


def everything(extension: ResolvedExtension) -> object:
    return (
        extension.definition,
        extension.ancestors,
        {name: (node.definition, origins_of(node)) for name, node in extension.services.items()},
    )


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0"])
def test_what_is_kept_is_restored_whole(inheriting: Resources, version: str) -> None:
    extension = inheriting.read_extension(f"EXT/{version}")
    kept = keep(extension)
    restored = restore(kept)
    assert restored.valid
    assert everything(restored) == everything(extension)
    assert keep(restored).digest == kept.digest == digest_of(extension, {})


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.extension("EXT/1.0", "", OOZIE="<version>1.1</version>", PIG="", GONE=""),
        lambda tree: tree.extension("EXT/2.0", "<extends>1.0</extends><auto-link>true</auto-link>", OOZIE="", GONE=""),
        lambda tree: tree.common("SHARED/1.0", component("BASE", "<cardinality>2</cardinality>")),
        lambda tree: tree.write("extensions/EXT/3.0/services/OOZIE/package/run.py", "print(1)"),
    ],
)
def test_whatever_changes_it_changes_the_digest(inheriting: Resources, change: Callable[[Resources], object]) -> None:
    before = keep(inheriting.read_extension("EXT/3.0")).digest
    change(inheriting)
    after = inheriting.read_extension("EXT/3.0")
    assert after.valid
    assert keep(after).digest != before


def test_a_body_that_is_not_whole_or_too_large_is_refused(
    inheriting: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep(inheriting.read_extension("EXT/3.0"))
    for size in range(0, len(kept.body), 97):
        cut = type(kept)(kept.name, kept.version, kept.format, kept.digest, kept.body[:size])
        with pytest.raises(UnreadableError):
            restore(cut)
    monkeypatch.setattr(last_good, "_MAX_BYTES", 100)
    with pytest.raises(UnreadableError, match="not whole"):
        restore(kept)


def test_the_form_covers_every_structure_that_is_kept() -> None:
    shapes: dict[type[msgspec.Struct], str] = {}
    last_good._shapes(last_good._Kept, shapes)
    last_good._shapes(definitions.Service, shapes)
    modules = (definitions, configuration_definitions, value_types)
    structures = {
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, msgspec.Struct) and item.__module__.startswith("registry")
    }
    elsewhere = {definitions.StackDefinition, definitions.CommonDefinition, value_types.Value}
    assert structures - elsewhere <= shapes.keys()
