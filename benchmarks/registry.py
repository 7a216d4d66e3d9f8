"""A running registry that is asked and told: in processes of its own, and in this one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from benchmarks.figures import Figures
from graft.registry.v1 import identity_pb2
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from registry_service.app import RegistryApp
from registry_service.identity.values import Request, Session
from registry_service.library.tree import Tree
from registry_service.links.ground import LinkSpec
from registry_service.links.links import Links
from registry_service.service import catalog_messages
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock

GRAFT = Path(sys.executable).with_name("graft")
USER = "root"
PASSWORD = "benchmark"
FEW = 10
PREDICATE = "ExtensionLink/extension_version=2.0&ExtensionLink/stack_version=1.0"
SINGLE = 60
"""Links that are made, switched and removed one by one."""
AT_ONCE = 1000
PATIENCE = 600.0


@dataclass(frozen=True)
class Load:
    """How large everything is."""

    names: int
    versions: int
    stacks: int

    def links(self) -> list[pb.LinkSpec]:
        """Return every link, stack version by stack version: each extension once to each."""
        return [
            pb.LinkSpec(
                stack_name="HDP",
                stack_version=f"{stack}.0",
                extension_name=f"EXT{name}",
                extension_version=f"{(name + stack) % self.versions + 1}.0",
            )
            for name in range(self.names)
            for stack in range(1, self.stacks + 1)
        ]

    def touch(self, root: Path, number: int) -> Path:
        """Change one file of the newest version of an extension, and return it."""
        path = root / f"extensions/EXT{number % self.names}/{self.versions}.0/services/S0/metainfo.xml"
        path.write_text(path.read_text().replace("made for measuring", f"made for measuring {number}", 1))
        return path


@dataclass
class Caller:
    """Calls of one user."""

    clients: RegistryClients
    metadata: Any

    async def __call__(self, name: str, request: Any) -> Any:
        rpc = getattr(self.clients.registry, name)
        return await call(rpc, request, timeout=PATIENCE, metadata=self.metadata)

    async def all_links(self) -> list[pb.Link]:
        links: list[pb.Link] = []
        token = ""
        while True:
            page = await self("ListLinks", pb.ListLinksRequest(page_size=AT_ONCE, page_token=token))
            links += page.links
            token = page.next_page_token
            if not token:
                return links


async def log_in(clients: RegistryClients) -> Caller:
    """Log in as soon as the registry answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            request = identity_pb2.LoginRequest(user=USER, password=PASSWORD)
            answer = await call(clients.identity.Login, request, timeout=60)
            return Caller(clients, call_metadata(answer.session_ref))
        except GraftError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def times_of(count: int, act: Callable[[int], Awaitable[object]]) -> list[float]:
    times = []
    for number in range(count):
        begun = time.perf_counter()
        await act(number)
        times.append(time.perf_counter() - begun)
    return times


async def measure_reads(caller: Caller, load: Load, figures: Figures, aim: float | None) -> None:
    """Measure reads of everything that is there, warm: the first of each is not counted."""
    links = await caller.all_links()

    async def one_version(number: int) -> None:
        name = f"EXT{number % load.names}"
        await caller("GetExtensionVersion", pb.GetExtensionVersionRequest(name=name, version="1.0"))

    async def all_names(_: int) -> None:
        await caller("ListExtensions", pb.ListExtensionsRequest(page_size=1000))

    async def one_link(number: int) -> None:
        await caller("GetLink", pb.GetLinkRequest(id=links[number % len(links)].id))

    async def links_of_one(number: int) -> None:
        request = pb.ListLinksRequest(extension_name=f"EXT{number % load.names}", page_size=1000)
        await caller("ListLinks", request)

    async def links_of_a_version(number: int) -> None:
        stack, version = f"{number % load.stacks + 1}.0", f"{number % load.versions + 1}.0"
        request = pb.ListLinksRequest(stack_version=stack, extension_version=version, page_size=1000)
        await caller("ListLinks", request)

    for what, act, its_aim in (
        ("GetExtensionVersion, with its services", one_version, aim),
        ("GetLink", one_link, aim),
        ("ListLinks of one extension", links_of_one, aim),
        (f"ListExtensions, all {load.names} names", all_names, None),
        (f"ListLinks of one stack version and one version, of {len(links)}", links_of_a_version, None),
    ):
        await times_of(20, act)
        figures.add_times(what, await times_of(200, act), aim=its_aim)


