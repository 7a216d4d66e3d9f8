"""One resident process: started once, spoken with in frames, ended."""

from __future__ import annotations

import asyncio
import enum
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Protocol, TypeAlias

import structlog

from dispatcher_service.engines.base import Command, Ends, Engine, Outcome, Usage, Verdict
from dispatcher_service.residents import frames
from dispatcher_service.residents.endings import HINT, Cause, UnderWay, end_for_calls
from dispatcher_service.residents.frames import AnswerTooLongError, Decoder, Frame, FrameError, frame
from dispatcher_service.residents.heard import Heard
from dispatcher_service.residents.life import Life
from dispatcher_service.residents.writing import Input
from graft_common.declarations.model import Residence

_log = structlog.get_logger("graft.residents")

FOREVER = 365 * 24 * 3600.0
"""Seconds that a process may live as far as its engine is concerned; its declaration says less."""
HELLO_SECONDS = 10.0
CANCEL_SECONDS = 1.0
"""How long a process may take to let go of a call that is cancelled or over its time."""
PONG_SECONDS = 5.0
END_SECONDS = 5.0
"""How long a process may take to end once its input is closed."""
SILENT_SECONDS = 1.0
"""How long one may live that has closed its output."""
_CHUNK = 64 * 1024
_DRAIN_READS = 64


Hold: TypeAlias = Callable[[], AbstractContextManager[None]]
"""Keeps a command's folder."""


class State(enum.Enum):
    """How far a process has come."""

    STARTING = enum.auto()
    """It has not said hello."""
    SERVING = enum.auto()
    LEAVING = enum.auto()
    """It ends the calls under way and takes no more."""
    OVER = enum.auto()


class Owner(Protocol):
    """Who has a process, and is told of it."""

    def freed(self, process: Process) -> None:
        """A process has a place for one more call, or the first time for any."""

    def ended(self, process: Process, outcome: Outcome) -> None:
        """Nothing of a process is left; each call of it has been told."""


