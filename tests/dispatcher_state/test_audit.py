from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import event, text

from dispatcher_service.audit.log import AuditBounds, AuditLog
from dispatcher_service.audit.messages import list_call_records
from dispatcher_service.calls.record import CallRecord, GivenAccess
from dispatcher_service.engines.base import Usage
from dispatcher_service.store.access import Access
from dispatcher_service.store.calls import CallTable
from dispatcher_service.store.store import DispatcherStore
from graft.common.v1 import audit_pb2
from graft.dispatcher.v1 import dispatcher_pb2
from graft_common.database import open_database
from graft_common.errors import GraftError, service_unavailable
from support.dispatcher_hosts import until

GIVEN = GivenAccess("outbound", 2, 1, ("REGION",), ("key", "other"))
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def record(number: int, **changed: object) -> CallRecord:
    fields: dict[str, object] = {
        "time": NOON + timedelta(seconds=number),
        "user": "anna",
        "roles": ("pool-admin", "read-only"),
        "track_id": "ab" * 8,
        "action": f"A.{number}",
        "allowed": True,
        "outcome": "OK",
        "duration": 0.25,
        **changed,
    }
    return CallRecord(**fields)  # type: ignore[arg-type]  # plain test data


def dropped() -> float:
    return REGISTRY.get_sample_value("graft_audit_dropped_total") or 0.0


async def test_what_was_recorded_is_read_at_once_newest_first(store):
    log = AuditLog(store, "OpaqueRef:host")
    for number in range(2500):
        log.record(record(number))
    seen: list[str] = []
    token = ""
    while True:
        page, token = await log.page(1000, token)
        seen += [stored.record.action for stored in page]
        if not token:
            break
    assert seen == [f"A.{number}" for number in reversed(range(2500))]
    await log.close()


async def test_the_message_has_everything(store):
    log = AuditLog(store, "OpaqueRef:host")
    log.record(
        record(
            1,
            allowed=False,
            outcome="CODE",
            usage=Usage(0.5, 4096, 1.5),
            request_id="r",
            originator="o",
            peer="p",
            task="t",
            access=GIVEN,
        )
    )
    response = await list_call_records(log, dispatcher_pb2.ListCallRecordsRequest())
    [message] = response.records
    assert message.id > 0
    assert message.time.ToDatetime(UTC) == NOON + timedelta(seconds=1)
    assert (message.user, list(message.roles), message.track_id) == ("anna", ["pool-admin", "read-only"], "ab" * 8)
    assert (message.action, message.decision, message.outcome) == ("A.1", audit_pb2.AUDIT_DECISION_DENIED, "CODE")
    assert message.duration.ToMicroseconds() == 250_000
    assert (message.usage.cpu.ToMicroseconds(), message.usage.memory_peak_bytes) == (500_000, 4096)
    assert message.usage.wall.ToMicroseconds() == 1_500_000
    assert (message.request_id, message.originator, message.peer) == ("r", "o", "p")
    assert (message.host, message.task) == ("OpaqueRef:host", "t")
    assert (message.access.network, message.access.read_paths, message.access.write_paths) == ("outbound", 2, 1)
    assert (list(message.access.environment), list(message.access.secrets)) == (["REGION"], ["key", "other"])
    log.record(record(2))
    newest = (await list_call_records(log, dispatcher_pb2.ListCallRecordsRequest(page_size=1))).records[0]
    assert not newest.HasField("usage")
    assert not newest.HasField("access")
    assert newest.decision == audit_pb2.AUDIT_DECISION_ALLOWED
    await log.close()


@pytest.mark.parametrize(
    ("size", "shown", "more"), [(0, 100, True), (-1, 100, True), (5, 5, True), (1000, 1000, True), (9999, 1000, True)]
)
async def test_pages_are_bounded(tmp_path, size, shown, more):
    store = await DispatcherStore.open(f"sqlite:///{tmp_path / 'd.db'}")
    log = AuditLog(store, "h")
    for number in range(1001):
        log.record(record(number))
    page, token = await log.page(size)
    assert (len(page), bool(token)) == (shown, more)
    await log.close()
    await store.close()


async def test_bad_requests_are_told_what_is_wrong(store):
    log = AuditLog(store, "h")
    for token in ("x", "-1", "1.5", "9" * 30, "٣"):
        with pytest.raises(GraftError) as caught:
            await log.page(1, token)
        assert caught.value.code == "VALUE_NOT_SUPPORTED"
    request = dispatcher_pb2.ListCallRecordsRequest()
    request.since.seconds = 2**60
    with pytest.raises(GraftError) as caught:
        await list_call_records(log, request)
    assert caught.value.params[0] == "since"
    await log.close()


