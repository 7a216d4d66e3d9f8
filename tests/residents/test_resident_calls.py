"""Calls of resident methods from end to end: a real registry and dispatcher, real sandboxes."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

import graft_extension
from dispatcher_service.app import DispatcherApp
from dispatcher_service.residents import process
from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import identity_pb2
from graft_cli.authoring.python_methods import read_methods
from graft_common.declarations.reader import read_document
from graft_common.declarations.texts import NAMESPACE
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from graft_common.values import Value, decode_value, encode_values
from registry_service.app import RegistryApp
from support.engines import prepared
from support.stores import QUICK, with_tables

EXAMPLES = Path(__file__).parents[2] / "examples" / "residents"
MARK = "86123.25"
"""An unlikely number of seconds to sleep, by which what is left of a call would be found."""
FILE = """#!/usr/bin/env python3
import json, os, socket, subprocess, sys, threading, time
from graft_extension import Failure, cancelled, method, run

def text(path):
    with open(path) as file:
        return file.read()

def refusal(act):
    try:
        return repr(act())
    except OSError as error:
        return error.strerror

@method("Stay.add")
def add(left: int, right: int) -> int:
    if right == 13:
        raise Failure("STAY_UNLUCKY", right)
    return left + right

@method("Stay.pid")
def pid() -> str:
    return f"{os.getpid()} {id(run)}"

@method("Stay.wait", resident={"concurrency": 2})
def wait() -> None:
    subprocess.Popen(["sleep", "SECONDS"])
    while not cancelled():
        time.sleep(0.005)

@method("Stay.eat")
def eat(mebibytes: int) -> int:
    return len(bytearray(os.urandom(1 << 20) * mebibytes))

@method("Stay.nap")
def nap() -> str:
    time.sleep(0.5)
    return "slept"

def seen() -> str:
    status = [line for line in text("/proc/self/status").splitlines() if line.startswith(("Cap", "Seccomp:", "NoNew", "Uid"))]
    return json.dumps({
        "status": status,
        "environment": dict(os.environ),
        "folder": [os.getcwd(), os.path.abspath(__file__), sorted(os.listdir(os.path.dirname(__file__)))],
        "root": sorted(os.listdir("/")),
        "tmp": os.listdir("/tmp"),
        "network": text("/proc/net/dev"),
        "processes": sorted(name for name in os.listdir("/proc") if name.isdigit())[:1],
        "hostname": socket.gethostname(),
        "mounts": sorted(line.split()[4] for line in text("/proc/self/mountinfo").splitlines()),
        "write": refusal(lambda: open("/usr/x", "w")),
        "own": refusal(lambda: open(__file__, "a")),
        "connect": refusal(lambda: socket.create_connection(("127.0.0.1", 1), 1)),
        "descriptors": [os.readlink(f"/proc/self/fd/{fd}").split(":")[0] for fd in (0, 1, 2)],
    })

method("Stay.seen")(seen)
method("Stay.saw")(seen)

run()
""".replace("SECONDS", MARK)
DECLARED = """
<method name="Stay.add" executable="stay.py" role="read-only">
  <param name="left" type="int"/><param name="right" type="int"/><result type="int"/>
  <resident/>
</method>
<method name="Stay.pid" executable="stay.py" role="read-only"><result type="string"/><resident age="2h"/></method>
<method name="Stay.wait" executable="stay.py"><resident concurrency="2"/></method>
<method name="Stay.seen" executable="stay.py"><result type="string"/><resident/></method>
<method name="Stay.eat" executable="stay.py">
  <param name="mebibytes" type="int"/><result type="int"/><limits memory="128MiB"/><resident/>
