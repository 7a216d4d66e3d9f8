"""Management packs over real gRPC, with a real dispatcher for their hooks."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dispatcher_service.app import DispatcherApp
from dispatcher_service.engines.base import EngineUnavailable
from dispatcher_service.engines.factory import create
from graft.registry.v1 import identity_pb2, registry_pb2
from graft.registry.v1 import mpack_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.uploads import CHUNK, exchange, upload
from graft_common.settings import Settings
from registry_service import uploads
from support.packs import artifact, extension_pack, metadata, service, snapshot, write_pack
from support.resources import Resources
from support.running import free_port
from tests.registry.conftest import Registry, StartRegistry

Metadata = list[tuple[str, str]]
CALLS = {
    "install": ("InstallMpack", pb.InstallMpackRequest, pb.InstallMpackHead),
    "upgrade": ("UpgradeMpack", pb.UpgradeMpackRequest, pb.UpgradeMpackHead),
    "verify": ("VerifyMpack", pb.VerifyMpackRequest, pb.VerifyMpackHead),
}


@dataclass
class Client:
    """Calls of one user, over gRPC or in the registry's own process."""

    registry: Registry
    clients: RegistryClients
    metadata: Metadata
    settings: Settings
    folder: Path

    @property
    def root(self) -> Path:
        return self.settings.resources_path

    async def call(self, rpc: str, /, **fields: Any) -> Any:
        request = getattr(pb, f"{rpc}Request")(**fields)
        return await call(getattr(self.clients.mpacks, rpc), request, timeout=20, metadata=self.metadata)

    async def send(self, what: str, requests: AsyncGenerator[Any, None]) -> list[Any]:
        """Send an archive; return every answer."""
        stub = getattr(self.clients.mpacks, CALLS[what][0])
        if what == "verify":
            return [await upload(stub, requests, timeout=30, metadata=self.metadata)]
        async with aclosing(exchange(stub, requests, metadata=self.metadata)) as answers:
            return [answer async for answer in answers]

    async def archive(self, what: str, path: Path, **options: Any) -> Any:
        """Send the archive of a file; return the last answer."""
        answers = await self.send(what, of_file(what, path, **options))
        return answers[-1] if what == "verify" else answers[-1].result

    async def refused(self, what: str, path: Path, **options: Any) -> list[str]:
        before = snapshot(self.root)
        with pytest.raises(GraftError) as caught:
            await self.archive(what, path, **options)
        assert snapshot(self.root) == before
        assert not self.kept()
        return caught.value.error_info()

    def kept(self) -> list[Path]:
        """What is left of uploads."""
        return [path for path in (self.settings.data_dir / "uploads").rglob("*") if not path.is_dir()]

    def pack(self, name: str, version: str, extensions: dict[str, str], **more: Any) -> Path:
        path = self.folder / f"{name}-{version}.tar.gz"
        return write_pack(path, f"{name}-{version}", extension_pack(name, version, extensions, **more))

    def hooked(self, name: str, hook: str, script: str, kind: str = "shell") -> Path:
        """Make a pack with one hook."""
        hooks = [{"name": hook, "type": kind, "script": "hooks/it"}]
        files = {**extension_pack("hooked", "1.0", {"EXT/1.0": "OOZIE"}, hooks=hooks), "hooks/it": script}
        return write_pack(self.folder / name, "hooked-1.0", files)

    async def records(self) -> list[tuple[str, str]]:
        request = identity_pb2.ListLoginRecordsRequest()
        answer = await call(
            self.clients.identity.ListLoginRecords, request, timeout=20, metadata=await self.registry.as_admin()
        )
        return [(one.action, one.outcome) for one in answer.records]


async def of_file(what: str, path: Path, size: int | None = None, **options: Any) -> AsyncGenerator[Any, None]:
    _, request, head = CALLS[what]
    content = path.read_bytes()  # noqa: ASYNC240  (small)
    sent = pb.MpackUpload(file_name=path.name, size=len(content) if size is None else size)
    more = {"options": pb.MpackOptions(**options)} if what == "install" else options
    yield request(head=head(upload=sent, **more))
    for at in range(0, len(content), CHUNK):
        yield request(chunk=content[at : at + CHUNK])


async def of(*requests: Any) -> AsyncGenerator[Any, None]:
    for request in requests:
        yield request


@pytest.fixture(params=["local", "remote"])
async def client(
    request: pytest.FixtureRequest, start_registry: StartRegistry, settings: Settings, tmp_path: Path
) -> Client:
    return await make_client(request.param, start_registry, settings, tmp_path)


@pytest.fixture
async def remote(start_registry: StartRegistry, settings: Settings, tmp_path: Path) -> Client:
    return await make_client("remote", start_registry, settings, tmp_path)