async def measure_links(caller: Caller, figures: Figures, specs: list[pb.LinkSpec]) -> None:
    """Make links up to all; measure single ones where there are few, and where there are nearly all."""
    bases: dict[str, float] = {}
    few, single, rest = specs[:FEW], specs[-SINGLE:], specs[FEW:-SINGLE]

    async def make(many: list[pb.LinkSpec]) -> list[int]:
        answer = await caller("CreateLinks", pb.CreateLinksRequest(links=many))
        return [link.id for link in answer.links]

    async def measure(at: int) -> None:
        made: list[int] = []

        async def create(number: int) -> None:
            made.extend(await make([single[number]]))

        async def switch(number: int) -> None:
            spec = single[number]
            version = "1.0" if spec.extension_version != "1.0" else "2.0"
            request = pb.UpdateLinkRequest(
                id=made[number], extension_name=spec.extension_name, extension_version=version
            )
            await caller("UpdateLink", request)

        async def delete(number: int) -> None:
            await caller("DeleteLink", pb.DeleteLinkRequest(id=made[number]))

        for what, act in (("CreateLinks of one", create), ("UpdateLink", switch), ("DeleteLink", delete)):
            median = figures.add_times(
                f"{what}, with {at} links", await times_of(len(single), act), base=bases.get(what)
            )
            bases.setdefault(what, median)

    await make(few)
    await measure(FEW)
    begun = time.perf_counter()
    for start in range(0, len(rest), AT_ONCE):
        await make(rest[start : start + AT_ONCE])
    each = (time.perf_counter() - begun) / max(len(rest), 1)
    await measure(FEW + len(rest))
    await make(single)
    figures.add(f"CreateLinks of {AT_ONCE}, each link", each * 1000, "ms")


async def ask_processes(root: Path, data: Path, load: Load, figures: Figures) -> None:
    figures.begin("a registry of its own, over gRPC")
    with Processes(data / "nothing", data / "empty") as processes:
        begun = time.perf_counter()
        async with processes.registry() as caller:
            await caller("ListStackVersions", pb.ListStackVersionsRequest())
            figures.add("start with nothing to read, until it answers", time.perf_counter() - begun, "s")
            figures.add("the same, CPU of one core", processes.cpu_seconds(), "s")
    with Processes(root, data) as processes:
        begun = time.perf_counter()
        async with processes.registry() as caller:
            await caller("GetExtensionVersion", pb.GetExtensionVersionRequest(name="EXT0", version="1.0"))
            figures.add("cold start, until it answers", time.perf_counter() - begun, "s")
            figures.add("the same, CPU of one core", processes.cpu_seconds(), "s")
            figures.add("memory of the process", processes.resident_mib(), "MiB")
            await measure_links(caller, figures, load.links())
            await measure_reads(caller, load, figures, aim=None)
            figures.add("memory of the process, with all links", processes.resident_mib(), "MiB")
            measure_http(processes, load, figures)
        stopping = time.perf_counter()
        processes.stop()
        figures.add("stop, with the cache written", time.perf_counter() - stopping, "s")
        begun = time.perf_counter()
        async with processes.registry() as caller:
            await caller("GetExtensionVersion", pb.GetExtensionVersionRequest(name="EXT0", version="1.0"))
            figures.add("warm start, with all links", time.perf_counter() - begun, "s")
            figures.add("the same, CPU of one core", processes.cpu_seconds(), "s")


async def ask_in_process(root: Path, data: Path, load: Load, figures: Figures) -> None:
    figures.begin("a registry in this process, as in `graft up`")
    settings = Settings(data_dir=data / "data", resources_dir=root, admin_user=USER, admin_password=PASSWORD)
    app = await RegistryApp.open(settings)
    try:
        caller = await log_in(RegistryClients.local(app.services))
        await measure_reads(caller, load, figures, aim=1)
    finally:
        await app.drain(1)
        await app.close()

    tree = Tree(root, data / "data/cache/catalog")
    async with opened(settings.database("registry")) as many, opened(f"sqlite:///{data / 'few.db'}") as few:
        await many.adopt(await tree.read())
        count = len(list((await many.ground()).all_links()))

        async def reload(number: int) -> None:
            await many.adopt(await tree.read([load.touch(root, 100 + number)]))

        what = f"one file changed: read, and taken over with {count} links"
        times = await times_of(20, reload)
        figures.add_times(what, times, aim=100)
        figures.add("the same, at most", max(times) * 1000, "ms")
        await few.adopt(await tree.read())
        await compare(few, many, [catalog_messages.link_spec(spec) for spec in load.links()], figures)


