"""Resident processes, real ones, without walls: how they serve, misbehave, and are let go of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from dispatcher_service.engines.base import Command, Engine, Limits, Outcome, Verdict
from dispatcher_service.residents import method, process, residents
from dispatcher_service.residents.residents import Residents
from graft_common.declarations.model import Residence
from graft_common.errors import GraftError
from support.engines import prepared
from support.servant import SERVANT

ALONE = Residence()
FOUR = Residence(concurrency=4)


@dataclass
class Listener:
    """Has one process, and hears of its end."""

    ends: list[Outcome] = field(default_factory=list)

    def freed(self, process: process.Process) -> None:
        pass

    def ended(self, process: process.Process, outcome: Outcome) -> None:
        self.ends.append(outcome)


class Broken:
    """An engine with a mistake in it."""

    async def run(self, command: Command) -> Outcome:
        raise LookupError(command.executable)

    def kill(self, _call_id: str) -> bool:
        return False


@dataclass
class Site:
    """An engine without walls, and a folder of servants."""

    engine: Engine
    residents: Residents
    tree: Path
    running: list[asyncio.Task[Outcome]] = field(default_factory=list)
    version: int = 0

    def servant(self, name: str, text: str = SERVANT, interpreter: str = "/usr/bin/env -S python3 -IS") -> None:
        path = self.tree / name
        path.write_text(f"#!{interpreter}\n{text}")
        path.chmod(0o755)

    async def outcome(
        self,
        text: str,
        residence: Residence = ALONE,
        name: str = "A.serve",
        tree: Path | None = None,
        wall: float = 20,
        version: int | None = None,
    ) -> Outcome:
        command = Command("call-1", tree or self.tree, "/opt/x", name, text.encode(), limits=Limits(wall=wall))
        run = self.residents.run(name, command, residence, nullcontext, self.version if version is None else version)
        return await asyncio.wait_for(run, 30)

    async def call(
        self, text: str, residence: Residence = ALONE, name: str = "A.serve", tree: Path | None = None
    ) -> str:
        outcome = await self.outcome(text, residence, name, tree)
        assert outcome.verdict is Verdict.EXITED, outcome
        assert outcome.exit_code == 0, outcome
        return outcome.stdout.decode()

    def begin(
        self, text: str, residence: Residence = ALONE, name: str = "A.serve", wall: float = 20
    ) -> asyncio.Task[Outcome]:
        self.running.append(asyncio.create_task(self.outcome(text, residence, name, wall=wall)))
        return self.running[-1]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  (polled, with a bound)
                await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    # Whoever is slow because of others' load is well all the same.
    monkeypatch.setattr(process, "CANCEL_SECONDS", 20.0)
    monkeypatch.setattr(residents, "LEAVE_SECONDS", 20.0)
    tree = tmp_path / "tree"
    tree.mkdir()
    async with prepared("none") as engine:
        made = Site(engine, Residents(engine, 3, lambda _method: made.version), tree)
        made.servant("A.serve")
        yield made
        made.residents.stop()
        await asyncio.gather(*made.running, return_exceptions=True)
        await made.residents.close()


async def test_one_process_answers_many_calls(site: Site) -> None:
    assert await site.call("echo one") == "one"
    assert await site.call("echo " + "x" * 300_000) == "x" * 300_000
    pids = {await site.call("pid") for _call in range(5)}
    assert len(pids) == 1
    assert site.residents.status("A.serve").started == 1


async def test_calls_are_answered_at_once(site: Site) -> None:
    met = await asyncio.gather(*(site.call("meet 4", FOUR) for _call in range(4)))
    assert met == ["met"] * 4
    assert site.residents.status("A.serve").started == 1


async def test_more_calls_wait(site: Site) -> None:
    first = site.begin("patient")
    second = site.begin("echo x")
    await site.until(
        lambda: site.residents.status("A.serve").waiting == 1 and site.residents.status("A.serve").under_way == 1
    )
    first.cancel()
    assert (await second).stdout == b"x"
    assert site.residents.status("A.serve").started == 1


async def test_more_processes_are_started_for_them(site: Site) -> None:
    two = Residence(processes=2)
    calls = [site.begin("patient", two) for _call in range(3)]
    await site.until(lambda: site.residents.status("A.serve").under_way == 2)
    assert site.residents.status("A.serve").waiting == 1
    for call in calls:
        call.cancel()
    assert await site.call("echo x", two) == "x"
    assert site.residents.status("A.serve").started == 2


async def test_usage_is_of_the_call(site: Site) -> None:
    outcome = await site.outcome("echo x")
    assert 0 < outcome.usage.wall < 10
    assert (outcome.usage.cpu, outcome.usage.memory_peak, outcome.usage.processes_peak) == (0.0, 0, 0)


async def test_a_failure_tells_what_was_said(site: Site) -> None:
    outcome = await site.outcome("fail badly")
    assert (outcome.verdict, outcome.exit_code, outcome.stdout) == (Verdict.EXITED, 1, b"")
    assert outcome.stderr == b"about to fail\nTraceback: badly"
    assert (await site.outcome("fail again")).stderr == b"about to fail\nTraceback: again"


async def test_a_flood_of_errors_is_kept_in_bounds(site: Site) -> None:
    assert await site.call("flood") == "flooded"
    outcome = await site.outcome("exit 3")
    assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 3)
    assert outcome.stderr.startswith(b"[2588672 bytes left out]\nxxx")
    assert len(outcome.stderr) < 33_000


@pytest.mark.parametrize(
    ("text", "verdict", "says"),
    [
        ("crash", Verdict.SIGNALED, ""),
        ("exit 0", Verdict.BROKE_OFF, "it has ended without an answer"),
        ("half", Verdict.BROKE_OFF, "it has ended within a frame"),
        ("raw Hello, world!\n", Verdict.BROKE_OFF, r"it has written what is no frame: 'Hello, world!\n'"),
        ("answer 4711", Verdict.BROKE_OFF, "it answers the call 4711, which is not under way: 'answer 4711 0\\n'"),
        ("raw pong 9 0\n", Verdict.BROKE_OFF, "it has written what it was not asked for: 'pong 9 0\\n'"),
        ("raw hello 0 0\n", Verdict.BROKE_OFF, "it has written what it was not asked for"),
        ("mute", Verdict.BROKE_OFF, "it has closed its output"),
    ],
)
async def test_misbehaviour_ends_it_and_the_calls_under_way(site: Site, text: str, verdict: Verdict, says: str) -> None:
    other = site.begin("patient", FOUR)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    for outcome in (await site.outcome(text, FOUR), await other):
        assert (outcome.verdict, says in outcome.reason) == (verdict, True)
    assert await site.call("echo again", FOUR) == "again"
    assert site.residents.status("A.serve").started == 2


async def test_what_a_process_has_written_is_not_logged(site: Site) -> None:
    with capture_logs() as logs:
        outcome = await site.outcome("raw OpaqueRef:4711\n")
        assert "OpaqueRef:4711" in outcome.reason
        await site.until(lambda: any(log["event"] == "resident.ended" for log in logs))
    [end] = [log for log in logs if log["event"] == "resident.ended"]
    assert (end["why"], end["reason"]) == ("protocol", "it has written what is no frame")
    assert "OpaqueRef" not in str(logs)


async def test_an_answer_has_a_limit(site: Site) -> None:
    outcome = await site.outcome("raw answer 1 99999999\n")
    assert outcome.verdict is Verdict.OUTPUT_EXCEEDED
    assert await site.call("echo again") == "again"


async def test_a_call_over_its_time_takes_the_process_along(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CANCEL_SECONDS", 0.05)
    pid = await site.call("pid", FOUR)
    two = [site.begin("hang", FOUR, wall=0.3)]
    assert (await two[0]).verdict is Verdict.TIMED_OUT
    await site.until(lambda: not psutil.pid_exists(int(pid)))
    assert site.residents.status("A.serve").last_end in ("changed", "overtime")


async def test_others_are_told_why(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CANCEL_SECONDS", 0.05)
    other = site.begin("meet 2", FOUR)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    hanging = site.begin("hang", FOUR)
    await site.until(lambda: site.residents.status("A.serve").under_way == 2)
    hanging.cancel()
    outcome = await other
    assert outcome.verdict is Verdict.KILLED
    assert outcome.reason == "its process was ended, because another call was cancelled and went on for 0.05 s more"
    assert site.residents.status("A.serve").last_end == "overtime"


async def test_a_call_that_is_cancelled_may_be_let_go_of(site: Site) -> None:
    pid = await site.call("pid")
    call = site.begin("patient")
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    call.cancel()
    assert await site.call("pid") == pid


async def test_a_hello_has_to_come_soon(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "HELLO_SECONDS", 0.1)
    site.servant("A.slow", "cat > /dev/null\n", "/bin/sh")
    outcome = await site.outcome("echo x", name="A.slow")
    assert outcome.verdict is Verdict.BROKE_OFF
    assert outcome.reason.startswith(
        "it did not say hello within 0.1 s; an executable that is declared resident has to"
    )


@pytest.mark.parametrize(
    ("text", "verdict", "says"),
    [
        ("exit 0", Verdict.BROKE_OFF, "it has ended without a hello"),
        ("echo no >&2; exit 4", Verdict.EXITED, ""),
        ("echo '<methodResponse/>'", Verdict.BROKE_OFF, "no frame: '<methodResponse/>"),
        ("printf 'hello 0 9\\nversion=9'", Verdict.BROKE_OFF, "its hello has no version=1: 'version=9'"),
    ],
)
async def test_who_cannot_start(site: Site, text: str, verdict: Verdict, says: str) -> None:
    site.servant("A.none", f"{text}\n", "/bin/sh")
    outcome = await site.outcome("echo x", name="A.none")
    assert (outcome.verdict, says in outcome.reason) == (verdict, True)


async def test_who_cannot_start_is_started_less_and_less(site: Site) -> None:
    site.servant("A.none", "echo no >&2; exit 4\n", "/bin/sh")
    with capture_logs() as logs:
        for _call in range(5):
            outcome = await site.outcome("echo x", name="A.none")
            assert (outcome.verdict, outcome.exit_code, outcome.stderr) == (Verdict.EXITED, 4, b"no\n")
    assert [log["seconds"] for log in logs if log["event"] == "resident.backing_off"] == [0.1, 0.5, 1.0, 2.0]
    # Now it is told at once.
    assert (await site.outcome("echo x", name="A.none")).exit_code == 4
    assert site.residents.status("A.none").started == 5


async def test_what_cannot_be_run_is_told(site: Site) -> None:
    outcome = await site.outcome("echo x", name="A.missing")
    assert outcome.verdict is Verdict.NOT_STARTED
    assert "No such file" in outcome.reason


@pytest.mark.parametrize("residence", [Residence(calls=3), Residence(age=0.001)])
async def test_others_take_the_place_of_those_that_have_served_long_enough(site: Site, residence: Residence) -> None:
    pids = [await site.call("pid", residence) for _call in range(7)]
    assert len(set(pids)) == (3 if residence.calls == 3 else 7)
    await site.until(lambda: not any(psutil.pid_exists(int(pid)) for pid in pids[:6]))


async def test_idle_ones_are_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    pid = await site.call("pid", Residence(idle=0.05))
    await site.until(lambda: not psutil.pid_exists(int(pid)))
    await site.until(lambda: site.residents.status("A.serve").last_end == "idle")


async def test_they_are_looked_after_again_whatever_has_gone_wrong_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    faults: list[LookupError] = []

    def version(_method: str) -> int:
        if not faults:
            faults.append(LookupError("a mistake"))
            raise faults[0]
        return site.version

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    pid = await site.call("pid", Residence(idle=0.2))
    monkeypatch.setattr(site.residents, "_version", version)
    await site.until(lambda: not psutil.pid_exists(int(pid)))


async def test_another_folder_brings_another_process(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    before = site.begin("meet 2", FOUR)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    (other / "A.serve").write_bytes((site.tree / "A.serve").read_bytes())
    (other / "A.serve").chmod(0o755)
    assert await site.call("echo new", FOUR, tree=other) == "new"
    assert not before.done()
    assert site.residents.status("A.serve").started == 2


async def test_processes_end_with_what_was_in_force(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    first = await site.call("pid", FOUR)
    waiting = site.begin("patient", FOUR)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    site.version += 1
    await site.until(lambda: site.residents.status("A.serve").processes == 0)
    # The call that it has is let end, and another one is answered by another process.
    assert await site.call("pid", FOUR) != first
    assert psutil.pid_exists(int(first))
    waiting.cancel()
    await site.until(lambda: not psutil.pid_exists(int(first)))


async def test_a_host_has_room_for_so_many(site: Site) -> None:
    for name in ("B.serve", "C.serve", "D.serve"):
        site.servant(name)
    pid = await site.call("pid")
    calls = [site.begin("patient", name=name) for name in ("B.serve", "C.serve")]
    await site.until(lambda: all(site.residents.status(name).under_way for name in ("B.serve", "C.serve")))
    # The idle one makes room; then there is none.
    assert await site.call("echo x", name="D.serve") == "x"
    assert site.residents.status("A.serve").processes == 0
    await site.until(lambda: not psutil.pid_exists(int(pid)))
    calls.append(site.begin("patient", name="D.serve"))
    await site.until(lambda: site.residents.status("D.serve").under_way == 1)
    with pytest.raises(GraftError) as caught:
        await site.call("echo x")
    assert caught.value.error_info() == ["SERVER_BUSY", "3 resident processes are at work (GRAFT_RESIDENT_PROCESSES=3)"]
    for call in calls:
        call.cancel()


async def test_who_does_not_answer_a_ping_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(method, "PING_SECONDS", 0.0)
    monkeypatch.setattr(process, "PONG_SECONDS", 2.0)
    site.servant("A.unwell")
    pid = await site.call("pid")
    sick = await site.call("pid", name="A.unwell")
    await site.until(lambda: not psutil.pid_exists(int(sick)))
    await site.until(lambda: site.residents.status("A.unwell").last_end == "unwell")
    assert await site.call("pid") == pid
    assert await site.call("echo x", name="A.unwell") == "x"


async def test_what_was_never_sent_is_sent_to_another(site: Site, tmp_path: Path) -> None:
    """The first process reads nothing at all; the pipe is full, and the second call stays outside."""
    marker = tmp_path / "marker"
    deaf = f"import os, sys, time\nif not os.path.exists({str(marker)!r}):\n    open({str(marker)!r}, 'w').close()\n"
    deaf += "    os.write(1, b'hello 0 23\\nversion=1\\nconcurrency=4')\n"
    deaf += f"    while not os.path.exists({str(marker) + '.go'!r}): time.sleep(0.01)\n    sys.exit(7)\n"
    site.servant("A.deaf", deaf + SERVANT)
    first = site.begin("echo " + "x" * 200_000, FOUR, "A.deaf")
    await site.until(lambda: site.residents.status("A.deaf").under_way == 1)
    second = site.begin("echo second", FOUR, "A.deaf")
    await site.until(lambda: site.residents.status("A.deaf").under_way == 2)
    await asyncio.to_thread(Path(f"{marker}.go").touch)
    assert ((await first).verdict, (await first).exit_code) == (Verdict.EXITED, 7)
    assert (await second).stdout == b"second"


async def test_all_end_with_the_dispatcher(site: Site) -> None:
    pid = int(await site.call("pid", FOUR))
    call = site.begin("patient", FOUR)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    site.residents.stop()
    outcome = await call
    assert (outcome.verdict, outcome.reason) == (Verdict.KILLED, "the dispatcher is stopping")
    await site.residents.close()
    assert not psutil.pid_exists(pid)
    assert (await site.outcome("echo x")).verdict is Verdict.KILLED


async def test_idle_ones_end_by_themselves_with_the_dispatcher(site: Site) -> None:
    await site.call("pid")
    with capture_logs() as logs:
        await site.residents.close()
    [end] = [log for log in logs if log["event"] == "resident.ended"]
    assert (end["why"], end["verdict"], end["exit_code"], end["calls"]) == ("stopping", "exited", 0, 1)


async def test_one_that_is_killed_before_it_ran_has_ended(site: Site) -> None:
    command = Command("call-1", site.tree, "/opt/x", "A.serve", b"", limits=Limits(wall=20))
    owner = Listener()
    made = process.Process(site.engine, command, ALONE, nullcontext, owner)
    made.kill("room", Verdict.KILLED, "")
    await asyncio.wait_for(made.wait(), 10)
    assert [outcome.verdict for outcome in owner.ends] == [Verdict.KILLED]


async def test_an_engine_that_fails_ends_it(site: Site) -> None:
    command = Command("call-1", site.tree, "/opt/x", "A.serve", b"", limits=Limits(wall=20))
    owner = Listener()
    made = process.Process(Broken(), command, ALONE, nullcontext, owner)  # type: ignore[arg-type]  # all of it that is asked for
    await asyncio.wait_for(made.wait(), 10)
    assert [outcome.verdict for outcome in owner.ends] == [Verdict.NOT_STARTED]
    assert "mistake" in owner.ends[0].reason


async def test_who_waits_while_old_ones_leave_gets_a_new_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    site.servant("A.serve", SERVANT.replace("concurrency=64", "concurrency=1"))
    two = Residence(concurrency=2, age=1000)
    await site.call("pid", two)
    busy = site.begin("patient", two)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    second = site.begin("echo x", two)
    site.residents._methods["A.serve"].living[0].life.born -= 1000
    assert (await asyncio.wait_for(second, 10)).stdout == b"x"
    assert not busy.done()
    busy.cancel()


async def test_what_was_begun_after_a_change_by_a_call_from_before_it_ends(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    site.version = 2
    pid = int((await site.outcome("pid", version=1)).stdout)
    await site.until(lambda: not psutil.pid_exists(pid))
    await site.until(lambda: site.residents.status("A.serve").last_end == "changed")
    kept = await site.call("pid")
    await asyncio.sleep(0.1)
    assert await site.call("pid") == kept


async def test_none_outlives_what_was_in_force_for_those_who_waited(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.01)
    site.servant("A.serve", SERVANT.replace("concurrency=64", "concurrency=1"))
    two = Residence(concurrency=2)
    busy = site.begin("patient", two)
    await site.until(lambda: site.residents.status("A.serve").under_way == 1)
    second = site.begin("pid", two)
    await site.until(lambda: site.residents.status("A.serve").waiting == 1)
    site.version += 1
    pid = int((await second).stdout)
    await site.until(lambda: not psutil.pid_exists(pid))
    assert not busy.done()
    busy.cancel()
