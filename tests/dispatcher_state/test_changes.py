"""The revisions behind events: noted with what they are about, seen in their order, in both databases alike."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from dispatcher_service.hosts.host import HostFacts
from dispatcher_service.references import ref_of
from dispatcher_service.store.changes import Changed, StoredChange, note_changes
from dispatcher_service.store.store import DispatcherStore

HOST = "8e7c5d0e-0000-4000-8000-000000000001"


async def seen(store, revision=0):
    _, changes = await store.changes.since(revision)
    return {(change.kind, change.ref): change for change in changes}


async def note_and_fail(store):
    async with store.access.writing() as connection:
        await note_changes(connection, [Changed("task", "a")])
        raise ZeroDivisionError


async def test_each_transaction_has_one_revision_and_the_last_change_of_an_object_stays(store):
    first = await store.changes.note(Changed("task", "a", owner="anna"), Changed("task", "b"))
    second = await store.changes.note(Changed("task", "a"))
    assert second == first + 1
    assert (await store.changes.revisions()).current == second
    assert await seen(store) == {
        ("task", "a"): StoredChange("task", "a", second, first, gone=False, owner="anna"),
        ("task", "b"): StoredChange("task", "b", first, first, gone=False, owner=""),
    }
    assert list(await seen(store, first)) == [("task", "a")]


async def test_what_is_named_twice_in_a_transaction_is_as_it_was_named_last(store):
    revision = await store.changes.note(Changed("task", "a", owner="anna"), Changed("task", "a", gone=True))
    assert await seen(store) == {("task", "a"): StoredChange("task", "a", revision, revision, gone=True, owner="anna")}


async def test_what_comes_back_is_new_again(store):
    await store.changes.note(Changed("host", "a"))
    await store.changes.note(Changed("host", "a", gone=True))
    third = await store.changes.note(Changed("host", "a"))
    assert (await seen(store))["host", "a"] == StoredChange("host", "a", third, third, gone=False, owner="")


async def test_texts_that_a_database_refuses_are_noted_all_the_same(store):
    await store.changes.note(Changed("task", 'quo"te', owner="nul\0 half\ud800"))
    assert (await seen(store))["task", 'quo"te'].owner == "nul\N{REPLACEMENT CHARACTER} half?"


async def test_watchers_are_told_after_the_commit_and_never_of_what_was_undone(store):
    told = []
    store.access.on_noted = lambda: told.append(True)
    before = await store.changes.revisions()
    with pytest.raises(ZeroDivisionError):
        await note_and_fail(store)
    async with store.access.writing():
        pass
    assert (told, await store.changes.revisions()) == ([], before)
    await store.changes.note(Changed("task", "a"))
    assert told == [True]


async def test_only_what_is_gone_is_forgotten_and_the_store_says_from_where_on(store):
    await store.changes.note(Changed("task", "here"))
    gone = [await store.changes.note(Changed("task", f"gone {number}", gone=True)) for number in range(5)]
    await store.changes.trim(2)
    assert [key[1] for key in await seen(store)] == ["here", "gone 3", "gone 4"]
    assert (await store.changes.revisions()).forgotten == gone[2]
    await store.changes.trim(2)
    assert (await store.changes.revisions()).forgotten == gone[2]


async def test_what_is_forgotten_while_changes_are_read_is_told(store):
    """Of two statements the second sees what was committed after the first (PostgreSQL)."""
    at = await store.changes.note(Changed("task", "a", gone=True), Changed("task", "b", gone=True))
    statements: list[str] = []
    reading = store.changes._access.reading

    class TrimmedMeanwhile:
        def __init__(self, connection) -> None:
            self.connection = connection

        async def execute(self, statement):
            result = await self.connection.execute(statement)
            statements.append(str(statement))
            if len(statements) == 1 and self.connection.dialect.name == "postgresql":
                await store.changes.trim(0)
            return result

    @asynccontextmanager
    async def trimmed_meanwhile():
        async with reading() as connection:
            yield TrimmedMeanwhile(connection)

    store.changes._access.reading = trimmed_meanwhile
    revisions, found = await store.changes.since(at - 1)
    assert len(statements) > 1
    assert len(found) == 2 or revisions.forgotten == at


async def test_writers_at_once_make_revisions_without_gaps_or_twins(store_url):
    stores = [await DispatcherStore.open(store_url) for _ in range(3)]
    begin = (await stores[0].changes.revisions()).current
    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(stores[number % 3].changes.note(Changed("task", f"{number}"), Changed("pool", "p")))
    changes = await seen(stores[1], begin)
    tasks = sorted(change.revision for (kind, _), change in changes.items() if kind == "task")
    assert tasks == list(range(begin + 1, begin + 31))
    assert changes["pool", "p"].revision == begin + 30
    for store in stores:
        await store.close()


async def test_hosts_and_the_pool_are_noted(store):
    await store.hosts.register(HostFacts(HOST, "machine", "127.0.0.1:1", "0.1.0", "none"), 0.0)
    pool, _ = await store.hosts.join_pool("Graft")
    at = (await store.changes.revisions()).current
    await store.hosts.join_pool("Graft")
    assert (await store.changes.revisions()).current == at
    assert set(await seen(store)) == {("host", ref_of(HOST)), ("pool", ref_of(pool))}
    await store.hosts.end_expired()
    assert set(await seen(store, at)) == {("host", ref_of(HOST)), ("pool", ref_of(pool))}
    await store.hosts.forget_lost(-1.0)
    assert (await seen(store))["host", ref_of(HOST)].gone
