"""Methods that come by a link: over real gRPC, from the registry's files to a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dispatcher.test_call_path import FakeEngine, Site, site  # noqa: F401  (a fixture)
from dispatcher_service.app import DispatcherApp
from dispatcher_service.engines.base import EngineUnavailable
from dispatcher_service.engines.factory import create
from dispatcher_service.engines.none import NoneEngine
from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import registry_pb2
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from graft_common.values import encode_values
from links.conftest import needs
from registry_service.app import RegistryApp
from support.resources import Resources, declarations, method
from support.stores import QUICK, with_tables

UNKNOWN = "MESSAGE_METHOD_UNKNOWN"
SIZE = '<param name="size" type="int"/>'


@pytest.fixture
def tree(site: Site) -> Resources:  # noqa: F811
    """Two versions of an extension that declare the same method, and a third thing that does."""
    tree = Resources(site.settings.resources_path)
    tree.stack("HDP/2.4")
    tree.stack("HDP/2.5")
    for key in ("EXT/1.0", "EXT/1.1", "OTHER/5"):
        tree.extension(key, needs("HDP", "2.4"))
        body = f"<doc>From {key}.</doc>{SIZE}<result type='string set'/>"
        files = {
            "disk.xml": declarations(method("Disk.resize", body, executable="disk")),
            "disk": "#!/bin/sh\n",
            "lib/common": key,
        }
        tree.method_files(key, files, executable=("disk",))
    return tree


async def registry(site: Site, name: str, request: Any) -> Any:  # noqa: F811
    metadata = call_metadata(site.refs["pool-admin"])
    return await call(getattr(site.registry.registry, name), request, timeout=10, metadata=metadata)


async def link(site: Site, extension: str, stack: str = "HDP/2.4") -> int:  # noqa: F811
    await registry(site, "Reload", registry_pb2.ReloadRequest())
    (name, version), (stack_name, stack_version) = extension.split("/"), stack.split("/")
    spec = registry_pb2.LinkSpec(
        stack_name=stack_name, stack_version=stack_version, extension_name=name, extension_version=version
    )
    answer = await registry(site, "CreateLinks", registry_pb2.CreateLinksRequest(links=[spec]))
    return int(answer.links[0].id)


async def unlink(site: Site, link_id: int) -> None:  # noqa: F811
    await registry(site, "DeleteLink", registry_pb2.DeleteLinkRequest(id=link_id))


async def methods(site: Site) -> dict[str, dispatcher_pb2.Method]:  # noqa: F811
    answer = await call(site.dispatcher.dispatcher.ListMethods, dispatcher_pb2.ListMethodsRequest(), timeout=10)
    return {item.name: item for item in answer.methods}


async def origin(site: Site, name: str = "Disk.resize") -> str:  # noqa: F811
    """Return the extension version that has a method; empty where none has."""
    found = (await methods(site)).get(name)
    return "" if found is None else found.origin


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)


async def until_from(site: Site, place: str, name: str = "Disk.resize") -> None:  # noqa: F811
    """Wait until a method comes from an extension version."""

    async def is_there() -> bool:
        return await origin(site, name) == place

    await until(is_there)


async def until_removed(tree: Path) -> None:
    async def is_removed() -> bool:
        return not await asyncio.to_thread(tree.exists)

    await until(is_removed)


async def test_a_link_makes_them_callable_and_its_removal_unknown(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    assert await site.error("Disk.resize", 1) == [UNKNOWN, "Disk.resize"]
    link_id = await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    answer = await site.call("Disk.resize", "7")
    assert answer == ["Disk.resize", site.refs["pool-admin"], "7"]
    [command] = site.engine.commands
    assert (command.path, command.mount_at) == ("/opt/graft/methods/EXT/1.0/disk", "/opt/graft/methods/EXT/1.0")
    assert (command.tree / "lib/common").read_text() == "EXT/1.0"
    assert await site.error("Disk.resize", "large") == ["FIELD_TYPE_ERROR", "size", "int", "string"]
    assert (await site.error("Disk.resize", 1, role="read-only"))[0] == "RBAC_PERMISSION_DENIED"
    listed = (await methods(site))["Disk.resize"]
    assert (listed.doc, listed.declared) == ("From EXT/1.0.", True)
    await unlink(site, link_id)
    await until_from(site, "")
    assert await site.error("Disk.resize", 1) == [UNKNOWN, "Disk.resize"]
    await until_removed(command.tree)


async def test_who_has_made_a_link_calls_at_once(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    await registry(site, "Reload", registry_pb2.ReloadRequest())
    spec = registry_pb2.LinkSpec(stack_name="HDP", stack_version="2.4", extension_name="EXT", extension_version="1.0")
    for _ in range(3):
        made = await registry(site, "CreateLinks", registry_pb2.CreateLinksRequest(links=[spec]))
        # The revision that the registry has answered with tells the dispatcher what its caller knows of.
        metadata = call_metadata(site.refs["pool-admin"], min_revision=made.revision)
        request = dispatcher_pb2.InvokeRequest(method="Disk.resize", params=encode_values([1]))
        assert (await call(site.dispatcher.dispatcher.Invoke, request, timeout=10, metadata=metadata)).value
        await unlink(site, made.links[0].id)
        await until_from(site, "")


async def test_of_two_versions_the_higher_has_it_and_of_two_extensions_the_first(
    site: Site,  # noqa: F811
    tree: Resources,
) -> None:
    assert tree
    await link(site, "EXT/1.0", "HDP/2.5")
    await until_from(site, "EXT/1.0")
    higher = await link(site, "EXT/1.1", "HDP/2.4")
    await until_from(site, "EXT/1.1")
    await link(site, "OTHER/5", "HDP/2.4")

    async def has_come() -> bool:
        return (await explained(site, "Disk.resize")).get("OTHER/5") == "EXT was linked before OTHER"

    await until(has_come)
    assert await origin(site) == "EXT/1.1"
    await unlink(site, higher)
    await until_from(site, "EXT/1.0")


async def explained(site: Site, name: str) -> dict[str, str]:  # noqa: F811
    """Return why a method is, or is not, that of each that would bring it."""
    request = dispatcher_pb2.ExplainMethodsRequest(method=name)
    metadata = call_metadata(site.refs["pool-admin"])
    answer = await call(site.dispatcher.dispatcher.ExplainMethods, request, timeout=10, metadata=metadata)
    return {candidate.origin: candidate.reason for found in answer.methods for candidate in found.candidates}


async def test_a_switch_leaves_no_gap(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    link_id = await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    going = True
    failures: list[str] = []

    async def keep_calling() -> None:
        while going:
            try:
                await site.call("Disk.resize", 1)
            except GraftError as error:
                failures.append(error.code)

    callers = asyncio.create_task(keep_calling())
    for version in ("1.1", "1.0", "1.1"):
        request = registry_pb2.UpdateLinkRequest(id=link_id, extension_name="EXT", extension_version=version)
        await registry(site, "UpdateLink", request)
        await until_from(site, f"EXT/{version}")
    going = False
    await callers
    assert failures == []
    assert {command.mount_at[-7:] for command in site.engine.commands} == {"EXT/1.0", "EXT/1.1"}


async def test_an_undeclared_executable_is_a_method_for_the_administrator(site: Site, tree: Resources) -> None:  # noqa: F811
    tree.method_files("EXT/1.0", {"Plain.call": "#!/bin/sh\n"}, executable=("Plain.call",))
    await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    assert await site.call("Plain.call", "x") == ["Plain.call", site.refs["pool-admin"], "x"]
    assert (await site.error("Plain.call", role="pool-operator"))[0] == "RBAC_PERMISSION_DENIED"
    assert not (await methods(site))["Plain.call"].declared


async def test_what_becomes_invalid_stays_as_it_was(site: Site, tree: Resources) -> None:  # noqa: F811
    await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    tree.method_files("EXT/1.0", {"disk.xml": "<methods/>", "disk": "spoilt"})
    await registry(site, "Reload", registry_pb2.ReloadRequest())
    await site.call("Disk.resize", 1)
    assert (site.engine.commands[-1].tree / "disk").read_text() == "#!/bin/sh\n"
    body = "<doc>Mended.</doc>" + SIZE
    tree.method_files("EXT/1.0", {"disk.xml": declarations(method("Disk.resize", body, executable="disk"))})
    await registry(site, "Reload", registry_pb2.ReloadRequest())

    async def is_mended() -> bool:
        return (await methods(site))["Disk.resize"].doc == "Mended."

    await until(is_mended)


async def test_what_cannot_be_kept_is_told(
    site: Site,  # noqa: F811
    tree: Resources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tree

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def findings() -> list[tuple[str, str, bool]]:
        request, metadata = dispatcher_pb2.ExplainMethodsRequest(), call_metadata(site.refs["pool-admin"])
        answer = await call(site.dispatcher.dispatcher.ExplainMethods, request, timeout=10, metadata=metadata)
        return [(found.file, found.reason, found.last_good_in_force) for found in answer.findings]

    monkeypatch.setattr("dispatcher_service.bundles.cache.unpack", full)
    await link(site, "EXT/1.0")

    async def is_told() -> bool:
        return ("EXT/1.0", "it cannot be kept: No space left on device", False) in await findings()

    await until(is_told)
    monkeypatch.undo()
    await until_from(site, "EXT/1.0")
    assert not await is_told()


async def test_calls_go_on_while_the_registry_is_away(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    await site.registry_server.stop(0)
    assert await site.call("Disk.resize", 1)
    assert await origin(site) == "EXT/1.0"


async def test_a_change_while_a_call_runs_leaves_it_its_files(site: Site, tree: Resources) -> None:  # noqa: F811
    tree.method_files("EXT/1.0", {"A.waits": "#!/bin/sh\n"}, executable=("A.waits",))
    link_id = await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    running = asyncio.create_task(site.call("A.waits"))
    await site.runs(1)
    [command] = site.engine.commands
    await unlink(site, link_id)
    await until_from(site, "")
    assert (command.tree / "A.waits").exists()
    site.engine.kill(command.call_id)
    with pytest.raises(GraftError):
        await running
    await until_removed(command.tree)


async def test_a_dispatcher_that_starts_again_needs_no_fetch(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    await site.app.close()
    fetched: list[str] = []
    servicer: Any = site.registry.registry

    async def no_fetch(request: Any, **_: object) -> Any:
        fetched.append(request.digest)
        yield

    original = servicer.FetchMethodBundle
    servicer.FetchMethodBundle = no_fetch
    try:
        again = await DispatcherApp.open(site.settings, site.registry, FakeEngine())
    finally:
        servicer.FetchMethodBundle = original
    assert again.ready
    assert "Disk.resize" in {item.name for item in again.methods()}
    assert fetched == []
    await again.close()


SCRIPT = """\
#!/usr/bin/env python3
import os, sys
import xmlrpc.client
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import helping
params, name = xmlrpc.client.loads(sys.stdin.read())
print(xmlrpc.client.dumps((helping.say(name, params[1]),), methodresponse=True))
"""
HELPER = """\
import os
def say(name, size):
    return [name, str(size), os.path.abspath(__file__)]
