"""Tasks of one host, on both databases; what they run is a plain function."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.calls.result import CallResult
from dispatcher_service.engines.base import Usage
from dispatcher_service.tasks import task as rules
from graft_common.errors import GraftError
from graft_common.values import DateTime
from support.dispatcher_hosts import (
    ANNA,
    BERT,
    OPERATOR,
    QUICK,
    Gate,
    Hosts,
    TestHost,
    caller,
    gives,
    raises,
    until,
)


@pytest.fixture
async def host(hosts: Hosts) -> TestHost:
    return await hosts.add()


async def code_of(awaitable) -> list[str]:
    with pytest.raises(GraftError) as caught:
        await awaitable
    return caught.value.error_info()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "<value></value>"),
        ("a<b", "<value>a&lt;b</value>"),
        (2**40, f"<value>{2**40}</value>"),
        (True, "<value><boolean>1</boolean></value>"),
        ([DateTime("20260101T00:00:00Z")], "<value><array><data><value><dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601></value></data></array></value>"),
    ],
)  # fmt: skip
async def test_a_result_is_the_xml_of_the_value(host, value, text):
    ref = await host.tasks.start("A.b", caller(), gives(value))
    task = await host.ended(ref)
    assert (task.status.value, task.result, task.progress) == ("success", text, 1.0)
    assert (task.name_label, task.user, task.error_info) == ("Async.A.b", "anna", ())
    assert task.finished is not None
    assert task.finished >= task.created
    assert await host.stored_end(ref) == task


async def test_the_use_of_an_execution_is_kept(host):
    async def execution(_ref: str) -> CallResult:
        return CallResult(1, Usage(0.5, 4096, 0.75))

    ref = await host.tasks.start("A.b", caller(), execution)
    assert (await host.stored_end(ref)).usage == Usage(0.5, 4096, 0.75)


async def test_an_execution_is_told_its_task_and_runs_once(host):
    told: list[str] = []

    async def execution(ref: str) -> CallResult:
        told.append(ref)
        return CallResult(ref)

    ref = await host.tasks.start("A.b", caller(), execution)
    assert (await host.ended(ref)).result == f"<value>{ref}</value>"
    assert told == [ref]


@pytest.mark.parametrize(
    ("error", "error_info"),
    [
        (GraftError("CODE", "a", "b & <c>"), ("CODE", "a", "b & <c>")),
        (GraftError("EMPTY"), ("EMPTY",)),
    ],
)
async def test_a_failure_is_kept_as_code_and_parameters(host, error, error_info):
    ref = await host.tasks.start("A.b", caller(), raises(error))
    task = await host.stored_end(ref)
    assert (task.status.value, task.error_info, task.result) == ("failure", error_info, "")


async def test_a_mistake_of_our_own_shows_no_inside(host):
    ref = await host.tasks.start("A.b", caller(), raises(ValueError("secret inside")))
    task = await host.ended(ref)
    assert task.error_info == ("INTERNAL_ERROR", f"The server has made a mistake; its log has the task {ref}.")


async def test_a_task_is_pending_and_stored_while_it_runs(host):
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    stored = await host.store.tasks.get(ref)
    assert stored is not None
    assert stored.pending
    assert (await host.tasks.get(ANNA, ref)).pending
    assert host.tasks.busy_sessions() == {ANNA.digest}
    gate.open.set()
    assert (await host.ended(ref)).status.value == "success"
    assert host.tasks.busy_sessions() == frozenset()


async def test_cancel_kills_and_ends(host):
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    await gate.running.wait()
    await host.tasks.cancel(ANNA, ref)
    task = await host.stored_end(ref)
    assert (task.status.value, task.error_info) == ("cancelled", ("TASK_CANCELLED", ref))
    assert gate.killed.is_set()


async def test_cancel_at_once_still_lets_the_execution_see_it(host):
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    await host.tasks.cancel(ANNA, ref)
    assert (await host.ended(ref)).status.value == "cancelled"
    assert gate.killed.is_set()


async def test_cancel_leaves_what_has_ended(host):
    ref = await host.tasks.start("A.b", caller(), gives())
    before = await host.stored_end(ref)
    await host.tasks.cancel(ANNA, ref)
    assert await host.tasks.get(ANNA, ref) == before


async def test_a_task_that_will_not_die_counts_as_stopped(hosts):
    host = await hosts.add(times=replace(QUICK, kill_grace=0.1))
    stuck, over = asyncio.Event(), asyncio.Event()

    async def execution(_ref: str) -> CallResult:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                stuck.set()
        return CallResult("late")

    ref = await host.tasks.start("A.b", caller(), execution)
    await host.tasks.cancel(ANNA, ref)
    assert (await host.stored_end(ref)).status.value == "cancelled"
    assert stuck.is_set()
    over.set()


async def test_destroy_forgets(host):
    ref = await host.tasks.start("A.b", caller(), gives())
    await host.ended(ref)
    await host.tasks.destroy(ANNA, ref)
    assert await code_of(host.tasks.get(ANNA, ref)) == ["HANDLE_INVALID", "task", ref]
    assert await code_of(host.tasks.destroy(ANNA, ref)) == ["HANDLE_INVALID", "task", ref]
    assert await host.tasks.list(ANNA) == []


async def test_destroy_of_a_pending_task_lets_it_go_on(host):
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    await host.tasks.destroy(ANNA, ref)
    assert (await host.tasks.get(ANNA, ref)).pending
    gate.open.set()
    await host.gone(ref)
    assert not gate.killed.is_set()
    await until("the host to be done with it", lambda: _is_unknown(host, ref))


async def _is_unknown(host: TestHost, ref: str) -> bool:
    try:
        await host.tasks.get(ANNA, ref)
    except GraftError as error:
        return error.code == "HANDLE_INVALID"
    return False


@pytest.mark.parametrize("pending", [True, False])
async def test_others_tasks_are_unknown_but_to_operators(host, pending):
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(ANNA), gate)
    if not pending:
        gate.open.set()
        await host.stored_end(ref)
    for action in (host.tasks.get, host.tasks.cancel, host.tasks.destroy):
        assert await code_of(action(BERT, ref)) == ["HANDLE_INVALID", "task", ref]
    assert await host.tasks.list(BERT) == []
    assert [task.ref for task in await host.tasks.list(OPERATOR)] == [ref]
    assert (await host.tasks.get(OPERATOR, ref)).user == "anna"
    await host.tasks.cancel(OPERATOR, ref)
    assert (await host.ended(ref)).status.value == ("cancelled" if pending else "success")


async def test_beyond_the_bound_the_server_is_busy(hosts):
    host = await hosts.add(max_pending=3)
    gate = Gate()
    refs = [await host.tasks.start("A.b", caller(), gate) for _ in range(3)]
    assert (await code_of(host.tasks.start("A.b", caller(), gate)))[0] == "SERVER_BUSY"
    gate.open.set()
    for ref in refs:
        await host.stored_end(ref)
    await until("a free place", lambda: _starts(host))
    assert gate.runs == 3


async def _starts(host: TestHost) -> bool:
    try:
        await host.tasks.start("A.b", caller(), gives())
    except GraftError:
        return False
    return True


async def test_without_a_session_nothing_starts(host):
    assert await code_of(host.tasks.start("A.b", CallerContext(session_ref="x"), gives())) == ["SESSION_INVALID", "x"]


async def test_whoever_stops_waiting_for_the_start_does_not_lose_the_task(host):
    starting = asyncio.create_task(host.tasks.start("A.b", caller(), gives("kept")))
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)

    async def probe():
        return [task for task in await host.tasks.list(ANNA) if not task.pending]

    [task] = await until("the end of the task", probe)
    assert task.result == "<value>kept</value>"


async def test_a_thousand_tasks_at_once_none_mixed_none_lost(hosts):
    # Without collection: reading so many one by one may take longer than they are kept.
    host = await hosts.add(times=replace(QUICK, collect=3600.0))

    async def one(number: int) -> tuple[str, int]:
        async def execution(ref: str) -> CallResult:
            await asyncio.sleep(0)
            if number % 10 == 0:
                raise GraftError("CODE", str(number))
            return CallResult(f"{ref} {number}")

        return await host.tasks.start("A.b", caller(), execution), number

    started = await asyncio.gather(*(one(number) for number in range(1000)))
    assert len({ref for ref, _ in started}) == 1000
    await host.tasks.drain(60)
    shown = {task.ref: task for task in await host.tasks.list(ANNA)}
    assert set(shown) == {ref for ref, _ in started}
    for ref, number in started:
        if number % 10 == 0:
            assert shown[ref].error_info == ("CODE", str(number))
        else:
            assert shown[ref].result == f"<value>{ref} {number}</value>"
    assert {task.ref: task for task in (await host.store.tasks.page(None, 5000)).tasks} == shown


async def test_collection_keeps_to_the_bounds(hosts, monkeypatch):
    monkeypatch.setattr(rules, "MAX_TASKS", 5)
    monkeypatch.setattr(rules, "MIN_COMPLETED_AGE", 0.0)
    host = await hosts.add()
    gate = Gate()
    pending = await host.tasks.start("A.b", caller(), gate)
    refs = [await host.tasks.start("A.b", caller(), gives()) for _ in range(9)]
    for ref in refs[:-4]:
        await host.gone(ref)
    assert [task.ref for task in await host.tasks.list(ANNA)] == [*reversed(refs[-4:]), pending]
    gate.open.set()


async def test_collection_stops_what_has_been_pending_for_too_long(hosts, monkeypatch):
    monkeypatch.setattr(rules, "MAX_PENDING_AGE", 0.2)
    host = await hosts.add()
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    assert (await host.stored_end(ref)).status.value == "cancelled"
    assert gate.killed.is_set()


async def test_collection_forgets_the_old(hosts, monkeypatch):
    monkeypatch.setattr(rules, "MAX_COMPLETED_AGE", 0.2)
    host = await hosts.add()
    ref = await host.tasks.start("A.b", caller(), gives())
    await host.gone(ref)


async def test_a_record_that_nobody_runs_ends(host):
    """As after a commit whose answer was lost on the way."""
    stray = rules.Task("OpaqueRef:stray", "Async.A.b", "anna", host.hosts.host_uuid, host.hosts.epoch, 1.0)
    assert await host.store.tasks.write(host.hosts.host_uuid, [stray]) == [True]
    task = await host.stored_end(stray.ref)
    assert (task.status.value, task.error_info[0]) == ("failure", "INTERNAL_ERROR")


async def test_closing_ends_what_runs_and_says_so(hosts):
    host = await hosts.add()
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    await gate.running.wait()
    await host.tasks.drain(0.05)
    assert (await code_of(host.tasks.start("A.b", caller(), gate)))[:2] == ["SERVICE_UNAVAILABLE", "dispatcher"]
    await host.tasks.close()
    assert gate.killed.is_set()
    task = await host.store.tasks.get(ref)
    assert task is not None
    assert (task.status.value, task.error_info[0]) == ("failure", "INTERNAL_ERROR")
    assert "has stopped" in task.error_info[1]


async def test_draining_waits_for_what_runs(hosts):
    host = await hosts.add()
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    draining = asyncio.create_task(host.tasks.drain(30))
    await gate.running.wait()
    gate.open.set()
    await draining
    task = await host.store.tasks.get(ref)
    assert task is not None
    assert task.status.value == "success"


async def test_a_store_that_is_away_loses_no_end(tmp_path):
    path = tmp_path / "dispatcher.db"
    made = Hosts(f"sqlite:///{path}")
    host = await made.add()
    gate = Gate("kept")
    ref = await host.tasks.start("A.b", caller(), gate)
    blocker = sqlite3.connect(path, timeout=30, isolation_level=None)
    blocker.execute("ALTER TABLE dispatcher_task RENAME TO away")
    gate.open.set()
    assert (await host.ended(ref)).result == "<value>kept</value>"
    assert (await code_of(host.tasks.start("A.b", caller(), gives())))[0] == "SERVICE_UNAVAILABLE"
    blocker.execute("ALTER TABLE away RENAME TO dispatcher_task")
    blocker.close()
    assert (await host.stored_end(ref)).result == "<value>kept</value>"
    await made.close()


async def test_metrics_count(host):
    def counted(result: str) -> float:
        return REGISTRY.get_sample_value("graft_tasks_total", {"result": result}) or 0.0

    before = {result: counted(result) for result in ("success", "failure", "cancelled")}
    running = REGISTRY.get_sample_value("graft_tasks_running")
    gate = Gate()
    stopped = await host.tasks.start("A.b", caller(), gate)
    assert REGISTRY.get_sample_value("graft_tasks_running") == running + 1
    await host.tasks.cancel(ANNA, stopped)
    for execution in (gives(), raises(GraftError("CODE"))):
        await host.tasks.start("A.b", caller(), execution)
    await host.tasks.drain(10)
    assert {result: counted(result) - before[result] for result in before} == dict.fromkeys(before, 1)
    assert REGISTRY.get_sample_value("graft_tasks_running") == running
