"""Names, descriptions, `other_config` and tags of the pool and of hosts: set by clients, kept by the store."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

import pytest

from dispatcher_service.builtins.hosts import host_builtins
from dispatcher_service.hosts import labels as rules
from dispatcher_service.hosts.labels import Labels
from dispatcher_service.references import NULL_REF, ref_of
from graft_common.errors import GraftError
from graft_common.values import Value
from support.dispatcher_hosts import Hosts, TestHost, caller

SETTERS: Mapping[str, tuple[Value, ...]] = {
    "set_name_label": ("x",),
    "set_name_description": ("x",),
    "set_other_config": ({},),
    "add_to_other_config": ("k", "v"),
    "remove_from_other_config": ("k",),
    "set_tags": ([],),
    "add_tags": ("x",),
    "remove_tags": ("x",),
}


async def ask(host: TestHost, method: str, *params: Value) -> Value:
    builtin = host_builtins(host.hosts)[method]
    assert len(params) == len(builtin.params)
    assert all(param.type.accepts(value) for param, value in zip(builtin.params, params, strict=True))
    return await builtin.handler(caller(), list(params))


async def objects(host: TestHost) -> Mapping[str, str]:
    return {"pool": (await host.hosts.pool()).ref, "host": host.hosts.host_ref}


@pytest.mark.parametrize("kind", ["pool", "host"])
async def test_what_is_set_is_read_by_every_host_and_after_a_restart(hosts: Hosts, kind: str) -> None:
    one, other = await hosts.add(), await hosts.add()
    ref = (await objects(one))[kind]
    for method, *params in [
        ("set_name_label", "the first \N{SNOWMAN}"),
        ("set_name_description", "of two"),
        ("set_other_config", {"a": "1", "b": "2"}),
        ("add_to_other_config", "c", "3"),
        ("remove_from_other_config", "a"),
        ("remove_from_other_config", "never there"),
        ("set_tags", ["x", "y", "x"]),
        ("add_tags", "z"),
        ("add_tags", "z"),
        ("remove_tags", "x"),
    ]:
        assert await ask(one, f"{kind}.{method}", ref, *params) == ""
    said = {
        "name_label": "the first \N{SNOWMAN}",
        "name_description": "of two",
        "other_config": {"b": "2", "c": "3"},
        "tags": ["y", "z"],
    }
    await one.hosts.leave()
    again = await hosts.add(one.hosts.host_uuid)
    for host in (one, other, again):
        record = await ask(host, f"{kind}.get_record", ref)
        assert isinstance(record, dict)
        assert said.items() <= record.items()
        assert await ask(host, f"{kind}.get_other_config", ref) == {"b": "2", "c": "3"}


async def test_a_host_without_a_name_has_its_machines(hosts: Hosts) -> None:
    host = await hosts.add()
    ref = host.hosts.host_ref
    machine = await ask(host, "host.get_hostname", ref)
    assert await ask(host, "host.get_name_label", ref) == machine
    await ask(host, "host.set_name_label", ref, "rack 5")
    assert await ask(host, "host.get_by_name_label", "rack 5") == [ref]
    assert await ask(host, "host.get_by_name_label", machine) == []
    assert await ask(host, "host.get_hostname", ref) == machine
    await ask(host, "host.set_name_label", ref, "")
    assert await ask(host, "host.get_name_label", ref) == machine


@pytest.mark.parametrize("kind", ["pool", "host"])
async def test_a_key_that_is_there_is_not_added_again(hosts: Hosts, kind: str) -> None:
    host = await hosts.add()
    ref = (await objects(host))[kind]
    await ask(host, f"{kind}.add_to_other_config", ref, "k", "1")
    with pytest.raises(GraftError) as caught:
        await ask(host, f"{kind}.add_to_other_config", ref, "k", "2")
    assert caught.value.error_info() == ["MAP_DUPLICATE_KEY", kind, "other_config", ref, "k"]
    assert await ask(host, f"{kind}.get_other_config", ref) == {"k": "1"}


async def test_what_is_added_at_once_on_two_hosts_is_all_kept(hosts: Hosts) -> None:
    both = [await hosts.add(), await hosts.add()]
    pool = (await both[0].hosts.pool()).ref
    keys = [f"k{number}" for number in range(20)]
    await asyncio.gather(
        *(ask(both[place % 2], "pool.add_to_other_config", pool, key, "v") for place, key in enumerate(keys))
    )
    assert await ask(both[0], "pool.get_other_config", pool) == dict.fromkeys(keys, "v")


async def test_what_is_unknown_is_invalid(hosts: Hosts) -> None:
    host = await hosts.add()
    unknown = ["", "x", NULL_REF, ref_of("0"), "OpaqueRef:\0", "☃" * 1000, host.hosts.host_uuid]
    for kind, ref, (method, values) in itertools.product(["pool", "host"], unknown, SETTERS.items()):
        with pytest.raises(GraftError) as caught:
            await ask(host, f"{kind}.{method}", ref, *values)
        assert caught.value.error_info() == ["HANDLE_INVALID", kind, ref]


async def test_what_changes_is_noted_for_events(hosts: Hosts) -> None:
    host = await hosts.add()
    pool = (await host.hosts.pool()).ref
    before = (await host.store.changes.revisions()).current
    await ask(host, "pool.add_tags", pool, "x")
    after, changed = await host.store.changes.since(before)
    assert [(change.kind, change.ref, change.gone) for change in changed] == [("pool", pool, False)]
    await ask(host, "pool.add_tags", pool, "x")
    assert await host.store.changes.revisions() == after


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda: rules.with_name("x" * 1025), ["VALUE_NOT_SUPPORTED", "name_label"]),
        (lambda: rules.with_description("x" * 4097), ["VALUE_NOT_SUPPORTED", "name_description"]),
        (lambda: rules.with_other_config({"k": 5}), ["FIELD_TYPE_ERROR", "value[k]", "string", "int"]),
        (lambda: rules.with_other_config({"k": "x" * (256 << 10)}), ["VALUE_NOT_SUPPORTED", "other_config"]),
        (lambda: rules.with_other_config({str(n): "" for n in range(1001)}), ["VALUE_NOT_SUPPORTED", "other_config"]),
        (lambda: rules.with_tags(["x", 1.5]), ["FIELD_TYPE_ERROR", "value[1]", "string", "double"]),
        (lambda: rules.with_tags([str(n) for n in range(1001)]), ["VALUE_NOT_SUPPORTED", "tags"]),
        (lambda: rules.with_entry("pool", "r", "k", "x" * (256 << 10))(Labels()), ["VALUE_NOT_SUPPORTED"]),
        (lambda: rules.with_tag("x" * (257 << 10))(Labels()), ["VALUE_NOT_SUPPORTED", "tags"]),
    ],
)
def test_what_cannot_be_taken_is_refused(change, error):
    with pytest.raises(GraftError) as caught:
        change()
    assert caught.value.error_info()[: len(error)] == error
