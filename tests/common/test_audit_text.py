from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from graft.common.v1 import audit_pb2
from graft_common.audit_text import is_told, record_json, xapi_line

ALLOWED = audit_pb2.AUDIT_DECISION_ALLOWED
DENIED = audit_pb2.AUDIT_DECISION_DENIED
PLACE = "[20261122T23:35:00.123Z| info|OpaqueRef:host|0 |request|audit]"


def record(**fields: Any) -> audit_pb2.AuditRecord:
    known: dict[str, Any] = {
        "time": Timestamp(seconds=1795390500, nanos=123_999_000),
        "user": "ann",
        "user_uuid": "the uuid",
        "track_id": "0123456789abcdef",
        "action": "Volume.resize",
        "decision": ALLOWED,
        "outcome": "OK",
        "request_id": "request",
        "host": "OpaqueRef:host",
    }
    return audit_pb2.AuditRecord(**{**known, **fields})


def argument(name: str, value: str | None = None) -> audit_pb2.AuditArgument:
    return audit_pb2.AuditArgument(name=name, value=value)


WHO = "'trackid=0123456789abcdef' 'the uuid' 'ann'"


@pytest.mark.parametrize(
    ("told", "expression"),
    [
        (record(), f"({WHO} 'ALLOWED' 'OK' 'API' 'Volume.resize' ())"),
        (record(outcome="VOLUME_IN_USE"), f"({WHO} 'ALLOWED' 'ERROR:VOLUME_IN_USE' 'API' 'Volume.resize' ())"),
        (
            record(decision=DENIED, outcome="RBAC_PERMISSION_DENIED"),
            f"({WHO} 'DENIED' '' 'API' 'Volume.resize' ())",
        ),
        (
            record(arguments=[argument("volume", '"root"'), argument("size"), argument("n", "5")]),
            f"({WHO} 'ALLOWED' 'OK' 'API' 'Volume.resize' (('volume' 'root' '' '') ('size' '' '' '') ('n' '5' '' '')))",
        ),
        (
            record(action="task.cancel", arguments=[argument("task", '"OpaqueRef:1"')]),
            f"({WHO} 'ALLOWED' 'OK' 'API' 'task.cancel' (('task' '' '' 'OpaqueRef:1')))",
        ),
        (
            record(action="role.create", arguments=[argument("name", "storage")]),
            f"({WHO} 'ALLOWED' 'OK' 'API' 'role.create' (('name' 'storage' '' '')))",
        ),
        (
            record(action="session.login_with_password", originator="cli"),
            f"({WHO} 'ALLOWED' 'OK' 'API' 'session.create' (('uname' 'ann' '' '') ('originator' 'cli' '' '')))",
        ),
        (
            record(action="session.logout", originator="cli"),
            f"({WHO} 'ALLOWED' 'OK' 'API' 'session.destroy' (('originator' 'cli' '' '')))",
        ),
        (
            record(
                action="session.login_with_password",
                track_id="",
                user="",
                user_uuid="",
                decision=DENIED,
                outcome="SESSION_AUTHENTICATION_FAILED",
            ),
            "('' '' '' 'DENIED' '' 'API' 'session.login_with_password' ())",
        ),
        (
            record(user="LOCAL_SUPERUSER", user_uuid="00000000-0000-0000-0000-000000000000"),
            "('trackid=0123456789abcdef' 'LOCAL_SUPERUSER' 'LOCAL_SUPERUSER' 'ALLOWED' 'OK' 'API' 'Volume.resize' ())",
        ),
        (
            record(user="a'b\\\n\"c)"),
            "('trackid=0123456789abcdef' 'the uuid' 'a\\'b\\\\ \\\"c)' 'ALLOWED' 'OK' 'API' 'Volume.resize' ())",
        ),
    ],
)
def test_lines_are_xapis(told: audit_pb2.AuditRecord, expression: str) -> None:
    assert xapi_line(told) == f"{PLACE} {expression}"


def test_the_task_stands_in_the_place_of_the_task() -> None:
    assert "|0 |OpaqueRef:task|audit]" in xapi_line(record(task="OpaqueRef:task"))
    assert "|0 |a??b c|audit]" in xapi_line(record(request_id="a]|b\nc"))


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("VM.start", True),
        ("VM.get_record", False),
        ("event.from", False),
        ("session.logout", True),
        ("task.cancel", True),
    ],
)
def test_what_only_reads_is_left_out(action: str, told: bool) -> None:
    assert is_told(record(action=action)) is told


def test_a_record_in_json_has_all() -> None:
    row = record_json(record(arguments=[argument("volume", '"root"'), argument("size")], roles=["storage"]))
    assert row["arguments"] == [{"name": "volume", "value": '"root"'}, {"name": "size"}]
    assert (row["decision"], row["roles"], row["user_uuid"]) == ("allowed", ["storage"], "the uuid")
    assert "usage" not in row


@given(st.text(), st.text(), st.text())
def test_nobody_can_break_a_line(user: str, value: str, request_id: str) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in (user, value, request_id)]
    line = xapi_line(record(user=clean[0], arguments=[argument("a", clean[1])], request_id=clean[2]))
    assert len(line.splitlines()) == 1
    assert line.count("|") - sum(text.count("|") for text in clean[:2]) == 5
    expression = line.partition("|audit] ")[2]
    # Seven texts, and four of the argument.
    assert expression.replace("\\\\", "").replace("\\'", "").count("'") == 22
