"""A registry that is killed again and again while packs come and go: what it has acknowledged is there, and whole."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.registry.v1 import mpack_pb2 as mpack
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.uploads import exchange
from links.test_links_crash import log_in
from support.packs import extension_pack, write_pack
from support.resources import Resources
from support.running import Platform, make_platform

LIVES = 8

State = tuple[tuple[str, ...], tuple[str, ...]]
"""The packs, and the extension versions that are linked."""
STATES: list[State] = [
    ((), ()),
    (("foo-1.0",), ()),
    (("foo-1.0",), ("EXT/1.0",)),
    (("foo-2.0",), ("EXT/2.0",)),
    (("foo-2.0",), ()),
]


@dataclass
class Client:
    clients: RegistryClients
    metadata: Any
    folder: Path

    async def ask(self, stub: Any, request: Any) -> Any:
        return await call(stub, request, timeout=20, metadata=self.metadata)

    async def send(self, stub: Any, request_type: Any, head_type: Any, archive: str) -> None:
        async def requests() -> AsyncGenerator[Any, None]:
            content = (self.folder / archive).read_bytes()
            yield request_type(head=head_type(upload=mpack.MpackUpload(file_name=archive, size=len(content))))
            yield request_type(chunk=content)

        async with aclosing(exchange(stub, requests(), metadata=self.metadata)) as events:
            async for _ in events:
                pass

    async def step(self, state: int) -> None:
        """Do what leads from one state to the next."""
        clients = self.clients
        if state == 0:
            stub = clients.mpacks.InstallMpack
            await self.send(stub, mpack.InstallMpackRequest, mpack.InstallMpackHead, "foo-1.0.tar.gz")
        elif state == 1:
            spec = pb.LinkSpec(stack_name="HDP", stack_version="2.4", extension_name="EXT", extension_version="1.0")
            await self.ask(clients.registry.CreateLinks, pb.CreateLinksRequest(links=[spec]))
        elif state == 2:
            stub = clients.mpacks.UpgradeMpack
            await self.send(stub, mpack.UpgradeMpackRequest, mpack.UpgradeMpackHead, "foo-2.0.tar.gz")
        elif state == 3:
            for link in await self.links():
                await self.ask(clients.registry.DeleteLink, pb.DeleteLinkRequest(id=link.id))
        else:
            await self.ask(clients.mpacks.UninstallMpack, mpack.UninstallMpackRequest(name="foo"))

    async def links(self) -> Any:
        return (await self.ask(self.clients.registry.ListLinks, pb.ListLinksRequest(page_size=100))).links

    async def look(self, root: Path) -> int:
        """Return which state the registry is in, having seen that the files are those of it."""
        await self.ask(self.clients.registry.Reload, pb.ReloadRequest())
        listed = await self.ask(self.clients.mpacks.ListMpacks, mpack.ListMpacksRequest(page_size=100))
        links = await self.links()
        assert not any(link.problem for link in links)
        packs = tuple(f"{one.name}-{one.version}" for one in listed.mpacks)
        state = STATES.index((packs, tuple(f"{link.extension_name}/{link.extension_version}" for link in links)))
        versions = {"foo-1.0": {"1.0"}, "foo-2.0": {"2.0"}}.get(packs[0] if packs else "", set())
        found = root / "extensions/EXT"
        assert {path.name for path in found.iterdir()} == versions if versions else not found.exists()
        assert all((found / version / "metainfo.xml").is_file() for version in versions)
        assert not list((root / "mpacks/.staging").iterdir()) if (root / "mpacks/.staging").exists() else True
        return state


async def one_life(platform: Platform, root: Path, folder: Path, acknowledged: int) -> tuple[int, int]:
    """Let a registry live for a moment; return the state that was acknowledged last, and how many were."""
    platform.start("registry")
    try:
        async with open_channel(f"127.0.0.1:{platform.registry}") as channel:
            clients = RegistryClients.remote(channel)
            client = Client(clients, await log_in(clients), folder)
            state = await client.look(root)
            assert state in {acknowledged, (acknowledged + 1) % len(STATES)}
            made = 0

            async def work() -> None:
                nonlocal state, made
                while True:
                    await client.step(state)
                    state = (state + 1) % len(STATES)
                    made += 1

            task = asyncio.create_task(work())
            await asyncio.sleep(random.uniform(0.05, 0.6))
            platform.processes["registry"].kill()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, GraftError), ended
            assert ended.code == "SERVICE_UNAVAILABLE", ended
            return state, made
    finally:
        platform.kill_all()


async def test_every_acknowledged_operation_outlives_sigkill(tmp_path: Path) -> None:
    tree = Resources(tmp_path / "resources")
    tree.stack("HDP/2.4", HDFS="")
    for version in ("1.0", "2.0"):
        files = extension_pack("foo", version, {f"EXT/{version}": "OOZIE"})
        write_pack(tmp_path / f"foo-{version}.tar.gz", f"foo-{version}", files)
    platform = make_platform("apart", tmp_path / "platform", GRAFT_RESOURCES_DIR=str(tree.root))
    state, made = 0, 0
    for _ in range(LIVES):
        state, more = await one_life(platform, tree.root, tmp_path, state)
        made += more
    assert made > 0
