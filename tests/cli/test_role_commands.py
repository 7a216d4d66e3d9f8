"""Roles on the command line, and what they let their users do, against a whole platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from support.running import Platform, make_platform, wait_until

GREET = """#!/bin/sh
echo '<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member>
<member><name>Value</name><value>hello</value></member></struct></value></param></params></methodResponse>'
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = make_platform("up", tmp_path_factory.mktemp("roles"), GRAFT_ENGINE="none")
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


def graft(platform: Platform, *arguments: str, code: int = 0, **variables: str) -> str:
    done = platform.graft(*arguments, **variables)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def answer(session: XenAPI.Session, method: str) -> Any:
    """Return what a call gives: its value, or its error."""
    try:
        return session.xenapi_request(method, ())
    except XenAPI.Failure as failure:
        return failure.details


def becomes(session: XenAPI.Session, method: str, wanted: Any) -> None:
    """Wait until a call gives something: the dispatcher follows the registry, and nobody has told it what we have seen."""
    wait_until(f"{wanted} of {method}", lambda: answer(session, method) == wanted)


def denied(permission: str, *roles: str) -> list[str]:
    told = f"No permission in user session. (Roles with this permission: {', '.join(roles)})"
    return ["RBAC_PERMISSION_DENIED", permission, told]


def test_a_role_lets_its_users_call_one_method(platform: Platform) -> None:
    for name in ("Hello.greet", "Hello.leave"):
        platform.drop_in(name, GREET)
    graft(platform, "role", "add", "greeter", "--description", "Greets.", "--permission", "Hello.greet")
    graft(platform, "user", "add", "gwen", "--role", "greeter", GRAFT_NEW_PASSWORD="x" * 20)
    gwen = platform.session("gwen", "x" * 20)
    assert gwen.xenapi.Hello.greet() == "hello"
    assert answer(gwen, "Hello.leave") == denied("host.call_extension", "pool-admin")

    graft(platform, "role", "grant", "greeter", "Hello.*", "pool.look")
    becomes(gwen, "Hello.leave", "hello")
    graft(platform, "role", "revoke", "greeter", "hello.*", "hello.greet")
    becomes(gwen, "Hello.greet", denied("host.call_extension", "pool-admin"))
    assert answer(gwen, "host.has_extension") == denied("host.has_extension", "pool-admin")

    graft(platform, "role", "grant", "vm-operator", "host.has_extension", "host.call_extension")
    graft(platform, "role", "set", "greeter", "--base", "vm-admin")
    becomes(gwen, "Hello.greet", "hello")
    shown = json.loads(graft(platform, "role", "show", "greeter", "--json"))
    assert (shown["base"], shown["permissions"], shown["custom"]) == ("vm-admin", ["pool.look"], True)
    names = [role["name"] for role in json.loads(graft(platform, "role", "list", "--json"))]
    assert names.index("greeter") == names.index("vm-admin") + 1
    assert "  pool.look\n" in graft(platform, "role", "show", "greeter")
    assert "greeter" in graft(platform, "role", "list")


def test_mistakes_are_told(platform: Platform) -> None:
    assert "ROLE_NOT_FOUND" in (
        told := graft(platform, "user", "add", "x", "--role", "boss", GRAFT_NEW_PASSWORD="x", code=1)
    )
    assert "`graft role list` lists the roles" in told
    assert "there is no role boss" in graft(platform, "role", "show", "boss", code=1)
    assert "ROLE_BUILT_IN" in graft(platform, "role", "remove", "read-only", code=1)
    assert "a method's name" in graft(platform, "role", "grant", "read-only", "greet", code=1)