async def make_client(kind: str, start: StartRegistry, settings: Settings, tmp_path: Path) -> Client:
    given = settings.model_copy(update={"dispatcher": f"127.0.0.1:{free_port()}", "mpack_max_archive": 1 << 20})
    Resources(given.resources_path).stack("HDP/2.4", HDFS="")
    (given.resources_path / "mpacks").mkdir()
    registry = await start(given)
    clients = registry.clients if kind == "remote" else RegistryClients.local(registry.app.services)
    return Client(registry, clients, await registry.as_admin(), given, tmp_path)


@pytest.fixture(params=["bubblewrap", "none"])
async def with_dispatcher(request: pytest.FixtureRequest, client: Client) -> AsyncIterator[Client]:
    engine = create(request.param)
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    await engine.close()
    settings = client.settings.model_copy(update={"data_dir": client.folder / "dispatcher"})
    settings.data_dir.mkdir()
    app = await DispatcherApp.open(settings, client.clients, create(request.param))
    client.registry.app.hooks.use(DispatcherClients.local(app.services).hooks)
    yield client
    await app.drain(1)
    await app.close()


async def test_from_a_check_to_the_end(client: Client) -> None:
    first = client.pack("foo", "1.0", {"EXT/1.0": "OOZIE"}, description="what it is")
    verified = await client.archive("verify", first)
    assert (verified.installable, verified.mpack.name, verified.mpack.id) == (True, "foo", 0)
    assert not (await client.call("ListMpacks")).mpacks

    result = await client.archive("install", first)
    assert result.message == "Management pack foo-1.0 successfully installed!"
    installed = result.mpack
    assert (installed.name, installed.version, installed.description) == ("foo", "1.0", "what it is")
    assert list(installed.extension_versions) == ["EXT/1.0"]
    assert [part.type for part in installed.artifacts] == ["extension-definitions"]
    assert installed.digest == hashlib.sha256(first.read_bytes()).hexdigest()
    assert installed.id
    assert installed.managed
    assert (await client.refused("install", first))[:2] == [
        "MPACK_INSTALLED",
        "Management pack foo-1.0 already installed!",
    ]
    assert not (await client.archive("verify", first)).installable

    spec = {"stack_name": "HDP", "stack_version": "2.4", "extension_name": "EXT", "extension_version": "1.0"}
    link = registry_pb2.CreateLinksRequest(links=[registry_pb2.LinkSpec(**spec)])
    made = await call(client.clients.registry.CreateLinks, link, timeout=20, metadata=client.metadata)
    with pytest.raises(GraftError, match="MPACK_IN_USE"):
        await client.call("UninstallMpack", name="foo")

    upgraded = await client.archive("upgrade", client.pack("foo", "1.1", {"EXT/2.0": "OOZIE"}))
    assert [(one.id, one.old_version, one.new_version) for one in upgraded.moved_links] == [
        (made.links[0].id, "1.0", "2.0")
    ]
    assert [(one.name, one.version) for one in upgraded.removed] == [("foo", "1.0")]
    listed = (await client.call("ListMpacks")).mpacks
    assert [(one.name, one.version) for one in listed] == [("foo", "1.1")]
    assert (await client.call("GetMpack", id=listed[0].id)).mpack == listed[0]
    assert (await client.call("GetMpack", name="foo", version="1.1")).mpack == listed[0]
    assert (await client.refused("upgrade", first))[0] == "MPACK_NOT_FOUND"

    log = (await client.call("ListMpackOperations")).operations
    assert [(one.command, one.path.rpartition("/")[2]) for one in log] == [
        ("install-mpack", "foo-1.0.tar.gz"),
        ("upgrade-mpack", "foo-1.1.tar.gz"),
    ]
    removal = registry_pb2.DeleteLinkRequest(id=made.links[0].id)
    await call(client.clients.registry.DeleteLink, removal, timeout=20, metadata=client.metadata)
    removed = await client.call("UninstallMpack", name="foo", version="1.1")
    assert [(one.name, one.version) for one in removed.removed] == [("foo", "1.1")]
    assert not (await client.call("ListMpacks")).mpacks
    for missing in ({"name": "foo", "version": "1.1"}, {"id": 77}, {}):
        with pytest.raises(GraftError, match="MPACK_NOT_FOUND"):
            await client.call("GetMpack", **missing)
    with pytest.raises(GraftError) as caught:
        await client.call("UninstallMpack", name="foo")
    assert caught.value.error_info() == ["MPACK_NOT_FOUND", "No management packs found that can be uninstalled!"]
    assert not client.kept()


