"""Bundles of methods: published with the links, kept for those who fetch them, and gone when nothing needs them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from graft.registry.v1 import registry_pb2 as pb
from graft_common.database import open_database
from graft_common.declarations.reader import read_document
from graft_common.errors import GraftError
from graft_common.method_bundles import CHUNK
from graft_common.rpc.client import stream
from graft_common.rpc.context import call_metadata
from links.conftest import links_itself, needs
from links.test_links_rpc import Client, Start, start  # noqa: F401  (a fixture)
from registry_service.links.bundling import FilesChangedError, make_bundle
from registry_service.store import tables
from registry_service.tuning import Tuning
from support.resources import Resources, declarations, method
from tests.registry.conftest import (  # noqa: F401  (fixtures)
    TOKEN,
    clock,
    database_url,
    settings,
    start_registry,
    tuning,
)

KINDS = (pb.RESOURCE_KIND_METHOD_BUNDLE, pb.RESOURCE_KIND_LINK)


@pytest.fixture
def tree(tree: Resources) -> Resources:
    """Give two versions of an extension methods, of which the second inherits, and a third none."""
    tree.extension("EXT/2.0", "<extends>1.0</extends>" + needs("HDP", "2.4"))
    tree.method_files(
        "EXT/1.0", {"a.xml": declarations(method("A.one")), "A.one": "#!/bin/sh\n", "data": "1"}, executable=("A.one",)
    )
    tree.method_files("EXT/2.0", {"b.xml": declarations(method("A.two", executable="A.one")), "data": "2"})
    return tree


async def bundles(client: Client) -> dict[str, pb.MethodBundle]:
    """Return what a follower that begins now is told, by extension version."""
    found: dict[str, pb.MethodBundle] = {}
    async with watching(client) as responses:
        async for response in responses:
            for change in response.changes:
                if change.kind == pb.RESOURCE_KIND_METHOD_BUNDLE:
                    assert change.method_bundle.revision > 0
                    found[change.key] = change.method_bundle
            if response.phase == pb.WATCH_PHASE_SNAPSHOT_COMPLETE:
                break
    return found


@asynccontextmanager
async def watching(client: Client, start_revision: int = 0) -> AsyncGenerator[Any, None]:
    request = pb.WatchRequest(start_revision=start_revision, kinds=KINDS)
    watch = client.registry.clients.registry.Watch
    async with aclosing(stream(watch, request, metadata=call_metadata(TOKEN), service="registry")) as responses:
        yield responses


async def fetch(client: Client, digest: str, metadata: Any = None) -> bytes:
    request = pb.FetchMethodBundleRequest(digest=digest)
    fetching = client.registry.clients.registry.FetchMethodBundle
    given = metadata if metadata is not None else call_metadata(TOKEN)
    async with aclosing(stream(fetching, request, metadata=given, service="registry")) as responses:
        chunks = [response.chunk async for response in responses]
    assert all(len(chunk) <= CHUNK for chunk in chunks)
    return b"".join(chunks)


def contents(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


async def started(start: Start, tree: Resources) -> Client:  # noqa: F811
    client = await start(tree.root)
    await client.extension("EXT/1.0")
    return client


async def kept(url: str) -> tuple[int, int]:
    """Count the bundles that are kept, and those of them that nothing names."""
    engine = open_database(url)
    async with engine.connect() as connection:
        # Both are read as of one moment.
        await connection.execution_options(isolation_level="SERIALIZABLE")
        rows = (await connection.execute(sa.select(tables.bundles))).all()
        parts = set(await connection.scalars(sa.select(tables.bundle_parts.c.digest)))
    await engine.dispose()
    assert {row.digest for row in rows} == parts
    return len(rows), sum(row.unused_since is not None for row in rows)


async def test_they_come_and_go_with_links(start: Start, tree: Resources, database_url: str) -> None:  # noqa: F811
    client = await started(start, tree)
    assert await bundles(client) == {}
    first, second = await client.create("EXT/2.0 HDP/2.4", "EXT/1.0 HDP/2.5")
    (third,) = await client.create("EXT/2.0 HDP/2.10")
    found = await bundles(client)
    assert {key: bundle.link_id for key, bundle in found.items()} == {"EXT/1.0": second, "EXT/2.0": first}
    data = await fetch(client, found["EXT/2.0"].digest)
    assert hashlib.sha256(data).hexdigest() == found["EXT/2.0"].digest
    assert len(data) == found["EXT/2.0"].size
    inside = contents(data)
    document = read_document(inside.pop("declarations.xml"), "declarations.xml")
    assert [item.name for item in document.methods] == ["A.two", "A.one"]
    assert inside == {"files/A.one": b"#!/bin/sh\n", "files/data": b"2"}

    await client("DeleteLink", pb.DeleteLinkRequest(id=first))
    assert {key: bundle.link_id for key, bundle in (await bundles(client)).items()} == {
        "EXT/1.0": second,
        "EXT/2.0": third,
    }
    await client("UpdateLink", pb.UpdateLinkRequest(id=third, extension_name="EXT", extension_version="1.0"))
    assert list(await bundles(client)) == ["EXT/1.0"]
    assert await kept(database_url) == (2, 1)
    await client("DeleteLink", pb.DeleteLinkRequest(id=third))
    await client("DeleteLink", pb.DeleteLinkRequest(id=second))
    assert await bundles(client) == {}
    # For those who fetch it just now it is there a while.
    assert await fetch(client, found["EXT/2.0"].digest) == data


async def test_links_and_bundles_are_told_together(start: Start, tree: Resources) -> None:  # noqa: F811
    client = await started(start, tree)
    async with watching(client) as responses:
        await anext(responses)
        (link,) = await client.create("EXT/1.0 HDP/2.4")
        told = [change.kind for change in (await anext(responses)).changes]
        assert set(told) == set(KINDS)
        await client("DeleteLink", pb.DeleteLinkRequest(id=link))
        changes = (await anext(responses)).changes
        assert {(change.kind, change.type) for change in changes} == {(k, pb.CHANGE_TYPE_DELETE) for k in KINDS}


async def test_a_change_on_disk_makes_another_bundle(start: Start, tree: Resources) -> None:  # noqa: F811
    client = await started(start, tree)
    await client.create("EXT/2.0 HDP/2.4", "EXT/1.0 HDP/2.5")
    first = await bundles(client)
    tree.method_files("EXT/1.0", {"A.one": "#!/bin/sh\nexit 1\n"}, executable=("A.one",))
    await client.reload()
    second = await bundles(client)
    assert {key for key in first if first[key].digest != second[key].digest} == {"EXT/1.0", "EXT/2.0"}
    assert contents(await fetch(client, second["EXT/2.0"].digest))["files/A.one"] == b"#!/bin/sh\nexit 1\n"
    # Nothing that is said of methods changes them.
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1.1</version>")
    await client.reload()
    assert {key: bundle.revision for key, bundle in (await bundles(client)).items()} == {
        key: bundle.revision for key, bundle in second.items()
    }


@pytest.mark.parametrize("broken_while_down", [False, True])
async def test_what_was_valid_stays_and_is_served_also_after_a_restart(
    start: Start,  # noqa: F811
    tree: Resources,
    broken_while_down: bool,
) -> None:
    client = await started(start, tree)
    await client.create("EXT/1.0 HDP/2.4")
    before = await bundles(client)
    data = await fetch(client, before["EXT/1.0"].digest)

    def spoil() -> None:
        tree.method_files("EXT/1.0", {"a.xml": declarations("\n<method/>"), "A.one": "spoilt"})

    if not broken_while_down:
        spoil()
        await client.reload()
        (error,) = (await client.extension("EXT/1.0")).extension_version.errors
        assert error.startswith("extensions/EXT/1.0/methods/a.xml:2: /methods/method: ")
        assert await bundles(client) == before
    await client.registry.stop()
    spoil()
    client = await started(start, tree)
    answer = await client.extension("EXT/1.0")
    assert answer.last_good_in_force
    assert list(answer.methods) == ["A.one"]
    assert await bundles(client) == before
    assert await fetch(client, before["EXT/1.0"].digest) == data
    tree.method_files("EXT/1.0", {"a.xml": declarations(method("A.mended"))})
    await client.reload()
    after = (await bundles(client))["EXT/1.0"]
    assert b"A.mended" in contents(await fetch(client, after.digest))["declarations.xml"]


async def test_one_that_is_gone_from_the_disk_brings_nothing(start: Start, tree: Resources) -> None:  # noqa: F811
    client = await started(start, tree)
    await client.create("EXT/1.0 HDP/2.4", "EXT/2.0 HDP/2.5")
    (tree.root / "extensions/EXT/1.0").rename(tree.root / "away")
    await client.reload()
    # The second inherits from what is gone, and is invalid.
    assert list(await bundles(client)) == ["EXT/2.0"]
    await client.registry.stop()
    (tree.root / "extensions/EXT/2.0").rename(tree.root / "away-too")
    client = await start(tree.root)
    await client.extension("EXT/3.0")
    assert await bundles(client) == {}


async def test_extensions_that_link_themselves_bring_theirs(start: Start, tree: Resources) -> None:  # noqa: F811
    tree.extension("AUTO/1.0", links_itself("HDP", "2.4"))
    tree.method_files("AUTO/1.0", {"a.xml": declarations(method("A.auto"))})
    client = await started(start, tree)
    assert list(await bundles(client)) == ["AUTO/1.0"]


async def test_equal_methods_are_kept_once_and_as_long_as_one_needs_them(
    start: Start,  # noqa: F811
    tree: Resources,
    database_url: str,  # noqa: F811
) -> None:
    for key in ("SAME/1", "SAME/2"):
        tree.extension(key, needs("HDP", "2.4"))
        tree.method_files(key, {"a.xml": declarations(method("A.same"))})
    client = await started(start, tree)
    first, second = await client.create("SAME/1 HDP/2.4", "SAME/2 HDP/2.5")
    assert await kept(database_url) == (1, 0)
    await client("DeleteLink", pb.DeleteLinkRequest(id=first))
    assert await kept(database_url) == (1, 0)
    await client("DeleteLink", pb.DeleteLinkRequest(id=second))
    assert await kept(database_url) == (1, 1)
    await client.create("SAME/1 HDP/2.4")
    assert await kept(database_url) == (1, 0)


class TestUnused:
    """What nothing names is removed."""

    @pytest.fixture
    def tuning(self, tuning: Tuning) -> Tuning:  # noqa: F811
        return replace(tuning, keep_bundles_for=timedelta(0), sweep_every=0.05)

    async def test_after_a_while(self, start: Start, tree: Resources, database_url: str) -> None:  # noqa: F811
        client = await started(start, tree)
        link, _ = await client.create("EXT/1.0 HDP/2.4", "EXT/2.0 HDP/2.5")
        digest = (await bundles(client))["EXT/1.0"].digest
        await client("DeleteLink", pb.DeleteLinkRequest(id=link))
        async with asyncio.timeout(10):
            while await kept(database_url) != (1, 0):  # noqa: ASYNC110 - it happens in the database, which tells nobody
                await asyncio.sleep(0.02)
        with pytest.raises(GraftError) as raised:
            await fetch(client, digest)
        assert (raised.value.code, raised.value.params) == ("BUNDLE_NOT_FOUND", (digest,))


async def test_replicas_serve_what_any_of_them_has_published(
    start: Start,  # noqa: F811
    tree: Resources,
    database_url: str,  # noqa: F811
) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("a file of SQLite has one registry")
    one, other = await started(start, tree), await started(start, tree)
    (first,) = await one.create("EXT/1.0 HDP/2.4")
    bundle = (await bundles(other))["EXT/1.0"]
    assert hashlib.sha256(await fetch(other, bundle.digest)).hexdigest() == bundle.digest
    (second,) = await other.create("EXT/1.0 HDP/2.5")
    await one("DeleteLink", pb.DeleteLinkRequest(id=first))
    assert (await bundles(other))["EXT/1.0"].link_id == second
    await other("DeleteLink", pb.DeleteLinkRequest(id=second))
    assert await bundles(one) == {}
    assert await declared(one) == {}


async def declared(client: Client) -> dict[str, pb.Declaration]:
    answer = await client("ListDeclarations", pb.ListDeclarationsRequest(page_size=1000))
    return {item.method: item for item in answer.declarations}


async def test_declarations_in_force_are_listed(start: Start, tree: Resources) -> None:  # noqa: F811
    enum = '<enum name="state"><value name="on"/></enum>'
    record = '<record name="r"><field name="s" type="enum state set"/></record><record name="unused"/>'
    body = "<param name='r' type='r record option'/><result type='(string -> int) map'/>"
    content = declarations(
        enum, record, "<class name='A'><doc>x</doc></class>", method("A.one", body), method("task.x")
    )
    tree.method_files("EXT/1.0", {"a.xml": content})
    tree.method_files("EXT/3.0", {"c.xml": declarations(method("A.two"), method("session.no"), method("task.cancel"))})
    client = await started(start, tree)
    assert await declared(client) == {}
    first, _ = await client.create("EXT/2.0 HDP/2.4", "EXT/3.0 HDP/2.5")
    found = await declared(client)
    assert {name: item.extension_version for name, item in found.items()} == {
        "A.one": "EXT/2.0",
        # The executable of this one is missing.
        "A.two": "EXT/2.0",
        "task.x": "EXT/2.0",
    }
    one = found["A.one"]
    assert (one.source, one.role) == ("extensions/EXT/1.0/methods/a.xml", "pool-admin")
    assert one.digest == hashlib.sha256(content.encode()).hexdigest()
    document = read_document(one.xml.encode(), "one")
    assert [item.name for item in (*document.enums, *document.records, *document.methods)] == ["state", "r", "A.one"]

    await client("UpdateLink", pb.UpdateLinkRequest(id=first, extension_name="EXT", extension_version="1.0"))
    after = await declared(client)
    assert {name: item.extension_version for name, item in after.items()} == {
        "A.one": "EXT/1.0",
        "A.two": "EXT/3.0",
        "task.x": "EXT/1.0",
    }
    await client("DeleteLink", pb.DeleteLinkRequest(id=first))
    assert list(await declared(client)) == ["A.two"]


async def test_large_ones_come_in_pieces(start: Start, tree: Resources) -> None:  # noqa: F811
    tree.method_files("EXT/1.0", {"large": "x" * (3 * CHUNK + 17)})
    client = await started(start, tree)
    await client.create("EXT/1.0 HDP/2.4")
    bundle = (await bundles(client))["EXT/1.0"]
    data = await fetch(client, bundle.digest)
    assert len(data) == bundle.size > 3 * CHUNK
    assert hashlib.sha256(data).hexdigest() == bundle.digest


async def test_only_services_fetch(start: Start, tree: Resources) -> None:  # noqa: F811
    client = await started(start, tree)
    for metadata in (client.metadata, []):
        with pytest.raises(GraftError):
            await fetch(client, "0" * 64, metadata)


def test_files_that_are_not_as_they_were_read_make_none(tree: Resources) -> None:
    extension = tree.read_extension("EXT/1.0")
    assert extension.methods is not None
    assert make_bundle(tree.root, extension.methods)
    tree.write("extensions/EXT/1.0/methods/data", "other")
    with pytest.raises(FilesChangedError, match="methods/data has changed since it was read"):
        make_bundle(tree.root, extension.methods)
    (tree.root / "extensions/EXT/1.0/methods/data").unlink()
    with pytest.raises(FilesChangedError, match="methods/data: No such file"):
        make_bundle(tree.root, extension.methods)
