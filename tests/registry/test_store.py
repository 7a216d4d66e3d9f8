from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from graft_common.database import open_database
from graft_common.errors import GraftError
from registry_service.identity.values import Account, Group, LoginRecord, Request, Session, SessionUse, User
from registry_service.resources import Declaration, ExtensionVersion, Link
from registry_service.store import tables
from registry_service.store.store import Store
from registry_service.watch.values import Change, Kind
from support.postgres import PostgresServer
from tests.registry.conftest import SettableClock

ALL = frozenset(Kind)


def account(clock: SettableClock, name: str = "ann", *roles: str) -> Account:
    return Account(User(name, f"uuid of {name}", roles or ("pool-admin",), clock()), f"hash of {name}")


def session(clock: SettableClock, number: int, user: str = "ann", originator: str = "") -> Session:
    return Session(
        f"{number:064x}", f"uuid {number}", user, f"uuid of {user}", ("read-only",), originator, clock(), clock()
    )


def record(clock: SettableClock, action: str) -> LoginRecord:
    request = Request("ipv4:127.0.0.1:1", "request")
    return LoginRecord(
        0, clock(), "ann", ("read-only",), "f" * 16, action, False, "OK", timedelta(seconds=1), request, "o"
    )


async def add_users(store: Store, clock: SettableClock, *names: str) -> None:
    async with store.change() as change:
        for name in names:
            await change.add_account(account(clock, name))


async def events(store: Store, after: int, limit: int = 100) -> list[Change]:
    async with store.read() as view:
        return list((await view.changes(after, ALL, limit)).changes)


async def revision(store: Store) -> int:
    async with store.read() as view:
        return (await view.revisions()).current


async def test_the_migrations_make_the_tables_that_the_code_uses(database_url: str, store: Store) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"version_table": "registry_version"})
        return list(compare_metadata(context, tables.metadata))

    engine = open_database(database_url)
    async with engine.begin() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_opening_again_keeps_everything(store: Store, clock: SettableClock, database_url: str) -> None:
    await add_users(store, clock, "ann")
    again = await Store.open(database_url, clock)
    async with again.read() as view:
        assert await view.find_account("ann") == account(clock)
    await again.close()


async def test_users_are_found_and_listed_by_code_point(store: Store, clock: SettableClock) -> None:
    names = ["ann", "Bob", "äda", "bob", "a b", "a-b", "ab"]
    await add_users(store, clock, *names)
    async with store.read() as view:
        assert [user.name for user in await view.users()] == sorted(names)
        assert await view.find_account("BOB") is None
        assert await view.find_account("äda") == account(clock, "äda")


async def test_a_change_has_one_revision_and_its_events_are_in_order(store: Store, clock: SettableClock) -> None:
    start = await revision(store)
    await add_users(store, clock, "ann", "bob")
    async with store.change() as change:
        await change.add_session(session(clock, 1))
        await change.add_session(session(clock, 2))
    async with store.change() as change:
        assert await change.remove_account("ann") == 2
    found = await events(store, start)
    assert [(event.revision - start, event.kind, event.key, event.resource) for event in found] == [
        (1, Kind.USER, "ann", account(clock, "ann").user),
        (1, Kind.USER, "bob", account(clock, "bob").user),
        (2, Kind.SESSION, f"{1:064x}", session(clock, 1)),
        (2, Kind.SESSION, f"{2:064x}", session(clock, 2)),
        *[(3, Kind.SESSION, event.key, None) for event in found[4:6]],
        (3, Kind.USER, "ann", None),
    ]
    assert {event.key for event in found[4:6]} == {f"{1:064x}", f"{2:064x}"}


async def test_what_fails_leaves_nothing(store: Store, clock: SettableClock) -> None:
    start = await revision(store)

    async def fail() -> None:
        async with store.change() as change:
            await change.add_account(account(clock))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await revision(store) == start
    assert await events(store, start) == []
    async with store.read() as view:
        assert await view.users() == []


