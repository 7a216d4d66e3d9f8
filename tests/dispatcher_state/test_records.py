"""`task.*`, `pool.*` and `host.*` as XenAPI clients see them."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.builtins.base import BuiltinTable, CallerContext
from dispatcher_service.builtins.hosts import HOST_FIELDS, POOL_FIELDS
from dispatcher_service.builtins.records import date_time
from dispatcher_service.builtins.tasks import TASK_FIELDS
from dispatcher_service.engines.base import Usage
from dispatcher_service.hosts.host import Host, HostFacts, Pool
from dispatcher_service.hosts.labels import Labels
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.state import DispatcherState
from dispatcher_service.tasks.task import Task, TaskStatus
from graft_common.errors import GraftError
from graft_common.settings import Settings
from graft_common.values import DateTime, Value, decode_value, encode_value
from graft_common.xmlrpc import format_value
from support.dispatcher_hosts import BERT, Gate, caller, gives, raises, until
from support.stores import with_tables

NAMED = {
    "task": "get_all get_all_records get_record get_by_uuid get_by_name_label get_uuid get_name_label "
    "get_name_description get_status get_progress get_result get_error_info get_created get_finished get_resident_on "
    "get_type get_allowed_operations get_current_operations get_other_config get_subtask_of get_subtasks "
    "get_backtrace cancel destroy",
    "pool": "get_all get_all_records get_record get_by_uuid get_uuid get_name_label get_name_description get_master "
    "get_other_config",
    "host": "get_all get_all_records get_record get_by_uuid get_by_name_label get_uuid get_name_label get_hostname "
    "get_address get_API_version_major get_API_version_minor get_API_version_vendor get_software_version get_enabled "
    "get_name_description get_other_config",
}
TASK_TYPES: dict[str, type] = {
    "uuid": str, "name_label": str, "name_description": str, "allowed_operations": list, "current_operations": dict,
    "created": DateTime, "finished": DateTime, "status": str, "resident_on": str, "progress": float, "type": str,
    "result": str, "error_info": list, "other_config": dict, "subtask_of": str, "subtasks": list, "backtrace": str,
    "log": list,
}  # fmt: skip
DATE = re.compile(r"\d{8}T\d\d:\d\d:\d\dZ")


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[DispatcherState]:
    opened = await DispatcherState.open(
        Settings(data_dir=with_tables(tmp_path, "dispatcher"), dispatcher="[::1]:50052"), "none"
    )
    yield opened
    await opened.close()


@pytest.fixture
def table(state: DispatcherState) -> BuiltinTable:
    return state.builtins()


async def ask(table: BuiltinTable, method: str, *params: Value, who: CallerContext | None = None) -> Value:
    builtin = table[method]
    assert len(params) == len(builtin.params)
    assert all(param.type.accepts(value) for param, value in zip(builtin.params, params, strict=True))
    return await builtin.handler(who or caller(), list(params))


def test_every_named_method_is_there_and_read_only(table):
    assert {f"{kind}.{method}" for kind, methods in NAMED.items() for method in methods.split()} <= set(table)
    setters = {name for name in table if name.partition(".")[2].startswith(("set_", "add_", "remove_"))}
    assert {builtin.role for name, builtin in table.items() if name not in setters} == {"read-only"}
    assert all(builtin.doc for builtin in table.values())
    assert "pool.get_by_name_label" not in table


async def test_getters_and_records_say_the_same(state, table):
    refs = {
        "task": await state.tasks.start("A.b", caller(), gives(5)),
        "host": state.hosts.host_ref,
        "pool": (await state.hosts.pool()).ref,
    }
    await state.tasks.drain(10)
    for kind, ref in refs.items():
        record = await ask(table, f"{kind}.get_record", ref)
        assert isinstance(record, dict)
        for field, value in record.items():
            assert await ask(table, f"{kind}.get_{field}", ref) == value
        assert await ask(table, f"{kind}.get_all") == [ref]
        assert await ask(table, f"{kind}.get_all_records") == {ref: record}
        assert await ask(table, f"{kind}.get_by_uuid", record["uuid"]) == ref
        if kind != "pool":
            assert await ask(table, f"{kind}.get_by_name_label", record["name_label"]) == [ref]
            assert await ask(table, f"{kind}.get_by_name_label", "nobody") == []


@pytest.mark.parametrize(
    ("method", "form"),
    [("host.get_servertime", "%Y%m%dT%H:%M:%SZ"), ("host.get_server_localtime", "%Y%m%dT%H:%M:%S")],
)
async def test_hosts_tell_the_time(state, table, method, form):
    before = time.time() // 1
    told = await ask(table, method, state.hosts.host_ref)
    assert isinstance(told, DateTime)
    read = (calendar.timegm if form.endswith("Z") else time.mktime)(time.strptime(told.text, form))
    assert before <= read <= time.time()
    with pytest.raises(GraftError, match="HANDLE_INVALID"):
        await ask(table, method, NULL_REF)


@pytest.mark.parametrize("kind", ["task", "pool", "host"])
@pytest.mark.parametrize("ref", ["", "x", NULL_REF, ref_of("0"), "OpaqueRef:\0", "☃" * 1000])
async def test_what_is_unknown_is_invalid(table, kind, ref):
    for method in [
        f"{kind}.get_record",
        f"{kind}.get_uuid",
        *(["task.cancel", "task.destroy"] if kind == "task" else []),
    ]:
        with pytest.raises(GraftError) as caught:
            await ask(table, method, ref)
        assert caught.value.error_info() == ["HANDLE_INVALID", kind, ref]
    with pytest.raises(GraftError) as caught:
        await ask(table, f"{kind}.get_by_uuid", ref)
    assert caught.value.error_info() == ["UUID_INVALID", kind, ref]


async def test_the_life_of_a_task(state, table):
    gate = Gate()
    ref = await state.tasks.start("A.b", caller(), gate)
    record = await ask(table, "task.get_record", ref)
    assert isinstance(record, dict)
    expected = {
        "uuid": ref.removeprefix("OpaqueRef:"), "name_label": "Async.A.b", "name_description": "",
        "allowed_operations": ["cancel", "destroy"], "current_operations": {}, "created": record["created"],
        "finished": DateTime("19700101T00:00:00Z"), "status": "pending", "resident_on": state.hosts.host_ref,
        "progress": 0.0, "type": "<none/>", "result": "", "error_info": [], "other_config": {},
        "subtask_of": NULL_REF, "subtasks": [], "backtrace": "()", "log": [],
    }  # fmt: skip
    assert record == expected
    assert await ask(table, "task.get_all", who=caller(BERT)) == []
    assert await ask(table, "task.cancel", ref) == ""

    async def status() -> bool:
        return await ask(table, "task.get_status", ref) == "cancelled"

    await until("the end", status)
    assert await ask(table, "task.get_error_info", ref) == ["TASK_CANCELLED", ref]
    assert await ask(table, "task.get_allowed_operations", ref) == ["destroy"]
    assert await ask(table, "task.get_finished", ref) != DateTime("19700101T00:00:00Z")
    assert await ask(table, "task.destroy", ref) == ""
    with pytest.raises(GraftError, match="HANDLE_INVALID"):
        await ask(table, "task.get_record", ref)


async def test_failures_show_in_the_record(state, table):
    ref = await state.tasks.start("A.b", caller(), raises(GraftError("CODE", "a")))
    await state.tasks.drain(10)
    assert await ask(table, "task.get_error_info", ref) == ["CODE", "a"]
    assert await ask(table, "task.get_status", ref) == "failure"
    assert await ask(table, "task.get_result", ref) == ""


async def test_what_sdks_read_at_login(state, table):
    pools = await ask(table, "pool.get_all_records")
    assert isinstance(pools, dict)
    [(pool_ref, pool)] = pools.items()
    assert isinstance(pool, dict)
    assert pool["other_config"] == {}
    assert await ask(table, "pool.get_master", pool_ref) == pool["master"]
    master = pool["master"]
    assert isinstance(master, str)
    host = await ask(table, "host.get_record", master)
    assert isinstance(host, dict)
    assert (host["API_version_major"], host["API_version_minor"]) == (2, 21)
    assert type(host["API_version_major"]) is int
    assert host["API_version_vendor"] == "Graft"
    assert host["address"] == "::1"
    assert host["enabled"] is True
    versions = host["software_version"]
    assert isinstance(versions, dict)
    assert {"product_brand", "product_version", "xapi"} <= set(versions)


async def test_nothing_is_told_without_a_session(table):
    for method in ("task.get_all", "pool.get_all", "host.get_all_records"):
        with pytest.raises(GraftError) as caught:
            await ask(table, method, who=CallerContext(session_ref="x"))
        assert caught.value.error_info() == ["SESSION_INVALID", "x"]


texts = st.text(max_size=30)
times = st.floats(0, 4e9)
usages = st.none() | st.builds(Usage, st.floats(0, 1e6), st.integers(0, 2**50), st.floats(0, 1e6))
tasks = st.builds(
    Task, texts.map(ref_of), texts, texts, texts, st.integers(1, 2**40), times, texts, st.sampled_from(TaskStatus),
    st.floats(0, 1), texts, st.lists(texts, max_size=4).map(tuple), st.none() | times, st.booleans(), usages,
)  # fmt: skip
facts = st.builds(HostFacts, texts, texts, texts, texts, texts)
labels = st.builds(Labels, texts, texts, st.dictionaries(texts, texts), st.lists(texts).map(tuple))
hosts = st.builds(Host, facts, st.integers(1, 9), times, times, times, st.booleans(), labels)
pools = st.builds(Pool, texts, labels, texts.map(ref_of))


def crosses(record: dict[str, Value]) -> bool:
    format_value(record)
    return decode_value(encode_value(record)) == record


@given(tasks)
def test_every_task_has_the_shape_of_xapis_record(task):
    record = {field: read(task) for field, read in TASK_FIELDS.items()}
    assert {field: type(value) for field, value in record.items()} == TASK_TYPES
    assert crosses(record)
    assert DATE.fullmatch(record["created"].text)
    assert DATE.fullmatch(record["finished"].text)
    assert record["status"] in {"pending", "success", "failure", "cancelled"}
    assert ("cancel" in record["allowed_operations"]) is (task.pending and not task.cancel_requested)


@given(hosts, pools)
def test_every_host_and_pool_can_be_sent(host, pool):
    for record in ({field: read(host) for field, read in HOST_FIELDS.items()}, {field: read(pool) for field, read in POOL_FIELDS.items()}):  # fmt: skip
        assert crosses(record)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "19700101T00:00:00Z"), (0.0, "19700101T00:00:00Z"), (1767225600.9, "20260101T00:00:00Z")],
)
def test_times_are_written_as_xapi_does(seconds, text):
    assert date_time(seconds) == DateTime(text)
