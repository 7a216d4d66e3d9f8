"""Bundles as a dispatcher loads and keeps them, from a registry that does what tests say."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from dispatcher_service.bundles import bundles as bundles_module
from dispatcher_service.bundles import loading
from dispatcher_service.bundles.bundles import Bundles
from dispatcher_service.bundles.cache import BundleCache
from dispatcher_service.bundles.loading import Loader
from dispatcher_service.bundles.marks import BundleMark
from dispatcher_service.declarations.in_force import Noted
from dispatcher_service.declarations.sources import Holds, LinkedBundle
from graft.registry.v1 import registry_pb2
from graft_common import method_bundles
from graft_common.errors import GraftError, service_unavailable
from graft_common.method_bundles import write_bundle
from graft_common.rpc.clients import RegistryClients
from support.resources import declarations, method


def tar(name: str, size: int = 10, document: str | None = None) -> bytes:
    out = io.BytesIO()
    text = declarations(method(name)) if document is None else document
    write_bundle(out, text.encode(), [(name, True, b"x" * size)])
    return out.getvalue()


@dataclass
class Shelf:
    """Serves bundles as the registry does, or otherwise."""

    content: dict[str, bytes] = field(default_factory=dict)
    spoil: Callable[[bytes], bytes] = bytes
    """What becomes of the bytes on their way."""
    away: bool = False
    gate: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)

    def put(self, place: str, data: bytes, link_id: int = 1) -> BundleMark:
        digest = hashlib.sha256(data).hexdigest()
        self.content[digest] = data
        name, _, version = place.partition("/")
        return BundleMark(name, version, link_id, digest, len(data))

    async def fetch(
        self, request: registry_pb2.FetchMethodBundleRequest, **_: object
    ) -> AsyncGenerator[registry_pb2.FetchMethodBundleResponse, None]:
        self.asked.append(request.digest)
        if self.away:
            raise service_unavailable("registry", "away")
        if self.gate is not None:
            await self.gate.wait()
        if request.digest not in self.content:
            raise GraftError("BUNDLE_NOT_FOUND", request.digest)
        data = self.spoil(self.content[request.digest])
        for start in range(0, len(data), 4096):
            yield registry_pb2.FetchMethodBundleResponse(chunk=data[start : start + 4096])


@dataclass
class Keeping:
    """Bundles, and what they have handed on."""

    shelf: Shelf
    root: Path
    holds: Holds
    bundles: Bundles
    in_force: list[LinkedBundle] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    taken: list[list[str]] = field(default_factory=list)

    def take(self, bundles: Sequence[LinkedBundle], notes: Sequence[Noted] = ()) -> None:
        self.in_force, self.notes = list(bundles), list(notes)
        self.taken.append([bundle.place for bundle in bundles])

    def follow(self, *marks: BundleMark) -> None:
        self.bundles.follow({mark.place: mark for mark in marks})

    def brought(self) -> dict[str, list[str]]:
        return {bundle.place: [item.name for item in bundle.document.methods] for bundle in self.in_force}

    def reasons(self) -> dict[str, str]:
        return {note.finding.file: note.finding.reason for note in self.notes}

    def on_disk(self) -> set[str]:
        return {path.name for path in self.root.iterdir()}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles_module, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(bundles_module, "_LAST_DELAY", 0.05)


async def begin(shelf: Shelf, root: Path) -> Keeping:
    registry: Any = SimpleNamespace(FetchMethodBundle=shelf.fetch)
    nothing: Any = SimpleNamespace()
    loader = Loader(
        RegistryClients(nothing, registry, nothing, nothing, nothing, nothing, nothing), "token", BundleCache(root)
    )
    holds = Holds()

    def take(bundles: Sequence[LinkedBundle], notes: Sequence[Noted] = ()) -> None:
        made.take(bundles, notes)

    made = Keeping(shelf, root, holds, Bundles(loader, holds, take))
    await made.bundles.open()
    return made


@pytest_asyncio.fixture
async def keeping(tmp_path: Path) -> AsyncIterator[Keeping]:
    made = await begin(Shelf(), tmp_path / "bundles")
    yield made
    await made.bundles.close()


async def test_what_is_linked_is_fetched_once_and_handed_on(keeping: Keeping) -> None:
    assert not keeping.bundles.settled
    mark = keeping.shelf.put("E/1", tar("A.b"), link_id=3)
    keeping.follow(mark)
    assert not keeping.bundles.settled
    await asyncio.wait_for(keeping.bundles.wait_settled(), 5)
    [bundle] = keeping.in_force
    assert (bundle.place, bundle.link_id, bundle.executables) == ("E/1", 3, {"A.b"})
    assert bundle.mount_at == "/opt/graft/methods/E/1"
    assert (bundle.tree / "A.b").read_bytes() == b"x" * 10
    assert keeping.brought() == {"E/1": ["A.b"]}
    keeping.follow(mark)
    keeping.follow(BundleMark("E", "1", 9, mark.digest, mark.size))
    assert keeping.in_force[0].link_id == 9
    assert len(keeping.taken) == 2
    assert keeping.shelf.asked == [mark.digest]
    assert keeping.on_disk() == {mark.digest}


async def test_nothing_linked_is_settled_at_once(keeping: Keeping) -> None:
    keeping.follow()
    assert keeping.bundles.settled
    assert keeping.taken == []


async def test_two_places_share_one_bundle(keeping: Keeping) -> None:
    data = tar("A.b")
    first, second = keeping.shelf.put("E/1", data), keeping.shelf.put("F/1", data)
    keeping.follow(first, second)
    await until(lambda: len(keeping.in_force) == 2)
    assert keeping.shelf.asked == [first.digest]
    keeping.follow(second)
    assert list(keeping.brought()) == ["F/1"]
    assert keeping.on_disk() == {first.digest}


async def test_the_version_before_stays_until_the_next_is_there(keeping: Keeping) -> None:
    first, second = keeping.shelf.put("E/1", tar("A.one")), keeping.shelf.put("E/2", tar("A.two"))
    other = keeping.shelf.put("F/1", tar("A.three"))
    keeping.follow(first, other)
    await until(lambda: len(keeping.in_force) == 2)
    keeping.shelf.gate = asyncio.Event()
    keeping.follow(second)
    # The other extension has nothing to wait for.
    assert keeping.brought() == {"E/1": ["A.one"]}
    keeping.shelf.gate.set()
    await until(lambda: keeping.brought() == {"E/2": ["A.two"]})
    assert ["E/1", "E/2"] not in keeping.taken
    assert [] not in keeping.taken
    await until(lambda: keeping.on_disk() == {second.digest})


@pytest.mark.parametrize("fails", [False, True])
async def test_the_version_before_stays_for_a_moment_only(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(bundles_module, "SWITCH_WAIT", 0.05 if not fails else 60)
    first, second = keeping.shelf.put("E/1", tar("A.one")), keeping.shelf.put("E/2", tar("A.two"))
    keeping.follow(first)
    await until(lambda: len(keeping.in_force) == 1)
    keeping.shelf.away = fails
    keeping.shelf.gate = asyncio.Event()
    keeping.follow(second)
    assert keeping.brought() == {"E/1": ["A.one"]}
    await until(lambda: keeping.brought() == {})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[:-5000], "it cannot be fetched: only "),
        (lambda _: b"", "it cannot be fetched: only 0 of its 10240 bytes came"),
        (lambda data: data + b"x", "it cannot be fetched: more than its 10240 bytes came"),
        (lambda data: data[:-1] + b"x", "it cannot be fetched: what came has the digest "),
    ],
    ids=["truncated", "empty", "too much", "other bytes"],
)
async def test_what_comes_spoilt_is_refused_and_fetched_again(
    keeping: Keeping, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    old, new = keeping.shelf.put("E/1", tar("A.old")), keeping.shelf.put("E/1", tar("A.new"))
    keeping.follow(old)
    await until(lambda: bool(keeping.in_force))
    keeping.shelf.spoil = spoil
    keeping.follow(new)
    await until(lambda: len(keeping.shelf.asked) > 3)
    # The state before stays in force, and the reason is told.
    assert keeping.brought() == {"E/1": ["A.old"]}
    assert keeping.reasons()["E/1"].startswith(reason)
    assert keeping.notes[0].last_good
    keeping.shelf.spoil = bytes
    await until(lambda: keeping.brought() == {"E/1": ["A.new"]})
    assert keeping.notes == []
    await until(lambda: keeping.on_disk() == {new.digest})


async def test_a_registry_that_is_away_is_tried_until_it_is_back(keeping: Keeping) -> None:
    mark = keeping.shelf.put("E/1", tar("A.b"))
    keeping.shelf.away = True
    keeping.follow(mark)
    await until(lambda: keeping.bundles.settled and len(keeping.shelf.asked) > 2)
    assert keeping.reasons()["E/1"].startswith("it cannot be fetched: ")
    assert not keeping.notes[0].last_good
    keeping.shelf.away = False
    await until(lambda: bool(keeping.in_force))


async def test_a_moment_is_waited_for_what_is_on_its_way(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    await keeping.bundles.arrived()
    keeping.shelf.gate = asyncio.Event()
    keeping.follow(keeping.shelf.put("E/1", tar("A.b")))
    waiting = asyncio.create_task(keeping.bundles.arrived())
    await until(lambda: bool(keeping.shelf.asked))
    assert not waiting.done()
    keeping.shelf.gate.set()
    await waiting
    assert keeping.brought() == {"E/1": ["A.b"]}
    keeping.shelf.gate = asyncio.Event()
    monkeypatch.setattr(bundles_module, "ARRIVAL_WAIT", 0.01)
    keeping.follow(keeping.shelf.put("E/2", tar("A.c")))
    await keeping.bundles.arrived()
    assert keeping.brought() == {"E/1": ["A.b"]}


async def test_a_registry_that_falls_silent(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SILENCE", 0.05)
    keeping.shelf.gate = asyncio.Event()
    keeping.follow(keeping.shelf.put("E/1", tar("A.b")))
    await until(lambda: "the registry has sent nothing for 0.05 s" in keeping.reasons().get("E/1", ""))
    keeping.shelf.gate.set()
    await until(lambda: bool(keeping.in_force))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no tar" * 1000, "it cannot be unpacked: it is no bundle: "),
        (tar("../A.b"), "it cannot be unpacked: 'files/../A.b' is no path of a bundle"),
        (tar("A.b", document="<methods/>"), "its declarations cannot be read: declarations.xml:1: "),
    ],
    ids=["no bundle", "leads out", "no declarations"],
)
async def test_what_cannot_be_used_is_not_asked_for_again(keeping: Keeping, data: bytes, reason: str) -> None:
    mark = keeping.shelf.put("E/1", data)
    keeping.follow(mark)
    await asyncio.wait_for(keeping.bundles.wait_settled(), 5)
    keeping.follow(mark)
    await asyncio.sleep(0.1)
    assert keeping.shelf.asked == [mark.digest]
    assert keeping.reasons()["E/1"].startswith(reason)
    assert not (keeping.root.parent / "A.b").exists()
    good = keeping.shelf.put("E/1", tar("A.b"))
    keeping.follow(good)
    await until(lambda: keeping.brought() == {"E/1": ["A.b"]})


async def test_a_full_disk_keeps_what_was_there(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = keeping.shelf.put("E/1", tar("A.old")), keeping.shelf.put("E/1", tar("A.new", size=100_000))
    keeping.follow(old)
    await until(lambda: bool(keeping.in_force))
    unpack = method_bundles.unpack

    def full(archive: Path, folder: Path) -> None:
        unpack(archive, folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dispatcher_service.bundles.cache.unpack", full)
    keeping.follow(new)
    await until(lambda: keeping.reasons() == {"E/1": "it cannot be kept: No space left on device"})
    assert keeping.brought() == {"E/1": ["A.old"]}
    monkeypatch.undo()
    await until(lambda: keeping.brought() == {"E/1": ["A.new"]})
    await until(lambda: keeping.on_disk() == {new.digest})


async def test_a_folder_that_calls_use_stays_until_they_end(keeping: Keeping) -> None:
    mark = keeping.shelf.put("E/1", tar("A.b"))
    keeping.follow(mark)
    await until(lambda: bool(keeping.in_force))
    [bundle] = keeping.in_force
    with keeping.holds.using(bundle):
        keeping.follow()
        assert keeping.in_force == []
        await asyncio.sleep(0.05)
        assert (bundle.tree / "A.b").exists()
    await until(lambda: keeping.on_disk() == set())


async def test_it_may_come_and_go_at_any_moment(keeping: Keeping) -> None:
    first, second = keeping.shelf.put("E/1", tar("A.one")), keeping.shelf.put("E/1", tar("A.two"))
    for turn in range(60):
        keeping.follow(*[[], [first], [second], [first]][turn % 4])
        await asyncio.sleep((turn % 7) / 2000)
    keeping.follow(second)
    await until(lambda: keeping.brought() == {"E/1": ["A.two"]})
    await until(lambda: keeping.on_disk() == {second.digest})


@pytest.mark.parametrize("damaged", [False, True])
async def test_a_start_uses_what_is_whole_on_disk(tmp_path: Path, damaged: bool) -> None:
    shelf, root = Shelf(), tmp_path / "bundles"
    mark, gone = shelf.put("E/1", tar("A.b")), shelf.put("F/1", tar("A.c"))
    first = await begin(shelf, root)
    first.follow(mark, gone)
    await until(lambda: len(first.in_force) == 2)
    await first.bundles.close()
    assert first.on_disk() == {mark.digest, gone.digest}
    (root / ".left.tar").write_bytes(b"")
    (root / ".left").mkdir()
    if damaged:
        (root / mark.digest / "files/A.b").write_bytes(b"other")
    shelf.asked.clear()
    shelf.away = not damaged
    second = await begin(shelf, root)
    # Before the registry is heard nothing is removed.
    assert second.on_disk() == {mark.digest, gone.digest}
    second.follow(mark)
    await until(lambda: second.brought() == {"E/1": ["A.b"]})
    assert shelf.asked == ([mark.digest] if damaged else [])
    await until(lambda: second.on_disk() == {mark.digest})
    assert (root / mark.digest / "files/A.b").read_bytes() == b"x" * 10
    await second.bundles.close()
