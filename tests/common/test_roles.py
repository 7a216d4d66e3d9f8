from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.roles import POOL_ADMIN, READ_ONLY, ROLES, VM_ADMIN, Role, RoleBook, check_pattern, is_reserved


def book() -> RoleBook:
    return RoleBook(
        [
            Role("storage", 99, "", base=READ_ONLY, permissions=("volume.*", "vm.start", "*.get_record")),
            Role("nobody", 60, ""),
            Role("vm-admin", 60, "", permissions=("pool.look",)),
            Role("odd", 0, "", base="king"),
        ]
    )


@pytest.mark.parametrize(
    ("held", "permission", "needed", "may"),
    [
        (("storage",), "volume.resize", POOL_ADMIN, True),
        (("storage",), "volume.", POOL_ADMIN, True),
        (("storage",), "volumes.resize", POOL_ADMIN, False),
        (("storage",), "vm.start", POOL_ADMIN, True),
        (("storage",), "vm.started", POOL_ADMIN, False),
        (("storage",), "x.get_record", POOL_ADMIN, True),
        (("storage",), "get_record", POOL_ADMIN, False),
        (("storage",), "x.y", READ_ONLY, True),
        (("storage",), "x.y", VM_ADMIN, False),
        (("storage",), "pool.look", POOL_ADMIN, False),
        (("vm-admin",), "pool.look", POOL_ADMIN, True),
        (("pool-operator",), "pool.look", POOL_ADMIN, True),
        (("vm-operator",), "pool.look", POOL_ADMIN, False),
        (("vm-admin",), "x.y", POOL_ADMIN, False),
        (("nobody",), "x.y", READ_ONLY, False),
        (("odd",), "x.y", READ_ONLY, False),
        (("gone",), "x.y", READ_ONLY, False),
        (("gone", "nobody", "storage"), "x.y", READ_ONLY, True),
        ((), "x.y", READ_ONLY, False),
    ],
)
def test_who_may_what(held: tuple[str, ...], permission: str, needed: str, may: bool) -> None:
    assert book().permits(held, permission, needed) is may


def test_a_role_that_changes_changes_what_it_may() -> None:
    roles = book()
    assert roles.permits(["storage"], "vm.start", POOL_ADMIN)
    roles.set("storage", Role("storage", 0, "", base=VM_ADMIN))
    assert not roles.permits(["storage"], "vm.start", POOL_ADMIN)
    assert roles.permits(["storage"], "pool.look", POOL_ADMIN)
    roles.set("vm-admin", None)
    assert not roles.permits(["storage", "vm-admin"], "pool.look", POOL_ADMIN)
    assert roles.permits(["vm-admin"], "x.y", VM_ADMIN)
    roles.set("storage", None)
    assert roles.get("storage") is None
    assert not roles.permits(["storage"], "x.y", READ_ONLY)


def test_the_order_of_roles() -> None:
    names = [role.name for role in book().roles]
    assert names[:6] == [role.name for role in ROLES]
    assert names[6:] == ["storage", "nobody", "odd"]
    assert book().holders("volume.resize", "pool-operator") == ["pool-admin", "pool-operator", "storage"]


def test_several_roles_hold_what_each_holds() -> None:
    held = book().together(["storage", "vm-admin", "gone"])
    assert (held.rank, held.permissions) == (30, ["*.get_record", "pool.look", "vm.start", "volume.*"])
    assert held.permits("vm.start", POOL_ADMIN)
    assert held.permits("x.y", VM_ADMIN)
    assert not held.permits("x.y", POOL_ADMIN)
    assert book().together([]).rank == 0


def test_a_denial_names_no_hundreds_of_roles() -> None:
    many = RoleBook(Role(f"role-{number:03}", 0, "", permissions=("a.b",)) for number in range(100))
    told = many.holders("a.b", POOL_ADMIN)
    assert (told[:2], told[-1], len(told)) == (["pool-admin", "role-000"], "and 69 more", 33)


@pytest.mark.parametrize("text", ["", "*", "resize", "*.*", "a.b*c*", "a..b", ".a", "a.", "a b.c", "a.b\n", "x." * 200])
def test_what_is_no_permission(text: str) -> None:
    with pytest.raises(ValueError, match="permission"):
        check_pattern(text)


@pytest.mark.parametrize("text", ["User.create", "role.grant", "subject.add_to_roles"])
def test_what_cannot_be_granted(text: str) -> None:
    with pytest.raises(ValueError, match="pool-admin"):
        check_pattern(text)


@pytest.mark.parametrize("pattern", ["user.*", "*.create", "r*.grant"])
@pytest.mark.parametrize("permission", ["user.create", "role.grant", "user.set_password"])
def test_no_pattern_reaches_what_cannot_be_granted(pattern: str, permission: str) -> None:
    roles = RoleBook([Role("x", 0, "", base="pool-operator", permissions=(check_pattern(pattern), permission))])
    assert not roles.permits(["x"], permission, POOL_ADMIN)
    assert roles.permits(["pool-admin"], permission, POOL_ADMIN)


@given(st.from_regex(r"[a-z]{1,4}\.[a-z_]{1,6}", fullmatch=True), st.data())
def test_a_pattern_that_is_made_of_a_name_holds_it(name: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(name)))
    end = data.draw(st.integers(start, len(name)))
    try:
        pattern = check_pattern(f"{name[:start]}*{name[end:]}")
    except ValueError:
        return
    held = RoleBook([Role("x", 0, "", permissions=(pattern,))])
    assert held.permits(["x"], name, POOL_ADMIN) is not is_reserved(name)
