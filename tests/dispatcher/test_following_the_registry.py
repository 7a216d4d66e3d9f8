"""Sessions are known without asking, asked about where the view may be behind, and served while the registry is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from dispatcher_service.sessions import authenticator as authenticator_module
from dispatcher_service.sessions import follower as follower_module
from dispatcher_service.sessions import touches as touches_module
from dispatcher_service.sessions.authenticator import Authenticator
from dispatcher_service.sessions.follower import RegistryFollower
from dispatcher_service.sessions.touches import TouchReporter
from graft_common.errors import GraftError
from graft_common.rpc.context import digest
from support.registry_stand_in import RegistryStandIn

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@dataclass
class Following:
    registry: RegistryStandIn
    follower: RegistryFollower
    touches: TouchReporter
    authenticator: Authenticator

    async def code(self, ref: str, min_revision: int = 0) -> str:
        """Return `OK` or the code of the error."""
        try:
            await self.authenticator.session_of(ref, min_revision)
        except GraftError as error:
            return error.code
        return "OK"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def following(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Following]:
    monkeypatch.setattr(follower_module, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(follower_module, "_LAST_DELAY", 0.02)
    monkeypatch.setattr(authenticator_module, "REVISION_WAIT", 0.2)
    monkeypatch.setattr(authenticator_module, "_AWAY_FOR", 0.0)
    registry = RegistryStandIn()
    await registry.login("old")
    follower = RegistryFollower(registry.clients(), "token")
    touches = TouchReporter(registry.clients(), "token", idle=1000)
    made = Following(registry, follower, touches, Authenticator(follower, touches, registry.clients(), "token"))
    follower.start()
    assert await follower.wait_synced(5)
    yield made
    await made.authenticator.close()
    await follower.close()


async def test_known_sessions_cost_no_question(following: Following) -> None:
    session = await following.authenticator.session_of("old")
    assert (session.user, session.roles, session.originator) == ("alice", ("pool-admin",), "tests")
    assert following.registry.lookups == []


async def test_a_login_is_waited_for(following: Following) -> None:
    revision = await following.registry.login("new")
    assert await following.code("new", revision) == "OK"
    assert following.registry.lookups == []


async def test_a_login_that_the_stream_holds_back_is_asked_about(following: Following) -> None:
    following.registry.silent = True
    revision = await following.registry.login("new")
    assert await following.code("new", revision) == "OK"
    assert await following.code("new") == "OK"
    assert len(following.registry.lookups) == 1


@pytest.mark.parametrize("silent", [False, True])
async def test_a_logout_is_seen_by_who_has_seen_it(following: Following, silent: bool) -> None:
    following.registry.silent = silent
    revision = await following.registry.logout("old")
    assert await following.code("old", revision) == "SESSION_INVALID"


async def test_unknown_sessions_are_invalid_and_asked_about_once(following: Following) -> None:
    with pytest.raises(GraftError) as caught:
        await following.authenticator.session_of("none")
    assert caught.value.error_info() == ["SESSION_INVALID", "none"]
    assert await following.code("none") == "SESSION_INVALID"
    assert len(following.registry.lookups) == 1


async def test_a_token_is_asked_about_by_itself_and_known_from_then_on(following: Following) -> None:
    following.registry.silent = True
    await following.registry.login(TOKEN)
    assert [await following.code(TOKEN) for _ in range(3)] == ["OK"] * 3
    assert following.registry.lookups == [TOKEN]


@pytest.mark.parametrize(
    ("refusal", "questions"),
    [
        (GraftError("SESSION_AUTHENTICATION_FAILED", "", "the token has expired"), 1),
        (GraftError("RBAC_PERMISSION_DENIED", "session.login_with_token", "Subject … has no roles in this pool"), 1),
        (GraftError("SERVICE_UNAVAILABLE", "issuer", "no route"), 2),
    ],
)
async def test_why_a_token_is_refused_is_told(following: Following, refusal: GraftError, questions: int) -> None:
    following.registry.refusal = refusal
    for _ in range(2):
        with pytest.raises(GraftError) as caught:
            await following.authenticator.session_of(TOKEN)
        assert caught.value.error_info() == refusal.error_info()
    assert following.registry.lookups == [TOKEN] * questions
    assert await following.code("old") == "OK"


async def test_a_session_ends_with_its_token_however_much_it_is_used(following: Following) -> None:
    revision = await following.registry.login(TOKEN, age=100, ends=99)
    following.registry.refusal = GraftError("SESSION_AUTHENTICATION_FAILED", "", "the token has expired")
    assert await following.code(TOKEN, revision) == "SESSION_AUTHENTICATION_FAILED"
    lasting = await following.registry.login("lasting", age=100, ends=1000)
    assert await following.code("lasting", lasting) == "OK"


async def test_no_credential_is_invalid_without_a_question(following: Following) -> None:
    assert await following.code("") == "SESSION_INVALID"
    assert following.registry.lookups == []


async def test_many_questions_about_one_session_are_one(following: Following) -> None:
    following.registry.lookup_gate = asyncio.Event()
    asking = [asyncio.create_task(following.code("none")) for _ in range(20)]
    await until(lambda: bool(following.registry.lookups))
    following.registry.lookup_gate.set()
    assert set(await asyncio.gather(*asking)) == {"SESSION_INVALID"}
    assert len(following.registry.lookups) == 1


async def test_questions_are_bounded(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator_module, "MAX_WAITING", 3)
    following.registry.lookup_gate = asyncio.Event()
    asking = [asyncio.create_task(following.code(f"none{number}")) for number in range(5)]
    await until(lambda: sum(task.done() for task in asking) == 2)
    following.registry.lookup_gate.set()
    assert sorted(await asyncio.gather(*asking)) == ["SERVER_BUSY"] * 2 + ["SESSION_INVALID"] * 3


async def test_known_sessions_go_on_while_the_registry_is_away(following: Following) -> None:
    await following.registry.go_away()
    await until(lambda: not following.follower.connected)
    assert await following.code("old") == "OK"
    assert await following.code("old", min_revision=10**9) == "OK"
    assert await following.code("new") == "SERVICE_UNAVAILABLE"


async def test_a_session_that_is_new_since_the_registry_came_back_is_found_at_once(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the stream is not there yet, and the registry was away a moment ago."""
    monkeypatch.setattr(authenticator_module, "_AWAY_FOR", 60.0)
    await following.registry.go_away()
    await until(lambda: not following.follower.connected)
    await following.follower.close()
    assert await following.code("new") == "SERVICE_UNAVAILABLE"
    following.registry.away = False
    await following.registry.login("new")
    assert await following.code("new") == "OK"
    assert await following.code("old", min_revision=10**9) == "OK"
    assert following.registry.lookups == [digest("new")], "who is known waits for nobody who did not answer just now"


