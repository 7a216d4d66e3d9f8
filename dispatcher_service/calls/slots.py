"""Whose turn it is: how many calls run at once and how many wait, of the host, of a method, of a caller.

A turn that becomes free goes round the callers who wait, and for each caller round its methods. Where calls of a method
wait for one another, the method's turns go round its callers too: who also calls other methods loses no right by it. So
a flood, whether of one method or by one caller, delays others by one round at most; who floods may delay himself.

Taking and giving back a turn costs the same however many calls wait; choosing the next one looks at the callers and
methods in line, not at their calls. All of it belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, OrderedDict
from dataclasses import KW_ONLY, dataclass
from typing import Self

from dispatcher_service.calls.bounds import Bound, Bounds
from dispatcher_service.calls.metrics import REFUSED
from graft_common.errors import GraftError, server_busy


class State(enum.Enum):
    """How far a call has come to its turn."""

    NEW = enum.auto()
    RESERVED = enum.auto()
    WAITING = enum.auto()
    RUNNING = enum.auto()
    OVER = enum.auto()


class _Share:
    """What the host, a method, a caller, or a caller of a method has at this moment."""

    __slots__ = ("concurrency", "name", "queue", "reserved", "running", "waiting")
    kind = "host"
    whose = " on this host"

    def __init__(self, name: str, bound: Bound) -> None:
        self.name = name
        self.concurrency = bound.concurrency
        self.queue = bound.queue
        self.running = 0
        self.waiting = 0
        """Those in line and those reserved."""
        self.reserved = 0

    def told(self, bound: str, *, waiting: bool = False) -> str:
        """Tell what runs, whether others wait, and the bound that they have met, with its value."""
        others = f" and {self.waiting} wait" if waiting else ""
        return f"{self.running} calls{self.whose} run{others} ({self.setting(bound)})"

    def setting(self, bound: str) -> str:
        """Name the setting of a bound, with its value."""
        return f"GRAFT_CALL_{bound.upper()}={getattr(self, bound)}"


class _Method(_Share):
    __slots__ = ("bound", "lines", "places")
    kind = "method"

    def __init__(self, name: str, bound: Bound) -> None:
        super().__init__(name, bound)
        self.bound = bound
        self.places: int | None = None
        self.lines: OrderedDict[str, _Line] = OrderedDict()
        """The lines in which calls wait, by caller; the one that had its turn longest ago comes first."""

    @property
    def whose(self) -> str:  # type: ignore[override]  # of the class there, of each object here
        return f" of {self.name}"

    def has(self, places: int | None) -> None:
        """Have so many run at once as there are places for, and no more than the bound."""
        if places != self.places:
            self.places = places
            self.concurrency = self.bound.concurrency if places is None else min(self.bound.concurrency, places)

    def setting(self, bound: str) -> str:
        if bound == "concurrency" and self.places == self.concurrency:
            return f"its resident processes have {self.places} places"
        return f"GRAFT_CALL_METHOD_{bound.upper()}={getattr(self, bound)}"


class _Caller(_Share):
    __slots__ = ("lines",)
    kind = "caller"

    def __init__(self, name: str, bound: Bound) -> None:
        super().__init__(name, bound)
        self.lines: OrderedDict[str, _Line] = OrderedDict()
        """The same, by method."""

    @property
    def whose(self) -> str:  # type: ignore[override]  # of the class there, of each object here
        return f" of the caller {self.name}"

    def setting(self, bound: str) -> str:
        return f"GRAFT_CALL_CALLER_{bound.upper()}={getattr(self, bound)}"


class _Line(_Share):
    """The calls of one caller to one method; those that wait have the order in which they came."""

    __slots__ = ("caller", "host", "method", "turns")
    kind = "line"

    def __init__(self, method: _Method, caller: _Caller, host: _Share, bound: Bound) -> None:
        super().__init__("", bound)
        self.host = host
        self.method = method
        self.caller = caller
        self.turns: OrderedDict[Turn, asyncio.Future[None]] = OrderedDict()

    @property
    def whose(self) -> str:  # type: ignore[override]  # of the class there, of each object here
        return f"{self.method.whose} for{self.caller.whose.removeprefix(' of')}"

    def setting(self, bound: str) -> str:
        # Where it is no share of the host's it is the method's or the caller's own, who are named in its place.
        return f"their share of {self.host.setting(bound)}"


_Shares = tuple[_Method, _Caller, _Line, _Share]
"""What a call takes its part of, in the order in which bounds are told; the last one is the host's."""


