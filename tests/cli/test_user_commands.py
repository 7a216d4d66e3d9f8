"""Users on the command line, against a whole platform, and without a password by its local socket."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.running import ADMIN, PASSWORD, Platform, make_platform


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    """A path that is short enough for the kernel."""
    path = Path(tempfile.gettempdir()) / f"graft-{uuid.uuid4().hex}"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, socket: Path) -> Iterator[Platform]:
    """Three services; a gateway alone does not know what calls can reach."""
    platform = make_platform(
        "services", tmp_path_factory.mktemp("users"), GRAFT_ENGINE="none", GRAFT_HTTP_SOCKET=str(socket)
    )
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


def graft(platform: Platform, *arguments: str, code: int = 0, **variables: str) -> str:
    done = platform.graft(*arguments, **variables)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def logs_in(platform: Platform, user: str, password: str) -> bool:
    return platform.graft("login", "--user", user, GRAFT_PASSWORD=password).returncode == 0


def test_passwords_and_roles_of_users(platform: Platform) -> None:
    graft(platform, "user", "add", "ann", "--role", "read-only", GRAFT_NEW_PASSWORD="first")
    graft(platform, "user", "passwd", "ann", "--user", ADMIN, GRAFT_NEW_PASSWORD="second")
    assert (logs_in(platform, "ann", "first"), logs_in(platform, "ann", "second")) == (False, True)
    # One's own, also by name, takes the old one.
    told = graft(platform, "user", "passwd", "--user", "ann", code=1, GRAFT_PASSWORD="no", GRAFT_NEW_PASSWORD="third")
    assert "the old password is wrong" in told
    graft(platform, "user", "passwd", "ann", "--user", "ann", GRAFT_PASSWORD="second", GRAFT_NEW_PASSWORD="third")
    assert logs_in(platform, "ann", "third")
    told = graft(platform, "user", "passwd", ADMIN, "--user", "ann", code=1, GRAFT_NEW_PASSWORD="taken over")
    assert "RBAC_PERMISSION_DENIED" in told

    assert graft(platform, "user", "roles", "ann", "--user", ADMIN) == "read-only\n"
    set_to = graft(platform, "user", "roles", "ann", "--role", "vm-admin", "--role", "vm-operator", "--user", ADMIN)
    assert set_to == "vm-admin\nvm-operator\n"
    assert "USER_NOT_FOUND" in graft(platform, "user", "roles", "bob", "--user", ADMIN, code=1)
    assert "ROLE_NOT_FOUND" in graft(platform, "user", "roles", "ann", "--role", "boss", "--user", ADMIN, code=1)


def test_groups(platform: Platform) -> None:
    for name in ("carl", "dora"):
        graft(platform, "user", "add", name, "--user", ADMIN, GRAFT_NEW_PASSWORD="x")
    made = ("group", "add", "ops", "--role", "vm-admin", "--member", "carl", "--description", "On call.")
    graft(platform, *made, "--user", ADMIN)
    graft(platform, "group", "join", "ops", "dora", "--user", ADMIN)
    graft(platform, "group", "leave", "ops", "carl", "--user", ADMIN)
    graft(platform, "group", "set", "ops", "--role", "pool-operator", "--user", ADMIN)
    listed = json.loads(graft(platform, "group", "list", "--json", "--user", ADMIN))
    shown = [(one["name"], one["description"], one["roles"], one["members"]) for one in listed]
    assert shown == [("ops", "On call.", ["pool-operator"], ["dora"])]
    assert logs_in(platform, "dora", "x")
    assert "RBAC_PERMISSION_DENIED" in graft(platform, "group", "list", "--user", "dora", code=1)
    graft(platform, "group", "remove", "ops", "--user", ADMIN)
    assert "GROUP_NOT_FOUND" in graft(platform, "group", "join", "ops", "dora", "--user", ADMIN, code=1)


def test_a_lost_password_is_replaced_by_the_local_socket(platform: Platform, socket: Path) -> None:
    url = f"unix:{socket}"
    assert ADMIN in graft(platform, "user", "list", "--url", url)
    assert "LOCAL_SUPERUSER has no password here" in graft(platform, "user", "passwd", "--url", url, code=2)
    graft(platform, "user", "passwd", ADMIN, "--url", url, GRAFT_NEW_PASSWORD="found again")
    assert (logs_in(platform, ADMIN, PASSWORD), logs_in(platform, ADMIN, "found again")) == (False, True)
    # Its sessions are for one command only.
    assert platform.stop("gateway") == 0
    assert not os.path.lexists(socket)
    assert "cannot reach" in graft(platform, "user", "list", "--url", url, code=3)
