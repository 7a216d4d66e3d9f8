"""The checks of a call, as rules on plain values."""

from __future__ import annotations

from collections.abc import Sequence

from dispatcher_service.builtins.base import Builtin
from dispatcher_service.sessions.session import Session
from graft_common.errors import field_type_error, parameter_count_mismatch, permission_denied
from graft_common.roles import at_least
from graft_common.values import Value, type_name

UNDECLARED_PERMISSION = "host.call_extension"
"""The permission that undeclared executables need (xapi, gen_server.ml)."""


def check_role(session: Session, role: str, permission: str) -> None:
    """Check that a session holds a role.

    Raises:
        GraftError: RBAC_PERMISSION_DENIED [permission, the roles that have it].
    """
    if not session.may(role):
        raise permission_denied(permission, at_least(role))


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