@dataclass(slots=True, eq=False)
class Turn:
    """The turn of one call: `async with` waits for it, and holds it until the block ends."""

    _slots: Slots
    method: str
    caller: str
    _: KW_ONLY
    seconds: float | None = None
    """The longest wait."""
    accepted: bool = False
    """Whether it is waited for however many wait already."""
    places: int | None = None
    """How many calls of the method can be answered at once, where something else bounds that."""
    state: State = State.NEW

    async def __aenter__(self) -> Self:
        """Wait for the turn; see `Slots.take`."""
        await self._slots.take(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give the turn on."""
        self._slots.leave(self)

    def drop(self) -> None:
        """Give a turn back that was reserved and not taken; nothing happens where it was."""
        if self.state is State.RESERVED:
            self._slots.leave(self)


class Slots:
    """The turns of a host."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._host = _Share("", bounds.host)
        self._methods: dict[str, _Method] = {}
        self._callers: dict[str, _Caller] = {}
        self._lines: dict[tuple[str, str], _Line] = {}
        self._ring: OrderedDict[str, _Caller] = OrderedDict()
        """The callers in line; the one that had its turn longest ago comes first."""
        self._closed: GraftError | None = None

    @property
    def running(self) -> int:
        """How many run."""
        return self._host.running

    @property
    def waiting(self) -> int:
        """How many wait, reserved ones among them."""
        return self._host.waiting

    def slot(
        self,
        method: str,
        caller: str,
        *,
        seconds: float | None = None,
        accepted: bool = False,
        places: int | None = None,
    ) -> Turn:
        """Return a turn to wait for.

        Args:
            method: which method is called.
            caller: who calls it.
            seconds: the longest wait; None for however long it takes.
            accepted: whether something else bounds how many of these there are, so that none is refused.
            places: how many calls of the method can be answered at once, where something else bounds that.
        """
        return Turn(self, method, caller, seconds=seconds, accepted=accepted, places=places)

    def reserve(self, method: str, caller: str, *, places: int | None = None) -> Turn:
        """Return a turn that will not be refused when it is waited for, however long that takes.

        Until it is taken it counts among those that wait, and holds nobody up; one that is not taken is to be dropped.
        It is given where a queue has room, or where there is a place beside those that run and those reserved.

        Raises:
            GraftError: SERVER_BUSY; what `close` got.
        """
        turn = Turn(self, method, caller, accepted=True, places=places)
        shares = self._shares(turn)
        if any(share.running + share.reserved >= share.concurrency for share in shares):
            self._check_queues(shares)
        for share in shares:
            share.waiting += 1
            share.reserved += 1
        turn.state = State.RESERVED
        return turn

    async def take(self, turn: Turn) -> None:
        """Wait for a turn; whoever has it must `leave`.

        Raises:
            GraftError: SERVER_BUSY, when a queue is full, or when the turn has not come in the time that the caller
                waits; what `close` got.
        """
        shares = method, caller, line, host = self._shares(turn)
        free = not (_is_full(host) or _is_full(line) or _is_full(method) or _is_full(caller))
        if not free and not turn.accepted:
            self._check_queues(shares)
        if turn.state is State.RESERVED:
            _unreserve(shares)
        if free:
            _run(turn, shares)
        else:
            await self._wait(turn, shares)

    def leave(self, turn: Turn) -> None:
        """Let a call go, whatever it is doing, and let others run in its place."""
        state, turn.state = turn.state, State.OVER
        if state in (State.NEW, State.OVER):
            return
        line = self._lines[turn.method, turn.caller]
        if state is State.RUNNING:
            for share in (line.method, line.caller, line, self._host):
                share.running -= 1
            self._hand_on()
        elif state is State.WAITING:
            self._take_out(turn, line)
        else:
            _unreserve((line.method, line.caller, line, self._host))
        self._forget_idle(line)

    def close(self, error: GraftError) -> None:
        """Send all who wait away with an error, and all who come from now on."""
        self._closed = error
        for line in [line for caller in self._ring.values() for line in caller.lines.values()]:
            for turn, future in list(line.turns.items()):
                self._take_out(turn, line)
                turn.state = State.OVER
                if not future.done():
                    future.set_exception(error)
            self._forget_idle(line)

    def held_back(self) -> Counter[str]:
        """Count those in line by a bound that keeps them there: `method`, `caller`, `line` or `host`."""
        found: Counter[str] = Counter()
        for line in (line for caller in self._ring.values() for line in caller.lines.values()):
            found[self._narrowest(line).kind] += len(line.turns)
        return found

    def _narrowest(self, line: _Line) -> _Share:
        return next((share for share in (line.method, line.caller, line) if _is_full(share)), self._host)

    def _shares(self, turn: Turn) -> _Shares:
        if self._closed is not None:
            raise self._closed
        line = self._lines.get((turn.method, turn.caller))
        if line is None:
            method = self._methods.get(turn.method)
            if method is None:
                method = self._methods[turn.method] = _Method(turn.method, self._bounds.method)
            caller = self._callers.get(turn.caller)
            if caller is None:
                caller = self._callers[turn.caller] = _Caller(turn.caller, self._bounds.caller)
            line = self._lines[turn.method, turn.caller] = _Line(method, caller, self._host, self._bounds.line)
        line.method.has(turn.places)
        return line.method, line.caller, line, self._host

    def _check_queues(self, shares: _Shares) -> None:
        full = next((share for share in shares if share.waiting >= share.queue), None)
        if full is not None:
            self._forget_idle(shares[2])
            REFUSED.labels(full.kind).inc()
            raise server_busy(full.told("queue", waiting=True))

    async def _wait(self, turn: Turn, shares: _Shares) -> None:
        method, caller, line, _ = shares
        for share in shares:
            share.waiting += 1
        turn.state = State.WAITING
        if not line.turns:
            caller.lines[method.name] = method.lines[caller.name] = line
            self._ring.setdefault(caller.name, caller)
        future = line.turns[turn] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(turn.seconds):
                await future
        except BaseException as error:
            told = self._narrowest(line).told("concurrency")
            # Where the turn came together with the reason not to take it, this gives it on.
            self.leave(turn)
            if isinstance(error, TimeoutError):
                raise server_busy(f"no turn within the {turn.seconds:g} s that the caller waits: {told}") from None
            raise

    def _take_out(self, turn: Turn, line: _Line) -> None:
        del line.turns[turn]
        method, caller = line.method, line.caller
        for share in (method, caller, line, self._host):
            share.waiting -= 1
        if not line.turns:
            del caller.lines[method.name], method.lines[caller.name]
            if not caller.lines:
                del self._ring[caller.name]

    def _forget_idle(self, line: _Line) -> None:
        method, caller = line.method, line.caller
        if not line.running and not line.waiting:
            self._lines.pop((method.name, caller.name), None)
            if not method.running and not method.waiting:
                self._methods.pop(method.name, None)
            if not caller.running and not caller.waiting:
                self._callers.pop(caller.name, None)

    def _hand_on(self) -> None:
        """Let as many run of those in line as may."""
        while self._ring and not _is_full(self._host):
            line = self._next()
            if line is None:
                return
            method, caller = line.method, line.caller
            turn, future = next(iter(line.turns.items()))
            self._take_out(turn, line)
            if future.done():
                # It has just been cancelled, and has not come to leave by itself.
                turn.state = State.OVER
                self._forget_idle(line)
                continue
            _run(turn, (method, caller, line, self._host))
            future.set_result(None)
            if line.turns:
                caller.lines.move_to_end(method.name)
                method.lines.move_to_end(caller.name)
            if caller.lines:
                self._ring.move_to_end(caller.name)

    def _next(self) -> _Line | None:
        for caller in self._ring.values():
            if not _is_full(caller):
                for line in caller.lines.values():
                    if _has_right(line):
                        return line
        return None


def _is_full(share: _Share) -> bool:
    return share.running >= share.concurrency


def _run(turn: Turn, shares: _Shares) -> None:
    for share in shares:
        share.running += 1
    turn.state = State.RUNNING


def _unreserve(shares: _Shares) -> None:
    for share in shares:
        share.reserved -= 1
        share.waiting -= 1


def _has_right(line: _Line) -> bool:
    """Tell whether one of its method's free turns falls to this line: they fall to those who wait the longest."""
    free = line.method.concurrency - line.method.running
    if free <= 0 or _is_full(line):
        return False
    if free >= len(line.method.lines):
        return True
    for other in line.method.lines.values():
        if other is line:
            return True
        free -= not (_is_full(other.caller) or _is_full(other))
        if not free:
            break
    return False
