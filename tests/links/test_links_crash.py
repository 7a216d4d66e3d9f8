"""A registry that is killed again and again while links are written: what it has acknowledged is there.

    GRAFT_TEST_KILLS=100 .venv/bin/pytest tests/links/test_links_crash.py

kills it that often with each database; without the variable it is as often as a run of all tests has time for.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from graft.registry.v1 import identity_pb2
from graft.registry.v1 import registry_pb2 as pb
from graft_common.database import open_database
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata
from links.conftest import needs
from registry_service.store import tables
from support.resources import Resources
from support.running import ADMIN, PASSWORD, Platform, make_platform

WORKERS = 3
STACKS = 12
"""Of each worker."""
LIVES = [
    (database, int(os.environ.get("GRAFT_TEST_KILLS", kills))) for database, kills in (("sqlite", 8), ("postgresql", 5))
]

State = tuple[int, str] | None
"""A link's id and extension version."""


@dataclass
class Writer:
    """Links, switches and unlinks stack versions of its own, and knows what was acknowledged."""

    number: int
    acknowledged: dict[str, State] = field(default_factory=dict)
    in_doubt: str = ""
    """The stack version whose write was not answered, and what its link is to become."""
    wanted: str | None = None
    highest: int = 0
    writes: int = 0

    async def write(self, clients: RegistryClients, metadata: Any) -> None:
        while True:
            await self._write_once(clients, metadata)
            self.in_doubt = ""
            self.writes += 1

    async def _write_once(self, clients: RegistryClients, metadata: Any) -> None:
        stack = f"{self.number}.{random.randrange(STACKS)}"
        self.in_doubt, link = stack, self.acknowledged.get(stack)
        if link is None:
            self.wanted = "1.0"
            spec = pb.LinkSpec(
                stack_name="HDP", stack_version=stack, extension_name=self.extension, extension_version="1.0"
            )
            request = pb.CreateLinksRequest(links=[spec])
            answer = await call(clients.registry.CreateLinks, request, timeout=20, metadata=metadata)
            assert answer.links[0].id > self.highest, "an id was used again"
            self.highest = answer.links[0].id
            self.acknowledged[stack] = (self.highest, "1.0")
        elif random.random() < 0.5:
            self.wanted = "2.0" if link[1] == "1.0" else "1.0"
            switch = pb.UpdateLinkRequest(id=link[0], extension_name=self.extension, extension_version=self.wanted)
            await call(clients.registry.UpdateLink, switch, timeout=20, metadata=metadata)
            self.acknowledged[stack] = (link[0], self.wanted)
        else:
            self.wanted = None
            await call(clients.registry.DeleteLink, pb.DeleteLinkRequest(id=link[0]), timeout=20, metadata=metadata)
            del self.acknowledged[stack]

    @property
    def extension(self) -> str:
        return f"EXT{self.number}"

    def compare(self, stored: dict[str, State]) -> None:
        """See that what is stored is what was acknowledged; the write that was cut off is there whole, or not at all."""
        found = {stack: link for stack, link in stored.items() if stack.startswith(f"{self.number}.")}
        for stack in {*found, *self.acknowledged} - {self.in_doubt}:
            assert found.get(stack) == self.acknowledged.get(stack), stack
        if self.in_doubt:
            before, now = self.acknowledged.get(self.in_doubt), found.get(self.in_doubt)
            assert now == before or (None if now is None else now[1]) == self.wanted
            assert now is None or (now[0] > self.highest if before is None else now[0] == before[0])
        self.in_doubt = ""
        self.acknowledged = found
        self.highest = max([self.highest, *(link[0] for link in found.values() if link is not None)])


async def assert_whole(url: str) -> None:
    """See that the tables, which every write changes together, tell the same."""
    engine = open_database(url)
    async with engine.connect() as connection:
        links = list(await connection.execute(sa.select(tables.links)))
        shown = sa.select(tables.resources.c.key).where(tables.resources.c.kind == "link")
        assert {str(link.id) for link in links} == set(await connection.scalars(shown))
        kept = await connection.execute(
            sa.select(tables.last_good.c.extension_name, tables.last_good.c.extension_version)
        )
        assert {(link.extension_name, link.extension_version) for link in links} == {tuple(row) for row in kept}
        newest = await connection.scalar(sa.select(sa.func.max(tables.events.c.revision)))
        assert newest == await connection.scalar(sa.select(tables.meta.c.revision))
    await engine.dispose()


async def log_in(clients: RegistryClients) -> Any:
    """Log in as soon as the registry answers; what was sent on a connection that breaks is sent again."""
    request = identity_pb2.LoginRequest(user=ADMIN, password=PASSWORD)
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = await call(clients.identity.Login, request, timeout=60)
            return call_metadata(answer.session_ref)
        except GraftError as error:
            if error.code != "SERVICE_UNAVAILABLE" or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def some_writes(writers: list[Writer]) -> None:
    """Wait for the middle of a write, after as many others as chance wants; no longer than a few seconds."""
    enough = sum(writer.writes for writer in writers) + random.randrange(10)
    deadline = time.monotonic() + 5
    while sum(writer.writes for writer in writers) < enough:
        await asyncio.sleep(0.001)
        if time.monotonic() > deadline:
            break
    await asyncio.sleep(random.uniform(0, 0.02))


async def one_life(platform: Platform, writers: list[Writer], *, last: bool) -> int:
    platform.start("registry")
    try:
        async with open_channel(f"127.0.0.1:{platform.registry}") as channel:
            clients = RegistryClients.remote(channel)
            metadata = await log_in(clients)
            request = pb.ListLinksRequest(page_size=1000)
            listed = await call(clients.registry.ListLinks, request, timeout=20, metadata=metadata)
            for writer in writers:
                writer.compare({link.stack_version: (link.id, link.extension_version) for link in listed.links})
            if last:
                return len(listed.links)
            # The first write waits for the reading of the tree; the kill is to fall into the writes after it.
            await call(clients.registry.Reload, pb.ReloadRequest(), timeout=20, metadata=metadata)
            tasks = [asyncio.create_task(writer.write(clients, metadata)) for writer in writers]
            await some_writes(writers)
            platform.processes["registry"].kill()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [getattr(error, "code", error) for error in ended] == ["SERVICE_UNAVAILABLE"] * len(tasks)
            return len(listed.links)
    finally:
        platform.kill_all()


@pytest.mark.parametrize(("database", "lives"), LIVES)
async def test_every_acknowledged_link_outlives_sigkill(
    database: str, lives: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tree = Resources(tmp_path / "resources")
    for worker in range(WORKERS):
        for number in range(STACKS):
            tree.stack(f"HDP/{worker}.{number}")
        for version in ("1.0", "2.0"):
            tree.extension(f"EXT{worker}/{version}", needs("HDP", "0"), OOZIE="")
    more = {"GRAFT_DATABASE_URL": request.getfixturevalue("postgres_url")} if database == "postgresql" else {}
    platform = make_platform("apart", tmp_path / "platform", GRAFT_RESOURCES_DIR=str(tree.root), **more)
    url = more.get("GRAFT_DATABASE_URL") or f"sqlite:///{platform.root / 'data' / 'registry.db'}"
    writers = [Writer(number) for number in range(WORKERS)]
    begun = time.monotonic()
    for _ in range(lives):
        await one_life(platform, writers, last=False)
        await assert_whole(url)
    writes = sum(writer.writes for writer in writers)
    assert writes > lives
    await one_life(platform, writers, last=True)
    print(f"{lives} kills in {time.monotonic() - begun:.0f} s, {writes} acknowledged writes, {database}")
