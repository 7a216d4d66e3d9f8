"""The resident processes of a host."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Iterator

from dispatcher_service.engines.base import Command, Engine, Outcome, Verdict
from dispatcher_service.residents.method import Processes, Status
from dispatcher_service.residents.metrics import CALLS, PROCESSES
from dispatcher_service.residents.process import Hold, Process, State
from graft_common.declarations.model import Residence
from graft_common.errors import GraftError, server_busy

LOOK_SECONDS = 1.0
"""How often processes are looked after."""
FORGET_SECONDS = 600.0
"""How long a method without processes is remembered."""
LEAVE_SECONDS = 1.0
"""How long processes that have nothing to do may take to end when the dispatcher does."""
TRIES = 3
"""In how many processes a call is tried that end before they are told of it."""
_STOPPING = Outcome(Verdict.KILLED, reason="the dispatcher is stopping")


class Residents:
    """Answers calls of resident methods. One object serves all of a dispatcher.

    Args:
        engine: what builds the walls.
        most: how many processes there may be; 0: none, so that calls run without them.
        version: tells what is in force for a method, by a value that is another one when that changes: processes end
            soon after, whether or not there is a call.
    """

    def __init__(self, engine: Engine, most: int, version: Callable[[str], Hashable]) -> None:
        self._engine = engine
        self._version = version
        self._most = most
        self._methods: dict[str, Processes] = {}
        self._numbers = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def enabled(self) -> bool:
        """Whether there may be any process."""
        return self._most > 0

    def show_metrics(self) -> None:
        """Let the gauge tell how many there are whenever it is read."""
        PROCESSES.set_function(lambda: sum(1 for _process in self._all()))

    def status(self, method: str) -> Status:
        """Tell how the processes of a method are."""
        found = self._methods.get(method)
        return found.status if found is not None else Status()

    async def run(self, method: str, command: Command, residence: Residence, hold: Hold, version: Hashable) -> Outcome:
        """Have a call answered by a process that stays. Cancelling this lets go of the call.

        Args:
            method: whose processes are asked.
            command: what would be run for this one call.
            residence: how they stay.
            hold: keeps the command's folder; asked while the caller keeps it.
            version: what was in force for the method when the command was made, which may have changed since.

        Raises:
            GraftError: SERVER_BUSY, there are too many processes on this host.
        """
        for _try in range(TRIES):
            if self._closed:
                return _STOPPING
            processes = self._methods.get(method)
            if processes is None:
                processes = self._methods[method] = Processes(method, self._engine, self)
                self._look_soon()
            if not processes.fits(command, residence):
                processes.become(command, residence, hold, version)
            process = processes.ready()
            if process is None:
                try:
                    got = await processes.wait(command.limits.wall)
                except TimeoutError:
                    reason = f"no resident process had a place for it within {command.limits.wall:g} s"
                    return Outcome(Verdict.NOT_STARTED, reason=reason)
                if isinstance(got, Outcome):
                    return got
                process = got
            process.release()
            CALLS.inc()
            outcome = await process.call(command.stdin)
            if outcome is not None:
                return outcome
        return Outcome(Verdict.NOT_STARTED, reason=f"{TRIES} resident processes have ended before they took the call")

    def name_next(self) -> str:
        """See `Host`."""
        return f"resident-{next(self._numbers)}"

    def make_room(self) -> GraftError | None:
        """See `Host`."""
        living = [(process, owner) for owner in self._methods.values() for process in owner.living]
        if len(living) < self._most:
            return None
        idle = [pair for pair in living if not pair[0].busy and pair[0].state is State.SERVING]
        if not idle:
            return server_busy(f"{len(living)} resident processes are at work (GRAFT_RESIDENT_PROCESSES={self._most})")
        process, owner = min(idle, key=lambda pair: pair[0].life.last)
        owner.send_off_idle(process)
        leaving = [process for owner in self._methods.values() for process in owner.leaving]
        if len(leaving) > self._most:
            for slow in leaving:
                if not slow.busy:
                    slow.kill("room", Verdict.KILLED, "it took too long to make room")
        return None

    def stop(self) -> None:
        """End all at once; calls under way are told that the dispatcher stops."""
        self._closed = True
        for processes in self._methods.values():
            processes.close(_STOPPING)
        for process in list(self._all()):
            process.kill("stopping", _STOPPING.verdict, _STOPPING.reason)

    async def close(self) -> None:
        """Let those end that have nothing to do, and end what is left after a moment."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for processes in self._methods.values():
            processes.send_off_all("stopping")
            processes.close(_STOPPING)
        waits = [asyncio.ensure_future(process.wait()) for process in self._all()]
        if waits:
            await asyncio.wait(waits, timeout=LEAVE_SECONDS)
            self.stop()
            await asyncio.gather(*waits)

    def _all(self) -> Iterator[Process]:
        for processes in self._methods.values():
            yield from processes.living
            yield from processes.leaving

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        # However this ends: nobody else looks after them.
        self._look_soon()
        now = asyncio.get_running_loop().time()
        for method, processes in list(self._methods.items()):
            processes.look(self._version(method))
            status = processes.status
            if not (processes.living or processes.leaving or status.waiting) and now - processes.last > FORGET_SECONDS:
                processes.close(_STOPPING)
                del self._methods[method]
        if not self._methods and self._timer is not None:
            self._timer.cancel()
            self._timer = None
