from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.errors import GraftError
from registry_service.identity import rules
from registry_service.identity.values import SessionUse, Touch, User

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)


def use(digest: str, minutes_ago: float, *, busy: bool = False) -> SessionUse:
    used = NOW - timedelta(minutes=minutes_ago)
    return SessionUse(digest, used, used, NOW + timedelta(minutes=5) if busy else LONG_AGO)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("root", True),
        ("Jürgen Müller", True),
        ("a" * 255, True),
        ("a" * 256, False),
        ("", False),
        ("a\nb", False),
        ("a\0b", False),
        ("a\x7f", False),
    ],
)
def test_user_names(name: str, good: bool) -> None:
    assert rules.is_user_name(name) is good
    if good:
        rules.check_user_name(name)
    else:
        with pytest.raises(GraftError) as raised:
            rules.check_user_name(name)
        assert raised.value.code == "VALUE_NOT_SUPPORTED"
        assert raised.value.params[0] == "name"


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("ann", True),
        ("Oidc:ann", True),
        ("", False),
        ("oidc:ann", False),
        ("certificate:", False),
        (rules.LOCAL_SUPERUSER, False),
    ],
)
def test_names_of_others(name: str, own: bool) -> None:
    assert rules.is_own_name(name) is own


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_a_refused_password_is_not_repeated(password: str) -> None:
    with pytest.raises(GraftError) as raised:
        rules.check_password(password)
    assert raised.value.params == ("password", "", "a password has 1 to 1024 characters")


@pytest.mark.parametrize(
    ("given_roles", "kept"),
    [
        (["read-only"], ("read-only",)),
        (["read-only", "pool-admin", "read-only"], ("pool-admin", "read-only")),
    ],
)
def test_roles_are_kept_once_and_in_order(given_roles: list[str], kept: tuple[str, ...]) -> None:
    assert rules.check_roles(given_roles) == kept


@pytest.mark.parametrize(
    ("given_roles", "code", "first"),
    [
        ([], "VALUE_NOT_SUPPORTED", "roles"),
        (["root"], "ROLE_NOT_FOUND", "root"),
        (["pool-admin", ""], "ROLE_NOT_FOUND", ""),
        (["Pool-Admin"], "ROLE_NOT_FOUND", "Pool-Admin"),
    ],
)
def test_roles_that_are_refused(given_roles: list[str], code: str, first: str) -> None:
    with pytest.raises(GraftError) as raised:
        rules.check_roles(given_roles)
    assert (raised.value.code, raised.value.params[0]) == (code, first)


def test_somebody_must_be_left_to_administrate() -> None:
    def user(name: str, *roles: str) -> User:
        return User(name, name, roles, NOW)

    users = [user("a", "pool-admin"), user("b", "pool-operator")]
    rules.check_removal("b", users)
    with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
        rules.check_removal("a", users)
    rules.check_removal("a", [*users, user("c", "read-only", "pool-admin")])


@pytest.mark.parametrize(
    ("sessions", "limit", "evicted"),
    [
        ([], 1, []),
        ([use("a", 1)], 2, []),
        ([use("a", 1), use("b", 2)], 2, ["b"]),
        ([use("a", 1), use("b", 2), use("c", 3)], 2, ["c", "b"]),
        ([use("a", 1), use("b", 2, busy=True)], 2, ["a"]),
        ([use("a", 1, busy=True), use("b", 2, busy=True)], 2, []),
    ],
)
def test_eviction(sessions: list[SessionUse], limit: int, evicted: list[str]) -> None:
    assert rules.to_evict(sessions, limit, NOW) == evicted


@given(
    st.lists(st.tuples(st.floats(0, 5000), st.booleans()), max_size=40),
    st.integers(1, 20),
)
def test_eviction_spares_the_busy_and_the_newer(sessions: list[tuple[float, bool]], limit: int) -> None:
    uses = [use(str(number), minutes, busy=busy) for number, (minutes, busy) in enumerate(sessions)]
    evicted = set(rules.to_evict(uses, limit, NOW))
    gone = [one for one in uses if one.digest in evicted]
    idle = [one for one in uses if one.digest not in evicted and one.busy_until <= NOW]
    assert all(one.busy_until <= NOW for one in gone)
    assert all(old.last_active <= kept.last_active for old in gone for kept in idle)
    assert len(uses) - len(gone) + 1 <= limit or not idle


STEP = timedelta(minutes=10)
LEASE = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("minutes_ago", "reported_minutes_ago", "stored_minutes_ago"),
    [
        (30, 0, 0),
        (30, 20, 20),
        (30, 20.5, 30),  # moved less than the step
        (5, 0, 5),
        (30, 60, 30),  # an older report
        (30, -60, 0),  # a clock that runs ahead
    ],
)
def test_a_last_use_moves_in_steps(minutes_ago: float, reported_minutes_ago: float, stored_minutes_ago: float) -> None:
    touch = Touch("a", NOW - timedelta(minutes=reported_minutes_ago), busy=False)
    after = rules.touched(use("a", minutes_ago), touch, NOW, step=STEP, lease=LEASE)
    assert after.last_active == NOW - timedelta(minutes=stored_minutes_ago)
    assert after.busy_until == LONG_AGO


def test_a_busy_session_is_leased_and_the_lease_renewed_in_time() -> None:
    touch = Touch("a", NOW, busy=True)
    first = rules.touched(use("a", 0), touch, NOW, step=STEP, lease=LEASE)
    assert first.busy_until == NOW + LEASE
    soon = rules.touched(first, touch, NOW + timedelta(minutes=4), step=STEP, lease=LEASE)
    assert soon == first
    later = rules.touched(first, touch, NOW + timedelta(minutes=6), step=STEP, lease=LEASE)
    assert later.busy_until == NOW + timedelta(minutes=16)


@pytest.mark.parametrize(("idle_seconds", "step_seconds"), [(86400, 600), (6000, 600), (50, 5)])
def test_short_sessions_are_touched_more_often(idle_seconds: float, step_seconds: float) -> None:
    assert rules.touch_step(timedelta(seconds=idle_seconds)) == timedelta(seconds=step_seconds)


@given(st.text(max_size=400))
def test_records_hold_only_bounded_printable_text(text: str) -> None:
    kept = rules.printable(text)
    assert kept.isprintable()
    assert len(kept) == min(len(text), 255)
