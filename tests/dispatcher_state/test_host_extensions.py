"""Which extensions hosts have: each says so in the store, and any answers for all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from dispatcher_service.builtins.extensions import extension_builtins
from dispatcher_service.hosts.extensions import HostExtensions
from dispatcher_service.references import ref_of
from graft_common.errors import GraftError
from graft_common.values import Value
from support.dispatcher_hosts import Hosts, TestHost, caller


@dataclass
class Having:
    """A host that has extensions, and says so when the test lets it."""

    host: TestHost
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.extensions = HostExtensions(self.host.store.extensions, self.host.hosts, self._has, lambda: self.names)

    async def _has(self, name: str) -> bool:
        return name in self.names

    async def get(self, *names: str) -> None:
        self.names = {*names}
        self.extensions.changed()
        await self.extensions.say()

    async def ask(self, method: str, ref: str, name: str) -> Value:
        builtin = extension_builtins(self.host.hosts, self.extensions, _run)[method]
        return await builtin.handler(caller(), [ref, name])

    async def pool_has(self, name: str) -> Value:
        return await self.ask("pool.has_extension", (await self.host.hosts.pool()).ref, name)

    async def says_of(self, other: Having, name: str) -> Value:
        return await self.ask("host.has_extension", other.host.hosts.host_ref, name)


async def _run(*_: object) -> Value:
    return "ran"


@pytest.fixture
async def two(hosts: Hosts) -> AsyncIterator[tuple[Having, Having]]:
    async with AsyncExitStack() as made:
        both = Having(await hosts.add()), Having(await hosts.add())
        for one in both:
            made.push_async_callback(one.extensions.close)
        yield both


async def test_the_pool_has_what_all_hosts_have(two):
    here, there = two
    await here.get("A.b", "C.d")
    await there.get("A.b", "E.f")
    for one in two:
        assert await one.pool_has("A.b") is True
        assert [await one.pool_has(name) for name in ("C.d", "E.f", "G.h")] == [False, False, False]
    await there.get("C.d")
    assert [await here.pool_has(name) for name in ("A.b", "C.d")] == [False, True]
    await there.host.hosts.leave()
    assert await here.pool_has("A.b") is True


async def test_each_host_answers_for_any(two):
    here, there = two
    await there.get("A.b", "C.\N{LATIN SMALL LETTER E WITH ACUTE}\0\ud800")
    assert await here.says_of(there, "A.b") is True
    assert await here.says_of(there, "C.\N{LATIN SMALL LETTER E WITH ACUTE}\0\ud800") is True
    assert await here.says_of(there, "C.d") is False
    assert await there.says_of(here, "A.b") is False
    here.names.add("A.b")  # what the host itself has is known before it is said
    assert await here.says_of(here, "A.b") is True
    await there.host.hosts.leave()
    for ref, code in ((there.host.hosts.host_ref, "HOST_OFFLINE"), (ref_of("none"), "HANDLE_INVALID")):
        with pytest.raises(GraftError, match=code):
            await here.ask("host.has_extension", ref, "A.b")


async def test_extensions_run_where_they_are_asked_for(two):
    here, there = two
    call = '{"method": "A.b", "params": []}'
    assert await here.ask("host.call_extension", here.host.hosts.host_ref, call) == "ran"
    with pytest.raises(GraftError, match="CANNOT_CONTACT_HOST"):
        await here.ask("host.call_extension", there.host.hosts.host_ref, call)


async def test_a_host_that_registers_anew_says_it_again(two):
    here, there = two
    await there.get("A.b")
    await there.extensions.say()
    await here.host.store.hosts.release(there.host.hosts.host_uuid, there.host.hosts.epoch)
    await there.host.hosts.beat()
    assert await here.says_of(there, "A.b") is False
    await there.extensions.say()
    assert await here.says_of(there, "A.b") is True
    await there.host.hosts.leave()
    await here.host.store.hosts.forget_lost(-1.0)
    assert not await here.host.store.extensions.has(there.host.hosts.host_uuid, "A.b")


async def test_what_could_not_be_said_is_said_later(two, monkeypatch):
    here, there = two
    with monkeypatch.context() as away:
        away.setattr(there.host.store.extensions, "say", lambda *_: (_ for _ in ()).throw(OSError()))
        with pytest.raises(OSError):
            await there.get("A.b")
    await there.extensions.say()
    assert await here.says_of(there, "A.b") is True


async def test_thousands_are_said_and_unsaid(two):
    here, there = two
    await there.get(*(f"A.m{number}" for number in range(3000)))
    assert await here.says_of(there, "A.m2999") is True
    await there.get("A.m2999")
    assert [await here.says_of(there, f"A.m{number}") for number in (0, 2998, 2999)] == [False, False, True]
