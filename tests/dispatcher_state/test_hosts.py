"""Hosts that share a store: leases, fencing, and wishes across hosts."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import uuid

import pytest

from dispatcher_service.hosts.identity import HostIdentity
from dispatcher_service.hosts.membership import LeaseTimes
from dispatcher_service.tasks.task import TaskStatus
from graft_common.errors import GraftError, StartupError
from support.dispatcher_hosts import ANNA, BERT, Gate, Hosts, TestHost, caller, gives, until

WATCHFUL = LeaseTimes(lease=60.0, heartbeat=0.05)
"""A host that renews its lease, and looks after the others, all the time."""


async def cut_off(host: TestHost, lease: float = 0.3) -> None:
    """Let a host's lease run out soon, as when it is stopped or cannot reach the store. Its heartbeat must be slow."""
    assert await host.store.hosts.renew(host.hosts.host_uuid, host.hosts.epoch, lease)


async def host_lives(host: TestHost, which: str) -> bool:
    return any(each.facts.uuid == which and each.live for each in await host.hosts.list())


async def lease_of(host: TestHost) -> float:
    [lease] = [each.lease_until for each in await host.hosts.list() if each.facts.uuid == host.hosts.host_uuid]
    return lease


async def test_a_lease_lasts_as_long_as_its_host(hosts):
    one, other = await hosts.add(lease=WATCHFUL), await hosts.add(lease=WATCHFUL)
    gate = Gate()
    ref = await one.tasks.start("A.b", caller(), gate)
    for _ in range(3):
        before = await lease_of(one)

        async def renewed(before: float = before) -> bool:
            return await lease_of(one) > before

        await until("the lease to be renewed", renewed)
    assert [await host_lives(host, one.hosts.host_uuid) for host in (one, other)] == [True, True]
    assert one.hosts.epoch == 1
    gate.open.set()
    assert (await one.stored_end(ref)).status is TaskStatus.SUCCESS


async def test_tasks_of_a_host_that_is_gone_fail(hosts):
    gone, other = await hosts.add(), await hosts.add(lease=WATCHFUL)
    gate = Gate()
    ref = await gone.tasks.start("A.b", caller(), gate)
    await cut_off(gone)
    task = await other.ended(ref)
    assert (task.status.value, task.error_info[0]) == ("failure", "INTERNAL_ERROR")
    assert task.finished is not None
    assert not await host_lives(other, gone.hosts.host_uuid)


async def test_a_late_end_does_not_overrule(hosts):
    gone, other = await hosts.add(), await hosts.add(lease=WATCHFUL)
    gate = Gate("too late")
    ref = await gone.tasks.start("A.b", caller(), gate)
    await cut_off(gone)
    lost = await other.ended(ref)
    gate.open.set()
    await gone.tasks.drain(10)
    assert await other.tasks.get(ANNA, ref) == lost
    assert await gone.tasks.get(ANNA, ref) == lost


async def test_a_host_that_comes_back_kills_what_was_given_up_and_goes_on(hosts):
    gone, other = await hosts.add(), await hosts.add(lease=WATCHFUL)
    gate = Gate()
    ref = await gone.tasks.start("A.b", caller(), gate)
    await cut_off(gone)
    await gate.running.wait()
    lost = await other.ended(ref)
    with pytest.raises(GraftError) as caught:
        await gone.tasks.start("A.b", caller(), gives())
    assert caught.value.error_info()[:2] == ["SERVICE_UNAVAILABLE", "dispatcher"]
    await gone.hosts.beat()
    assert gone.hosts.epoch == 2
    await gate.killed.wait()
    assert await gone.tasks.get(ANNA, ref) == lost
    fresh = await gone.tasks.start("A.b", caller(), gives())
    assert (await other.ended(fresh)).status is TaskStatus.SUCCESS


async def test_a_lease_that_ran_out_unseen_is_simply_renewed(hosts):
    host = await hosts.add()
    gate = Gate()
    ref = await host.tasks.start("A.b", caller(), gate)
    await cut_off(host)
    await until("the lease to run out", lambda: _not_live(host))
    await host.hosts.beat()
    assert host.hosts.epoch == 1
    gate.open.set()
    assert (await host.stored_end(ref)).status is TaskStatus.SUCCESS


async def _not_live(host: TestHost) -> bool:
    return not await host_lives(host, host.hosts.host_uuid)


async def test_a_host_that_starts_again_ends_what_it_left(hosts):
    first = await hosts.add()
    gate = Gate()
    left = await first.tasks.start("A.b", caller(), gate)
    done = await first.tasks.start("A.b", caller(), gives("kept"))
    await first.stored_end(done)
    again = await hosts.add(first.hosts.host_uuid)
    assert again.hosts.epoch == 2
    task = await again.store.tasks.get(left)
    assert task is not None
    assert (task.status.value, task.error_info[0]) == ("failure", "INTERNAL_ERROR")
    assert "not known" in task.error_info[1]
    assert (await again.tasks.get(ANNA, done)).result == "<value>kept</value>"
    gate.open.set()
    await first.tasks.drain(10)
    assert await again.tasks.get(ANNA, left) == task


async def test_cancel_reaches_a_task_on_another_host(hosts):
    one, other = await hosts.add(), await hosts.add()
    gate = Gate()
    ref = await one.tasks.start("A.b", caller(), gate)
    with pytest.raises(GraftError, match="HANDLE_INVALID"):
        await other.tasks.cancel(BERT, ref)
    await other.tasks.cancel(ANNA, ref)
    task = await other.ended(ref)
    assert (task.status.value, task.error_info) == ("cancelled", ("TASK_CANCELLED", ref))
    assert gate.killed.is_set()


