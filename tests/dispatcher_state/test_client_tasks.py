"""Tasks that clients make, what clients say of any task, and what is a part of what."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from dispatcher_service.builtins.tasks import TASK_FIELDS, record_of, task_builtins, task_records
from dispatcher_service.calls.result import CallResult
from dispatcher_service.references import NULL_REF
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.tasks import TaskTable
from dispatcher_service.tasks import edits, reporting
from dispatcher_service.tasks import task as rules
from dispatcher_service.tasks.task import NO_LEASE, Origin, Task, TaskStatus
from graft_common.errors import GraftError, service_unavailable
from graft_common.roles import Role, RoleBook
from graft_common.values import Value
from support.dispatcher_hosts import ANNA, BERT, OPERATOR, QUICK, Gate, Hosts, TestHost, caller, gives, until

OF_CALL = Task("OpaqueRef:1", "Async.A.b", "anna", "host", 3, 1.0)
OF_CLIENT = replace(OF_CALL, epoch=NO_LEASE)


@pytest.fixture
async def host(hosts: Hosts) -> TestHost:
    return await hosts.add()


async def ask(host: TestHost, method: str, *params: Value, who: Session = ANNA) -> Value:
    builtin = task_builtins(host.tasks)[method]
    assert all(param.type.accepts(value) for param, value in zip(builtin.params, params, strict=True))
    return await builtin.handler(caller(who), list(params))


async def code_of(awaitable) -> list[str]:
    with pytest.raises(GraftError) as caught:
        await awaitable
    return caught.value.error_info()


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (edits.with_status("success", 5.0), {"status": TaskStatus.SUCCESS, "finished": 5.0}),
        (edits.with_status("failure", 5.0), {"status": TaskStatus.FAILURE, "finished": 5.0}),
        (edits.with_status("cancelled", 5.0), {"status": TaskStatus.CANCELLED, "finished": 5.0}),
        (edits.with_status("pending", 5.0), {}),
        (edits.with_progress(0.5), {"progress": 0.5}),
        (edits.with_progress(1), {"progress": 1}),
        (edits.with_result("<value>1</value>"), {"result": "<value>1</value>"}),
        (edits.with_error_info(["CODE", "a"]), {"error_info": ("CODE", "a")}),
        (edits.with_error_info([]), {}),
    ],
)
def test_how_a_task_stands_is_said_of_those_of_clients_alone(edit, changed):
    assert edit(OF_CLIENT) == replace(OF_CLIENT, **changed)
    with pytest.raises(GraftError, match="OPERATION_NOT_ALLOWED"):
        edit(OF_CALL)


def test_what_has_ended_is_not_pending_again():
    """Otherwise there would be no bound of tasks that are pending, and so never forgotten."""
    ended = edits.with_status("success", 5.0)(OF_CLIENT)
    with pytest.raises(GraftError, match="has ended"):
        edits.with_status("pending", 6.0)(ended)
    assert edits.with_status("failure", 6.0)(ended) == replace(ended, status=TaskStatus.FAILURE)


@pytest.mark.parametrize(
    ("edit", "arguments", "code"),
    [
        (edits.with_status, ("cancelling", 5.0), "VALUE_NOT_SUPPORTED"),
        (edits.with_status, ("Success", 5.0), "VALUE_NOT_SUPPORTED"),
        (edits.with_status, ("", 5.0), "VALUE_NOT_SUPPORTED"),
        (edits.with_progress, (-0.1,), "VALUE_NOT_SUPPORTED"),
        (edits.with_progress, (1.1,), "VALUE_NOT_SUPPORTED"),
        (edits.with_progress, (float("nan"),), "VALUE_NOT_SUPPORTED"),
        (edits.with_result, ("x" * (edits.MAX_RESULT + 1),), "VALUE_NOT_SUPPORTED"),
        (edits.with_error_info, (["CODE", 1],), "FIELD_TYPE_ERROR"),
        (edits.with_error_info, (["x"] * 101,), "VALUE_NOT_SUPPORTED"),
        (edits.with_error_info, (["x" * edits.MAX_ERROR, "y"],), "VALUE_NOT_SUPPORTED"),
        (edits.with_other_config, ({"a": 1},), "FIELD_TYPE_ERROR"),
        (edits.check_names, ("x" * 1025, ""), "VALUE_NOT_SUPPORTED"),
        (edits.check_names, ("x", "y" * 4097), "VALUE_NOT_SUPPORTED"),
    ],
)
def test_what_cannot_be_said_is_refused(edit, arguments, code):
    with pytest.raises(GraftError, match=code):
        edit(*arguments)


@pytest.mark.parametrize("task", [OF_CALL, OF_CLIENT])
def test_what_is_remembered_is_said_of_any(task):
    with_a = edits.with_entry(task.ref, "a", "1")(task)
    assert with_a.other_config == {"a": "1"}
    with pytest.raises(GraftError, match="MAP_DUPLICATE_KEY"):
        edits.with_entry(task.ref, "a", "2")(with_a)
    assert edits.without_entry("a")(with_a).other_config == {}
    assert edits.without_entry("b")(with_a) == with_a
    assert edits.with_other_config({"c": "3"})(with_a).other_config == {"c": "3"}


async def test_the_life_of_a_clients_task(host):
    ref = await ask(host, "task.create", "copy", "of a disk")
    record = await ask(host, "task.get_record", ref)
    assert isinstance(record, Mapping)
    expected = {
        "name_label": "copy", "name_description": "of a disk", "status": "pending", "progress": 0.0, "result": "",
        "resident_on": host.hosts.host_ref, "allowed_operations": ["cancel", "destroy"], "subtask_of": NULL_REF,
    }  # fmt: skip
    assert {field: record[field] for field in expected} == expected
    await ask(host, "task.set_progress", ref, 0.5)
    await ask(host, "task.add_to_other_config", ref, "a", "1")
    assert await ask(host, "task.get_progress", ref) == 0.5
    assert await ask(host, "task.get_other_config", ref) == {"a": "1"}
    await ask(host, "task.cancel", ref)
    assert await ask(host, "task.get_status", ref) == "pending"
    assert await ask(host, "task.get_current_operations", ref) == {"cancel": "cancel"}
    await ask(host, "task.set_error_info", ref, ["CODE"])
    await ask(host, "task.set_status", ref, "failure")
    assert await ask(host, "task.get_current_operations", ref) == {}
    assert await ask(host, "task.get_error_info", ref) == ["CODE"]
    shown = await task_records(host.store.tasks)([str(ref), "OpaqueRef:none"])
    assert shown == {ref: await ask(host, "task.get_record", ref)}
    await ask(host, "task.destroy", ref)
    assert await code_of(ask(host, "task.get_record", ref)) == ["HANDLE_INVALID", "task", ref]


async def test_one_that_is_to_be_forgotten_is_so_at_its_end(host):
    ref = await ask(host, "task.create", "copy", "")
    await ask(host, "task.destroy", ref)
    assert await ask(host, "task.get_current_operations", ref) == {"destroy": "destroy"}
    await ask(host, "task.set_status", ref, "success")
    assert await code_of(ask(host, "task.get_record", ref)) == ["HANDLE_INVALID", "task", ref]


@pytest.mark.parametrize("of_client", [True, False])
async def test_others_tasks_cannot_be_changed_but_by_operators(host, of_client):
    gate = Gate()
    ref = str(await ask(host, "task.create", "x", "")) if of_client else await host.tasks.start("A.b", caller(), gate)
    change = ("task.add_to_other_config", ref, "a", "1")
    assert await code_of(ask(host, *change, who=BERT)) == ["HANDLE_INVALID", "task", ref]
    granted = RoleBook([Role("helper", 0, "", "read-only", ("task.destroy/any",))])
    await ask(host, "task.set_other_config", ref, {}, who=replace(BERT, roles=("helper",), book=granted))
    await ask(host, *change, who=OPERATOR)
    assert await ask(host, "task.get_other_config", ref) == {"a": "1"}
    if not of_client:
        assert (await code_of(ask(host, "task.set_progress", ref, 0.5)))[0] == "OPERATION_NOT_ALLOWED"
        gate.open.set()
        assert (await host.stored_end(ref)).other_config == {"a": "1"}


async def test_many_changes_at_once_are_each_made_or_refused(host):
    """They are written together, one after the other."""
    gate = Gate()
    call, own = await host.tasks.start("A.b", caller(), gate), await ask(host, "task.create", "x", "")
    others = await ask(host, "task.create", "x", "", who=BERT)
    before = (await host.store.changes.revisions()).current

    def change(number: int):
        if number % 5 == 4:
            return ask(host, "task.add_to_other_config", others, "a", "1")
        if number % 5 == 3:
            return ask(host, "task.add_to_other_config", "OpaqueRef:none", "a", "1")
        if number % 5 == 2:
            return ask(host, "task.set_progress", call, 0.5)
        return ask(
            host, "task.add_to_other_config", (call, own)[number % 5], "same" if number < 10 else str(number), "1"
        )

    done = await asyncio.gather(*map(change, range(100)), return_exceptions=True)
    codes = [error.code if isinstance(error, GraftError) else error for error in done]
    refused = ["OPERATION_NOT_ALLOWED", "HANDLE_INVALID", "HANDLE_INVALID"]
    assert codes[:10] == ["", "", *refused, "MAP_DUPLICATE_KEY", "MAP_DUPLICATE_KEY", *refused]
    assert set(codes[10::5] + codes[11::5]) == {""}
    for ref in (call, own):
        assert len((await host.tasks.get(ANNA, ref)).other_config) == 19
    assert (await host.store.changes.revisions()).current - before < 10
    gate.open.set()


async def test_too_many_of_clients_are_refused(hosts):
    host = await hosts.add(max_pending=2)
    refs = [await ask(host, "task.create", "x", "") for _ in range(2)]
    assert (await code_of(ask(host, "task.create", "x", "")))[0] == "SERVER_BUSY"
    await ask(host, "task.set_status", refs[0], "success")
    await ask(host, "task.create", "x", "")


async def test_one_without_progress_ends_as_cancelled(hosts, monkeypatch):
    host = await hosts.add(times=replace(QUICK, collect=3600.0))
    ref = str(await ask(host, "task.create", "x", ""))
    monkeypatch.setattr(rules, "MAX_PENDING_AGE", -1.0)
    await host.tasks.collect()
    task = await host.tasks.get(ANNA, ref)
    assert (task.status, task.error_info) == (TaskStatus.CANCELLED, ("TASK_CANCELLED", ref))


async def test_it_outlives_its_host(hosts):
    host, other = await hosts.add(), await hosts.add()
    ref = str(await ask(host, "task.create", "x", ""))
    await host.hosts.leave()
    assert await other.store.tasks.fail_orphans() == []
    await ask(other, "task.set_status", ref, "success")
    assert (await other.tasks.get(ANNA, ref)).status is TaskStatus.SUCCESS


async def test_parts_are_shown_and_stop_with_the_whole(hosts):
    host, other = await hosts.add(), await hosts.add()
    gates = [Gate() for _ in range(3)]
    whole = await host.tasks.start("A.b", caller(), gates[0])
    near = await host.tasks.start("A.b", caller(), gates[1], Origin(whole, {"http:a": "1"}))
    far = await other.tasks.start("A.b", caller(), gates[2], Origin(near))
    assert (await host.tasks.get(ANNA, whole)).subtasks == (near,)
    assert (await host.tasks.get(ANNA, near)).subtask_of == whole
    assert (await host.tasks.get(ANNA, near)).other_config == {"http:a": "1"}

    async def known() -> bool:
        return (await host.tasks.get(ANNA, near)).subtasks == (far,)

    await until("the part on another host", known)
    await host.tasks.cancel(ANNA, whole)
    for ref in (whole, near, far):
        assert (await host.stored_end(ref)).status is TaskStatus.CANCELLED
    assert all(gate.killed.is_set() for gate in gates)
    await host.tasks.destroy(ANNA, far)
    assert (await host.tasks.get(ANNA, near)).subtasks == ()


async def test_a_part_of_what_is_unknown_does_not_begin(host):
    gate = Gate()
    assert (await code_of(host.tasks.start("A.b", caller(), gate, Origin("OpaqueRef:x"))))[0] == "HANDLE_INVALID"
    foreign = str(await ask(host, "task.create", "x", "", who=BERT))
    assert (await code_of(host.tasks.start("A.b", caller(), gate, Origin(foreign))))[0] == "HANDLE_INVALID"
    assert not gate.runs


async def test_a_call_can_be_made_for_a_clients_task(host):
    ref = str(await ask(host, "task.create", "x", ""))
    assert await host.tasks.join(ANNA, ref, gives(5)) == CallResult(5)
    assert (await host.tasks.get(ANNA, ref)).pending
    gate = Gate()
    joined = asyncio.create_task(host.tasks.join(ANNA, ref, gate))
    await gate.running.wait()
    await host.tasks.cancel(ANNA, ref)
    assert await code_of(joined) == ["TASK_CANCELLED", ref]
    assert gate.killed.is_set()
    assert await code_of(host.tasks.join(ANNA, ref, gives())) == ["TASK_CANCELLED", ref]


async def test_such_a_call_is_stopped_from_another_host_too(hosts):
    host, other = await hosts.add(), await hosts.add()
    ref = str(await ask(host, "task.create", "x", ""))
    gate = Gate()
    joined = asyncio.create_task(host.tasks.join(ANNA, ref, gate))
    await gate.running.wait()
    await other.tasks.cancel(ANNA, ref)
    assert await code_of(joined) == ["TASK_CANCELLED", ref]


async def test_such_a_call_is_killed_when_nobody_waits_for_it(host):
    ref = str(await ask(host, "task.create", "x", ""))
    gate = Gate()
    joined = asyncio.create_task(host.tasks.join(ANNA, ref, gate))
    await gate.running.wait()
    joined.cancel()
    await asyncio.gather(joined, return_exceptions=True)
    assert gate.killed.is_set()


async def test_only_pending_tasks_of_clients_take_calls(host):
    gate = Gate()
    running = await host.tasks.start("A.b", caller(), gate)
    over = str(await ask(host, "task.create", "x", ""))
    await ask(host, "task.set_status", over, "success")
    for ref in (running, over):
        assert (await code_of(host.tasks.join(ANNA, ref, gives())))[0] == "OPERATION_NOT_ALLOWED"
    assert (await code_of(host.tasks.join(BERT, over, gives())))[0] == "HANDLE_INVALID"
    gate.open.set()


async def test_what_a_call_tells_is_shown_at_once_and_kept(host):
    gate = Gate()

    async def execution(ref: str) -> CallResult:
        with host.tasks.channel(ref) as path:
            path.write_text("progress 0.5\nlog half\n")
            return await gate(ref)

    ref = await host.tasks.start("A.b", caller(), execution)

    async def shown() -> bool:
        stored = await host.store.tasks.get(ref)
        assert stored is not None
        return stored.progress == 0.5

    await until("the progress in the store", shown)
    task = await host.tasks.get(ANNA, ref)
    assert (task.progress, [line.text for line in task.log], task.log_total) == (0.5, ["half"], 1)
    assert TASK_FIELDS["log"](task) == ["half"]
    gate.open.set()
    ended = await host.stored_end(ref)
    assert (ended.progress, [line.text for line in ended.log]) == (1.0, ["half"])


async def test_what_a_call_for_a_clients_task_tells_is_kept(host):
    ref = str(await ask(host, "task.create", "x", ""))

    async def execution(ref: str) -> CallResult:
        with host.tasks.channel(ref) as path:
            path.write_text("progress 0.5\nlog one\nlog two\n")
        return CallResult(1)

    await host.tasks.join(ANNA, ref, execution)

    async def shown() -> bool:
        return (await host.tasks.get(ANNA, ref)).log_total == 2

    await until("what it has told", shown)
    task = await host.tasks.get(ANNA, ref)
    assert (task.progress, [line.text for line in task.log]) == (0.5, ["one", "two"])


async def test_what_a_call_for_a_clients_task_tells_waits_for_the_store(hosts, monkeypatch):
    """While that takes nothing, and until the dispatcher stops."""
    host = await hosts.add()
    refs = [str(await ask(host, "task.create", "x", "")) for _ in range(2)]
    edit, tries = TaskTable.edit, []

    async def failing(self: TaskTable, wanted):
        tries.append([ref for ref, _ in wanted])
        if len(tries) <= 2:
            raise service_unavailable("dispatcher store", "it is away")
        return await edit(self, wanted)

    async def shown(ref: str, total: int) -> Task | None:
        task = await host.tasks.get(ANNA, ref)
        return task if task.log_total == total else None

    monkeypatch.setattr(reporting, "RETRY", 0.05)
    monkeypatch.setattr(TaskTable, "edit", failing)
    monkeypatch.setattr(host.tasks._telling._reporter, "_reachable", lambda: asyncio.sleep(0, len(tries) > 2))
    with host.tasks.channel(refs[0]) as first, host.tasks.channel(refs[1]) as second:
        first.write_text("progress 0.5\nlog one\n")
        second.write_text("log of the second\n")
        await until("a first try", lambda: asyncio.sleep(0, tries))
        first.write_text("log two\n")
    task = await until("what was told", lambda: shown(refs[0], 2))
    assert (task.progress, [line.text for line in task.log]) == (0.5, ["one", "two"])
    assert await until("what the other has told", lambda: shown(refs[1], 1))
    with host.tasks.channel(refs[1]) as path:
        path.write_text("progress 0.75")
    await host.tasks.close()
    assert (await host.tasks.get(ANNA, refs[1])).progress == 0.75


@pytest.mark.parametrize("here", [True, False])
async def test_whoever_follows_sees_the_last_change_and_the_end(hosts, here):
    host, other = await hosts.add(), await hosts.add()
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)

    async def admitted() -> Session:
        return ANNA

    seen: list[Task] = []

    async def watch() -> None:
        async for task in (host if here else other).tasks.follow(admitted, ref):
            seen.append(task)  # noqa: PERF401  (looked at meanwhile)

    watching = asyncio.create_task(watch())

    async def noticed(key: str) -> bool:
        return any(key in task.other_config for task in seen)

    await host.tasks.clients.edit(ANNA, ref, edits.with_entry(ref, "a", "1"))
    await until("the change", lambda: noticed("a"))
    gate.open.set()
    await watching
    assert [task.pending for task in seen] == [True] * (len(seen) - 1) + [False]
    assert seen[-1].status is TaskStatus.SUCCESS
    assert len(seen) == len(set(map(str, map(record_of, seen))))


async def test_whoever_is_no_longer_admitted_follows_no_more(hosts):
    host = await hosts.add(times=replace(QUICK, look=0.01))
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    admissions = iter([ANNA, ANNA])

    async def admitted() -> Session:
        try:
            return next(admissions)
        except StopIteration:
            raise GraftError("SESSION_INVALID", "x") from None

    async def watch() -> None:
        async for _ in host.tasks.follow(admitted, ref):
            pass

    assert await code_of(watch()) == ["SESSION_INVALID", "x"]
    gate.open.set()


async def test_a_shut_down_ends_the_watch(host):
    ref = str(await ask(host, "task.create", "x", ""))

    async def admitted() -> Session:
        return ANNA

    async def watch() -> None:
        async for _ in host.tasks.follow(admitted, ref):
            await host.tasks.drain(0)

    assert (await code_of(watch()))[0] == "SERVICE_UNAVAILABLE"


async def test_many_who_follow_what_is_elsewhere_look_together(hosts, monkeypatch):
    host = await hosts.add(times=replace(QUICK, look=3600.0))
    reads, read = 0, host.store.tasks.find
    refs = [str(await ask(host, "task.create", "x", "")) for _ in range(20)]

    async def find(refs):
        nonlocal reads
        reads += 1
        return await read(refs)

    monkeypatch.setattr(host.store.tasks, "find", find)

    async def admitted() -> Session:
        return ANNA

    seen: set[str] = set()

    async def watch(ref: str) -> None:
        async for task in host.tasks.follow(admitted, ref):
            seen.add(f"{ref} {task.progress}")

    watching = [asyncio.create_task(watch(ref)) for ref in refs]

    async def begun() -> bool:
        return len(seen) == len(refs)

    await until("all to watch", begun)
    for step in range(1, 11):
        await ask(host, "task.set_progress", refs[0], step / 10)

    async def told() -> bool:
        return f"{refs[0]} 1.0" in seen

    await until("the last change", told)
    # Each at first, each once more since it may have changed while the looking began, and what has changed.
    assert reads <= 2 * len(refs) + 10
    for ref in refs:
        await ask(host, "task.set_status", ref, "success")
    await asyncio.gather(*watching)