async def test_progress_is_told(remote: Client) -> None:
    answers = await remote.send("install", of_file("install", remote.pack("foo", "1.0", {"EXT/1.0": "OOZIE"})))
    phases = [pb.MpackPhase.Name(one.progress.phase) for one in answers[:-1]]
    assert all(one.WhichOneof("event") == "progress" for one in answers[:-1])
    assert phases
    assert "MPACK_PHASE_UNSPECIFIED" not in phases
    assert answers[-1].WhichOneof("event") == "result"


async def test_pages(remote: Client) -> None:
    for version in ("1.0", "1.1", "1.2"):
        await remote.archive("install", remote.pack("foo", version, {f"EXT/{version}": "OOZIE"}))
    await remote.archive("install", remote.pack("bar", "1.0", {"BAR/1.0": "PIG"}))
    seen, token = [], ""
    while True:
        answer = await remote.call("ListMpacks", page_size=1, page_token=token)
        seen += [f"{one.name}-{one.version}" for one in answer.mpacks]
        token = answer.next_page_token
        if not token:
            break
    assert seen == ["bar-1.0", "foo-1.2", "foo-1.1", "foo-1.0"]
    assert len((await remote.call("ListMpacks", name="foo")).mpacks) == 3
    assert len((await remote.call("ListMpackOperations", page_size=3)).operations) == 3
    with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
        await remote.call("ListMpacks", page_token="x")


