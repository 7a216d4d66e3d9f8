"""A registry that is told to stop while it reads a tree that takes minutes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.settings import Settings
from support.resources import Resources
from support.running import make_platform, wait_until
from tests.registry.conftest import StartRegistry

HUGE = 1 << 40
BOUND = 3.0


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A tree with a file without end, and of no size on disk: what is shipped is hashed whole."""
    tree = Resources(tmp_path / "resources")
    tree.extension("EXT/1.0", "", OOZIE="")
    with tree.write("extensions/EXT/1.0/services/OOZIE/package/huge", "").open("r+b") as file:
        try:
            os.truncate(file.fileno(), HUGE)
        except OSError:
            pytest.skip("the file system has no files of that size")
    return tree.root


async def test_calls_that_wait_for_the_first_reading_end_with_it(
    start_registry: StartRegistry, settings: Settings, endless: Path
) -> None:
    registry = await start_registry(settings.model_copy(update={"resources_dir": endless}))
    metadata = await registry.as_admin()
    requests = [
        (registry.clients.registry.GetExtensionVersion, pb.GetExtensionVersionRequest(name="EXT", version="1.0")),
        (registry.clients.registry.CreateLinks, pb.CreateLinksRequest(links=[pb.LinkSpec()])),
        (registry.clients.registry.Reload, pb.ReloadRequest()),
    ]
    waiting = [asyncio.create_task(call(rpc, request, timeout=60, metadata=metadata)) for rpc, request in requests]
    done, _ = await asyncio.wait(waiting, timeout=0.3)
    assert not done
    begun = time.monotonic()
    await registry.app.drain(30)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [error.code for error in ended if isinstance(error, GraftError)] == ["SERVICE_UNAVAILABLE"] * len(requests)
    await registry.app.close()
    assert time.monotonic() - begun < BOUND


def test_sigterm_ends_a_registry_that_reads(endless: Path, tmp_path: Path) -> None:
    platform = make_platform("apart", tmp_path / "platform", GRAFT_RESOURCES_DIR=str(endless))
    try:
        platform.start("registry")
        process = platform.processes["registry"]
        wait_until("the start of the registry", lambda: "process.ready" in platform.logs(), 60)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - begun < BOUND
    finally:
        platform.kill_all()
