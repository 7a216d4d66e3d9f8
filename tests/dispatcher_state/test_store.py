"""What both databases must do alike."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect

from dispatcher_service.calls.record import CallRecord, GivenAccess
from dispatcher_service.engines.base import Usage
from dispatcher_service.hosts.host import HostFacts
from dispatcher_service.store import schema
from dispatcher_service.store import tasks as tables
from dispatcher_service.store.store import MIGRATIONS, VERSION_TABLE, DispatcherStore
from dispatcher_service.store.tasks import TaskPage
from dispatcher_service.tasks.task import Task
from graft_common.audit import Argument
from graft_common.database import migrate, open_database
from graft_common.errors import GraftError, StartupError

HOST = "8e7c5d0e-0000-4000-8000-000000000001"
OTHER = "8e7c5d0e-0000-4000-8000-000000000002"


def facts(host: str = HOST) -> HostFacts:
    return HostFacts(host, "machine", "127.0.0.1:1", "0.1.0", "none")


def task(number: int = 1, epoch: int = 1, host: str = HOST, user: str = "anna") -> Task:
    return Task(f"OpaqueRef:{number}", "Async.A.b", user, host, epoch, 1000.5 + number)


def record(action: str = "A.b", **changed: object) -> CallRecord:
    made = CallRecord(datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), "anna", ("pool-admin",), "ab" * 8, action, True, "OK", 0.25)  # fmt: skip
    return replace(made, **changed)


async def test_opening_is_repeatable_and_makes_the_tables_of_the_schema(empty_store_url):
    for _ in range(2):
        store = await DispatcherStore.open(empty_store_url)
        await store.close()
    engine = open_database(empty_store_url)
    async with engine.connect() as connection:

        def look(sync):
            found = inspect(sync)
            return {table: {column["name"] for column in found.get_columns(table)} for table in found.get_table_names()}

        tables = await connection.run_sync(look)
    await engine.dispose()
    for table in schema.metadata.tables.values():
        assert tables[table.name] == {column.name for column in table.columns}
    assert VERSION_TABLE in tables


async def test_migrations_say_what_the_schema_says(empty_store_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = open_database(empty_store_url)
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    async with engine.connect() as connection:

        def compare(sync):
            mine = {"include_name": lambda name, kind, _: kind != "table" or name in schema.metadata.tables}
            return compare_metadata(MigrationContext.configure(sync, opts=mine), schema.metadata)

        assert await connection.run_sync(compare) == []
    await engine.dispose()


async def test_opening_at_once_is_safe(empty_store_url):
    stores = await asyncio.gather(*(DispatcherStore.open(empty_store_url) for _ in range(4)))
    pools = await asyncio.gather(*(store.hosts.join_pool("Graft") for store in stores))
    assert len(set(pools)) == 1
    await asyncio.gather(*(store.close() for store in stores))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://x/y", "it must be sqlite:/// or postgresql://"),
        ("nonsense", "GRAFT_DATABASE_URL cannot be used"),
        ("sqlite:////proc/none/dispatcher.db", "cannot be opened"),
        ("postgresql://bob:s3cret@127.0.0.1:1/none", "cannot be opened"),
    ],
)
async def test_a_store_that_cannot_be_opened_says_why(url, told):
    with pytest.raises(StartupError, match=told) as caught:
        await DispatcherStore.open(url)
    assert "s3cret" not in str(caught.value)


async def test_a_task_is_kept_as_it_is(store):
    await store.hosts.register(facts(), 60)
    made = replace(task(), name_description="why", cancel_requested=True)
    assert await store.tasks.write(HOST, [made]) == [True]
    assert await store.tasks.get(made.ref) == made
    ended = made.succeeded("<value>é</value>", Usage(0.5, 2**40, 1.25), 1100.125)
    assert await store.tasks.write(HOST, [ended]) == [True]
    assert await store.tasks.get(made.ref) == ended
    assert await store.tasks.get("OpaqueRef:none") is None


async def test_text_that_a_database_refuses_is_made_fit(store):
    await store.hosts.register(facts(), 60)
    ended = task().failed(GraftError("CODE", "a\0b", "\ud800", "\N{GRINNING FACE}"), 1.0)
    assert await store.tasks.write(HOST, [task(), ended]) == [True, True]
    kept = await store.tasks.get(ended.ref)
    assert kept is not None
    assert kept.error_info == ("CODE", "a\N{REPLACEMENT CHARACTER}b", "?", "\N{GRINNING FACE}")
    assert await store.tasks.get("\0\ud800") is None


async def test_the_first_end_stands(store):
    await store.hosts.register(facts(), 60)
    await store.tasks.write(HOST, [task()])
    first, second = task().succeeded("<value>1</value>", None, 1.0), task().cancelled(2.0)
    assert await store.tasks.write(HOST, [first]) == [True]
    assert await store.tasks.write(HOST, [second]) == [False]
    assert await store.tasks.get(first.ref) == first


@pytest.mark.parametrize("how", ["registered anew", "released", "reaped", "unknown"])
async def test_a_host_without_its_lease_writes_nothing(store, how):
    epoch = await store.hosts.register(facts(), 60)
    await store.tasks.write(HOST, [task(1, epoch)])
    match how:
        case "registered anew":
            assert await store.hosts.register(facts(), 60) == epoch + 1
        case "released":
            await store.hosts.release(HOST, epoch)
        case "reaped":
            assert await store.hosts.renew(HOST, epoch, -1)
            assert [host.facts.uuid for host in await store.hosts.end_expired()] == [HOST]
        case "unknown":
            await store.hosts.release(HOST, epoch)
            assert await store.tasks.fail_orphans() == ["OpaqueRef:1"]
            await store.tasks.destroy("OpaqueRef:1")
            await store.hosts.forget_lost(-1)
            assert await store.hosts.list() == []
    assert await store.tasks.write(HOST, [task(1, epoch).succeeded("late", None, 1.0), task(2, epoch)]) == [False] * 2
    assert await store.tasks.get("OpaqueRef:2") is None
    if how != "unknown":
        assert not await store.hosts.renew(HOST, epoch, 60) or how == "never"
        assert await store.tasks.fail_orphans() == ["OpaqueRef:1"]
        assert await store.tasks.fail_orphans() == []
        lost = await store.tasks.get("OpaqueRef:1")
        assert lost is not None
        assert (lost.status.value, lost.error_info[0]) == ("failure", "INTERNAL_ERROR")
        assert "not known" in lost.error_info[1]
        assert lost.finished is not None


async def test_many_orphans_end_whoever_looks(store_url):
    stores = await asyncio.gather(*(DispatcherStore.open(store_url) for _ in range(3)))
    epoch = await stores[0].hosts.register(facts(), 60)
    for start in range(0, 1200, 200):
        await stores[0].tasks.write(HOST, [task(number, epoch) for number in range(start, start + 200)])
    await stores[0].hosts.release(HOST, epoch)
    found = await asyncio.gather(*(store.tasks.fail_orphans() for store in stores))
    assert sorted(ref for refs in found for ref in refs) == sorted(task(number).ref for number in range(1200))
    assert await stores[0].tasks.pending_of(HOST, epoch, 5000) == []
    await asyncio.gather(*(store.close() for store in stores))


async def test_only_orphans_are_failed(store):
    await store.hosts.register(facts(), 60)
    await store.hosts.register(facts(OTHER), 60)
    await store.tasks.write(HOST, [task(1)])
    await store.tasks.write(OTHER, [task(2, host=OTHER)])
    await store.hosts.release(OTHER, 1)
    assert await store.tasks.fail_orphans() == ["OpaqueRef:2"]


async def test_pages_go_from_the_newest_to_the_oldest(store):
    await store.hosts.register(facts(), 60)
    tasks = [task(number, user="anna" if number % 3 else "bert") for number in range(30)]
    tasks += [replace(task(number), created=500.0) for number in range(100, 110)]
    await store.tasks.write(HOST, tasks)
    seen: list[Task] = []
    while True:
        before = (seen[-1].created, seen[-1].ref) if seen else None
        page = await store.tasks.page(None, 7, before)
        seen += page.tasks
        if not page.more:
            break
        assert len(page.tasks) == 7
    assert seen == sorted(tasks, key=lambda each: (each.created, each.ref), reverse=True)
    assert {each.user for each in (await store.tasks.page("bert", 100)).tasks} == {"bert"}
    assert await store.tasks.page("carl", 100) == TaskPage([], more=False)


async def test_a_page_holds_what_there_is_room_for(store, monkeypatch):
    """Tasks that hold much, of whomever, must not fill the memory of those who list them."""
    monkeypatch.setattr(tables, "MAX_PAGE_TEXT", 100)
    await store.hosts.register(facts(), 60)
    begun = [task(number) for number in range(5)]
    begun[2] = replace(begun[2], other_config={"a": "b" * 200})
    await store.tasks.write(HOST, begun)
    ends = [
        begun[0].succeeded("x" * 20, None, 1.0),
        begun[1].failed(GraftError("CODE", "x" * 30), 1.0),
        begun[3].succeeded("x" * 20, None, 1.0, result_json="x" * 20),
        begun[4].succeeded("x" * 30, None, 1.0),
    ]
    await store.tasks.write(HOST, ends)
    pages = []
    while not pages or pages[-1].more:
        last = pages[-1].tasks[-1] if pages else None
        pages.append(await store.tasks.page(None, 10, None if last is None else (last.created, last.ref)))
    assert [[each.ref[-1] for each in page.tasks] for page in pages] == [["4", "3"], ["2"], ["1", "0"]]


async def test_destroying_a_pending_task_waits_for_its_end(store):
    await store.hosts.register(facts(), 60)
    await store.tasks.write(HOST, [task(1), task(2)])
    await store.tasks.destroy("OpaqueRef:1")
    assert await store.tasks.get("OpaqueRef:1") is not None
    ends = [task(number).succeeded("", None, 1.0) for number in (1, 2)]
    assert await store.tasks.write(HOST, ends) == [True, True]
    assert await store.tasks.get("OpaqueRef:1") is None
    await store.tasks.destroy("OpaqueRef:2")
    assert await store.tasks.get("OpaqueRef:2") is None


async def test_wishes_to_cancel_reach_only_pending_tasks(store):
    await store.hosts.register(facts(), 60)
    await store.tasks.write(HOST, [task(1), task(2), task(3)])
    await store.tasks.write(HOST, [task(2).succeeded("", None, 1.0)])
    await store.tasks.request_cancel("OpaqueRef:1")
    await store.tasks.request_cancel("OpaqueRef:2")
    own = {each.ref: each.cancel_requested for each in await store.tasks.pending_of(HOST, 1, 10)}
    assert own == {"OpaqueRef:1": True, "OpaqueRef:3": False}
    await store.tasks.request_cancel_older(86400)
    assert all(each.cancel_requested for each in await store.tasks.pending_of(HOST, 1, 10))
    assert await store.tasks.ended(10) == ([("OpaqueRef:2", 1.0)], 3)
    await store.tasks.delete_ended(["OpaqueRef:1", "OpaqueRef:2"])
    assert await store.tasks.get("OpaqueRef:1") is not None
    assert await store.tasks.get("OpaqueRef:2") is None


async def test_a_wish_to_cancel_reaches_every_part(store):
    await store.hosts.register(facts(), 60)
    parts = [replace(task(number), subtask_of="OpaqueRef:1") for number in range(2, 700)]
    parts.append(replace(task(700), subtask_of="OpaqueRef:699"))
    await store.tasks.write(HOST, [task(1), *parts, task(701)])
    meant = await store.tasks.request_cancel("OpaqueRef:1")
    assert sorted(meant) == sorted(f"OpaqueRef:{number}" for number in range(1, 701))
    pending = await store.tasks.pending_of(HOST, 1, 1000)
    assert [each.ref for each in pending if not each.cancel_requested] == ["OpaqueRef:701"]


async def test_registering_counts_up_and_keeps_the_first_time(store):
    assert await store.hosts.register(facts(), 60) == 1
    [first] = await store.hosts.list()
    assert await store.hosts.register(replace(facts(), address="b:2", version="0.2.0"), 60) == 2
    [second] = await store.hosts.list()
    assert (second.facts.address, second.facts.version, second.live) == ("b:2", "0.2.0", True)
    assert second.registered == first.registered
    assert second.started >= first.started
    assert 55 < second.lease_until - second.started < 65


async def test_an_expired_lease_ends_once(store):
    await store.hosts.register(facts(), -1)
    await store.hosts.register(facts(OTHER), 60)
    assert [host.live for host in await store.hosts.list()] == [False, True]
    assert [host.facts.uuid for host in await store.hosts.end_expired()] == [HOST]
    assert await store.hosts.end_expired() == []
    await store.hosts.forget_lost(3600)
    assert len(await store.hosts.list()) == 2
    await store.hosts.forget_lost(-1)
    assert [host.facts.uuid for host in await store.hosts.list()] == [OTHER]


async def test_the_pool_is_made_once(store):
    first = await store.hosts.join_pool("Graft")
    assert await store.hosts.join_pool("Other") == first
    assert uuid.UUID(first[0])
    assert first[1].name == "Graft"
    assert await store.hosts.pool() == first


async def test_records_are_kept_as_they_are_and_trimmed(store):
    full = record("A.0", usage=Usage(0.5, 2**33, 1.5), request_id="r", originator="o", peer="p", task="OpaqueRef:t")
    full = replace(full, access=GivenAccess("loopback", 1, 2, ("REGION",), ("key", "other")))
    full = replace(full, user_uuid="its uuid", arguments=(Argument("volume", '"root"'), Argument("size")))
    await store.calls.append(
        "OpaqueRef:host", [full, *(record(f"A.{number}", allowed=False) for number in range(1, 20))]
    )
    page = await store.calls.page(5)
    assert [stored.record.action for stored in page] == [f"A.{number}" for number in range(19, 14, -1)]
    rest = await store.calls.page(100, beyond=page[-1].id)
    oldest = await store.calls.page(2, oldest_first=True)
    behind = await store.calls.page(100, beyond=oldest[-1].id, oldest_first=True)
    assert [*oldest, *behind] == list(reversed([*page, *rest]))
    assert rest[-1].record == full
    assert rest[0].record.access is None
    assert rest[-1].host == "OpaqueRef:host"
    await store.calls.append("h", [record("new", time=datetime(2027, 1, 1, tzinfo=UTC))])
    assert [stored.record.action for stored in await store.calls.page(9, since=datetime(2026, 6, 1, tzinfo=UTC))] == ["new"]  # fmt: skip
    await store.calls.trim(3)
    assert [stored.record.action for stored in await store.calls.page(9)] == ["new", "A.19", "A.18"]


async def test_records_with_odd_text_are_made_fit(store):
    await store.calls.append("h", [record("a\0\ud800" + "x" * 5000, user="\0", originator="\udfff")])
    [stored] = await store.calls.page(1)
    assert stored.record.action.startswith("a\N{REPLACEMENT CHARACTER}?xxx")
    assert len(stored.record.action) == 1024


async def test_a_store_that_is_gone_is_unavailable_and_says_no_values(tmp_path):
    store = await DispatcherStore.open(f"sqlite:///{tmp_path / 'd.db'}")
    engine = open_database(f"sqlite:///{tmp_path / 'd.db'}")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE dispatcher_call")
    await engine.dispose()
    assert await store.reachable()
    with pytest.raises(GraftError) as caught:
        await store.calls.append("h", [record("secret-action")])
    assert caught.value.error_info() == ["SERVICE_UNAVAILABLE", "dispatcher store", "OperationalError"]
    await store.close()


async def test_a_store_that_only_takes_nothing_is_not_reachable(tmp_path):
    """Its disk may be full: then nothing that it refuses is at fault, and everything is to be tried again."""
    store = await DispatcherStore.open(f"sqlite:///{tmp_path / 'd.db'}")
    async with store.access.writing() as connection:
        await connection.exec_driver_sql("PRAGMA query_only=ON")
    assert await store.tasks.find([task().ref]) == []
    assert not await store.reachable()
    async with store.access.reading() as connection:
        await connection.exec_driver_sql("PRAGMA query_only=OFF")
    assert await store.reachable()
    await store.close()
