"""Sessions behind credentials: shared, bounded, and closed when nobody uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.backends import Caller
from gateway.credentials import Credentials
from gateway.logins import Login, Logins
from graft_common.errors import GraftError

CALLER = Caller("request", "127.0.0.1:1")
ANNA = Credentials("anna", "secret")


@dataclass
class Doorman:
    """Stands for the registry, and writes down who comes and goes."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    now: float = 1000.0

    async def log_in(self, credentials: Credentials, _caller: Caller) -> Login:
        self.opened.append(credentials.user)
        await self.gate.wait()
        if credentials.password == "wrong":
            raise GraftError("SESSION_AUTHENTICATION_FAILED", credentials.user, "no")
        return Login(f"ref-{len(self.opened)}", credentials.user)

    async def log_out(self, ref: str) -> None:
        self.closed.append(ref)
        if ref == "ref-1":
            raise GraftError("SESSION_INVALID", ref)

    async def closes(self, *refs: str) -> None:
        async with asyncio.timeout(10):
            while self.closed != list(refs):  # noqa: ASYNC110  (polled, with a bound)
                await asyncio.sleep(0)


@pytest.fixture
def doorman() -> Doorman:
    made = Doorman()
    made.gate.set()
    return made


@pytest.fixture
async def logins(doorman: Doorman) -> AsyncIterator[Logins]:
    made = Logins(doorman.log_in, doorman.log_out, max_sessions=3, idle=60, recheck=100, clock=lambda: doorman.now)
    yield made
    await made.close()


async def test_requests_share_a_session(logins: Logins, doorman: Doorman) -> None:
    doorman.gate.clear()
    waiting = [asyncio.create_task(logins.session(ANNA, CALLER)) for _ in range(20)]
    await asyncio.sleep(0)
    doorman.gate.set()
    assert {login.ref for login in await asyncio.gather(*waiting)} == {"ref-1"}
    assert (await logins.session(ANNA, CALLER)).ref == "ref-1"
    assert doorman.opened == ["anna"]


async def test_who_goes_does_not_take_the_login_of_others_along(logins: Logins, doorman: Doorman) -> None:
    doorman.gate.clear()
    first = asyncio.create_task(logins.session(ANNA, CALLER))
    await asyncio.sleep(0)
    second = asyncio.create_task(logins.session(ANNA, CALLER))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    doorman.gate.set()
    assert (await second).ref == "ref-1"
    assert doorman.opened == ["anna"]


async def test_failures_are_not_remembered(logins: Logins, doorman: Doorman) -> None:
    for _ in range(2):
        with pytest.raises(GraftError, match="SESSION_AUTHENTICATION_FAILED"):
            await logins.session(Credentials("anna", "wrong"), CALLER)
    assert doorman.opened == ["anna", "anna"]
    assert (await logins.session(ANNA, CALLER)).ref == "ref-3"


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "bc"), ("ab", "c")), (("a", "b"), ("a", "b ")), (("a:b", "c"), ("a", "b:c")), (("a", "é"), ("a", "e"))],
)
async def test_credentials_are_told_apart(logins: Logins, one: tuple[str, str], other: tuple[str, str]) -> None:
    first = await logins.session(Credentials(*one), CALLER)
    assert await logins.session(Credentials(*other), CALLER) != first


async def test_no_password_is_held(logins: Logins) -> None:
    await logins.session(ANNA, CALLER)
    assert "secret" not in repr(vars(logins))


async def test_idle_sessions_are_closed(logins: Logins, doorman: Doorman) -> None:
    await logins.session(ANNA, CALLER)
    bert = await logins.session(Credentials("bert", "b"), CALLER)
    doorman.now += 50
    assert logins.used(bert.ref) == bert
    doorman.now += 20
    logins.sweep()
    await doorman.closes("ref-1")
    assert logins.used("ref-1") is None
    assert (await logins.session(ANNA, CALLER)).ref == "ref-3"


async def test_a_session_that_is_too_old_is_not_used_before_the_sweep(logins: Logins, doorman: Doorman) -> None:
    await logins.session(ANNA, CALLER)
    doorman.now += 61
    assert (await logins.session(ANNA, CALLER)).ref == "ref-2"
    await doorman.closes("ref-1")


async def test_a_password_is_checked_again_after_a_while(logins: Logins, doorman: Doorman) -> None:
    for _ in range(4):
        assert (await logins.session(ANNA, CALLER)).ref == "ref-1"
        doorman.now += 25
    assert (await logins.session(ANNA, CALLER)).ref == "ref-2"
    await doorman.closes("ref-1")


async def test_the_number_of_sessions_is_bounded(logins: Logins, doorman: Doorman) -> None:
    for name in ("a", "b", "c"):
        await logins.session(Credentials(name, ""), CALLER)
    await logins.session(Credentials("a", ""), CALLER)
    await logins.session(Credentials("d", ""), CALLER)
    await doorman.closes("ref-2")
    assert (await logins.session(Credentials("a", ""), CALLER)).ref == "ref-1"


async def test_what_has_ended_is_opened_anew(logins: Logins) -> None:
    first = await logins.session(ANNA, CALLER)
    logins.forget(first.ref)
    logins.forget(first.ref)
    assert (await logins.session(ANNA, CALLER)).ref == "ref-2"


async def test_all_are_closed_at_the_end(logins: Logins, doorman: Doorman) -> None:
    for name in ("a", "b"):
        await logins.session(Credentials(name, ""), CALLER)
    doorman.gate.clear()
    waiting = asyncio.create_task(logins.session(Credentials("c", ""), CALLER))
    await asyncio.sleep(0)
    await logins.close()
    assert doorman.closed == ["ref-1", "ref-2"]
    with pytest.raises(asyncio.CancelledError):
        await waiting