"""


@pytest.mark.parametrize("engine_name", ["none", "bubblewrap"])
async def test_executables_run_where_their_files_are(tmp_path: Path, engine_name: str) -> None:
    engine = NoneEngine() if engine_name == "none" else create(engine_name)
    settings = Settings(
        data_dir=with_tables(tmp_path / "data"), admin_user="pool-admin", admin_password="pw", service_token="token"
    )
    tree = Resources(settings.resources_path)
    tree.stack("HDP/2.4")
    tree.extension("EXT/1.0", needs("HDP", "2.4"))
    body = SIZE + "<result type='string set'/>"
    tree.method_files("EXT/1.0", {"a.xml": declarations(method("Disk.say", body))})
    tree.method_files("EXT/1.0", {"Disk.say": SCRIPT, "lib/helping.py": HELPER}, executable=("Disk.say",))
    registry_app = await RegistryApp.open(settings, QUICK)
    registry = RegistryClients.local(registry_app.services)
    try:
        app = await DispatcherApp.open(settings, registry, engine)
    except EngineUnavailable as error:
        pytest.skip(str(error))
    server = RpcServer(app.services)
    channel = open_channel(f"127.0.0.1:{await server.start('127.0.0.1:0')}")
    here = Site(settings, registry_app, server, registry, app, FakeEngine(), DispatcherClients.remote(channel))
    try:
        here.refs["pool-admin"] = await here.login("pool-admin")
        await link(here, "EXT/1.0")
        await until_from(here, "EXT/1.0", "Disk.say")
        name, size, where = await here.call("Disk.say", 5)
        assert (name, size) == ("Disk.say", "5")
        if engine_name == "bubblewrap":
            assert where == "/opt/graft/methods/EXT/1.0/lib/helping.py"
    finally:
        await channel.close()
        await server.stop(0)
        await app.close()
        await registry_app.drain(1)
        await registry_app.close()
