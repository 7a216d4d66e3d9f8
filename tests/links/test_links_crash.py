"""A registry that is killed again and again while links are written: what it has acknowledged is there."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from graft.registry.v1 import identity_pb2
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata
from links.conftest import needs
from support.resources import Resources
from support.running import ADMIN, PASSWORD, Platform, make_platform

WORKERS = 3
STACKS = 12
"""Of each worker."""


@dataclass
class Writer:
    """Links and unlinks stack versions of its own, and knows what was acknowledged."""

    number: int
    acknowledged: dict[str, int] = field(default_factory=dict)
    in_doubt: str = ""
    highest: int = 0

    async def write(self, clients: RegistryClients, metadata: Any) -> None:
        while True:
            version = f"{self.number}.{random.randrange(STACKS)}"
            self.in_doubt = version
            if version in self.acknowledged:
                await call(
                    clients.registry.DeleteLink,
                    pb.DeleteLinkRequest(id=self.acknowledged[version]),
                    timeout=20,
                    metadata=metadata,
                )
                del self.acknowledged[version]
            else:
                spec = pb.LinkSpec(
                    stack_name="HDP", stack_version=version, extension_name="EXT", extension_version="1.0"
                )
                answer = await call(
                    clients.registry.CreateLinks, pb.CreateLinksRequest(links=[spec]), timeout=20, metadata=metadata
                )
                assert answer.links[0].id > self.highest, "an id was used again"
                self.highest = self.acknowledged[version] = answer.links[0].id
            self.in_doubt = ""

    def compare(self, stored: dict[str, int]) -> None:
        """See that what is stored is what was acknowledged, but for the write that was cut off."""
        found = {version: link for version, link in stored.items() if version.startswith(f"{self.number}.")}
        for version in {*found, *self.acknowledged} - {self.in_doubt}:
            assert found.get(version) == self.acknowledged.get(version), version
        self.in_doubt = ""
        self.acknowledged = found


async def log_in(clients: RegistryClients) -> Any:
    """Log in as soon as the registry answers; what was sent on a connection that breaks is sent again."""
    request = identity_pb2.LoginRequest(user=ADMIN, password=PASSWORD)
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = await call(clients.identity.Login, request, timeout=60, wait_for_ready=True)
            return call_metadata(answer.session_ref)
        except GraftError as error:
            if error.code != "SERVICE_UNAVAILABLE" or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def one_life(platform: Platform, writers: list[Writer], *, last: bool) -> int:
    platform.start("registry")
    try:
        async with open_channel(f"127.0.0.1:{platform.registry}") as channel:
            clients = RegistryClients.remote(channel)
            metadata = await log_in(clients)
            request = pb.ListLinksRequest(page_size=1000)
            listed = await call(clients.registry.ListLinks, request, timeout=20, metadata=metadata)
            for writer in writers:
                writer.compare({link.stack_version: link.id for link in listed.links})
            if last:
                return len(listed.links)
            # The first write waits for the reading of the tree; the kill is to fall into the writes after it.
            await call(clients.registry.Reload, pb.ReloadRequest(), timeout=20, metadata=metadata)
            tasks = [asyncio.create_task(writer.write(clients, metadata)) for writer in writers]
            await asyncio.sleep(random.uniform(0.02, 0.3))
            platform.processes["registry"].kill()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [getattr(error, "code", error) for error in ended] == ["SERVICE_UNAVAILABLE"] * len(tasks)
            return len(listed.links)
    finally:
        platform.kill_all()


@pytest.mark.parametrize(("database", "lives"), [("sqlite", 20), ("postgresql", 5)])
async def test_every_acknowledged_link_outlives_sigkill(
    database: str, lives: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tree = Resources(tmp_path / "resources")
    for worker in range(WORKERS):
        for number in range(STACKS):
            tree.stack(f"HDP/{worker}.{number}")
    tree.extension("EXT/1.0", needs("HDP", "0"), OOZIE="")
    more = {"GRAFT_DATABASE_URL": request.getfixturevalue("postgres_url")} if database == "postgresql" else {}
    platform = make_platform("apart", tmp_path / "platform", GRAFT_RESOURCES_DIR=str(tree.root), **more)
    writers = [Writer(number) for number in range(WORKERS)]
    for _ in range(lives):
        await one_life(platform, writers, last=False)
    assert max(writer.highest for writer in writers) > lives
    await one_life(platform, writers, last=True)