async def test_a_change_that_tells_nothing_has_no_revision(store: Store, clock: SettableClock) -> None:
    start = await revision(store)
    await store.record(record(clock, "x"))
    assert await revision(store) == start


async def test_revisions_are_committed_in_order_by_two_replicas(
    store: Store, database_url: str, clock: SettableClock
) -> None:
    other = await Store.open(database_url, clock)
    start = await revision(store)
    seen: list[int] = []

    async def follow() -> None:
        position = start
        while position < start + 40:
            async with store.read() as view:
                batch = await view.changes(position, ALL, 7)
            seen.extend(change.revision for change in batch.changes)
            position = batch.revision

    await asyncio.wait_for(
        asyncio.gather(follow(), *(add_users([store, other][n % 2], clock, f"user {n}") for n in range(40))), 30
    )
    assert seen == list(range(start + 1, start + 41))
    await other.close()


async def test_sessions_are_counted_used_and_deleted(store: Store, clock: SettableClock) -> None:
    await add_users(store, clock, "ann", "bob")
    async with store.change() as change:
        for number in range(4):
            await change.add_session(session(clock, number, "ann" if number < 3 else "bob", "tool" if number else ""))
    clock.pass_by(minutes=20)
    later = clock()
    start = await revision(store)
    async with store.change() as change:
        uses = {use.digest: use for use in await change.session_uses(user="ann")}
        first, second, _ = sorted(uses)
        await change.use_sessions(
            [
                SessionUse(first, uses[first].created, later, later),
                SessionUse(second, uses[second].created, uses[second].last_active, later),
                SessionUse("f" * 64, later, later, later),
            ]
        )
    found = await events(store, start)
    assert [(event.key, getattr(event.resource, "last_active", None)) for event in found] == [(first, later)]
    async with store.read() as view:
        assert await view.count_sessions() == 4
        assert await view.count_sessions(user="ann") == 3
        assert await view.count_sessions(originator="tool") == 3
        assert [use.busy_until for use in await view.session_uses(digests=[second])] == [later]
        unused = await view.expired_sessions(later - timedelta(minutes=20), later, 10)
        assert len(unused) == 3
        assert first not in {one.digest for one in unused}
        assert len(await view.expired_sessions(later, later, 2)) == 2
    async with store.change() as change:
        assert await change.delete_sessions([first, "e" * 64]) == 1
        assert await change.delete_sessions([]) == 0


async def test_batches_never_split_a_revision(store: Store, clock: SettableClock) -> None:
    start = await revision(store)
    for size in (1, 3, 1, 5, 2):
        now = await revision(store)
        await add_users(store, clock, *(f"{now}-{number}" for number in range(size)))
    sizes = []
    position = start
    while True:
        async with store.read() as view:
            batch = await view.changes(position, ALL, 4)
        position = batch.revision
        sizes.append(len(batch.changes))
        if not batch.more:
            break
    assert sizes == [4, 1, 5, 2]
    assert position == start + 5


async def test_a_batch_of_other_kinds_moves_on(store: Store, clock: SettableClock) -> None:
    start = await revision(store)
    await add_users(store, clock, "ann")
    async with store.read() as view:
        batch = await view.changes(start, frozenset({Kind.LINK}), 10)
    assert (batch.revision, batch.changes, batch.more) == (start + 1, [], False)


@pytest.mark.parametrize(
    ("keep", "young", "at_most", "left"),
    [
        (3, 0, 100, 3),  # the last three
        (0, 4, 100, 4),  # those that are young
        (3, 5, 100, 5),  # whatever keeps more
        (9, 9, 4, 4),  # but never more than the bound
        (20, 0, 100, 10),  # nothing to do
    ],
)
async def test_compaction(store: Store, clock: SettableClock, keep: int, young: int, at_most: int, left: int) -> None:
    start = await revision(store)
    for number in range(10):
        await add_users(store, clock, f"user {number}")
        clock.pass_by(minutes=1)
    newer_than = clock() - timedelta(minutes=young)
    compacted = await store.compact(keep=max(keep, 1), newer_than=newer_than, at_most=at_most)
    async with store.read() as view:
        revisions = await view.revisions()
        batch = await view.changes(0, ALL, 100)
    assert len(batch.changes) == max(left, 1)
    assert revisions.compacted == compacted == start + 10 - max(left, 1)
    assert await store.compact(keep=max(keep, 1), newer_than=newer_than, at_most=at_most) == compacted


