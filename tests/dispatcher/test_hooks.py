"""Hooks of management packs, from a folder of the registry to a script behind the walls and back."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import tarfile
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dispatcher_service.calls.bounds import Bound, Bounds
from dispatcher_service.calls.limits import HostLimits
from dispatcher_service.calls.record import CallRecord
from dispatcher_service.calls.slots import Slots
from dispatcher_service.engines.base import Engine, EngineUnavailable, Limits, Verdict
from dispatcher_service.engines.factory import ENGINES, create
from dispatcher_service.hooks import service, unpacking
from dispatcher_service.hooks.hooks import SHELL, Hooks
from dispatcher_service.hooks.hooks import Hook as HookToRun
from dispatcher_service.hooks.service import HookServicer
from dispatcher_service.hooks.unpacking import unpack
from fakes.rpc import stub_of
from graft.dispatcher.v1 import hook_pb2 as pb
from graft.dispatcher.v1 import hook_pb2_grpc
from graft_common.errors import GraftError
from graft_common.rpc.context import call_metadata
from graft_common.rpc.uploads import CHUNK, upload
from registry_service.hooks.folders import as_tar
from registry_service.hooks.runner import DispatcherHooks
from registry_service.mpacks.values import Hook, HookOutcome
from support.running import free_port

TOKEN = "the service token"
PYTHON_SCRIPT = """
import os, sys, helper
print(helper.WORD, os.path.basename(sys.argv[0]), open("data/a file").read())
print(sys.path[0] == os.path.dirname(os.path.abspath(__file__)), file=sys.stderr)
sys.exit(7)
"""


def slots(places: int = 2) -> Slots:
    return Slots(Bounds(*[Bound(places, 8)] * 4))


@dataclass
class Records:
    kept: list[CallRecord] = field(default_factory=list)

    def record(self, record: CallRecord) -> None:
        self.kept.append(record)


@dataclass
class Site:
    """A dispatcher's hooks, and a pack's folder to run some from."""

    engine: Engine
    hooks: Hooks
    records: Records
    place: Path
    pack: Path

    def write(self, name: str, text: str) -> None:
        path = self.pack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def run(self, kind: str, text: str = "", script: str = "hooks/it", way: str = "local") -> HookOutcome:
        if text:
            self.write(script, text)
        runner = DispatcherHooks("127.0.0.1:1", TOKEN)
        async with self.stub(way) as stub:
            runner.use(stub)
            return await runner.run(Hook("before-install", kind, script), self.pack)

    @asynccontextmanager
    async def stub(self, way: str = "local") -> AsyncIterator[Any]:
        service = HookServicer(self.hooks, TOKEN).service()
        async with stub_of(service, hook_pb2_grpc.HookServiceStub, way) as stub:
            yield stub


@pytest.fixture(params=sorted(ENGINES))
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async for made in make_site(request.param, tmp_path):
        yield made


@pytest.fixture
async def walled(tmp_path: Path) -> AsyncIterator[Site]:
    async for made in make_site("bubblewrap", tmp_path):
        yield made


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Site]:
    async for made in make_site("none", tmp_path):
        yield made


async def make_site(name: str, tmp_path: Path) -> AsyncIterator[Site]:
    engine = create(name)
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    records, place = Records(), tmp_path / f"data of {name}" / "hooks"
    pack = tmp_path / f"pack for {name}"
    pack.mkdir()
    site = Site(engine, Hooks(engine, place, HostLimits(Limits(wall=20.0)), slots(), records), records, place, pack)
    try:
        yield site
        assert not list(place.glob("*")), "something was left behind"
    finally:
        await engine.close()


@pytest.mark.parametrize("way", ["local", "remote"])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            "python",
            PYTHON_SCRIPT,
        ),
        (
            "shell",
            'echo "swordfish ${0##*/} $(cat "data/a file")"; [[ $0 == "$PWD"/hooks/it ]] && echo True >&2; exit 7',
        ),
    ],
)
async def test_a_script_sees_its_pack_and_is_heard(site: Site, kind: str, text: str, way: str) -> None:
    site.write("hooks/helper.py", "WORD = 'swordfish'")
    site.write("data/a file", "x" * (2 * CHUNK))
    site.write("data/öä" + "n" * 120, "a long name")
    (site.pack / "empty").mkdir()
    (site.pack / "link").symlink_to("data/a file")
    outcome = await site.run(kind, text, way=way)
    assert outcome == HookOutcome(7, f"swordfish it {'x' * (2 * CHUNK)}\n"[: 32 << 10], "True\n")
    [record] = site.records.kept
    assert (record.action, record.outcome, record.originator) == ("mpack.before-install", "HOOK_FAILED", "registry")


async def test_a_good_end(site: Site) -> None:
    assert await site.run("shell", "test -L link || exit 0") == HookOutcome(0)
    assert site.records.kept[0].outcome == "OK"
    assert site.records.kept[0].usage is not None


async def test_nothing_outside_is_seen_or_changed(walled: Site, bare: Site, tmp_path: Path) -> None:
    """A hook that runs as root in Ambari; each attempt works without walls, and fails behind them."""
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    with tempfile.TemporaryDirectory(prefix="graft-test-") as others:
        os.chmod(others, 0o777)  # noqa: PTH101  (a test may wait for the disk)
        script = (
            f"cat {secret}; echo hacked > {tmp_path}/written; echo hacked > {others}/written\n"
            "echo hacked > new || exit 3; exit 0"
        )
        free = await bare.run("shell", script)
        assert (free.exit_code, free.stdout) == (0, "swordfish")
        assert (tmp_path / "written").exists()
        assert (Path(others) / "written").exists()
        for written in (tmp_path / "written", Path(others) / "written"):
            written.unlink()
        walled_in = await walled.run("shell", script)
        assert (walled_in.exit_code, walled_in.stdout) == (3, "")
        assert "Read-only file system" in walled_in.stderr
        assert not (tmp_path / "written").exists()
        assert not (Path(others) / "written").exists()
    assert not (walled.pack / "new").exists()
    assert not (bare.pack / "new").exists()


async def test_a_link_out_of_the_pack_leads_nowhere(walled: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("swordfish")
    (walled.pack / "link").symlink_to(tmp_path / "secret")
    assert (await walled.run("shell", "cat link")).stdout == ""


async def test_the_environment_is_that_of_a_call(walled: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_SERVICE_TOKEN", TOKEN)
    outcome = await walled.run(
        "shell", "cat /proc/self/environ | tr '\\0' '\\n' | cut -d= -f1; ls /proc | grep -c '^[0-9]'"
    )
    assert TOKEN not in outcome.stdout
    assert {"PATH", "PWD"} <= set(outcome.stdout.split())
    assert not any(name.startswith("GRAFT") for name in outcome.stdout.split())


async def test_a_signal_and_a_time_that_is_over(site: Site) -> None:
    assert (await site.run("shell", "kill -SEGV $$")).exit_code == 128 + 11
    site.hooks = Hooks(site.engine, site.place, HostLimits(Limits(wall=0.5)), slots(), site.records)
    late = await site.run("shell", "echo began; sleep 60")
    assert (late.exit_code, late.stdout) == (999, "began\n")
    assert late.stderr == "killed: timed out after 0.5 s (GRAFT_CALL_TIMEOUT)"


@pytest.mark.parametrize(
    ("ceilings", "script", "killed"),
    [
        ({"wall": 0.5}, "exec sleep 60", "timed out after 0.5 s (GRAFT_CALL_MAX_TIMEOUT)"),
        ({"wall": 30.0}, "exec sleep 60", "timed out after 0.7 s (the hook's timeout)"),
        ({"cpu": 0.1}, "while :; do :; done", "cpu exceeded: {} s used, limit 0.1 s (GRAFT_CALL_MAX_CPU)"),
    ],
)
async def test_ceilings_are_for_hooks_too(bare: Site, ceilings: dict[str, float], script: str, killed: str) -> None:
    """What the caller asks for is cut down as what a declaration asks for."""
    bare.write("hooks/it", script)
    hooks = Hooks(bare.engine, bare.place, HostLimits(Limits(wall=0.4), ceilings), slots(), bare.records)
    seconds = 0.7 if ceilings.get("wall", 0.0) > 1 else 20.0
    with capture_logs() as logs:
        outcome = await hooks.run(
            HookToRun("before-install", "hooks/it", SHELL, seconds), as_tar(bare.pack, CHUNK), "", ""
        )
    head, _, tail = killed.partition("{}")
    assert outcome.reason.startswith(head), outcome
    assert outcome.reason.endswith(tail), outcome
    cut = [line["cut"] for line in logs if line["event"] == "hook.limits_cut"]
    assert cut == (["the hook's timeout 20 s is cut down to 0.5 s (GRAFT_CALL_MAX_TIMEOUT)"] if "0.5" in killed else [])


def test_every_end_can_be_told() -> None:
    assert set(service._VERDICTS) == set(Verdict)


async def test_the_dispatcher_ends_while_one_runs(site: Site) -> None:
    site.write("hooks/it", "sleep 60")
    running = asyncio.create_task(site.run("shell"))
    await until("a running hook", lambda: bool(site.hooks._running))
    await site.hooks.drain(0)
    outcome = await running
    assert outcome.exit_code == 999
    with pytest.raises(GraftError) as caught:
        await site.run("shell")
    assert caught.value.code == "SERVICE_UNAVAILABLE"
    assert caught.value.params[0] == "dispatcher"
    assert "No dispatcher runs hooks/it: it is shutting down" in caught.value.params[1]


async def test_hooks_have_their_turns_among_the_calls_of_the_host(site: Site) -> None:
    site.write("hooks/it", "echo ran")
    turns = slots(1)
    site.hooks = Hooks(site.engine, site.place, HostLimits(Limits(wall=20.0)), turns, site.records)
    async with turns.slot("A.call", "somebody"):
        running = asyncio.create_task(site.run("shell"))
        await until("a waiting hook", lambda: turns.waiting == 1)
        assert not site.hooks._running
    assert (await running).stdout == "ran\n"
    assert (turns.running, turns.waiting) == (0, 0)


@pytest.mark.parametrize("way", ["local", "remote"])
async def test_who_leaves_kills_the_script(site: Site, way: str) -> None:
    site.write("hooks/it", "sleep 60")
    running = asyncio.create_task(site.run("shell", way=way))
    await until("a running hook", lambda: bool(site.hooks._running))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until("a record", lambda: bool(site.records.kept))
    assert site.records.kept[0].outcome == "CANCELLED"
    assert not site.hooks._running


async def until(what: str, probe: Callable[[], bool]) -> None:
    for _ in range(2000):
        if probe():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what} has not come about")


async def test_no_dispatcher(tmp_path: Path) -> None:
    runner = DispatcherHooks(f"127.0.0.1:{free_port()}", TOKEN)
    (tmp_path / "it").write_text("exit 0")
    with pytest.raises(GraftError) as caught:
        await runner.run(Hook("before-install", "shell", "it"), tmp_path)
    await runner.close()
    assert caught.value.code == "SERVICE_UNAVAILABLE"
    assert caught.value.params[1] == "No dispatcher runs it: UNAVAILABLE: it cannot be reached"


@pytest.mark.parametrize("way", ["local", "remote"])
async def test_only_services_may(bare: Site, way: str) -> None:
    async with bare.stub(way) as stub:
        runner = DispatcherHooks("127.0.0.1:1", "another token")
        runner.use(stub)
        with pytest.raises(GraftError, match="SERVICE_TOKEN_INVALID"):
            await runner.run(Hook("before-install", "shell", "it"), bare.pack)
    assert not bare.records.kept


HEAD = {"hook": "before-install", "script": "it", "interpreter": pb.HOOK_INTERPRETER_SHELL}


@pytest.mark.parametrize(
    ("head", "field_named"),
    [
        ({"hook": "Before\ninstall"}, "hook"),
        ({"hook": ""}, "hook"),
        ({"script": ""}, "script"),
        ({"script": "/bin/true"}, "script"),
        ({"script": "../it"}, "script"),
        ({"script": "none"}, "script"),
        ({"script": "out"}, "script"),
        ({"script": "."}, "script"),
        ({"script": "a\0b"}, "script"),
        ({"interpreter": pb.HOOK_INTERPRETER_UNSPECIFIED}, "interpreter"),
        ({"interpreter": 77}, "interpreter"),
        ({"timeout": {"seconds": -1}}, "timeout"),
    ],
)
async def test_what_is_refused(bare: Site, head: dict[str, Any], field_named: str) -> None:
    bare.write("it", "exit 0")
    (bare.pack / "out").symlink_to("/bin/true")

    async def requests() -> AsyncGenerator[pb.RunHookRequest, None]:
        yield pb.RunHookRequest(head=pb.RunHookHead(**{**HEAD, **head}))
        async for piece in as_tar(bare.pack, CHUNK):
            yield pb.RunHookRequest(chunk=piece)

    assert (await refusal(bare, requests()))[:2] == ["VALUE_NOT_SUPPORTED", field_named]
    assert all(record.outcome == "VALUE_NOT_SUPPORTED" for record in bare.records.kept)


async def test_requests_in_a_wrong_order(bare: Site) -> None:
    async def of(*requests: pb.RunHookRequest) -> AsyncGenerator[pb.RunHookRequest, None]:
        for request in requests:
            yield request

    head = pb.RunHookRequest(head=pb.RunHookHead(**HEAD))
    for requests, named in (
        ([], "head"),
        ([pb.RunHookRequest(chunk=b"x"), head], "head"),
        ([head, head], "head"),
        ([head, pb.RunHookRequest()], "head"),
        ([head, pb.RunHookRequest(chunk=b"x" * (CHUNK + 1))], "chunk"),
        ([head, pb.RunHookRequest(chunk=b"no tar")], "chunk"),
        ([head], "chunk"),
    ):
        assert (await refusal(bare, of(*requests)))[:2] == ["VALUE_NOT_SUPPORTED", named]


async def refusal(site: Site, requests: AsyncGenerator[pb.RunHookRequest, None]) -> list[str]:
    async with site.stub() as stub:
        with pytest.raises(GraftError) as caught:
            await upload(stub.RunHook, requests, timeout=20, metadata=call_metadata(TOKEN))
    return caught.value.error_info()


def tar_of(*members: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return file.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "out").mkdir()
    yield tmp_path / "archive.tar"
    assert not list((tmp_path / "out").iterdir()), "something was written outside"


@pytest.mark.parametrize(
    "members",
    [
        [member("/out/x")],
        [member("../out/x")],
        [member("a/../../out/x")],
        [member("a", tarfile.LNKTYPE, "../out")],
        [member("a", tarfile.SYMTYPE, "../out"), member("a/x")],
        [member("a/x"), member("a", tarfile.SYMTYPE, "../out")],
        [member("a"), member("a/x")],
        [member("a"), member("a")],
        [member("a", tarfile.FIFOTYPE)],
        [member("a", tarfile.CHRTYPE)],
        [member("a", tarfile.BLKTYPE)],
        [member("/".join("a" * 65))],
        [member("a", size=100), member("b", size=100)],
        [member(f"{number}") for number in range(51)],
    ],
    ids=lambda members: f"{members[-1].name}-{members[-1].type.decode()}",
)
def test_what_is_not_unpacked(
    tmp_path: Path, archive: Path, members: list[tarfile.TarInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 150)
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 50)
    archive.write_bytes(tar_of(*members))
    (tmp_path / "into").mkdir()
    with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
        unpack(archive, tmp_path / "into")


def test_a_tar_that_is_cut_off(tmp_path: Path, archive: Path) -> None:
    whole = tar_of(member("a", size=5000), member("b", size=5000))
    for length in range(0, len(whole), 700):
        archive.write_bytes(whole[:length])
        folder = tmp_path / str(length)
        folder.mkdir()
        # Between two files a tar can be cut without a trace.
        with contextlib.suppress(GraftError):
            unpack(archive, folder)


async def test_a_folder_comes_out_as_it_went_in(tmp_path: Path, archive: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "empty").write_bytes(b"")
    (source / "a" / ("ö" * 100)).write_bytes(b"y" * 513)
    (source / "run").write_bytes(b"z" * 1024)
    (source / "run").chmod(0o700)
    (source / "link").symlink_to("a/b/../" + "n" * 150)
    copy.mkdir()
    pieces = [piece async for piece in as_tar(source, 1000)]
    assert {len(piece) for piece in pieces[:-1]} == {1000}
    archive.write_bytes(b"".join(pieces))  # noqa: ASYNC240  (a test may wait for the disk)
    unpack(archive, copy)
    assert described(copy) == described(source)
    assert (copy / "run").stat().st_mode & 0o777 == 0o755
    assert (copy / "a" / "empty").stat().st_mode & 0o777 == 0o644


def described(folder: Path) -> dict[str, Any]:
    return {
        path.relative_to(folder).as_posix(): path.readlink()
        if path.is_symlink()
        else None
        if path.is_dir()
        else path.read_bytes()
        for path in folder.rglob("*")
    }