async def compare(few: Links, many: Links, specs: list[LinkSpec], figures: Figures) -> None:
    """Make and remove the same links by turns where there are few and where there are many, so that both fare alike."""
    now = datetime.now(UTC)
    user = Session("0" * 64, "", USER, "", ("pool-admin",), "", now, now)
    single = specs[-SINGLE:]
    for spec in single:
        link = (await many.ground()).of_stack(spec.stack).by_version[spec.extension]
        await many.remove(user, link.id, Request())
    await few.create(user, specs[:FEW], Request())
    sides = {FEW: few, len(specs) - SINGLE: many}
    wall: dict[tuple[str, int], list[float]] = {}
    work: dict[tuple[str, int], list[float]] = {}
    for spec in single:
        made: dict[int, int] = {}
        for what in ("create", "remove"):
            for count, links in sides.items():
                begun, used = time.perf_counter(), time.process_time()
                if what == "create":
                    (link,), _ = await links.create(user, [spec], Request())
                    made[count] = link.id
                else:
                    await links.remove(user, made[count], Request())
                wall.setdefault((what, count), []).append(time.perf_counter() - begun)
                work.setdefault((what, count), []).append(time.process_time() - used)
    for what in ("create", "remove"):
        bases = [wall[what, FEW], work[what, FEW]]
        for count in sides:
            for taken, base, kind in zip((wall, work), bases, ("", ", CPU"), strict=True):
                ratio_to = None if count == FEW else statistics.median(base) * 1000
                figures.add_times(f"{what} one link{kind}, with {count} links", taken[what, count], base=ratio_to)


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Links]:
    store = await Store.open(url)
    try:
        async with store.read() as view:
            clock = RevisionClock((await view.revisions()).current)
        store.on_commit = clock.advance
        yield Links(store, clock, Tuning())
    finally:
        await store.close()


def measure_http(processes: Processes, load: Load, figures: Figures) -> None:
    """Measure the same reads through the gateway, as curl would make them."""
    credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    with processes.gateway() as connection:
        for what, path in (
            ("GET of one version through the gateway", "extensions/EXT1/versions/1.0"),
            (f"GET of all {load.names} names", "extensions"),
            (
                "GET of a predicate over all links",
                f"links?{PREDICATE}",
            ),
        ):
            times = []
            for _ in range(25):
                begun = time.perf_counter()
                connection.request("GET", f"/api/v1/{path}", headers=headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, (path, answer.status)
                times.append(time.perf_counter() - begun)
            figures.add_times(what, times[5:])


class Processes:
    """`graft registry` and `graft gateway` on a data directory."""

    def __init__(self, root: Path, data: Path) -> None:
        self._ports = [_free_port() for _ in range(3)]
        self._data = data
        data.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GRAFT_")}
        self._environment = clean | {
            "GRAFT_DATA_DIR": str(data / "data"),
            "GRAFT_RESOURCES_DIR": str(root),
            "GRAFT_EXTENSIONS_DIR": str(data / "extensions.d"),
            "GRAFT_ADMIN_USER": USER,
            "GRAFT_ADMIN_PASSWORD": PASSWORD,
            "GRAFT_REGISTRY": f"127.0.0.1:{self._ports[0]}",
            "GRAFT_HTTP": f"127.0.0.1:{self._ports[1]}",
            "GRAFT_DISPATCHER": f"127.0.0.1:{self._ports[2]}",
            "GRAFT_METRICS": "off",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    @contextlib.asynccontextmanager
    async def registry(self) -> AsyncIterator[Caller]:
        self._start("registry")
        # A channel that is refused waits for a second and more before it tries again.
        await asyncio.to_thread(_wait_for, self._ports[0])
        async with open_channel(f"127.0.0.1:{self._ports[0]}") as channel:
            yield await log_in(RegistryClients.remote(channel))

    @contextlib.contextmanager
    def gateway(self) -> Iterator[http.client.HTTPConnection]:
        self._start("gateway")
        _wait_for(self._ports[1])
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[1], timeout=60)
        connection.connect()
        yield connection
        connection.close()

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self._running['registry'].pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    def cpu_seconds(self) -> float:
        """Return what the registry has used since it was started."""
        fields = Path(f"/proc/{self._running['registry'].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        for part in ("gateway", "registry"):
            process = self._running.pop(part, None)
            if process is not None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)

    def _start(self, part: str) -> None:
        with (self._data / f"{part}.log").open("ab") as log:
            self._running[part] = subprocess.Popen(
                [str(GRAFT), part], env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


def _wait_for(port: int) -> None:
    """Wait until somebody listens on a port."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return
        assert time.monotonic() < deadline, f"nobody listens on port {port}"
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
