"""What watchers are told, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dispatcher_service.events import answers
from dispatcher_service.events import hub as hubs
from dispatcher_service.events.tokens import Token
from dispatcher_service.sessions.objects import Role
from dispatcher_service.store.changes import Changed
from graft_common import roles
from graft_common.errors import GraftError
from support.dispatcher_hosts import ANNA, BERT, OPERATOR
from support.watching import came, changed, told, user, watched, went


async def test_no_token_tells_of_all_that_there_is(here):
    await here.tasks("t1", "t2")
    await here.change(Changed("pool", "p"))
    here.follow(7, came(user("eva")))
    answer = await here.next()
    assert told(answer) == [("task", "add", "t1"), ("task", "add", "t2"), ("pool", "add", "p"), ("user", "add", "OpaqueRef:uuid-eva")]  # fmt: skip
    assert answer.counts == {"task": 2, "pool": 1, "user": 1}
    assert answer.value["events"][0] == {
        "id": answer.events[0].id,
        "timestamp": "0.0",
        "class": "task",
        "operation": "add",
        "ref": "t1",
        "snapshot": {"name_label": "t1", "text": "x" * 10},
    }


async def test_a_token_leads_to_what_comes_after_it_each_object_once(here):
    await here.tasks("kept", "changed", "gone")
    token = str((await here.next()).token)
    await here.tasks("changed")
    await here.change(Changed("task", "gone", gone=True), Changed("task", "new", owner="anna"))
    await here.tasks("new", "fleeting")
    await here.change(Changed("task", "fleeting", gone=True))
    answer = await here.next(token)
    assert told(answer) == [("task", "mod", "changed"), ("task", "del", "gone"), ("task", "add", "new")]
    assert [event.record is None for event in answer.events] == [False, True, False]
    assert answer.value["token"] == str(answer.token) > token


async def test_nothing_is_told_until_something_happens_or_the_time_is_over(here):
    await here.tasks("t")
    first = await here.next()
    empty = await here.next(str(first.token), seconds=0)
    assert (told(empty), empty.token, empty.counts["task"]) == ([], first.token, 1)
    waiting = await here.waiting(str(first.token), "task")
    assert not waiting.done()
    await here.tasks("t")
    assert told(await waiting) == [("task", "mod", "t")]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["*"], ["t", "t2", "p"]),
        (["task"], ["t", "t2"]),
        (["TASK", "Pool"], ["t", "t2", "p"]),
        (["task/t2"], ["t2"]),
        (["pool/t2", "task/t"], ["t"]),
    ],
)
async def test_watchers_are_told_of_what_they_want(here, classes, expected):
    await here.tasks("t", "t2")
    await here.change(Changed("pool", "p"))
    assert [ref for _, _, ref in told(await here.next("", *classes))] == expected


async def test_a_watcher_is_not_woken_by_what_it_does_not_want(here):
    await here.tasks("t", "t2")
    token = str((await here.next()).token)
    waiting = await here.waiting(token, "task/t")
    other = await here.waiting(token, "task")
    await here.tasks("t2")
    assert told(await other) == [("task", "mod", "t2")]
    assert not waiting.done()
    await here.tasks("t")
    assert told(await waiting) == [("task", "mod", "t")]


async def test_everybody_sees_the_own_and_what_is_nobodys(here):
    await here.tasks("annas", owner="anna")
    await here.tasks("berts", owner="bert")
    await here.change(Changed("pool", "p"))
    seen = {session.user: await here.next(session=session) for session in (ANNA, BERT, OPERATOR)}
    assert {name: [ref for _, _, ref in told(answer)] for name, answer in seen.items()} == {
        "anna": ["annas", "p"],
        "bert": ["berts", "p"],
        "olga": ["annas", "berts", "p"],
    }
    assert {name: answer.counts["task"] for name, answer in seen.items()} == {"anna": 1, "bert": 1, "olga": 2}
    token = str(seen["bert"].token)
    await here.change(Changed("task", "annas", gone=True), Changed("task", "berts", gone=True))
    assert told(await here.next(token, session=BERT)) == [("task", "del", "berts")]


async def test_those_who_want_the_same_share_one_answer_that_is_read_and_encoded_once(here):
    await here.tasks("t")
    token = str((await here.next()).token)
    here.loads.clear()
    waiting = [await here.waiting(token, "task") for _ in range(60)]
    await here.tasks("t")
    answers = await asyncio.gather(*waiting)
    assert len({id(answer) for answer in answers}) == 1
    assert here.loads == [["t"]]


async def test_changes_that_come_together_are_told_together(here):
    await here.tasks("t")
    token = str((await here.next()).token)
    waiting = await here.waiting(token)
    async with here.hub._reading:
        for _ in range(5):
            await here.tasks("t")
        await here.tasks("t2")
    assert told(await waiting) == [("task", "mod", "t"), ("task", "add", "t2")]


async def test_what_is_gone_before_it_is_read_is_told_of_as_gone_only(here):
    await here.tasks("t")
    token = str((await here.next()).token)
    await here.tasks("vanished", "t")
    assert told(await here.next(token)) == [("task", "mod", "t")]


async def test_objects_of_the_registry_are_told_of_by_its_own_revision(here):
    eva, uwe = user("eva"), user("uwe")
    here.follow(5, came(eva), came(uwe))
    first = await here.next()
    assert first.token.registry == 5
    waiting = await here.waiting(str(first.token), "user")
    here.follow(6)
    here.follow(9, changed(user("eva", revision=9)), went(uwe), came(user("new")))
    answer = await waiting
    assert told(answer) == [
        ("user", "mod", "OpaqueRef:uuid-eva"),
        ("user", "del", "OpaqueRef:uuid-uwe"),
        ("user", "add", "OpaqueRef:uuid-new"),
    ]
    assert (answer.token.registry, answer.counts["user"]) == (9, 2)


async def test_whose_time_is_over_before_his_turn_loses_nothing(here, monkeypatch):
    """Those who are told the same are told one after another, and others wait meanwhile."""
    monkeypatch.setattr(hubs, "COST", 1.2)
    monkeypatch.setattr(hubs, "_AT_ONCE", 1)
    await here.tasks("t")
    token = str((await here.next()).token)
    first, second = [
        await here.waiting(token, "task", session=replace(ANNA, digest=f"{number:064}")) for number in (1, 2)
    ]
    late = asyncio.create_task(here.next(token, "task/t", seconds=0.4))
    await here.seated_are(3)
    here.hub._given = 0  # nobody was told anything just now, so that telling begins at once
    await here.tasks("t")
    answers = [await waiting for waiting in (late, first, second)]
    for answer in answers:
        found = answer if answer.events else await here.next(str(answer.token), "task", seconds=0)
        assert told(found) == [("task", "mod", "t")]
    assert not all(answer.events for answer in answers)


async def test_a_change_of_roles_lets_everybody_ask_anew(here):
    """What a role may see counts at once, also for those who wait."""
    here.follow(1, came(ANNA))
    token = str((await here.next(seconds=0)).token)
    waiting = await here.waiting(token, "*")
    here.follow(2, changed(Role(roles.Role("custom", 0, ""))))
    answer = await asyncio.wait_for(waiting, 10)
    assert (told(answer), str(answer.token)) == ([], token)


async def test_many_who_want_different_things_hold_nobody_up(here):
    """Others have their turn while each is looked at."""
    token = str((await here.next(seconds=0)).token)
    waiting = [asyncio.create_task(here.next(token, f"task/{number}")) for number in range(200)]
    await here.seated_are(200)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += here.hub._telling
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await here.tasks("another")
    async with asyncio.timeout(20):
        while str(here.hub._told) == token or here.hub._telling:  # noqa: ASYNC110  (it tells nobody)
            await asyncio.sleep(0.001)
    assert turns >= 3
    await here.tasks("199")
    assert told(await waiting[199]) == [("task", "add", "199")]
    for task in (counting, *waiting):
        task.cancel()
    await asyncio.gather(counting, *waiting, return_exceptions=True)


async def test_a_wait_ends_with_the_session(here):
    here.follow(1, came(ANNA), came(BERT))
    token = str((await here.next(seconds=0)).token)
    annas, berts = [await here.waiting(token, "pool", session=session) for session in (ANNA, BERT)]
    here.follow(2, went(ANNA))
    with pytest.raises(GraftError, match="SESSION_INVALID"):
        await annas
    assert not berts.done()
    await here.change(Changed("pool", "p"))
    assert told(await berts) == [("pool", "add", "p")]


async def test_a_wait_ends_when_the_dispatcher_shuts_down(here):
    waiting = await here.waiting("", "task")
    await here.hub.drain()
    for asked in (waiting, here.next()):
        with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
            await asked


async def test_who_goes_away_leaves_nothing_behind(here):
    waiting = [await here.waiting("", "task") for _ in range(3)]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (here.seated, here.hub._places, here.hub._room.all()) == (0, 0, [])


async def test_there_is_a_bound_of_watchers(here, monkeypatch):
    monkeypatch.setattr(hubs, "MAX_WATCHERS", 1)
    await here.waiting("", "task")
    with pytest.raises(GraftError, match="SERVER_BUSY"):
        await here.next()


class TestInjection:
    """`event.inject`."""

    async def test_an_object_of_the_store_is_told_again_after_the_token(self, here):
        await here.change(Changed("pool", "p"))
        token = await here.hub.inject(ANNA, "Pool", "p")
        assert told(await here.next(str(token))) == [("pool", "mod", "p")]

    async def test_an_object_of_the_registry_is_told_again_on_every_host(self, here, store_url):
        async with watched(store_url) as there:
            for host in (here, there):
                host.follow(5, came(user("eva")))
            waiting = await there.waiting(str((await there.next("")).token), "user")
            token = await here.hub.inject(ANNA, "user", "OpaqueRef:uuid-eva")
            for answer in (await waiting, await here.next(str(token))):
                assert told(answer) == [("user", "mod", "OpaqueRef:uuid-eva")]

    @pytest.mark.parametrize(
        ("kind", "ref"), [("pool", "t"), ("task", "berts"), ("task", "gone"), ("vm", "x"), ("user", "x")]
    )
    async def test_what_is_not_there_or_not_seen_is_refused(self, here, kind, ref):
        await here.tasks("t", "gone")
        await here.tasks("berts", owner="bert")
        await here.change(Changed("task", "gone", gone=True))
        with pytest.raises(GraftError) as failure:
            await here.hub.inject(ANNA, kind, ref)
        assert failure.value.error_info() == ["HANDLE_INVALID", kind, ref]


class TestLoss:
    """Tokens that cannot be answered in full."""

    async def test_what_was_removed_and_forgotten_is_lost(self, here):
        await here.tasks("t", "gone")
        token = str((await here.next()).token)
        await here.change(Changed("task", "gone", gone=True))
        await here.store.changes.trim(0)
        with pytest.raises(GraftError, match="EVENTS_LOST"):
            await here.next(token)
        assert told(await here.next(token, "user", seconds=0)) == []
        assert told(await here.next()) == [("task", "add", "t")]

    async def test_a_token_of_another_store_is_lost(self, here):
        await here.tasks("t")
        with pytest.raises(GraftError, match="EVENTS_LOST"):
            await here.next(str(Token(1000)))
        with pytest.raises(GraftError, match="EVENTS_LOST"):
            await here.next(str(Token(0, 5)))
        assert told(await here.next(str(Token(0, 5)), "task")) == [("task", "add", "t")]

    async def test_what_the_registry_removed_before_this_host_began_is_lost(self, here):
        here.follow(50, came(user("eva")))
        with pytest.raises(GraftError, match="EVENTS_LOST"):
            await here.next(str(Token(0, 49)))
        assert told(await here.next(str(Token(0, 50)), "user", seconds=0)) == []

    async def test_the_registrys_removals_are_remembered_up_to_a_bound(self, here, monkeypatch):
        monkeypatch.setattr(hubs, "KEPT_GONE", 2)
        here.follow(1, *(came(user(f"u{number}")) for number in range(4)))
        for number in range(4):
            here.follow(2 + number, went(user(f"u{number}")))
        with pytest.raises(GraftError, match="EVENTS_LOST"):
            await here.next(str(Token(0, 1)), "user")
        assert told(await here.next(str(Token(0, 4)), "user")) == [("user", "del", "OpaqueRef:uuid-u3")]


class TestSize:
    """Answers have a bound."""

    async def test_a_large_answer_comes_in_parts_and_nothing_twice_or_never(self, store_url, monkeypatch):
        monkeypatch.setattr(answers, "MAX_ANSWER", 5000)
        async with watched(store_url, size=1000) as here:
            for number in range(20):
                await here.tasks(f"t{number}")
            here.follow(3, came(user("eva")))
            seen, token = [], ""
            for _ in range(20):
                answer = await here.next(token, seconds=0)
                if not answer.events:
                    break
                assert len(answer.events) <= 8
                seen += told(answer)
                token = str(answer.token)
            assert seen == [
                *(("task", "add", f"t{number}") for number in range(20)),
                ("user", "add", "OpaqueRef:uuid-eva"),
            ]

    async def test_what_is_too_large_of_one_revision_comes_without_its_record(self, store_url, monkeypatch):
        monkeypatch.setattr(answers, "MAX_REVISION", 3000)
        async with watched(store_url, size=1000) as here:
            await here.tasks(*(f"t{number}" for number in range(6)))
            answer = await here.next()
            assert [event.record is None for event in answer.events] == [False] * 3 + [True] * 3
            assert "snapshot" not in answer.value["events"][5]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_any_host_answers_any_token(database, request, store_url):
    url = store_url if database == "sqlite" else request.getfixturevalue("postgres_url")
    async with watched(url) as one, watched(url) as other:
        await one.tasks("t")
        token = str((await one.next()).token)
        assert told(await other.next(token, seconds=0)) == []
        waiting = await other.waiting(token, "task")
        await one.tasks("t")
        answer = await waiting
        assert told(answer) == [("task", "mod", "t")]
        await other.change(Changed("task", "t", gone=True))
        assert told(await one.next(str(answer.token), "task")) == [("task", "del", "t")]


async def test_a_store_that_is_away_for_a_while_costs_watchers_nothing(here, monkeypatch):
    await here.tasks("t")
    token = str((await here.next()).token)
    waiting = await here.waiting(token, "task")
    monkeypatch.setattr(hubs, "_RETRY", 0.01)
    since = here.store.changes.since
    asked = asyncio.Event()

    async def fail(_revision):
        asked.set()
        raise GraftError("SERVICE_UNAVAILABLE", "dispatcher store", "away")

    here.store.changes.since = fail
    await here.tasks("t")
    await asked.wait()
    here.store.changes.since = since
    assert told(await waiting) == [("task", "mod", "t")]


async def test_a_dead_watcher_holds_nothing_and_many_are_told(here):
    await here.tasks("t")
    token = str((await here.next()).token)
    waiting = [
        await here.waiting(token, "task", session=replace(ANNA, digest=f"{number:064}")) for number in range(200)
    ]
    waiting[0].cancel()
    await here.tasks("t")
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {str(told(answer)) for answer in answers[1:]} == {str([("task", "mod", "t")])}
