"""The objects that XenAPI shows, over real gRPC: a real registry, a real dispatcher."""

from __future__ import annotations

import asyncio
from typing import Any

from dispatcher.test_call_path import Site, site  # noqa: F401  (a fixture)
from dispatcher.test_linked_methods import link, tree, until, until_from  # noqa: F401  (a fixture)
from graft.registry.v1 import identity_pb2, role_pb2
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata
from graft_common.values import Value
from support.resources import Resources

KINDS = ["pool", "host", "task", "session", "user", "role", "extension", "link"]
MOVES = frozenset({"last_active", "rbac_permissions"})
"""Fields that change from one look to the next, or are not told in lists."""


async def test_every_class_can_be_browsed(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    await site.task(await site.start("system.isAlive", "x"))
    listed = await site.call("system.listMethods")
    assert isinstance(listed, list)
    for kind in KINDS:
        records: Any = await site.call(f"{kind}.get_all_records")
        assert records, kind
        assert await site.call(f"{kind}.get_all") == list(records)
        ref, record = next(iter(records.items()))
        assert await site.call(f"{kind}.get_by_uuid", record["uuid"]) == ref
        assert (await site.call(f"{kind}.get_record", ref)).keys() == record.keys()
        if "name_label" in record and kind != "pool":
            found = await site.call(f"{kind}.get_by_name_label", record["name_label"])
            assert ref in found
        for field in record.keys() - MOVES:
            assert f"{kind}.get_{field}" in listed
            assert await site.call(f"{kind}.get_{field}", ref) == record[field]
    extensions: Any = await site.call("extension.get_all_records")
    links: Any = await site.call("link.get_all_records")
    assert sorted((each["name_label"], each["version"]) for each in extensions.values()) == [
        ("EXT", "1.0"),
        ("EXT", "1.1"),
        ("OTHER", "5"),
    ]
    [made] = links.values()
    assert made["name_label"] == "EXT/1.0 HDP/2.4"
    assert extensions[made["extension"]]["version"] == "1.0"


async def test_what_a_session_is_shown(site: Site) -> None:  # noqa: F811
    users: Any = await site.call("user.get_all_records")
    assert {user["name_label"] for user in users.values()} == set(site.refs)
    for name, ref in site.refs.items():
        record: Any = await site.call("session.get_record", ref, role=name)
        assert record["auth_user_name"] == name
        assert record["auth_user_sid"] == users[f"OpaqueRef:{record['auth_user_sid']}"]["uuid"]
        assert record["this_host"] == await site.call("pool.get_master", (await site.call("pool.get_all"))[0])
        assert ("pool.set_name_label" in record["rbac_permissions"]) is (name != "read-only")
        assert {"session.logout", "session.get_all", "pool.get_all"} <= set(record["rbac_permissions"])
        seen: Any = await site.call("session.get_all", role=name)
        assert len(seen) == (3 if name == "pool-admin" else 1)
        assert ref not in seen
        # What is listed names a session, and is no credential.
        assert await site.call("session.get_auth_user_name", seen[0], role=name) in site.refs
        assert await site.error("pool.get_all", ref=seen[0]) == ["SESSION_INVALID", seen[0]]


async def test_setters_need_a_role(site: Site) -> None:  # noqa: F811
    [pool] = await site.call("pool.get_all")
    assert (await site.error("pool.set_name_label", pool, "x", role="read-only"))[0] == "RBAC_PERMISSION_DENIED"
    assert await site.call("pool.set_name_label", pool, "ours", role="pool-operator") == ""
    assert await site.call("pool.get_name_label", pool, role="read-only") == "ours"
    assert await site.error("pool.set_other_config", pool, {"k": 1}) == [
        "FIELD_TYPE_ERROR",
        "value[k]",
        "string",
        "int",
    ]
    assert await site.error("pool.set_tags", pool, "x") == ["FIELD_TYPE_ERROR", "value", "set", "string"]


async def test_whoever_has_a_session_may_look_at_it(site: Site) -> None:  # noqa: F811
    admin = call_metadata(site.refs["pool-admin"])
    role = role_pb2.CreateRoleRequest(name="nothing")
    await call(site.registry.roles.CreateRole, role, timeout=10, metadata=admin)
    user = identity_pb2.CreateUserRequest(name="nobody", password="pw", roles=["nothing"])
    await call(site.registry.identity.CreateUser, user, timeout=10, metadata=admin)
    ref = await site.login("nobody")
    assert (await site.error("pool.get_all", ref=ref))[0] == "RBAC_PERMISSION_DENIED"
    record: Any = await site.call("session.get_record", ref, ref=ref)
    assert record["uuid"] == await site.call("session.get_uuid", ref, ref=ref)
    permissions: Any = await site.call("session.get_rbac_permissions", ref, ref=ref)
    assert "session.get_uuid" in permissions
    assert "pool.get_all" not in permissions

    async def is_listed() -> bool:
        names: Any = await site.call("role.get_by_name_label", "nothing")
        return bool(names)

    await until(is_listed)


async def test_events_tell_of_the_registrys_objects_to_whoever_sees_them(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    classes: list[Value] = ["user", "role", "session", "extension", "link"]
    users: Any = await site.call("event.from", ["user"], "", 0.0, role="read-only")
    assert [event["snapshot"]["name_label"] for event in users["events"]] == ["read-only"]
    token = (await site.call("event.from", classes, "", 0.0))["token"]
    admin = call_metadata(site.refs["pool-admin"])
    role = role_pb2.CreateRoleRequest(name="mover", base="read-only")
    await call(site.registry.roles.CreateRole, role, timeout=10, metadata=admin)
    user = identity_pb2.CreateUserRequest(name="mona", password="pw", roles=["mover"])
    await call(site.registry.identity.CreateUser, user, timeout=10, metadata=admin)
    opened = await site.login("mona")
    await link(site, "EXT/1.0")
    seen: dict[tuple[str, str], Any] = {}
    async with asyncio.timeout(20):
        while {kind for kind, _ in seen} != set(classes):
            answer: Any = await site.call("event.from", classes, token, 5.0)
            token = answer["token"]
            seen |= {(event["class"], event["ref"]): event for event in answer["events"]}
    for (kind, ref), event in seen.items():
        record: Any = await site.call(f"{kind}.get_record", ref)
        assert event["snapshot"].keys() == record.keys()
        assert event["snapshot"]["uuid"] == record["uuid"]
    told = {event["snapshot"].get("name_label") for event in seen.values()}
    assert {"mover", "mona", "EXT/1.0 HDP/2.4"} <= told
    # Nobody else is told of the login, and nobody of the reference that it has given out.
    shown: Any = await site.call("event.from", ["session", "user"], "", 0.0, role="read-only")
    assert "mona" not in str(shown)
    assert opened not in str(seen)
