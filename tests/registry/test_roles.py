from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from graft.registry.v1 import identity_pb2, registry_pb2
from graft.registry.v1 import role_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call, stream
from tests.registry.conftest import AS_SERVICE, Registry, StartRegistry

Metadata = Sequence[tuple[str, str]]
BASED = pb.CreateRoleRequest(
    name="storage", description="Keeps the volumes.", base="read-only", permissions=["Volume.*", "user.get_all"]
)


async def ask(registry: Registry, rpc: str, request: Any, metadata: Metadata) -> Any:
    return await call(getattr(registry.clients.roles, rpc), request, timeout=20, metadata=metadata)


async def refused(registry: Registry, rpc: str, request: Any, metadata: Metadata) -> list[str]:
    with pytest.raises(GraftError) as raised:
        await ask(registry, rpc, request, metadata)
    return raised.value.error_info()


async def roles(registry: Registry, metadata: Metadata) -> dict[str, identity_pb2.Role]:
    request = identity_pb2.ListRolesRequest()
    listed = await call(registry.clients.identity.ListRoles, request, timeout=20, metadata=metadata)
    return {role.name: role for role in listed.roles}


async def list_users(registry: Registry, metadata: Metadata) -> list[str]:
    request = identity_pb2.ListUsersRequest()
    listed = await call(registry.clients.identity.ListUsers, request, timeout=20, metadata=metadata)
    return [user.name for user in listed.users]


async def test_the_life_of_a_role(registry: Registry) -> None:
    admin = await registry.as_admin()
    made = await ask(registry, "CreateRole", BASED, admin)
    assert (made.role.rank, made.role.custom, made.role.base) == (10, True, "read-only")
    assert list(made.role.permissions) == ["user.get_all", "volume.*"]
    assert (await roles(registry, AS_SERVICE))["storage"] == made.role

    grant = pb.GrantPermissionsRequest(role="storage", permissions=["VM.start", "volume.*"])
    granted = await ask(registry, "GrantPermissions", grant, admin)
    assert list(granted.role.permissions) == ["user.get_all", "vm.start", "volume.*"]
    changed = await ask(registry, "UpdateRole", pb.UpdateRoleRequest(name="storage", base=""), admin)
    assert (changed.role.rank, changed.role.description) == (0, "Keeps the volumes.")
    assert changed.role.permissions == granted.role.permissions
    revoke = pb.RevokePermissionsRequest(role="storage", permissions=["VM.start", "user.get_all"])
    assert list((await ask(registry, "RevokePermissions", revoke, admin)).role.permissions) == ["volume.*"]
    told = await refused(registry, "RevokePermissions", revoke, admin)
    assert told == ["PERMISSION_NOT_GRANTED", "storage", "user.get_all"]

    await registry.create_user("ann", "storage", "read-only")
    told = await refused(registry, "DeleteRole", pb.DeleteRoleRequest(name="storage"), admin)
    assert told == ["ROLE_IN_USE", "storage", "ann"]
    delete = identity_pb2.DeleteUserRequest(name="ann")
    await call(registry.clients.identity.DeleteUser, delete, timeout=20, metadata=admin)
    await ask(registry, "DeleteRole", pb.DeleteRoleRequest(name="storage"), admin)
    assert "storage" not in await roles(registry, admin)


async def test_a_permission_holds_in_the_registry_too(registry: Registry) -> None:
    admin = await registry.as_admin()
    await ask(registry, "CreateRole", BASED, admin)
    await registry.create_user("ann", "storage")
    ann = await registry.as_user("ann")
    assert await list_users(registry, ann) == ["ann", "root"]
    who = await call(registry.clients.identity.WhoAmI, identity_pb2.WhoAmIRequest(), timeout=20, metadata=ann)
    assert (who.rank, list(who.permissions)) == (10, ["user.get_all", "volume.*"])
    # Also in a session that is open already.
    revoke = pb.RevokePermissionsRequest(role="storage", permissions=["user.get_all"])
    await ask(registry, "RevokePermissions", revoke, admin)
    with pytest.raises(GraftError) as raised:
        await list_users(registry, ann)
    assert raised.value.error_info() == [
        "RBAC_PERMISSION_DENIED",
        "user.get_all",
        "No permission in user session. (Roles with this permission: pool-admin)",
    ]


async def test_what_is_granted_to_a_built_in_role_is_granted_to_those_above(registry: Registry) -> None:
    grant = pb.GrantPermissionsRequest(role="vm-operator", permissions=["user.get_all"])
    granted = (await ask(registry, "GrantPermissions", grant, await registry.as_admin())).role
    assert (granted.rank, granted.custom, list(granted.permissions)) == (20, False, ["user.get_all"])
    for role in ("vm-admin", "vm-operator"):
        await registry.create_user(role, role)
        assert role in await list_users(registry, await registry.as_user(role))
    await registry.create_user("below", "read-only")
    with pytest.raises(GraftError) as raised:
        await list_users(registry, await registry.as_user("below"))
    assert raised.value.params[1].endswith("pool-admin, pool-operator, vm-power-admin, vm-admin, vm-operator)")