async def test_all_who_wait_for_a_silent_registry_are_told_together(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator_module, "LOOKUP_TIMEOUT", 0.5)
    following.registry.lookup_gate = asyncio.Event()
    asking = [following.code(f"none{number}") for number in range(40 * authenticator_module.MAX_LOOKUPS)]
    assert set(await asyncio.wait_for(asyncio.gather(*asking), 10)) == {"SERVICE_UNAVAILABLE"}


async def test_the_stream_is_resumed_where_it_broke(following: Following) -> None:
    await following.registry.go_away()
    await until(lambda: not following.follower.connected)
    reached = following.follower.view.revision
    await following.registry.login("new")
    following.registry.away = False
    await until(lambda: digest("new") in following.follower.view.sessions)
    assert following.registry.watches == [0, reached]


async def test_a_compacted_revision_asks_for_a_snapshot(following: Following) -> None:
    await following.registry.go_away()
    await until(lambda: not following.follower.connected)
    await following.registry.logout("old")
    await following.registry.login("new")
    following.registry.oldest = following.registry.revision + 1
    following.registry.away = False
    await until(lambda: following.follower.view.sessions.keys() == {digest("new")})
    assert following.registry.watches[-1] == 0


async def test_an_expired_session_is_asked_about(following: Following) -> None:
    await following.registry.login("worn", idle=5, age=6)
    await until(lambda: digest("worn") in following.follower.view.sessions)
    del following.registry.sessions[digest("worn")]
    assert await following.code("worn") == "SESSION_INVALID"
    await following.registry.login("spent", idle=5, age=6)
    await until(lambda: digest("spent") in following.follower.view.sessions)
    await following.registry.go_away()
    assert await following.code("spent") == "SESSION_INVALID"


async def test_use_keeps_a_session_alive_while_the_registry_is_away(following: Following) -> None:
    await following.registry.login("used", idle=0.4)
    await until(lambda: digest("used") in following.follower.view.sessions)
    await following.registry.go_away()
    until_then = time.monotonic() + 0.8
    while time.monotonic() < until_then:
        assert await following.code("used") == "OK"
        await asyncio.sleep(0.02)


async def test_use_is_reported_when_it_matters(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touches_module, "STEP", 0.2)
    await following.authenticator.session_of("old")
    await following.touches.report()
    assert following.registry.touches == []
    await until(lambda: time.time() - following.follower.view.sessions[digest("old")].last_active > 0.2)
    await following.authenticator.session_of("old")
    await following.touches.report()
    [touch] = following.registry.touches
    assert (touch.digest, touch.busy) == (digest("old"), False)
    assert abs(touch.last_active.ToMicroseconds() / 1e6 - time.time()) < 5
    await following.touches.report()
    assert len(following.registry.touches) == 1


async def test_busy_sessions_are_reported_until_they_are_not(following: Following) -> None:
    await following.authenticator.session_of("old")
    following.touches.busy = lambda: [digest("old")]
    await following.touches.report()
    await following.touches.report()
    following.touches.busy = list
    await following.touches.report()
    await following.touches.report()
    assert [touch.busy for touch in following.registry.touches] == [True, True, False]


async def test_a_report_that_was_not_taken_is_repeated(following: Following) -> None:
    await following.authenticator.session_of("old")
    following.touches.busy = lambda: [digest("old")]
    await following.registry.go_away()
    with pytest.raises(GraftError):
        await following.touches.report()
    following.registry.away = False
    await following.touches.report()
    assert len(following.registry.touches) == 1


async def test_the_last_report_comes_at_the_end(following: Following) -> None:
    following.touches.start()
    await asyncio.sleep(0.01)
    await following.authenticator.session_of("old")
    await following.touches.close()
    assert [touch.digest for touch in following.registry.touches] == [digest("old")]
