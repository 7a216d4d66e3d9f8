"""The resident processes of one method: who answers a call, and when processes come and go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from dispatcher_service.engines.base import Command, Engine, Outcome, Verdict
from dispatcher_service.residents import life
from dispatcher_service.residents.metrics import ENDS, STARTS
from dispatcher_service.residents.process import Hold, Process, State
from graft_common.declarations.model import Residence
from graft_common.errors import GraftError

_log = structlog.get_logger("graft.residents")

PING_SECONDS = 30.0
"""How long a process may be without a call before it is asked whether it is well."""
IN_ORDER = frozenset({"calls", "age", "idle", "changed", "room", "stopping", "overtime"})
"""Why processes end that have not failed."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the processes of one method are."""

    processes: int = 0
    under_way: int = 0
    """Calls that they have."""
    waiting: int = 0
    """Calls that wait for a place."""
    started: int = 0
    """Processes that were started, as far as that is remembered."""
    last_end: str = ""
    """Why the last one has ended; empty for none."""


class Host(Protocol):
    """Who bounds how many processes there are of all methods."""

    def name_next(self) -> str:
        """Name a process that is to be started."""

    def make_room(self) -> GraftError | None:
        """Let one more process be started; otherwise what callers are told."""


class Processes:
    """The processes of one method.

    Args:
        method: its name, for the log.
        engine: what builds the walls.
        host: is asked for room.
    """

    def __init__(self, method: str, engine: Engine, host: Host) -> None:
        self._method = method
        self._engine = engine
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._command: Command | None = None
        self._residence = Residence()
        self._folder = ExitStack()
        self._hold: Hold = nullcontext
        self._version: Hashable = None
        self._outdated = False
        """Whether something else is in force than what its processes are of."""
        self.living: list[Process] = []
        """Those that serve, or are to."""
        self.leaving: set[Process] = set()
        """Those that have to make room, and have not ended."""
        self._waiting: deque[asyncio.Future[Process | Outcome]] = deque()
        self._deaths = 0
        """How many have died in a row without having answered a call."""
        self._not_before = 0.0
        self._failure = Outcome(Verdict.NOT_STARTED)
        self._again: asyncio.TimerHandle | None = None
        self._started = 0
        self._last_end = ""
        self.last = self._loop.time()
        """When it was last asked for a process, or lost one."""

    @property
    def status(self) -> Status:
        """How they are now."""
        under_way = sum(process.busy for process in (*self.living, *self.leaving))
        return Status(len(self.living), under_way, len(self._waiting), self._started, self._last_end)

    def fits(self, command: Command, residence: Residence) -> bool:
        """Tell whether the processes are those that a call is to be answered by."""
        ours = self._command
        return (
            ours is not None
            and command.tree == ours.tree
            and command.executable == ours.executable
            and command.mount_at == ours.mount_at
            and (command.limits is ours.limits or command.limits == ours.limits)
            and (command.access is ours.access or command.access == ours.access)
            and residence == self._residence
        )

    def become(self, command: Command, residence: Residence, hold: Hold, version: Hashable) -> None:
        """Have processes of another command from now on.

        Args:
            command: as of one call; its input is not kept.
            residence: how they stay.
            hold: keeps its folder, which is held now.
            version: what was in force for the method when the command was made.
        """
        for process in list(self.living):
            self._send_off(process, "changed")
        self._folder.close()
        self._folder.enter_context(hold())
        self._command, self._residence, self._hold = replace(command, stdin=b""), residence, hold
        self._version, self._outdated = version, False
        self._deaths, self._not_before = 0, 0.0
        self._start_missing()

    def ready(self) -> Process | None:
        """Promise a place in a process to a call, in the one that has the least to do; None for none."""
        if self._waiting:
            return None
        best = None
        for process in self.living:
            if process.places > 0 and (best is None or process.busy < best.busy):
                best = process
        if best is not None:
            best.reserved += 1
        return best

    async def wait(self, seconds: float) -> Process | Outcome:
        """Wait for the promise of a place.

        Returns:
            The process, or what the call is to be told in place of an answer.

        Raises:
            GraftError: SERVER_BUSY, there are too many processes on this host.
            TimeoutError: there is none after so many seconds.
        """
        place: asyncio.Future[Process | Outcome] = self._loop.create_future()
        self._waiting.append(place)
        self.last = self._loop.time()
        self._start_missing()
        try:
            async with asyncio.timeout(seconds):
                return await place
        except BaseException:
            if place in self._waiting:
                self._waiting.remove(place)
            elif place.done() and not place.cancelled() and place.exception() is None:
                process = place.result()
                if isinstance(process, Process):
                    process.give_back()
            raise

    def freed(self, process: Process) -> None:
        """See `Owner`."""
        now = self._loop.time()
        if process.life.calls:
            self._deaths = 0
        if process.state is State.SERVING and process in self.living:
            why = life.reason_to_end(process.life, self._residence, now, busy=True)
            if why:
                self._send_off(process, why)
                self._start_missing()
        while self._waiting and process.places > 0:
            place = self._waiting.popleft()
            if not place.done():
                process.reserved += 1
                place.set_result(process)

    def ended(self, process: Process, outcome: Outcome) -> None:
        """See `Owner`."""
        replaced = process in self.leaving
        self.leaving.discard(process)
        if process in self.living:
            self.living.remove(process)
        self.last = self._loop.time()
        self._last_end = process.label
        ENDS.labels(process.label).inc()
        if process.label not in IN_ORDER and not replaced:
            self._deaths = 1 if process.life.calls else self._deaths + 1
            self._failure = outcome
            pause = life.pause_after(self._deaths)
            self._not_before = self.last + pause
            if pause:
                _log.warning("resident.backing_off", method=self._method, deaths=self._deaths, seconds=pause)
            if not process.concurrency and not self.living:
                self._turn_away(outcome)
        self._start_missing()

    def look(self, version: Hashable) -> None:
        """Let go of those that have served long enough, and ask whether idle ones are well.

        Args:
            version: what is in force for the method; where that has changed, all make room.
        """
        if version != self._version:
            self._version, self._outdated = version, True
            self.send_off_all("changed")
        if self._outdated and not self._waiting:
            # What those have started who still waited goes too.
            self.send_off_all("changed")
            self._forget()
        now = self._loop.time()
        for process in list(self.living):
            why = life.reason_to_end(process.life, self._residence, now, busy=bool(process.busy))
            if why and process.state is State.SERVING:
                self._send_off(process, why)
            elif now - max(process.life.last, process.asked) >= PING_SECONDS:
                process.ping()
        self._start_missing()

    def send_off_all(self, why: str) -> None:
        """Have all end as soon as they have nothing to do."""
        for process in list(self.living):
            self._send_off(process, why)

    def send_off_idle(self, process: Process) -> None:
        """Have one end that has nothing to do, for another method's."""
        self._send_off(process, "room")

    def close(self, outcome: Outcome) -> None:
        """Let go of the folder, and turn away who waits; processes may still be ending."""
        if self._again is not None:
            self._again.cancel()
        self._turn_away(outcome)
        self._forget()

    def _forget(self) -> None:
        self._folder.close()
        self._command = None

    def _send_off(self, process: Process, why: str) -> None:
        self.living.remove(process)
        self.leaving.add(process)
        process.leave(why)

    def _turn_away(self, answer: Outcome | GraftError) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if place.done():
                continue
            if isinstance(answer, Outcome):
                place.set_result(answer)
            else:
                place.set_exception(answer)

    def _start_missing(self) -> None:
        if self._command is None:
            return
        starting = sum(process.state is State.STARTING for process in self.living)
        count = life.missing(len(self._waiting), starting, len(self.living), self._residence)
        if not count:
            return
        pause = self._not_before - self._loop.time()
        if pause > 0:
            if pause > life.PATIENCE and not self.living:
                self._turn_away(self._failure)
            elif self._again is None:
                self._again = self._loop.call_later(pause, self._start_again)
            return
        for _process in range(count):
            refusal = self._host.make_room()
            if refusal is not None:
                if not self.living:
                    self._turn_away(refusal)
                return
            if not self._start(self._command):
                return

    def _start_again(self) -> None:
        self._again = None
        self._start_missing()

    def _start(self, command: Command) -> bool:
        named = replace(command, call_id=self._host.name_next())
        try:
            process = Process(self._engine, named, self._residence, self._hold, self)
        except OSError as error:
            reason = f"the dispatcher lacks something to start a resident process: {error}"
            self._turn_away(Outcome(Verdict.NOT_STARTED, reason=reason))
            return False
        self.living.append(process)
        self._started += 1
        STARTS.inc()
        _log.info("resident.started", method=self._method, process=process.name, living=len(self.living))
        return True
