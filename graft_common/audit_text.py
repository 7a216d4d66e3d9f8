"""Audit records as text: JSON for programs, and the lines of xapi's audit log (xapi, rbac_audit.ml)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from graft.common.v1 import audit_pb2

SUPERUSER = "LOCAL_SUPERUSER"
"""Stands for the identifier of whoever has come by the local socket."""

_DECISIONS = {1: "allowed", 2: "denied"}
_ALLOWED = 1
_SUPERUSER_UUID = "00000000-0000-0000-0000-000000000000"
_LOGIN = "session.login_with_"
_LOGOUT = "session.logout"
_UNTOLD = frozenset({"event.next", "event.from", "session.local_logout", "host.tickle_heartbeat"})
_REFERENCE = "OpaqueRef:"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED = re.compile(r"""(['"\\])""")

Expression: TypeAlias = "str | Iterable[Expression]"


def record_json(record: audit_pb2.AuditRecord) -> dict[str, Any]:
    """Write a record as what JSON has."""
    row = {
        "time": record.time.ToJsonString(),
        "user": record.user,
        "user_uuid": record.user_uuid,
        "roles": list(record.roles),
        "track_id": record.track_id,
        "action": record.action,
        "arguments": [
            {"name": given.name, "value": given.value} if given.HasField("value") else {"name": given.name}
            for given in record.arguments
        ],
        "decision": _DECISIONS.get(record.decision, ""),
        "outcome": record.outcome,
        "duration": record.duration.ToTimedelta().total_seconds(),
        "request_id": record.request_id,
        "originator": record.originator,
        "peer": record.peer,
        "host": record.host,
        "task": record.task,
    }
    if record.HasField("usage"):
        row["usage"] = {
            "cpu": record.usage.cpu.ToTimedelta().total_seconds(),
            "wall": record.usage.wall.ToTimedelta().total_seconds(),
            "memory_peak_bytes": record.usage.memory_peak_bytes,
            "processes_peak": record.usage.processes_peak,
        }
    if record.HasField("access"):
        row["access"] = {
            "network": record.access.network,
            "read_paths": record.access.read_paths,
            "write_paths": record.access.write_paths,
            "environment": list(record.access.environment),
            "secrets": list(record.access.secrets),
        }
    return row


def is_told(record: audit_pb2.AuditRecord) -> bool:
    """Tell whether xapi's log has such a record: what only reads is left out, and what waits for events."""
    return ".get" not in record.action and record.action not in _UNTOLD


def xapi_line(record: audit_pb2.AuditRecord) -> str:
    """Write a record as a line of xapi's log, without its end.

    `[time| info|host|0 |task|audit] ('trackid=…' 'identifier' 'user' 'ALLOWED' 'OK' 'API' 'method' (…))`, at last for
    each argument `('name' 'value' 'uuid' 'reference')`.
    """
    allowed = record.decision == _ALLOWED
    failed = record.outcome != "OK"
    session = "" if failed else _session_event(record.action)
    expression: Expression = [
        f"trackid={record.track_id}" if record.track_id else "",
        SUPERUSER if record.user_uuid == _SUPERUSER_UUID else record.user_uuid,
        record.user,
        "ALLOWED" if allowed else "DENIED",
        (f"ERROR:{record.outcome}" if failed else "OK") if allowed else "",
        "API",
        session or record.action,
        list(_of_session(record)) if session else [_argument(given) for given in record.arguments],
    ]
    place = "|".join(
        map(_plain, (_time(record), " info", record.host, "0 ", record.task or record.request_id, "audit"))
    )
    return f"[{place}] {_written(expression)}"


def _session_event(action: str) -> str:
    """Return what xapi's log calls it that a session has begun or ended; empty for anything else."""
    return "session.create" if action.startswith(_LOGIN) else "session.destroy" if action == _LOGOUT else ""


def _of_session(record: audit_pb2.AuditRecord) -> Iterable[Expression]:
    if record.action != _LOGOUT:
        yield ["uname", record.user, "", ""]
    yield ["originator", record.originator, "", ""]


def _argument(given: audit_pb2.AuditArgument) -> Expression:
    """Write name, text, UUID and reference of an argument; the last two are told of references only."""
    text = given.value
    try:
        value = orjson.loads(text) if text else ""
    except orjson.JSONDecodeError:
        value = text
    shown = value if isinstance(value, str) else text
    return [given.name, "", "", shown] if shown.startswith(_REFERENCE) else [given.name, shown, "", ""]


def _time(record: audit_pb2.AuditRecord) -> str:
    moment = record.time.ToDatetime()
    return f"{moment:%Y%m%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _written(expression: Expression) -> str:
    if isinstance(expression, str):
        return f"'{_ESCAPED.sub(_escape, _CONTROL.sub(' ', expression))}'"
    return f"({' '.join(map(_written, expression))})"


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[1]}"


def _plain(text: str) -> str:
    """Make text fit for what stands before the expression, where a bar or a bracket has a meaning."""
    return re.sub(r"[|\]]", "?", _CONTROL.sub(" ", text))