</method>
<method name="Stay.nap" executable="stay.py"><result type="string"/><resident/></method>
<method name="Stay.saw" executable="stay.py" zygote="off"><result type="string"/></method>
"""


@dataclass
class Site:
    """A registry and a dispatcher in this process, and sessions."""

    settings: Settings
    app: DispatcherApp
    clients: DispatcherClients
    refs: dict[str, str] = field(default_factory=dict)

    def declare(self, text: str) -> None:
        draft = self.settings.declarations_path.parent / "draft"
        draft.write_text(f'<methods xmlns="{NAMESPACE}">{text}</methods>')
        draft.rename(self.settings.declarations_path / "stay.xml")

    async def call(self, method: str, *params: Value, role: str = "pool-admin") -> Any:
        request = dispatcher_pb2.InvokeRequest(method=method, params=encode_values(params))
        metadata = call_metadata(self.refs[role])
        answer = await call(self.clients.dispatcher.Invoke, request, timeout=30, metadata=metadata)
        return decode_value(answer.value)

    async def start(self, method: str) -> str:
        request = dispatcher_pb2.InvokeAsyncRequest(method=method, params=encode_values([]))
        metadata = call_metadata(self.refs["pool-admin"])
        return (await call(self.clients.dispatcher.InvokeAsync, request, timeout=10, metadata=metadata)).task_ref

    async def explained(self, method: str) -> Any:
        metadata = call_metadata(self.refs["pool-admin"])
        request = dispatcher_pb2.ExplainMethodsRequest(method=method)
        answer = await call(self.clients.dispatcher.ExplainMethods, request, timeout=10, metadata=metadata)
        return answer.methods[0]

    async def records(self) -> list[Any]:
        metadata = call_metadata(self.refs["pool-admin"])
        request = dispatcher_pb2.ListCallRecordsRequest()
        stub = self.clients.dispatcher.ListCallRecords
        return list((await call(stub, request, timeout=10, metadata=metadata)).records)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)


def left() -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if MARK in (one.info["cmdline"] or [])]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest_asyncio.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(process, "CANCEL_SECONDS", 20.0)  # whoever is slow because of others' load is well
    async with prepared("native") as engine:
        await engine.close()
    settings = Settings(
        data_dir=with_tables(tmp_path / "data"),
        extensions_dir=tmp_path / "extensions.d",
        declarations_dir=tmp_path / "declarations.d",
        admin_user="pool-admin",
        admin_password="pw",
        service_token="token",
    )
    settings.extensions_path.mkdir()
    settings.declarations_path.mkdir()
    (settings.extensions_path / "stay.py").write_text(FILE)
    (settings.extensions_path / "stay.py").chmod(0o755)
    shutil.copy(graft_extension.__file__, settings.extensions_path / "graft_extension.py")
    registry_app = await RegistryApp.open(settings, QUICK)
    registry = RegistryClients.local(registry_app.services)
    app = await DispatcherApp.open(settings, registry)
    made = Site(settings, app, DispatcherClients.local(app.services))
    made.declare(DECLARED)
    login = identity_pb2.LoginRequest(user="pool-admin", password="pw", originator="tests")
    made.refs["pool-admin"] = (await call(registry.identity.Login, login, timeout=10)).session_ref
    request = identity_pb2.CreateUserRequest(name="reader", password="pw", roles=["read-only"])
    await call(registry.identity.CreateUser, request, timeout=10, metadata=call_metadata(made.refs["pool-admin"]))
    login = identity_pb2.LoginRequest(user="reader", password="pw", originator="tests")
    made.refs["read-only"] = (await call(registry.identity.Login, login, timeout=10)).session_ref
    yield made
    await app.close()
    await registry_app.drain(1)
    await registry_app.close()


async def test_calls_are_checked_answered_and_recorded_like_any(site: Site) -> None:
    calls = sample("graft_resident_calls_total")
    assert [await site.call("Stay.add", number, 1, role="read-only") for number in range(5)] == [1, 2, 3, 4, 5]
    for params, code in (
        ((1,), "MESSAGE_PARAMETER_COUNT_MISMATCH"),
        ((1, "x"), "FIELD_TYPE_ERROR"),
        ((1, 13), "STAY_UNLUCKY"),
    ):
        with pytest.raises(GraftError) as caught:
            await site.call("Stay.add", *params)
        assert caught.value.code == code
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await site.call("Stay.seen", role="read-only")
    assert sample("graft_resident_calls_total") == calls + 6
    assert sample("graft_resident_processes") == 1
    told = (await site.explained("Stay.add")).residents
    assert (told.at_most, told.concurrency, told.processes, told.started, told.last_end) == (1, 1, 1, 1, "")
    assert not (await site.explained("Stay.saw")).HasField("residents")
    recorded = [record for record in await site.records() if record.action == "Stay.add" and record.outcome == "OK"]
    assert len(recorded) == 5
    assert all(record.usage.wall.ToTimedelta().total_seconds() > 0 for record in recorded)
    assert all(record.usage.memory_peak_bytes == 0 for record in recorded)


async def test_a_change_brings_a_new_process_and_each_method_has_its_own(site: Site) -> None:
    first = await site.call("Stay.pid")
    assert await site.call("Stay.pid") == first
    await site.call("Stay.add", 1, 1)
    assert sample("graft_resident_processes") == 2
    path = site.settings.extensions_path / "stay.py"
    draft = path.with_name("draft.txt")
    draft.write_text(FILE.replace("id(run)", "'new file'"))
    draft.chmod(0o755)
    draft.rename(path)
    second = await site.call("Stay.pid")
    assert second.endswith("new file")
    site.declare(DECLARED.replace('age="2h"', 'age="3h"'))
    changed = sample("graft_resident_ends_total", why="changed")
    assert (await site.call("Stay.pid")).endswith("new file")
    async with asyncio.timeout(10):
        while sample("graft_resident_ends_total", why="changed") == changed:  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)


async def test_a_task_is_cancelled_and_nothing_is_left_in_the_end(site: Site) -> None:
    task = await site.start("Stay.wait")
    waiting = asyncio.create_task(site.call("Stay.wait"))
    await until(lambda: len(left()) == 2)
    await site.call("task.cancel", task)
    async with asyncio.timeout(10):
        while (await site.call("task.get_status", task)) != "cancelled":  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)
    # The other call of the same process goes on, until the dispatcher has waited long enough for it.
    assert not waiting.done()
    await site.app.drain(0.5)
    with pytest.raises(GraftError) as caught:
        await waiting
    assert caught.value.error_info()[2] == "killed: the dispatcher is stopping"
    assert left() == []
    assert sample("graft_resident_processes") == 0


async def test_memory_is_bounded_and_calls_under_way_end_before_the_dispatcher(site: Site) -> None:
    assert await site.call("Stay.eat", 1) == 1 << 20
    with pytest.raises(GraftError) as caught:
        await site.call("Stay.eat", 500)
    told = caught.value.error_info()
    assert told[0] == "INTERNAL_ERROR"
    # The kernel refuses it, or has the process ended, by what there is of control groups.
    assert "memory exceeded" in told[2] or "MemoryError" in told[4]
    assert await site.call("Stay.eat", 1) == 1 << 20
    napping = asyncio.create_task(site.call("Stay.nap"))
    await until(lambda: site.app._residents.status("Stay.nap").under_way == 1)
    await site.app.drain(20)
    assert await napping == "slept"
    assert sample("graft_resident_processes") == 0


async def test_it_sees_what_a_call_sees(site: Site) -> None:
    stayed, called = json.loads(await site.call("Stay.seen")), json.loads(await site.call("Stay.saw"))
    # A helper gives functions an empty input, so that they cannot take frames for theirs.
    assert stayed.pop("descriptors") == ["/dev/null", "pipe", "pipe"]
    assert called.pop("descriptors")[1:] == ["pipe", "pipe"]
    assert stayed == called
    assert stayed["connect"] != "None"


async def test_without_room_for_any_each_call_has_its_process(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.app._residents, "_most", 0)
    starts = sample("graft_resident_starts_total")
    assert await site.call("Stay.add", 2, 3) == 5
    assert sample("graft_resident_starts_total") == starts


async def test_the_examples_serve(site: Site) -> None:
    for file in EXAMPLES.iterdir():
        folder = site.settings.declarations_path if file.suffix == ".xml" else site.settings.extensions_path
        shutil.copy(file, folder)
    assert [await site.call("Rates.convert", amount, "USD", role="read-only") for amount in (2.0, 4)] == [2.5, 5.0]
    with pytest.raises(GraftError, match="RATES_UNKNOWN"):
        await site.call("Rates.convert", 1.0, "XXX")
    assert [await site.call("Tally.next", role="read-only") for _call in range(3)] == [1, 2, 3]
    declared = read_document((EXAMPLES / "residents.xml").read_bytes(), "residents.xml").methods[0]
    [written] = read_methods(EXAMPLES / "Rates.convert").methods
    assert (written.limits, written.residence, written.role) == (declared.limits, declared.residence, declared.role)
