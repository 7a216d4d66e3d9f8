"""The checks of a call, each by a table."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dispatcher_service.builtins.base import Builtin, CallerContext, Param, ParamType
from dispatcher_service.builtins.extensions import read_call
from dispatcher_service.calls.checks import check_params, check_role
from dispatcher_service.sessions.session import Session
from graft_common.errors import GraftError
from graft_common.values import DateTime, Value


async def nothing(_caller: CallerContext, _params: Sequence[Value]) -> Value:
    return ""


BUILTIN = Builtin(
    nothing, "read-only", (Param("self"), Param("count", ParamType.INT), Param("force", ParamType.BOOL, optional=True))
)


def session(*roles: str) -> Session:
    return Session("d" * 64, "u", "user", "uu", roles, 0, 0, 1)


@pytest.mark.parametrize("params", [["x", 1], ["x", "-5"], ["x", 1, True], ["", 2**63 - 1, False]])
def test_params_that_fit(params: list[Value]) -> None:
    check_params("a.b", BUILTIN, params)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ([], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "a.b", "2", "0"]),
        (["x"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "a.b", "2", "1"]),
        (["x", 1, True, 4], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "a.b", "2", "4"]),
        ([5, 1], ["FIELD_TYPE_ERROR", "self", "string", "int"]),
        (["x", True], ["FIELD_TYPE_ERROR", "count", "int", "boolean"]),
        (["x", "five"], ["FIELD_TYPE_ERROR", "count", "int", "string"]),
        (["x", str(2**63)], ["FIELD_TYPE_ERROR", "count", "int", "string"]),
        (["x", 1, 1], ["FIELD_TYPE_ERROR", "force", "bool", "int"]),
        (["x", 1, "true"], ["FIELD_TYPE_ERROR", "force", "bool", "string"]),
    ],
)
def test_params_that_do_not_fit(params: list[Value], error: list[str]) -> None:
    with pytest.raises(GraftError) as caught:
        check_params("a.b", BUILTIN, params)
    assert caught.value.error_info() == error


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (ParamType.FLOAT, [1, 1.5, "2.5"], [True, "x", None]),
        (ParamType.DATETIME, [DateTime("20260101T00:00:00Z")], ["20260101T00:00:00Z"]),
        (ParamType.SET, [[], ["a"]], [{}, "a"]),
        (ParamType.MAP, [{}, {"a": 1}], [[], "a"]),
        (ParamType.ANY, [None, 1, "a", b"b"], []),
    ],
)
def test_types(kind: ParamType, good: list[Value], bad: list[Value]) -> None:
    assert all(kind.accepts(value) for value in good)
    assert not any(kind.accepts(value) for value in bad)


def test_a_role_or_one_above_it_suffices() -> None:
    check_role(session("pool-admin"), "pool-operator", "x.y")
    check_role(session("read-only", "vm-admin"), "vm-operator", "x.y")


@pytest.mark.parametrize("roles", [(), ("read-only",), ("unheard-of",)])
def test_a_denial_tells_the_permission_and_who_has_it(roles: tuple[str, ...]) -> None:
    with pytest.raises(GraftError) as caught:
        check_role(session(*roles), "pool-operator", "x.y")
    assert caught.value.error_info() == [
        "RBAC_PERMISSION_DENIED",
        "x.y",
        "No permission in user session. (Roles with this permission: pool-admin, pool-operator)",
    ]


def test_a_json_call_is_read() -> None:
    text = '{"method": "A.b", "params": ["ref", 5, 1.5, true, null, ["x"], {"k": "v"}], "id": 1}'
    assert read_call(text) == ("A.b", ["ref", 5, 1.5, True, None, ["x"], {"k": "v"}])
    assert read_call('{"method": "A.b"}') == ("A.b", [])


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"method": 5}', '{"method": "a", "params": {}}', f'{{"method":"a","params":[{2**63}]}}']
)
def test_what_is_no_json_call_is_told(text: str) -> None:
    with pytest.raises(GraftError) as caught:
        read_call(text)
    assert caught.value.error_info()[:3] == ["VALUE_NOT_SUPPORTED", "call", ""]


@pytest.mark.parametrize("rest", ["", ", 99999999999999999999]}", '], "method": 5}', '], "params": {"a": 1}}'])
def test_what_is_no_json_call_keeps_its_session(rest: str) -> None:
    """An asynchronous call leaves its error in a task, which others than the caller see."""
    with pytest.raises(GraftError) as caught:
        read_call(f'{{"method": "a", "params": ["OpaqueRef:a-secret"{rest}')
    assert "OpaqueRef" not in "".join(caught.value.error_info())


def test_a_json_call_that_nests_too_deeply_is_told() -> None:
    with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
        read_call('{"method":"a","params":[' + "[" * 5000 + "]" * 5000 + "]}")