async def test_every_host_sees_and_destroys_every_task(hosts):
    one, other = await hosts.add(), await hosts.add()
    ended = await one.tasks.start("A.b", caller(), gives("x"))
    await one.stored_end(ended)
    gate = Gate()
    pending = await one.tasks.start("A.b", caller(), gate)
    assert {task.ref for task in await other.tasks.list(ANNA)} == {ended, pending}
    assert (await other.tasks.get(ANNA, ended)).host == one.hosts.host_uuid
    for ref in (ended, pending):
        await other.tasks.destroy(ANNA, ref)
    await one.gone(ended)
    assert (await other.tasks.get(ANNA, pending)).pending
    gate.open.set()
    await one.gone(pending)


async def test_leaving_gives_the_lease_back(hosts):
    one, other = await hosts.add(), await hosts.add()
    gate = Gate()
    ref = await one.tasks.start("A.b", caller(), gate)
    await one.hosts.leave()
    assert not await host_lives(other, one.hosts.host_uuid)
    task = await other.tasks.get(ANNA, ref)
    assert task.status is TaskStatus.FAILURE


async def test_the_pool_outlives_hosts_and_names_a_live_coordinator(hosts):
    one, other = await hosts.add(), await hosts.add()
    first, second = await one.hosts.pool(), await other.hosts.pool()
    assert first == second
    assert first.master == one.hosts.host_ref
    await one.hosts.leave()
    assert (await other.hosts.pool()).master == other.hosts.host_ref
    again = await hosts.add(one.hosts.host_uuid)
    assert (await again.hosts.pool()).uuid == first.uuid
    assert (await again.hosts.pool()).master == one.hosts.host_ref


async def test_two_hosts_under_load_leave_nothing_pending_when_one_is_cut_off(hosts):
    """One of the hosts stops renewing in the middle: each of its tasks ends once, by itself or by the other host."""
    steady, shaky = await hosts.add(lease=WATCHFUL), await hosts.add()
    gate = Gate()
    started = [await host.tasks.start("A.b", caller(), gives()) for _ in range(50) for host in (steady, shaky)]
    held = [await host.tasks.start("A.b", caller(), gate) for host in (steady, shaky) for _ in range(20)]
    await cut_off(shaky)
    ends = {ref: await steady.stored_end(ref) for ref in (*started, *held[20:])}
    assert {ends[ref].status.value for ref in started} == {"success"}
    assert {ends[ref].status.value for ref in held[20:]} == {"failure"}
    gate.open.set()
    assert {(await steady.stored_end(ref)).status.value for ref in held[:20]} == {"success"}
    await shaky.tasks.drain(10)
    assert {ref: await steady.store.tasks.get(ref) for ref in ends} == ends


def test_the_identity_is_made_once_and_private(tmp_path):
    held = HostIdentity.hold(tmp_path / "data")
    path = tmp_path / "data" / "host-uuid"
    assert uuid.UUID(held.uuid)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held.release()
    held.release()
    again = HostIdentity.hold(tmp_path / "data")
    assert again.uuid == held.uuid == path.read_text().strip()
    again.release()


def test_two_dispatchers_do_not_share_an_identity(tmp_path):
    held = HostIdentity.hold(tmp_path)
    program = (
        "import sys, pathlib; from dispatcher_service.hosts.identity import HostIdentity;"
        "HostIdentity.hold(pathlib.Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = [sys.executable, "-c", program, str(tmp_path)]
    refused = subprocess.run(run, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode != 0
    assert "another dispatcher runs with the data dir" in refused.stderr
    held.release()
    assert subprocess.run(run, env=environment, capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("content", ["not a uuid", "\xff\xfe", "0" * 200])
def test_a_spoilt_identity_is_not_replaced_in_silence(tmp_path, content):
    (tmp_path / "host-uuid").write_bytes(content.encode("latin-1"))
    with pytest.raises(StartupError, match="is no UUID"):
        HostIdentity.hold(tmp_path)
    (tmp_path / "host-uuid").write_text("")
    HostIdentity.hold(tmp_path).release()


def test_an_identity_is_no_link_and_needs_a_folder(tmp_path):
    (tmp_path / "host-uuid").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartupError, match="cannot be opened"):
        HostIdentity.hold(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="GRAFT_DATA_DIR"):
        HostIdentity.hold(tmp_path / "file" / "data")


async def test_a_restart_of_postgresql_costs_no_task(postgres_server, postgres_url):
    made = Hosts(postgres_url)
    host = await made.add(lease=WATCHFUL)
    gate = Gate("kept")
    ref = await host.tasks.start("A.b", caller(), gate)
    postgres_server.allow_connections(postgres_url, allowed=False)
    postgres_server.disconnect_all(postgres_url)
    gate.open.set()
    assert (await host.ended(ref)).result == "<value>kept</value>"
    with pytest.raises(GraftError) as caught:
        await host.tasks.start("A.b", caller(), gives())
    assert caught.value.code == "SERVICE_UNAVAILABLE"
    assert [each.facts.uuid for each in await host.hosts.list()] == [host.hosts.host_uuid]
    postgres_server.allow_connections(postgres_url, allowed=True)
    assert (await host.stored_end(ref)).result == "<value>kept</value>"
    assert host.hosts.epoch == 1
    assert (await host.stored_end(await host.tasks.start("A.b", caller(), gives()))).status is TaskStatus.SUCCESS
    await made.close()