async def test_compaction_keeps_revisions_whole(store: Store, clock: SettableClock) -> None:
    await add_users(store, clock, "a", "b", "c")
    await add_users(store, clock, "d", "e", "f")
    clock.pass_by(days=1)
    await store.compact(keep=2, newer_than=clock(), at_most=100)
    assert [event.key for event in await events(store, 0)] == ["d", "e", "f"]


async def test_login_records_are_paged_and_pruned(store: Store, clock: SettableClock) -> None:
    for number in range(10):
        clock.pass_by(seconds=1)
        await store.record(record(clock, str(number)))
    async with store.read() as view:
        newest = await view.login_records(beyond=None, since=None, limit=4)
        older = await view.login_records(beyond=newest[-1].id, since=None, limit=4)
        oldest = await view.login_records(beyond=None, since=None, limit=4, oldest_first=True)
        behind = await view.login_records(beyond=oldest[-1].id, since=None, limit=4, oldest_first=True)
        assert [one.id for one in (*oldest, *behind)] == sorted(one.id for one in (*oldest, *behind))
        assert len({one.id for one in (*oldest, *behind)}) == len(oldest) + len(behind)
        recent = await view.login_records(beyond=None, since=clock() - timedelta(seconds=2), limit=100)
    assert [one.action for one in newest] == ["9", "8", "7", "6"]
    assert [one.action for one in older] == ["5", "4", "3", "2"]
    assert [one.action for one in recent] == ["9", "8", "7"]
    assert newest[0] == replace(record(clock, "9"), id=newest[0].id)
    await store.prune_records(3)
    async with store.read() as view:
        assert len(await view.login_records(beyond=None, since=None, limit=100)) == 3


async def test_catalog_resources_are_kept_listed_and_told(store: Store, clock: SettableClock) -> None:
    links = [Link(number, "HDP", "2.0", "ext", "1.0", clock()) for number in (10, 9, 100)]
    versions = [
        ExtensionVersion(name, version, True, (), "", False, ("svc",))
        for name, version in (("e", "1.0"), ("e-x", "1.0"), ("e", "0.9"))
    ]
    declaration = Declaration("A.b", "a.xml", "e/1.0", "0" * 64, "read-only", "<methods/>")
    start = await revision(store)
    async with store.change() as change:
        for resource in (*links, *versions, declaration, declaration):
            await change.put_resources([resource])
    async with store.read() as view:
        first = await view.resources(Kind.LINK, after="", limit=2)
        assert [one.resource.id for one in first if isinstance(one.resource, Link)] == [9, 10]
        rest = await view.resources(Kind.LINK, after=first[-1].position, limit=2)
        assert [one.resource for one in rest] == [links[2]]
        listed = await view.resources(Kind.EXTENSION_VERSION, after="", limit=10)
        assert [one.resource for one in listed] == [versions[2], versions[0], versions[1]]
        assert {one.revision for one in listed} == {start + 1}
        assert len(await view.snapshot(ALL)) == 7
        assert [one.resource for one in await view.snapshot(frozenset({Kind.DECLARATION}))] == [declaration]
    async with store.change() as change:
        await change.delete_resources([declaration])
    assert [(event.key, event.resource) for event in await events(store, start + 1)] == [("A.b", None)]


async def test_a_reader_sees_one_state_and_holds_nobody_up(store: Store, clock: SettableClock) -> None:
    async with store.read() as view:
        before = await view.revisions()
        await asyncio.wait_for(add_users(store, clock, "ann"), 5)
        assert await view.users() == []
        assert await view.revisions() == before