@pytest.mark.parametrize(
    ("rpc", "asked", "told"),
    [
        ("CreateRole", pb.CreateRoleRequest(name="pool-admin"), ["ROLE_EXISTS", "pool-admin"]),
        ("CreateRole", pb.CreateRoleRequest(name="Big Boss"), ["VALUE_NOT_SUPPORTED", "name"]),
        ("CreateRole", pb.CreateRoleRequest(name="x" * 65), ["VALUE_NOT_SUPPORTED", "name"]),
        ("CreateRole", pb.CreateRoleRequest(name="anyone"), ["VALUE_NOT_SUPPORTED", "name"]),
        ("CreateRole", pb.CreateRoleRequest(name="x", description="a\nb"), ["VALUE_NOT_SUPPORTED", "description"]),
        ("CreateRole", pb.CreateRoleRequest(name="x", base="king"), ["ROLE_NOT_FOUND", "king"]),
        ("CreateRole", pb.CreateRoleRequest(name="x", permissions=["*"]), ["VALUE_NOT_SUPPORTED", "permissions"]),
        (
            "GrantPermissions",
            pb.GrantPermissionsRequest(role="vm-admin", permissions=["User.create"]),
            ["VALUE_NOT_SUPPORTED", "permissions"],
        ),
        (
            "GrantPermissions",
            pb.GrantPermissionsRequest(role="vm-admin", permissions=[f"a.b{number}" for number in range(1001)]),
            ["VALUE_NOT_SUPPORTED", "permissions"],
        ),
        ("GrantPermissions", pb.GrantPermissionsRequest(role="none", permissions=["a.b"]), ["ROLE_NOT_FOUND", "none"]),
        ("UpdateRole", pb.UpdateRoleRequest(name="vm-admin", base=""), ["ROLE_BUILT_IN", "vm-admin"]),
        ("DeleteRole", pb.DeleteRoleRequest(name="vm-admin"), ["ROLE_BUILT_IN", "vm-admin"]),
        ("DeleteRole", pb.DeleteRoleRequest(name="none"), ["ROLE_NOT_FOUND", "none"]),
    ],
)
async def test_what_is_refused(registry: Registry, rpc: str, asked: Any, told: list[str]) -> None:
    assert (await refused(registry, rpc, asked, await registry.as_admin()))[:2] == told


async def test_only_pool_admins_change_roles_whatever_is_granted(registry: Registry) -> None:
    admin = await registry.as_admin()
    everything = pb.CreateRoleRequest(name="nearly", base="pool-operator", permissions=["role.*", "*.create"])
    await ask(registry, "CreateRole", everything, admin)
    await registry.create_user("eve", "nearly")
    eve = await registry.as_user("eve")
    grant = pb.GrantPermissionsRequest(role="nearly", permissions=["pool.eject"])
    for rpc, request, permission in (
        ("CreateRole", pb.CreateRoleRequest(name="mine"), "role.create"),
        ("UpdateRole", pb.UpdateRoleRequest(name="nearly", base="pool-admin"), "role.update"),
        ("GrantPermissions", grant, "role.grant"),
        ("RevokePermissions", pb.RevokePermissionsRequest(role="nearly", permissions=["role.*"]), "role.revoke"),
        ("DeleteRole", pb.DeleteRoleRequest(name="nearly"), "role.destroy"),
    ):
        assert (await refused(registry, rpc, request, eve))[:2] == ["RBAC_PERMISSION_DENIED", permission]
    user = identity_pb2.CreateUserRequest(name="mallory", password="pw", roles=["pool-admin"])
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await call(registry.clients.identity.CreateUser, user, timeout=20, metadata=eve)


async def test_changes_are_recorded_with_what_they_were(registry: Registry) -> None:
    admin = await registry.as_admin()
    await ask(registry, "CreateRole", BASED, admin)
    await refused(registry, "DeleteRole", pb.DeleteRoleRequest(name="no\nne"), admin)
    request = identity_pb2.ListLoginRecordsRequest(page_size=2)
    listed = await call(registry.clients.identity.ListLoginRecords, request, timeout=20, metadata=admin)
    told = [(one.action, one.outcome, {arg.name: arg.value for arg in one.arguments}) for one in listed.records]
    assert told == [
        ("role.destroy", "ROLE_NOT_FOUND", {"name": "no?ne"}),
        ("role.create", "OK", {"name": "storage", "base": "read-only", "permissions": "Volume.* user.get_all"}),
    ]
    assert len(listed.records[1].user_uuid) == 36


async def test_followers_are_told_of_roles_after_a_restart_too(start_registry: StartRegistry) -> None:
    first = await start_registry()
    admin = await first.as_admin()
    await ask(first, "CreateRole", BASED, admin)
    grant = pb.GrantPermissionsRequest(role="vm-admin", permissions=["a.b"])
    await ask(first, "GrantPermissions", grant, admin)
    await first.stop()
    again = await start_registry()
    request = registry_pb2.WatchRequest(kinds=[registry_pb2.RESOURCE_KIND_ROLE])
    async for response in stream(again.clients.registry.Watch, request, metadata=AS_SERVICE, service="registry"):
        held = {change.key: change.role for change in response.changes}
        break
    assert set(held) == set(await roles(again, admin))
    assert (held["storage"].base, list(held["vm-admin"].permissions)) == ("read-only", ["a.b"])
