"""The checks of a call, as rules on plain values."""

from __future__ import annotations

from collections.abc import Sequence

from dispatcher_service.builtins.base import Builtin
from dispatcher_service.declarations.in_force import Target
from dispatcher_service.sessions.session import Session
from graft_common.declarations.model import ANYONE
from graft_common.errors import field_type_error, parameter_count_mismatch, permission_denied
from graft_common.roles import POOL_ADMIN
from graft_common.values import Value, type_name

UNDECLARED_PERMISSION = "host.call_extension"
"""The permission that undeclared executables need (xapi, gen_server.ml)."""


def check_role(session: Session, role: str, permission: str) -> None:
    """Check that a session has a permission: it holds the role that has it by rank, or it was granted.

    Raises:
        GraftError: RBAC_PERMISSION_DENIED [permission, the roles that have it].
    """
    if not session.permits(permission, role):
        raise permission_denied(permission, session.holders(permission, role))


def check_target(session: Session, target: Target, method: str) -> None:
    """Check that a session may call an executable by its declaration; without one, as `check_undeclared`.

    Raises:
        GraftError: RBAC_PERMISSION_DENIED.
    """
    if target.method is None:
        check_undeclared(session, method)
    elif target.role != ANYONE:
        check_role(session, target.role, method.lower())


def check_undeclared(session: Session, method: str) -> None:
    """Check that a session may call a method that has no declaration.

    What runs any executable suffices; so does the permission of the very method, which can only be granted.

    Raises:
        GraftError: RBAC_PERMISSION_DENIED ["host.call_extension", the roles that would do].
    """
    if session.permits(method.lower(), POOL_ADMIN) or session.permits(UNDECLARED_PERMISSION, POOL_ADMIN):
        return
    holders = [*session.holders(UNDECLARED_PERMISSION, POOL_ADMIN), *session.holders(method.lower(), POOL_ADMIN)]
    raise permission_denied(UNDECLARED_PERMISSION, list(dict.fromkeys(holders)), {"or": method.lower()})


def check_params(method: str, builtin: Builtin, params: Sequence[Value]) -> None:
    """Check count and types of the parameters of a built-in method, the session left out.

    Surplus parameters are refused, also where some are optional: xapi ignores them, and with them a caller's mistake.

    Raises:
        GraftError: MESSAGE_PARAMETER_COUNT_MISMATCH [method, expected, received]; FIELD_TYPE_ERROR [parameter,
            expected, got].
    """
    if not builtin.required <= len(params) <= len(builtin.params):
        raise parameter_count_mismatch(method, builtin.required, len(params))
    for param, value in zip(builtin.params, params, strict=False):
        if not param.type.accepts(value):
            raise field_type_error(param.name, param.type.value, type_name(value))
