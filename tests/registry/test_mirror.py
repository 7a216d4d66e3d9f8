"""What lists show from memory is what the store has published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from graft.registry.v1 import registry_pb2 as pb
from graft_common.rpc.client import call
from graft_common.settings import Settings
from registry_service.resources import ExtensionVersion, Link
from registry_service.store.store import Store
from registry_service.watch.clock import RevisionClock
from registry_service.watch.mirror import ExtensionVersions, LinkFilter, LinksById, Mirror
from support.resources import Resources
from tests.registry.conftest import SettableClock, StartRegistry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
words = st.sampled_from(["a", "b", "c", ""])
names = st.sampled_from(["A", "A-B", "AB", "a", "B"])
versions = st.sampled_from(["1", "1.0", "10", "2"])
sizes = st.integers(1, 4)


def extension(name: str, version: str) -> ExtensionVersion:
    return ExtensionVersion(name, version, True, (), "", False, ())


@given(st.lists(st.tuples(st.booleans(), names, versions)), sizes, st.one_of(st.just(""), names))
def test_pages_of_versions_hold_each_once_in_order(steps: list[tuple[bool, str, str]], size: int, wanted: str) -> None:
    held, model = ExtensionVersions(), dict[tuple[str, str], int]()
    for revision, (put, name, version) in enumerate(steps):
        if put:
            held.put(extension(name, version), revision)
            model[name, version] = revision
        else:
            held.drop(name, version)
            model.pop((name, version), None)
    assert held.names == sorted({name for name, _ in model})
    assert all((item := held.get(*key)) is not None and item.revision == model[key] for key in model)
    found: list[tuple[str, str]] = []
    while page := held.page(found[-1] if found else ("", ""), size, wanted):
        assert len(page) <= size
        found += [(item.resource.name, item.resource.version) for item in page]
    assert found == sorted(key for key in model if wanted in {"", key[0]})


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.tuples(words, words, words, words))),
    sizes,
    st.tuples(words, words, words, words),
)
def test_pages_of_links_hold_those_that_are_wanted(
    steps: list[tuple[bool, int, tuple[str, str, str, str]]], size: int, wanted: tuple[str, str, str, str]
) -> None:
    held, model = LinksById(), dict[int, tuple[str, str, str, str]]()
    for revision, (put, number, names_) in enumerate(steps):
        if put:
            held.put(Link(number, *names_, NOW), revision)
            model[number] = names_
        else:
            held.drop(number)
            model.pop(number, None)
    found: list[int] = []
    while page := held.page(found[-1] if found else 0, size, LinkFilter(*wanted)):
        assert len(page) <= size
        found += [item.resource.id for item in page]
    fitting = [
        number
        for number, has in sorted(model.items())
        if all(asked in {"", value} for asked, value in zip(wanted, has, strict=True))
    ]
    assert found == fitting
    assert all(held.get(number) is not None for number in model)


async def test_the_mirror_follows_the_store_also_past_what_is_kept(store: Store, clock: SettableClock) -> None:
    revisions = RevisionClock(0)
    store.on_commit = revisions.advance
    mirror = Mirror(store, revisions)
    assert (await mirror.extension_versions()).names == []
    for number in range(30):
        async with store.change() as change:
            await change.put_resources([extension(f"E{number % 10}", str(number))])
        held = (await mirror.extension_versions()).get(f"E{number % 10}", str(number))
        assert held is not None
        assert held.revision == revisions.revision
        if number % 7 == 0:
            async with store.change() as change:
                await change.delete_resources([extension(f"E{number % 10}", str(number))])
    before = (await mirror.extension_versions()).page(("", ""), 100)
    assert len(before) == 25
    late = Mirror(store, revisions)
    assert (await late.extension_versions()).page(("", ""), 100) == before
    async with store.change() as change:
        await change.put_resources([extension("LAST", "1")])
    clock.pass_by(hours=2)
    await store.compact(keep=1, newer_than=clock() + timedelta(hours=1), at_most=1)
    async with store.change() as change:
        await change.put_resources([extension("VERY LAST", "1")])
    await store.compact(keep=1, newer_than=clock() + timedelta(hours=1), at_most=1)
    assert (await mirror.extension_versions()).names[-2:] == ["LAST", "VERY LAST"]


async def test_what_was_written_through_one_replica_is_in_the_next_answer_of_another(
    start_registry: StartRegistry, settings: Settings, postgres_url: str, tmp_path: Path
) -> None:
    tree = Resources(tmp_path / "resources")
    tree.stack("HDP/1")
    needs = "<stack><name>HDP</name><version>1</version></stack>"
    for number in range(5):
        body = f"<prerequisites><min-stack-versions>{needs}</min-stack-versions></prerequisites>"
        tree.extension(f"E{number}/1", body)
    given_ = settings.model_copy(update={"database_url": SecretStr(postgres_url), "resources_dir": tree.root})
    # Nothing is learnt by polling.
    one, other = await start_registry(given_, poll_every=3600), await start_registry(given_, poll_every=3600)
    metadata = await one.as_admin()

    async def ask(registry: Any, rpc: str, request: Any) -> Any:
        return await call(getattr(registry.clients.registry, rpc), request, timeout=20, metadata=metadata)

    for number in range(5):
        spec = pb.LinkSpec(stack_name="HDP", stack_version="1", extension_name=f"E{number}", extension_version="1")
        writer, reader = (one, other) if number % 2 else (other, one)
        made = await ask(writer, "CreateLinks", pb.CreateLinksRequest(links=[spec]))
        assert (await ask(reader, "ListLinks", pb.ListLinksRequest())).links[-1] == made.links[0]
        view = await ask(reader, "GetStackVersion", pb.GetStackVersionRequest(name="HDP", version="1"))
        assert f"E{number}/1" in view.stack_version.extensions