async def test_a_new_database_does_not_continue_an_older_one(tmp_path: Path, clock: SettableClock) -> None:
    old = await Store.open(f"sqlite:///{tmp_path / 'old.db'}", clock)
    await add_users(old, clock, "ann")
    followed = await revision(old)
    await old.close()
    await asyncio.sleep(0.01)
    new = await Store.open(f"sqlite:///{tmp_path / 'new.db'}", clock)
    async with new.read() as view:
        assert (await view.revisions()).compacted > followed
    await new.close()


async def test_a_database_that_is_away_is_said_to_be(
    postgres_server: PostgresServer, postgres_url: str, clock: SettableClock
) -> None:
    store = await Store.open(postgres_url, clock)
    await add_users(store, clock, "ann")
    postgres_server.allow_connections(postgres_url, allowed=False)
    postgres_server.disconnect_all(postgres_url)
    for _ in range(2):
        with pytest.raises(GraftError) as raised:
            await revision(store)
        assert raised.value.error_info() == ["SERVICE_UNAVAILABLE", "registry", "its database does not answer"]
    postgres_server.allow_connections(postgres_url, allowed=True)
    async with store.read() as view:
        assert len(await view.users()) == 1

    async def break_within() -> None:
        async with store.change() as change:
            postgres_server.disconnect_all(postgres_url)
            await change.users()

    with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
        await break_within()
    await add_users(store, clock, "bob")
    await store.close()


async def test_a_session_ends_when_it_has_to_however_much_it_is_used(store: Store, clock: SettableClock) -> None:
    ending = replace(session(clock, 1, "oidc:ann", ""), subject="oidc:https://issuer.test ann", ends=clock())
    lasting = replace(session(clock, 2, "oidc:ann", ""), subject=ending.subject, ends=clock() + timedelta(seconds=1))
    async with store.change() as change:
        for one in (ending, lasting):
            await change.add_session(one)
    async with store.read() as view:
        assert await view.expired_sessions(clock() - timedelta(days=1), clock(), 10) == [ending]
        assert await view.find_session(lasting.digest) == lasting


async def test_groups_lend_their_roles_and_lose_who_is_removed(store: Store, clock: SettableClock) -> None:
    await add_users(store, clock, "ann", "bob")
    ops = Group("ops", "On call.", ("vm-admin", "read-only"), ("ann", "bob"), clock())
    before = await revision(store)
    async with store.change() as change:
        await change.put_group(replace(ops, members=(), description="Not yet."))
        await change.put_group(ops)
        await change.put_group(Group("all", "", ("read-only",), ("bob",), clock()))
        assert change.known_revision == before
    async with store.read() as view:
        assert [group.name for group in await view.groups()] == ["all", "ops"]
        assert await view.find_group("ops") == ops
        assert await view.group_roles("ann") == {"vm-admin", "read-only"}
        assert await view.group_roles("nobody") == frozenset()
    async with store.change() as change:
        await change.remove_account("ann")
        await change.remove_group("all")
    async with store.read() as view:
        assert await view.groups() == [replace(ops, members=("bob",))]


async def test_notes_and_new_passwords_are_kept_and_told(store: Store, clock: SettableClock) -> None:
    await add_users(store, clock, "ann")
    noted = replace(session(clock, 1), other_config=(("key", "välue"), ("other", "")))
    async with store.change() as change:
        await change.add_session(session(clock, 1))
        await change.replace_other_config(noted)
    changed = replace(account(clock, "ann", "read-only"), password_hash="another")
    before = await revision(store)
    async with store.change() as change:
        await change.replace_account(changed)
    async with store.read() as view:
        assert await view.find_session(noted.digest) == noted
        assert await view.find_account("ann") == changed
        assert await view.sessions_of_subject("uuid of ann") == [noted.digest]
        assert await view.session_subjects() == ["uuid of ann"]
    assert [(event.kind, event.resource) for event in await events(store, before)] == [(Kind.USER, changed.user)]