async def test_since_leaves_the_older_out(store):
    log = AuditLog(store, "h")
    for number in range(10):
        log.record(record(number))
    request = dispatcher_pb2.ListCallRecordsRequest()
    request.since.FromDatetime(NOON + timedelta(seconds=7))
    assert [each.action for each in (await list_call_records(log, request)).records] == ["A.9", "A.8", "A.7"]
    await log.close()


async def test_the_log_keeps_to_its_bound(store):
    log = AuditLog(store, "h", AuditBounds(group=10, keep=50))
    for number in range(500):
        log.record(record(number))
    page, _ = await log.page(1000)
    assert 50 <= len(page) < 100
    assert page[0].record.action == "A.499"
    await log.close()


async def test_an_overflow_drops_the_oldest_and_counts(store):
    before = dropped()
    log = AuditLog(store, "h", AuditBounds(queue=10))
    for number in range(25):
        log.record(record(number))
    page, _ = await log.page(100)
    assert [stored.record.action for stored in page] == [f"A.{number}" for number in reversed(range(15, 25))]
    assert dropped() == before + 15
    await log.close()


async def test_a_store_that_is_away_loses_nothing_that_fits(store_url, monkeypatch):
    monkeypatch.setattr(Access, "reachable", _away)
    store = await DispatcherStore.open(store_url)
    log = AuditLog(store, "h")
    engine = open_database(store_url)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE dispatcher_call RENAME TO away"))
    log.record(record(1))
    assert not await log.flush(0.3)
    log.record(record(2))
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO dispatcher_call"))
    assert await log.flush(15)
    assert [stored.record.action for stored in (await log.page(9))[0]] == ["A.2", "A.1"]
    await log.close()
    await engine.dispose()
    await store.close()


async def _away(_self: Access) -> bool:
    return False


async def test_a_record_that_cannot_be_kept_takes_no_other_with_it(store):
    before = dropped()
    log = AuditLog(store, "h")
    log.record(record(1))
    log.record(record(2, duration="no number"))
    log.record(record(3))
    assert await log.flush(15)
    kept = [stored.record.action for stored in (await log.page(9))[0]]
    assert {"A.1", "A.3"} <= set(kept)
    assert dropped() - before == 3 - len(kept)
    await log.close()


async def test_a_store_that_goes_while_records_are_written_one_by_one_loses_none(store, monkeypatch):
    append, tries = CallTable.append, []

    async def failing(self, host, records):
        tries.append(len(records))
        if len(tries) in {1, 3}:
            raise service_unavailable("dispatcher store", "it is away")
        await append(self, host, records)

    monkeypatch.setattr(CallTable, "append", failing)
    monkeypatch.setattr(store, "reachable", lambda: asyncio.sleep(0, len(tries) != 3))
    before = dropped()
    log = AuditLog(store, "h")
    for number in range(3):
        log.record(record(number))
    assert await log.flush(15)
    assert [stored.record.action for stored in (await log.page(9))[0]] == ["A.2", "A.1", "A.0"]
    assert tries == [3, 1, 1, 1, 1]
    assert dropped() == before
    await log.close()


async def test_closing_writes_what_waits(store):
    log = AuditLog(store, "h")
    for number in range(100):
        log.record(record(number))
    await log.close()
    assert len(await store.calls.page(1000)) == 100


async def test_recording_never_waits(store):
    log = AuditLog(store, "h")
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number in range(20_000):
        log.record(record(number))
    assert loop.time() - started < 5
    await log.close(30)


async def _stored(store: DispatcherStore, count: int) -> None:
    """Wait until the store has so many records, with nobody asking the log for them."""

    async def probe() -> bool:
        return len(await store.calls.page(1000)) == count

    await until(f"{count} records", probe)


async def test_what_comes_together_is_written_together_and_soon(store):
    # The first transaction of a log trims it as well.
    commits: list[object] = []
    event.listen(store._engine.sync_engine, "commit", commits.append)
    log = AuditLog(store, "h", AuditBounds(gather=0.2))
    for number in range(60):
        log.record(record(number))
        await asyncio.sleep(0)
    await _stored(store, 60)
    assert len(commits) <= 2
    log.record(record(60))
    await _stored(store, 61)
    assert len(commits) == 3
    await log.close()


async def test_neither_a_full_group_nor_a_reader_nor_the_end_waits_for_more(store):
    log = AuditLog(store, "h", AuditBounds(group=10, gather=3600))
    for number in range(10):
        log.record(record(number))
    await _stored(store, 10)
    log.record(record(10))
    page, _ = await log.page()
    assert len(page) == 11
    log.record(record(11))
    await log.close()
    assert len(await store.calls.page(1000)) == 12
