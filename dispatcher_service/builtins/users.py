"""`user.*` and `role.*`: who can log in, and what their roles let them do, as XenAPI shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.calls.permissions import Permission, Permissions
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.sessions.objects import Role, User, role_uuid
from dispatcher_service.sessions.session import Session
from dispatcher_service.sessions.view import RegistryView
from graft_common.errors import handle_invalid
from graft_common.roles import POOL_ADMIN, READ_ONLY
from graft_common.values import Value

USER_FIELDS: Mapping[str, Callable[[User], Value]] = {
    "uuid": lambda user: user.uuid,
    "name_label": lambda user: user.name,
    "short_name": lambda user: user.name,
    "fullname": lambda user: user.name,
    "roles": lambda user: [ref_of(role_uuid(name)) for name in user.roles],
    "created": lambda user: date_time(user.created),
    "other_config": lambda _: {},
}
"""The record of a user: xapi's (datamodel.ml, User), and what Graft knows besides."""

View = Callable[[], RegistryView]
RoleLike = Role | Permission
"""Permissions are roles too, as in xapi (xapi_role.ml): those that have no subroles."""


def user_class(view: View) -> ObjectClass[User]:
    """Make the class of users: everybody sees himself, and whoever may list users sees all."""

    async def get(session: Session, ref: str) -> User:
        found = view().users.get(ref)
        if found is None or not _sees(session, found):
            raise handle_invalid("user", ref)
        return found

    async def every(session: Session) -> Sequence[User]:
        return [found for found in view().users if _sees(session, found)]

    return ObjectClass("user", USER_FIELDS, get, every)


def role_class(view: View, permissions: Permissions) -> ObjectClass[RoleLike]:
    """Make the class of roles. They are listed without permissions, which are found by reference, UUID and name."""

    def subroles(found: RoleLike) -> list[Value]:
        return [] if isinstance(found, Permission) else [held.ref for held in _held(view(), permissions, found)]

    fields: Mapping[str, Callable[[RoleLike], Value]] = {
        "uuid": lambda found: found.uuid,
        "name_label": lambda found: found.name,
        "name_description": lambda found: found.description if isinstance(found, Role) else f"Call {found.name}.",
        "subroles": subroles,
        "is_internal": lambda _: False,
        "is_custom": lambda found: isinstance(found, Role) and found.definition.custom,
        "base": lambda found: (
            ref_of(role_uuid(found.definition.base)) if isinstance(found, Role) and found.definition.base else NULL_REF
        ),
        "granted": lambda found: list(found.definition.permissions) if isinstance(found, Role) else [],
    }

    async def get(_session: Session, ref: str) -> RoleLike:
        return _role(view(), permissions, ref)

    async def every(_session: Session) -> Sequence[RoleLike]:
        return list(view().roles)

    return ObjectClass("role", fields, get, every)


def user_builtins(view: View) -> BuiltinTable:
    """Make the readers of users."""
    return readers(user_class(view))


def role_builtins(view: View, permissions: Permissions) -> BuiltinTable:
    """Make the readers of roles, and what tells of their permissions (xapi, xapi_role.ml)."""

    async def get_permissions(_caller: CallerContext, params: Sequence[Value]) -> Value:
        return [held.ref for held in _held(view(), permissions, _role(view(), permissions, str(params[0])))]

    async def get_permissions_name_label(_caller: CallerContext, params: Sequence[Value]) -> Value:
        return [held.name for held in _held(view(), permissions, _role(view(), permissions, str(params[0])))]

    async def get_by_permission(_caller: CallerContext, params: Sequence[Value]) -> Value:
        return _holders(view(), permissions.get(str(params[0])))

    async def get_by_permission_name_label(_caller: CallerContext, params: Sequence[Value]) -> Value:
        return _holders(view(), permissions.all.get(str(params[0])))

    async def get_by_name_label(_caller: CallerContext, params: Sequence[Value]) -> Value:
        label = str(params[0])
        found = (view().roles.by_key(label), permissions.all.get(label))
        return [each.ref for each in found if each is not None]

    this, label = (Param("self"),), (Param("label"),)
    return {
        **readers(role_class(view, permissions)),
        "role.get_by_name_label": Builtin(get_by_name_label, READ_ONLY, label, "Find every role of that name."),
        "role.get_permissions": Builtin(
            get_permissions, READ_ONLY, this, "List the references of all permissions that a role has."
        ),
        "role.get_permissions_name_label": Builtin(
            get_permissions_name_label, READ_ONLY, this, "List the names of all permissions that a role has."
        ),
        "role.get_by_permission": Builtin(
            get_by_permission, READ_ONLY, (Param("permission"),), "List the roles that have a permission."
        ),
        "role.get_by_permission_name_label": Builtin(
            get_by_permission_name_label, READ_ONLY, label, "List the roles that have the permission of that name."
        ),
    }


def _sees(session: Session, user: User) -> bool:
    return user.name == session.user or session.permits("user.get_all", POOL_ADMIN)


def _role(view: RegistryView, permissions: Permissions, ref: str) -> RoleLike:
    found: RoleLike | None = view.roles.get(ref) or permissions.get(ref)
    if found is None:
        raise handle_invalid("role", ref)
    return found


def _held(view: RegistryView, permissions: Permissions, found: RoleLike) -> Iterable[Permission]:
    return [found] if isinstance(found, Permission) else permissions.held(view.book, (found.name,))


def _holders(view: RegistryView, permission: Permission | None) -> Value:
    if permission is None:
        return []
    return [role.ref for role in view.roles if permission.is_held(view.book, (role.name,))]
