from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.engines.base import Usage
from dispatcher_service.hosts.host import Host, HostFacts, coordinator
from dispatcher_service.references import NULL_REF, new_ref, ref_of, uuid_of
from dispatcher_service.tasks import task as rules
from dispatcher_service.tasks.task import Task, TaskStatus, owner_filter, to_forget, visible
from graft_common.errors import GraftError
from support.dispatcher_hosts import make_session

TASK = Task("OpaqueRef:1", "Async.A.b", "anna", "host-1", 1, 100.0)


def test_a_task_begins_pending_and_without_an_end():
    assert (TASK.pending, TASK.progress, TASK.result, TASK.error_info, TASK.finished) == (True, 0.0, "", (), None)


@pytest.mark.parametrize(
    ("ended", "status", "result", "error_info", "usage"),
    [
        (TASK.succeeded("<value>x</value>", Usage(1, 2, 3), 110.0), "success", "<value>x</value>", (), Usage(1, 2, 3)),
        (TASK.failed(GraftError("CODE", "a", "b"), 110.0), "failure", "", ("CODE", "a", "b"), None),
        (TASK.cancelled(110.0), "cancelled", "", ("TASK_CANCELLED", "OpaqueRef:1"), None),
    ],
)
def test_an_end_says_how_and_when(ended, status, result, error_info, usage):
    assert (ended.status.value, ended.result, ended.error_info, ended.usage) == (status, result, error_info, usage)
    assert (ended.pending, ended.progress, ended.finished) == (False, 1.0, 110.0)


@pytest.mark.parametrize(
    ("user", "roles", "sees"),
    [
        ("anna", ("read-only",), True),
        ("bert", ("read-only",), False),
        ("bert", ("vm-power-admin",), False),
        ("bert", ("pool-operator",), True),
        ("bert", ("read-only", "pool-admin"), True),
        ("anna", ("no-such-role",), True),
        ("bert", ("no-such-role",), False),
    ],
)
def test_tasks_are_seen_by_their_user_and_from_pool_operator_on(user, roles, sees):
    session = make_session(user, *roles)
    assert visible(TASK, session) is sees
    assert (owner_filter(session) in {None, "anna"}) is sees


OLD, YOUNG = 10_000.0 - rules.MAX_COMPLETED_AGE - 1, 10_000.0 - 10


@pytest.mark.parametrize(
    ("ended", "pending", "forgotten"),
    [
        ([], 0, 0),
        ([], 5000, 0),
        ([OLD, OLD, YOUNG], 0, 2),
        ([9000.0] * 200, 0, 0),
        ([9000.0] * 200, 1, 1),
        ([9000.0] * 250, 0, 50),
        ([9000.0] * 10, 1000, 10),
        ([9000.0] * 100 + [YOUNG] * 200, 0, 100),
        ([YOUNG] * 1000, 0, 0),
        ([YOUNG] * (rules.MAX_COMPLETED + 7), 0, 7),
    ],
)
def test_the_oldest_that_have_ended_are_forgotten(ended, pending, forgotten):
    named = [(f"t{number}", finished) for number, finished in enumerate(ended)]
    chosen = to_forget(named, len(ended) + pending, 10_000.0)
    assert chosen == [name for name, _ in named[:forgotten]]


@given(st.lists(st.floats(0, 20_000), max_size=400), st.integers(0, 400))
def test_what_is_kept_is_young_or_within_the_bound(ages, pending):
    now = 100_000.0
    ended = [(str(number), now - age) for number, age in enumerate(sorted(ages, reverse=True))]
    gone = set(to_forget(ended, len(ended) + pending, now))
    kept = [now - finished for ref, finished in ended if ref not in gone]
    assert all(age <= rules.MAX_COMPLETED_AGE for age in kept)
    old_enough = sum(age > rules.MIN_COMPLETED_AGE for age in kept)
    assert old_enough == 0 or len(kept) + pending <= rules.MAX_TASKS


def test_references_are_made_of_uuids():
    assert uuid_of(ref_of("x")) == "x"
    assert len({new_ref() for _ in range(100)}) == 100


def host(name: str, registered: float, *, live: bool) -> Host:
    return Host(HostFacts(name, name, "a:1", "1", "none"), 1, registered, 50.0, 70.0, live)


@pytest.mark.parametrize(
    ("hosts", "chosen"),
    [
        ([], NULL_REF),
        ([host("a", 2, live=True), host("b", 1, live=True)], ref_of("b")),
        ([host("a", 2, live=True), host("b", 1, live=False)], ref_of("a")),
        ([host("a", 2, live=False), host("b", 1, live=False)], ref_of("b")),
        ([host("b", 1, live=True), host("a", 1, live=True)], ref_of("a")),
    ],
)
def test_the_coordinator_is_the_live_host_that_registered_first(hosts, chosen):
    assert coordinator(hosts) == chosen


def test_statuses_are_those_of_xenapi():
    assert {status.value for status in TaskStatus} == {"pending", "success", "failure", "cancelled"}
    assert replace(TASK, status=TaskStatus.CANCELLED).pending is False