@pytest.mark.parametrize("what", CALLS)
async def test_who_may_not_sends_nothing(client: Client, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await client.registry.create_user("olga", "pool-operator")
    reader = replace(client, metadata=await client.registry.as_user("olga"))
    sent = 0

    async def endless() -> AsyncGenerator[Any, None]:
        nonlocal sent
        async for request in of_file(what, client.pack("foo", "1.0", {"EXT/1.0": "OOZIE"})):
            yield request
        while True:
            yield CALLS[what][1](chunk=b"x" * CHUNK)
            sent += 1

    def never(*_: object) -> None:
        raise AssertionError("room was made for an archive")

    monkeypatch.setattr(uploads.Uploads, "begin", never)
    with pytest.raises(GraftError) as caught:
        await reader.send(what, endless())
    assert caught.value.code == "RBAC_PERMISSION_DENIED"
    assert (f"mpack.{what}", "RBAC_PERMISSION_DENIED") in await client.records()
    with pytest.raises(GraftError, match="SESSION_INVALID"):
        await replace(client, metadata=[]).send(what, endless())
    assert not (await reader.call("ListMpacks")).mpacks
    assert not (await reader.call("ListMpackOperations")).operations
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await reader.call("UninstallMpack", name="foo")


@pytest.mark.parametrize("what", CALLS)
async def test_an_archive_that_is_too_large(client: Client, what: str) -> None:
    large = client.folder / "large.tar.gz"
    large.write_bytes(b"x" * ((1 << 20) + 1))
    text = "The archive of a management pack has at most 1 MiB (GRAFT_MPACK_MAX_ARCHIVE)"
    for size in (None, 0):
        assert await client.refused(what, large, size=size) == ["MPACK_TOO_LARGE", text]


@pytest.mark.parametrize("what", CALLS)
async def test_what_is_no_pack(client: Client, what: str) -> None:
    for name, content in (("x.tar.gz", b"no archive"), ("x.zip", b"PK\3\4"), ("empty.tar", b"")):
        path = client.folder / name
        path.write_bytes(content)
        assert (await client.refused(what, path))[0] == "MPACK_MALFORMED"
    out = write_pack(client.folder / "out.tar", "out-1.0", {"../../x": "x"})
    assert (await client.refused(what, out))[0] == "MPACK_MALFORMED"


@pytest.mark.parametrize("what", CALLS)
async def test_requests_in_a_wrong_order(client: Client, what: str) -> None:
    _, request, head = CALLS[what]
    good = request(head=head(upload=pb.MpackUpload(file_name="x.tar.gz")))
    for requests, named in (
        ([], "head"),
        ([request(chunk=b"x")], "head"),
        ([good, good], "head"),
        ([good, request()], "head"),
        ([good, request(chunk=b"x" * (CHUNK + 1))], "chunk"),
        ([request(head=head(upload=pb.MpackUpload(file_name="../x")))], "file_name"),
        ([request(head=head(upload=pb.MpackUpload(file_name="..")))], "file_name"),
        ([request(head=head(upload=pb.MpackUpload(file_name="a\0b")))], "file_name"),
        ([request(head=head(upload=pb.MpackUpload(file_name="x" * 256)))], "file_name"),
    ):
        with pytest.raises(GraftError) as caught:
            await client.send(what, of(*requests))
        assert caught.value.error_info()[:2] == ["VALUE_NOT_SUPPORTED", named]
    assert not client.kept()


async def test_who_leaves_while_sending_leaves_nothing(client: Client) -> None:
    stalled = asyncio.Event()

    async def requests() -> AsyncGenerator[Any, None]:
        yield pb.InstallMpackRequest(head=pb.InstallMpackHead(upload=pb.MpackUpload(file_name="x.tar.gz")))
        yield pb.InstallMpackRequest(chunk=b"x" * CHUNK)
        stalled.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(client.send("install", requests()))
    await asyncio.wait_for(stalled.wait(), 10)
    await until("the file of an upload", client.kept)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await until("the end of the upload", lambda: not client.kept())


async def test_only_so_many_at_once(client: Client) -> None:
    held = [client.registry.app._uploads.begin(0) for _ in range(uploads.AT_ONCE)]
    pack = client.pack("foo", "1.0", {"EXT/1.0": "OOZIE"})
    assert (await client.refused("install", pack))[0] == "SERVER_BUSY"
    for one in held:
        await one.remove()
    await client.archive("install", pack)


async def test_what_a_killed_registry_has_left_is_removed(
    settings: Settings, start_registry: StartRegistry, tmp_path: Path
) -> None:
    place = settings.data_dir / "uploads"
    (place / "killed").mkdir(parents=True)
    (place / "killed" / "archive").write_text("x")
    in_use = uploads.Uploads.open(place, 100)
    assert not (place / "killed").exists()
    await start_registry()
    assert len(list(place.iterdir())) == 2
    in_use.close()
    assert len(list(place.iterdir())) == 1


async def test_purging_takes_what_ambari_takes_unless_told(client: Client) -> None:
    stacks = {
        "mpack.json": metadata("stacks", "1.0", artifacts=[artifact("stack-definitions", "stacks")]),
        "stacks/HDP/2.5/metainfo.xml": "<metainfo/>",
        "stacks/HDP/2.5/services/PIG/metainfo.xml": service("PIG"),
    }
    path = write_pack(client.folder / "stacks.zip", "stacks-1.0", stacks)
    await client.archive("install", client.pack("foo", "1.0", {"EXT/1.0": "OOZIE"}))
    assert (await client.refused("install", client.pack("bar", "1.0", {"B/1.0": "B"}), purge=True))[0] == (
        "MPACK_PURGE_REFUSED"
    )
    await client.archive("install", path, purge=True)
    assert not (client.root / "stacks" / "HDP" / "2.4").exists()
    assert [one.name for one in (await client.call("ListMpacks")).mpacks] == ["stacks"]
    [operation] = (await client.call("ListMpackOperations")).operations[-1:]
    assert operation.options.purge
    assert list(operation.options.purge_list) == ["stack-definitions", "mpacks"]
    assert (await client.refused("install", path, purge=True, purge_list=["all"]))[0] == "VALUE_NOT_SUPPORTED"


async def test_hooks_run_and_are_heard(with_dispatcher: Client) -> None:
    client = with_dispatcher
    script = "import sys\nprint(open('mpack.json').read()[:1], 'out')\nprint('err', file=sys.stderr)"
    result = await client.archive("install", client.hooked("h.tar.gz", "before-install", script, "python"))
    [ran] = result.hook_runs
    assert (ran.hook.name, ran.exit_code, ran.stdout, ran.stderr) == ("before-install", 0, "{ out\n", "err\n")


async def test_a_hook_that_fails_changes_nothing(with_dispatcher: Client) -> None:
    client = with_dispatcher
    for hook in ("before-install", "after-install"):
        path = client.hooked("h.tar.gz", hook, "echo no disk >&2; exit 1")
        code, text, stderr = await client.refused("install", path)
        assert (code, text) == (
            "MPACK_HOOK_FAILED",
            f"Failed to execute {hook} hook. Failed with error code 1",
        )
        assert stderr == "no disk\n"
    assert not (await client.call("ListMpacks")).mpacks
    assert ("mpack.install", "MPACK_HOOK_FAILED") in await client.records()


async def test_without_a_dispatcher_only_packs_with_hooks_are_refused(client: Client) -> None:
    code, text, *_ = await client.refused("install", client.hooked("h.tar.gz", "before-install", "exit 0"))
    assert code == "MPACK_HOOK_FAILED"
    reason = "No dispatcher runs hooks/it: UNAVAILABLE: it cannot be reached"
    assert text == f"Failed to execute before-install hook. {reason}"
    await client.archive("install", client.pack("foo", "1.0", {"EXT/2.0": "OOZIE"}))


async def until(what: str, probe: Any) -> None:
    for _ in range(1000):
        if probe():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what} has not come about")
