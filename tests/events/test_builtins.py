"""`event.*` as callers of XenAPI meet it, over a real hub."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.events import event_builtins
from dispatcher_service.events import registered as registering
from dispatcher_service.events.registered import Registered
from dispatcher_service.events.tokens import Token
from dispatcher_service.store.changes import Changed
from graft_common.errors import GraftError
from graft_common.roles import READ_ONLY
from support.dispatcher_hosts import ANNA, BERT, caller
from support.watching import came, watched, went


@pytest.fixture
def methods(here) -> BuiltinTable:
    return event_builtins(here.hub, Registered(here.hub, here.store.registrations))


@pytest.fixture
def ask(methods):
    async def ask(method, *params, session=ANNA):
        return await methods[f"event.{method}"].handler(caller(session), params)

    return ask


def shown(events):
    return [(event["class"], event["operation"], event["ref"]) for event in events]


async def test_everybody_who_may_read_may_watch(methods):
    assert {builtin.role for builtin in methods.values()} == {READ_ONLY}


async def test_a_watcher_goes_from_token_to_token(here, ask):
    await here.tasks("t")
    first = await ask("from", ["*"], "", 5.0)
    assert shown(first["events"]) == [("task", "add", "t")]
    assert first["valid_ref_counts"] == {"task": 1, "pool": 0, "user": 0}
    await here.change(Changed("task", "t", gone=True))
    second = await ask("from", ["*"], first["token"], "5")
    [event] = second["events"]
    assert (event["operation"], "snapshot" in event) == ("del", False)
    assert (await ask("from", ["*"], second["token"], 0))["events"] == []


@pytest.mark.parametrize("seconds", [-1, 0, "nan", "-inf", float("nan")])
async def test_odd_times_do_not_wait(ask, seconds):
    assert (await ask("from", ["task"], "", seconds))["events"] == []


async def test_a_session_that_ends_is_named_as_it_was_given(here, ask):
    here.follow(1, came(ANNA))
    waiting = asyncio.create_task(ask("from", ["task"], "", 20.0))
    await here.seated_are(1)
    here.follow(2, went(ANNA))
    with pytest.raises(GraftError) as failure:
        await waiting
    assert failure.value.error_info() == ["SESSION_INVALID", "OpaqueRef:secret"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ((["a/b/c"], "", 1.0), ["EVENT_SUBSCRIPTION_PARSE_FAILURE", "a/b/c"]),
        ((["*"], "junk", 1.0), ["EVENT_FROM_TOKEN_PARSE_FAILURE", "junk"]),
        ((["*", 5], "", 1.0), ["FIELD_TYPE_ERROR", "classes[1]", "string", "int"]),
    ],
)
async def test_what_cannot_be_meant_is_refused(ask, params, error):
    with pytest.raises(GraftError) as failure:
        await ask("from", *params)
    assert failure.value.error_info() == error


async def test_an_injected_event_comes_after_its_token(here, ask):
    await here.change(Changed("pool", "p"))
    token = await ask("inject", "pool", "p")
    assert shown((await ask("from", ["pool"], token, 5.0))["events"]) == [("pool", "mod", "p")]
    assert Token.parse(token).store + 1 == await ask("get_current_id")


class TestRegistered:
    """The older way: `register`, `next`, `unregister`."""

    async def test_who_has_registered_is_told_what_is_next(self, here, ask):
        await here.tasks("before")
        await ask("register", ["task"])
        await here.tasks("t", "t2")
        assert shown(await ask("next")) == [("task", "add", "t"), ("task", "add", "t2")]
        await here.change(Changed("pool", "p"))
        await ask("register", ["pool"])
        await here.change(Changed("pool", "p"), Changed("task", "t", gone=True))
        assert shown(await ask("next")) == [("pool", "add", "p"), ("task", "del", "t")]
        await ask("unregister", ["task"])
        await here.tasks("t3")
        await here.change(Changed("pool", "p"))
        assert shown(await ask("next")) == [("pool", "mod", "p")]

    async def test_any_host_tells_it(self, here, ask, store_url):
        await ask("register", ["task"])
        async with watched(store_url) as there:
            other = event_builtins(there.hub, Registered(there.hub, there.store.registrations))
            await here.tasks("t")
            assert shown(await other["event.next"].handler(caller(ANNA), [])) == [("task", "add", "t")]
            await here.tasks("t2")
            assert shown(await ask("next")) == [("task", "add", "t2")]

    async def test_nobody_is_told_of_more_than_may_be(self, ask):
        """What was registered for before stays, and can be taken back."""
        await ask("register", [f"a{number}" for number in range(1000)])
        with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
            await ask("register", ["b"])
        await ask("unregister", ["a0"])
        await ask("register", ["b"])

    async def test_who_has_not_is_told_so(self, ask):
        await ask("register", ["task"])
        for method, params in (("next", []), ("unregister", [["task"]])):
            with pytest.raises(GraftError) as failure:
                await ask(method, *params, session=BERT)
            assert failure.value.error_info() == ["SESSION_NOT_REGISTERED", BERT.track_id]

    async def test_after_a_while_there_is_nothing(self, ask, monkeypatch):
        monkeypatch.setattr(registering, "WAIT", 0.0)
        await ask("register", ["task"])
        assert await ask("next") == []

    async def test_after_a_loss_it_goes_on_from_there(self, here, ask):
        await here.tasks("t")
        await ask("register", ["task"])
        await here.change(Changed("task", "t", gone=True))
        await here.store.changes.trim(0)
        with pytest.raises(GraftError, match="EVENTS_LOST"):
            await ask("next")
        await here.tasks("t2")
        assert shown(await ask("next")) == [("task", "add", "t2")]

    async def test_old_and_too_many_registrations_are_forgotten(self, here, ask):
        sessions = [replace(ANNA, digest=f"{number:064}") for number in range(4)]
        for session in sessions:
            await ask("register", ["task"], session=session)
        kept = here.store.registrations
        await kept.trim(age=1000.0, keep=2)
        assert [await kept.get(session.digest) is not None for session in sessions] == [False, False, True, True]
        await kept.trim(age=-1.0, keep=2)
        assert await kept.get(sessions[3].digest) is None