class Process:
    """A resident process, which is started at once. Everything happens on the event loop.

    Args:
        engine: what builds the walls.
        command: what to run; its limit of time is of one call.
        residence: how it stays.
        hold: keeps its folder.
        owner: is told of it.

    Raises:
        OSError: a descriptor too many.
    """

    def __init__(self, engine: Engine, command: Command, residence: Residence, hold: Hold, owner: Owner) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self._residence = residence
        self._owner = owner
        self._call_seconds = command.limits.wall
        self._decoder = Decoder(command.limits.output)
        cpu = command.limits.cpu
        limits = replace(command.limits, wall=FOREVER, cpu=None if cpu is None else cpu * residence.calls)
        self._command = replace(
            command, arguments=(*command.arguments, frames.ARGUMENT), stdin=b"", limits=limits, zygote=False
        )
        self.state = State.STARTING
        self.concurrency = 0
        self.reserved = 0
        """Places that were promised to calls which have not begun."""
        self.life = Life(self._loop.time(), self._loop.time())
        self.label = ""
        """Why it ends, once it is known."""
        self._cause: Cause | None = None
        self._numbers = 0
        self._under_way: dict[int, UnderWay] = {}
        self._ping = 0
        self.asked = 0.0
        """When it was last asked whether it is well."""
        self._begun = False
        """Whether its task runs, and hears of it when it is cancelled."""
        self._ended = False
        """Whether nothing of it runs any more."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._folder = ExitStack()
        fds: list[int] = []
        try:
            for _pipe in range(3):
                fds += os.pipe2(os.O_CLOEXEC)
        except OSError:
            for fd in fds:
                os.close(fd)
            raise
        in_r, in_w, self._out_r, out_w, err_r, err_w = fds
        self._input = Input(in_w, self._input_is_closed)
        os.set_blocking(self._out_r, False)
        self._heard = Heard(err_r, self._command.limits.stderr)
        self._loop.add_reader(self._out_r, self._read)
        ends = Ends([in_r, out_w, err_w], self._heard.since)
        self._timers["hello"] = self._loop.call_later(HELLO_SECONDS, self._is_late)
        self._folder.enter_context(hold())
        self._task = asyncio.create_task(self._live(replace(self._command, ends=ends), ends), name=self.name)

    @property
    def name(self) -> str:
        """What its engine calls it."""
        return self._command.call_id

    @property
    def places(self) -> int:
        """How many more calls it can take now."""
        if self.state is not State.SERVING:
            return 0
        return self.concurrency - len(self._under_way) - self.reserved

    @property
    def busy(self) -> int:
        """How many calls are under way, promised ones among them."""
        return len(self._under_way) + self.reserved

    async def _live(self, command: Command, ends: Ends) -> None:
        self._begun = True
        outcome = Outcome(Verdict.KILLED)
        try:
            if self._cause is None:
                outcome = await self._engine.run(command)
        except asyncio.CancelledError:  # by `kill`, before its engine knew of it
            pass
        except Exception:  # noqa: BLE001  (whatever it is, calls and the process's place must not wait for ever)
            _log.exception("resident.crashed", process=self.name)
            outcome = Outcome(Verdict.NOT_STARTED, reason="the dispatcher has made a mistake; its log tells more")
        finally:
            ends.close()
            self._folder.close()
        self._over(outcome)

    async def call(self, request: bytes) -> Outcome | None:
        """Have a call answered; there has to be a place. To cancel this lets go of the call.

        Returns:
            How it has ended; None where the process has ended before it was told anything of the call.
        """
        if not self._input.open or self._cause is not None or self._ended:
            return None
        self._numbers += 1
        number, now = self._numbers, self._loop.time()
        others = self._under_way
        if len(others) == 1:
            next(iter(others.values())).heard = None
        heard = None if others else self._heard.seen
        call = UnderWay(self._loop.create_future(), now, now + self._call_seconds, heard)
        others[number] = call
        self.life.last = now
        if "calls" not in self._timers:
            self._timers["calls"] = self._loop.call_at(call.deadline, self._expire)
        self._input.write(frame(frames.CALL, number, request), number)
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._let_go(number, "was cancelled")
            raise

    def release(self) -> None:
        """Give a promised place back that is to be taken at once."""
        self.reserved -= 1

    def give_back(self) -> None:
        """Give a promised place back that nobody needs."""
        self.reserved -= 1
        self._place_is_free()

    def leave(self, label: str) -> None:
        """Have it end as soon as no call is under way."""
        if self.state in (State.STARTING, State.SERVING):
            self.state, self.label = State.LEAVING, label
            self._close_if_done()

    def kill(self, label: str, verdict: Verdict, reason: str, logged: str | None = None) -> None:
        """End it now; its calls are told the verdict and the reason, unless something was the matter before.

        The log has the reason too, or another one that is given for it.
        """
        if self.state is State.OVER:
            return
        if self._cause is None:
            self._cause = Cause(verdict, reason, reason if logged is None else logged)
            self.label = label
        self.state = State.LEAVING
        if self._begun and not self._ended and not self._engine.kill(self.name):
            self._task.cancel()

    def ping(self) -> None:
        """Ask whether it is well, if it has nothing else to do."""
        if self.state is State.SERVING and not self._under_way and not self._ping:
            self.asked = self._loop.time()
            self._numbers += 1
            self._ping = self._numbers
            self._timers["pong"] = self._loop.call_later(PONG_SECONDS, self._is_unwell)
            self._input.write(frame(frames.PING, self._ping))

    async def wait(self) -> None:
        """Wait until nothing of it is left."""
        await asyncio.wait([self._task])

    def _is_late(self) -> None:
        self.kill("late", Verdict.BROKE_OFF, f"it did not say hello within {HELLO_SECONDS:g} s; {HINT}")

    def _is_unwell(self) -> None:
        self.kill("unwell", Verdict.BROKE_OFF, f"it did not answer a ping within {PONG_SECONDS:g} s")

    def _expire(self) -> None:
        """End the calls that are over their time; the first ones are over it first."""
        self._timers.pop("calls", None)
        now = self._loop.time()
        for number, call in list(self._under_way.items()):
            if call.deadline > now:
                self._timers["calls"] = self._loop.call_at(call.deadline, self._expire)
                return
            if not call.let_go:
                call.tell(Outcome(Verdict.TIMED_OUT, usage=Usage(wall=now - call.began)))
                self._let_go(number, "was over its time")

    def _let_go(self, number: int, why: str) -> None:
        """Have the process drop a call; it is killed where it does not."""
        call = self._under_way.get(number)
        if call is None or call.let_go or self.state is State.OVER:
            return
        call.let_go = True
        if self._input.withdraw(number):
            del self._under_way[number]
            self._place_is_free()
            return
        self._input.write(frame(frames.CANCEL, number))
        self._loop.call_later(CANCEL_SECONDS, self._has_let_go, number, why)

    def _has_let_go(self, number: int, why: str) -> None:
        if number in self._under_way:
            reason = f"its process was ended, because another call {why} and went on for {CANCEL_SECONDS:g} s more"
            self.kill("overtime", Verdict.KILLED, reason)

    def _input_is_closed(self) -> None:
        # It may just be ending, which says more.
        self.state = State.LEAVING
        self._end_soon("it has closed its input")

    def _end_soon(self, reason: str) -> None:
        if "end" not in self._timers:
            self._timers["end"] = self._loop.call_later(SILENT_SECONDS, self.kill, "closed", Verdict.BROKE_OFF, reason)

    def _read(self) -> None:
        try:
            data = os.read(self._out_r, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._out_r)
            if self.state is not State.OVER:
                self.state = State.LEAVING
                self._end_soon("it has closed its output")
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self._cause is not None:
            return
        try:
            for got in self._decoder.feed(data):
                self._heed(got)
        except AnswerTooLongError as error:
            call = self._under_way.pop(error.call, None)
            if call is not None:
                usage = Usage(wall=self._loop.time() - call.began)
                call.tell(Outcome(Verdict.OUTPUT_EXCEEDED, usage=usage, reason=str(error)))
            self.kill("protocol", Verdict.BROKE_OFF, str(error), error.fault)
        except FrameError as error:
            self.kill("protocol", Verdict.BROKE_OFF, str(error), error.fault)

    def _heed(self, got: Frame) -> None:
        """Act on a frame.

        Raises:
            FrameError: it cannot be now.
        """
        if got.kind in (frames.ANSWER, frames.FAILED) and self.concurrency:
            call = self._under_way.pop(got.call, None)
            if call is None:
                raise FrameError(f"it answers the call {got.call}, which is not under way", frame(*got))
            self.life.calls += 1
            self.life.last = now = self._loop.time()
            if not call.let_go:
                call.tell(self._outcome_of(got, call, now))
            self._place_is_free()
        elif got.kind == frames.PONG and got.call and got.call == self._ping:
            self._ping = 0
            self._timers.pop("pong").cancel()
        elif not self.concurrency:
            self.concurrency = min(frames.concurrency_of(got), self._residence.concurrency)
            self._timers.pop("hello").cancel()
            if self.state is State.STARTING:
                self.state = State.SERVING
                self.life.last = self._loop.time()
                self._owner.freed(self)
        else:
            raise FrameError("it has written what it was not asked for", frame(*got))

    def _outcome_of(self, got: Frame, call: UnderWay, now: float) -> Outcome:
        usage = Usage(wall=now - call.began)
        if got.kind == frames.ANSWER:
            return Outcome(Verdict.EXITED, stdout=got.body, usage=usage)
        said = b""
        if call.heard is not None:
            self._heard.catch_up()
            said = self._heard.since(call.heard)
        return Outcome(Verdict.EXITED, exit_code=1, stderr=said + got.body, usage=usage)

    def _place_is_free(self) -> None:
        if self.state is State.SERVING:
            self._owner.freed(self)
        else:
            self._close_if_done()

    def _close_if_done(self) -> None:
        """Close its input, once it has nothing to do any more; it ends then."""
        if self.state is State.LEAVING and not self.busy and self._input.open and self._cause is None:
            self._input.close()
            if "end" not in self._timers:
                self._timers["end"] = self._loop.call_later(END_SECONDS, self.kill, self.label, Verdict.KILLED, "")

    def _over(self, outcome: Outcome) -> None:
        gone = self.state in (State.STARTING, State.SERVING)
        self.state, self._ended = State.LEAVING, True
        reads = 0
        while self._cause is None and reads < _DRAIN_READS:
            try:
                data = os.read(self._out_r, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                break
            self._take(data)
            reads += 1
        self._heard.close()
        self._loop.remove_reader(self._out_r)
        os.close(self._out_r)
        self._input.close()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.label = self.label or ("died" if gone or self._under_way or self._decoder.within else "left")
        self.state = State.OVER
        unsent = self._input.unsent()
        said = self._heard.since()
        end = end_for_calls(outcome, self._cause, said, served=bool(self.concurrency), within=self._decoder.within)
        under_way, self._under_way = self._under_way, {}
        now = self._loop.time()
        for number, call in under_way.items():
            usage = replace(end.usage, wall=now - call.began, cpu=0.0)
            call.tell(None if number in unsent else replace(end, usage=usage))
        self._log_end(outcome)
        self._owner.ended(self, end)

    def _log_end(self, outcome: Outcome) -> None:
        _log.info(
            "resident.ended",
            process=self.name,
            why=self.label,
            reason=self._cause.logged if self._cause is not None else outcome.reason,
            verdict=outcome.verdict.value,
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            calls=self.life.calls,
            cpu=round(outcome.usage.cpu, 6),
            memory_peak=outcome.usage.memory_peak,
            seconds=round(self._loop.time() - self.life.born, 3),
        )
