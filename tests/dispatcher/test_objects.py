"""`session.*`, `user.*`, `role.*`, `extension.*` and `link.*` as XenAPI clients see them: read from the view alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dispatcher_service.builtins.base import BuiltinTable, CallerContext
from dispatcher_service.builtins.catalog import catalog_builtins
from dispatcher_service.builtins.sessions import session_builtins
from dispatcher_service.builtins.users import role_builtins, user_builtins
from dispatcher_service.calls.listing import MethodInfo
from dispatcher_service.calls.permissions import Permissions
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.sessions.applying import apply_changes
from dispatcher_service.sessions.objects import extension_uuid, made_uuid, role_uuid
from dispatcher_service.sessions.session import Session
from dispatcher_service.sessions.view import RegistryView
from graft.registry.v1 import identity_pb2, registry_pb2
from graft.registry.v1.registry_pb2 import Change
from graft_common.declarations.api import Source
from graft_common.errors import GraftError
from graft_common.roles import ROLES
from graft_common.rpc.context import digest
from graft_common.values import DateTime, Value, decode_value, encode_value
from graft_common.xmlrpc import format_value

PUT = registry_pb2.CHANGE_TYPE_PUT
HOST = "OpaqueRef:00000000-0000-4000-8000-00000000000b"
METHODS = [
    MethodInfo("Volume.resize", Source.DROP_IN, "pool-operator"),
    MethodInfo("Volume.look", Source.DROP_IN, "read-only"),
    MethodInfo("Volume.wish", Source.DROP_IN, "anyone"),
    MethodInfo("Undeclared.one", Source.DROP_IN, "pool-admin"),
    MethodInfo("system.listMethods", Source.BUILT_IN, ""),
]
NEEDS_NO_MORE_THAN_A_SESSION = {"volume.wish", "system.listmethods", "session.logout", "session.get_record"}
KINDS = ["session", "user", "role", "extension", "link"]


def put(kind: registry_pb2.ResourceKind, key: str, **resource: Any) -> Change:
    for message in resource.values():
        if hasattr(message, "created"):
            message.created.FromSeconds(1_767_225_600)
    return Change(type=PUT, kind=kind, key=key, **resource)


def logged_in(ref: str, user: str, *roles: str, **more: Any) -> Change:
    message = identity_pb2.Session(
        digest=digest(ref), uuid=f"s-{ref}", user=user, user_uuid=f"u-{user}", roles=roles, **more
    )
    return put(registry_pb2.RESOURCE_KIND_SESSION, message.digest, session=message)


def can_log_in(name: str, *roles: str) -> Change:
    return put(registry_pb2.RESOURCE_KIND_USER, name, user=identity_pb2.User(name=name, uuid=f"u-{name}", roles=roles))


@pytest.fixture
def view() -> RegistryView:
    made = RegistryView()
    roles = [identity_pb2.Role(name=role.name, rank=role.rank, description=role.description) for role in ROLES]
    roles.append(identity_pb2.Role(name="resizer", base="read-only", permissions=["volume.res*"], custom=True))
    versions = [
        registry_pb2.ExtensionVersion(name="EXT", version="1.0", valid=True, services=["A", "B"]),
        registry_pb2.ExtensionVersion(name="EXT", version="2.0", errors=["no service"], parent_version="1.0"),
        registry_pb2.ExtensionVersion(name="OTHER", version="1.0", valid=True, auto_link=True),
    ]
    link = registry_pb2.Link(
        id=7, stack_name="HDP", stack_version="2.6", extension_name="EXT", extension_version="1.0", problem="vanished"
    )
    apply_changes(
        made,
        [
            *(put(registry_pb2.RESOURCE_KIND_ROLE, role.name, role=role) for role in roles),
            can_log_in("root", "pool-admin"),
            can_log_in("anna", "resizer"),
            can_log_in("bert", "vm-admin", "read-only"),
            logged_in("root-1", "root", "pool-admin", is_local_superuser=True, originator="tests"),
            logged_in("anna-1", "anna", "resizer", other_config={"a": "1"}),
            logged_in("anna-2", "anna", "resizer", subject="certificate:CN=anna"),
            logged_in("bert-1", "bert", "vm-admin", "read-only"),
            logged_in("here", "LOCAL_SUPERUSER", "pool-admin", subject="local:0", is_local_superuser=True),
            *(
                put(
                    registry_pb2.RESOURCE_KIND_EXTENSION_VERSION,
                    f"{version.name}/{version.version}",
                    extension_version=version,
                )
                for version in versions
            ),
            put(registry_pb2.RESOURCE_KIND_LINK, "7", link=link),
        ],
    )
    return made


@pytest.fixture
def table(view: RegistryView) -> BuiltinTable:
    permissions = Permissions(lambda: METHODS, lambda: METHODS)
    return {
        **session_builtins(lambda: view, permissions, lambda: HOST),
        **user_builtins(lambda: view),
        **role_builtins(lambda: view, permissions),
        **catalog_builtins(lambda: view),
    }


class Client:
    """Calls as a session does."""

    def __init__(self, table: BuiltinTable, session: Session) -> None:
        self._table = table
        self.session = session

    async def __call__(self, method: str, *params: Value) -> Any:
        builtin = self._table[method]
        assert len(params) == len(builtin.params)
        try:
            return await builtin.handler(CallerContext(self.session), list(params))
        except GraftError as error:
            return error.error_info()


@pytest.fixture
def client(view: RegistryView, table: BuiltinTable) -> Any:
    return lambda ref: Client(table, view.sessions[digest(ref)])


def sessions(*refs: str) -> Sequence[str]:
    return [ref_of(f"s-{ref}") for ref in refs]


@pytest.mark.parametrize("kind", KINDS)
async def test_getters_lists_and_records_say_the_same(client: Any, table: BuiltinTable, kind: str) -> None:
    ask = client("root-1")
    records = await ask(f"{kind}.get_all_records")
    assert records
    assert await ask(f"{kind}.get_all") == list(records)
    getters = {name.removeprefix(f"{kind}.get_") for name in table if name.startswith(f"{kind}.get_")}
    for ref, listed in records.items():
        record = await ask(f"{kind}.get_record", ref)
        assert getters >= record.keys()
        assert listed == (record | {"rbac_permissions": []} if kind == "session" else record)
        assert {field: await ask(f"{kind}.get_{field}", ref) for field in record} == record
        assert await ask(f"{kind}.get_by_uuid", record["uuid"]) == ref
        if kind != "session":
            same = [each for each, other in records.items() if other["name_label"] == record["name_label"]]
            assert await ask(f"{kind}.get_by_name_label", record["name_label"]) == same
            assert await ask(f"{kind}.get_by_name_label", "nobody") == []
        format_value(record)
        assert decode_value(encode_value(record)) == record


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ref", ["", "x", NULL_REF, ref_of("0"), "OpaqueRef:\0", "\ud800", "☃" * 1000])
async def test_what_is_unknown_is_invalid(client: Any, kind: str, ref: str) -> None:
    ask = client("root-1")
    assert await ask(f"{kind}.get_record", ref) == ["HANDLE_INVALID", kind, ref]
    assert await ask(f"{kind}.get_uuid", ref) == ["HANDLE_INVALID", kind, ref]
    assert await ask(f"{kind}.get_by_uuid", ref) == ["UUID_INVALID", kind, ref]


@pytest.mark.parametrize("method", [f"{kind}.{method}" for kind in KINDS for method in ("get_all", "get_all_records")])
async def test_nothing_is_told_without_a_session(table: BuiltinTable, method: str) -> None:
    with pytest.raises(GraftError) as caught:
        await table[method].handler(CallerContext(session_ref="x"), [])
    assert caught.value.error_info() == ["SESSION_INVALID", "x"]


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("root-1", ["root-1", "anna-1", "anna-2", "bert-1", "here"]),
        ("here", ["root-1", "anna-1", "anna-2", "bert-1", "here"]),
        ("anna-1", ["anna-1", "anna-2"]),
        ("bert-1", ["bert-1"]),
    ],
)
async def test_whose_sessions_are_seen(client: Any, who: str, seen: list[str]) -> None:
    ask = client(who)
    assert await ask("session.get_all") == sessions(*seen)
    for ref in ("root-1", "anna-1", "anna-2", "bert-1", "here"):
        uuid = await ask("session.get_uuid", ref_of(f"s-{ref}"))
        assert uuid == (f"s-{ref}" if ref in seen else ["HANDLE_INVALID", "session", ref_of(f"s-{ref}")])
        found = await ask("session.get_by_uuid", f"s-{ref}")
        assert found == (ref_of(f"s-{ref}") if ref in seen else ["UUID_INVALID", "session", f"s-{ref}"])


async def test_the_record_of_a_session(client: Any) -> None:
    record = await client("anna-1")("session.get_record", "anna-1")
    assert record.pop("rbac_permissions") == await client("anna-1")("session.get_rbac_permissions", "anna-1")
    assert record == {
        "uuid": "s-anna-1", "this_host": HOST, "this_user": NULL_REF, "last_active": DateTime("19700101T00:00:00Z"),
        "pool": False, "other_config": {"a": "1"}, "is_local_superuser": False, "subject": NULL_REF,
        "validation_time": DateTime("20260101T00:00:00Z"), "auth_user_sid": "u-anna", "auth_user_name": "anna",
        "tasks": [], "parent": NULL_REF, "originator": "", "client_certificate": False,
    }  # fmt: skip
    assert await client("anna-1")("session.get_client_certificate", ref_of("s-anna-2")) is True
    local = await client("here")("session.get_record", "here")
    assert (local["auth_user_sid"], local["is_local_superuser"]) == ("", True)


async def test_the_reference_of_a_login_names_only_its_own_session(client: Any) -> None:
    assert await client("root-1")("session.get_uuid", "root-1") == "s-root-1"
    assert await client("root-1")("session.get_uuid", "anna-1") == ["HANDLE_INVALID", "session", "anna-1"]


async def test_a_session_that_the_view_does_not_have_yet_sees_itself(client: Any, view: RegistryView) -> None:
    ask = client("anna-1")
    apply_changes(view, [Change(type=2, kind=registry_pb2.RESOURCE_KIND_SESSION, key=digest("anna-1"))])
    assert await ask("session.get_all") == sessions("anna-2", "anna-1")
    assert await ask("session.get_uuid", "anna-1") == "s-anna-1"


@pytest.mark.parametrize(
    ("who", "more"),
    [
        ("root-1", {"volume.resize", "volume.look", "undeclared.one"}),
        ("bert-1", {"volume.look"}),
        ("anna-1", {"volume.look", "volume.resize"}),
    ],
)
async def test_what_a_session_may(client: Any, who: str, more: set[str]) -> None:
    held = await client(who)("session.get_rbac_permissions", who)
    assert held == sorted(held)
    assert set(held) >= NEEDS_NO_MORE_THAN_A_SESSION | more
    assert {"volume.resize", "volume.look", "undeclared.one"} - more == {
        name for name in ("volume.resize", "volume.look", "undeclared.one") if name not in held
    }


async def test_users_see_themselves_and_administrators_all(client: Any) -> None:
    assert await client("root-1")("user.get_all") == [ref_of(f"u-{name}") for name in ("root", "anna", "bert")]
    ask = client("anna-1")
    assert await ask("user.get_all_records") == {
        "OpaqueRef:u-anna": {
            "uuid": "u-anna", "name_label": "anna", "short_name": "anna", "fullname": "anna",
            "roles": [ref_of(role_uuid("resizer"))], "created": DateTime("20260101T00:00:00Z"), "other_config": {},
        }
    }  # fmt: skip
    assert await ask("user.get_by_name_label", "bert") == []
    assert await ask("user.get_uuid", "OpaqueRef:u-bert") == ["HANDLE_INVALID", "user", "OpaqueRef:u-bert"]


async def test_roles_and_their_permissions(client: Any) -> None:
    ask = client("bert-1")
    names = [record["name_label"] for record in (await ask("role.get_all_records")).values()]
    assert names == [*(role.name for role in ROLES), "resizer"]
    [resizer] = await ask("role.get_by_name_label", "resizer")
    record = await ask("role.get_record", resizer)
    assert (record["is_custom"], record["base"], record["granted"]) == (
        True,
        ref_of(role_uuid("read-only")),
        ["volume.res*"],
    )
    permissions = await ask("role.get_permissions_name_label", resizer)
    assert {"volume.resize", "volume.look"} <= set(permissions)
    assert "undeclared.one" not in permissions
    assert await ask("role.get_permissions", resizer) == record["subroles"]
    assert [await ask("role.get_name_label", ref) for ref in record["subroles"]] == permissions


async def test_permissions_are_roles_without_subroles(client: Any) -> None:
    ask = client("bert-1")
    [resize] = await ask("role.get_by_name_label", "volume.resize")
    record = await ask("role.get_record", resize)
    assert (record["name_label"], record["subroles"], record["is_custom"]) == ("volume.resize", [], False)
    assert await ask("role.get_by_uuid", record["uuid"]) == resize
    assert await ask("role.get_permissions", resize) == [resize]
    holders = [ref_of(role_uuid(name)) for name in ("pool-admin", "pool-operator", "resizer")]
    assert await ask("role.get_by_permission", resize) == holders
    assert await ask("role.get_by_permission_name_label", "volume.resize") == holders
    assert await ask("role.get_by_permission_name_label", "nothing.such") == []
    assert await ask("role.get_by_permission", "OpaqueRef:x") == []


async def test_other_methods_are_other_permissions(view: RegistryView) -> None:
    methods = [METHODS[0]]
    version: list[object] = [object()]
    permissions = Permissions(lambda: methods, lambda: version[0])
    assert "volume.look" not in permissions.all
    methods.append(METHODS[1])
    assert "volume.look" not in permissions.all
    version[0] = object()
    assert permissions.get(permissions.all["volume.look"].ref) is permissions.all["volume.look"]


async def test_extensions_and_links_name_each_other(client: Any) -> None:
    ask = client("bert-1")
    first, second = [ref_of(extension_uuid("EXT", version)) for version in ("1.0", "2.0")]
    assert await ask("extension.get_by_name_label", "EXT") == [first, second]
    assert await ask("extension.get_parent", second) == first
    assert await ask("extension.get_parent", first) == NULL_REF
    assert await ask("extension.get_errors", second) == ["no service"]
    assert await ask("extension.get_services", first) == ["A", "B"]
    assert await ask("link.get_all_records") == {
        ref_of(made_uuid("link", "7")): {
            "uuid": made_uuid("link", "7"), "name_label": "EXT/1.0 HDP/2.6", "id": 7, "stack_name": "HDP",
            "stack_version": "2.6", "extension": first, "extension_name": "EXT", "extension_version": "1.0",
            "created": DateTime("20260101T00:00:00Z"), "problem": "vanished",
        }
    }  # fmt: skip
