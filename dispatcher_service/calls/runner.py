"""Runs executables: each in its turn, under limits, from a folder that does not change meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from dispatcher_service.calls.limits import CallLimits, HostLimits, in_force
from dispatcher_service.calls.metrics import HELD_BACK, RUNNING, WAITING
from dispatcher_service.calls.outcome import exceeded, value_of
from dispatcher_service.calls.record import GivenAccess
from dispatcher_service.calls.slots import Slots, Turn
from dispatcher_service.declarations.sources import Holds, LinkedBundle
from dispatcher_service.dropins.view import DropIns
from dispatcher_service.engines.base import NO_ACCESS, Access, Command, Engine, Outcome, Usage, Verdict, with_task
from dispatcher_service.grants.faults import AccessError
from dispatcher_service.messages import usage_text
from dispatcher_service.residents.process import Hold
from dispatcher_service.residents.residents import Residents
from graft_common.declarations.model import MethodLimits, Residence
from graft_common.errors import GraftError, internal_error, method_unknown, service_unavailable
from graft_common.rpc.usage import USAGE
from graft_common.tracing import span
from graft_common.values import Value
from graft_common.xmlrpc import format_extension_call

_log = structlog.get_logger("graft.calls")

_CUTS = 10_000
"""How many methods' cuts are remembered, so as to log each once."""
_LIMITS = 1_000
"""How many different requests for limits are remembered, with what is given."""
_LARGE = 64 << 10
"""Bytes from which output is parsed beside the event loop, which other calls need."""


class ExecutionMeter:
    """Takes down what an execution was given and has used, also of one that fails."""

    usage: Usage | None = None
    exceeded: tuple[str, ...] = ()
    """The limits that it has run into, as settings and declarations name them."""
    access: GivenAccess | None = None
    """What it was given beyond its sandbox."""


Channel = Callable[[], AbstractContextManager[Path]]
"""Makes the FIFO of a call, as long as the call runs."""
NO_LIMITS = MethodLimits()
"""Those of a method that asks for none."""


def as_it_is(value: Value) -> Value:
    """Check nothing of an answer."""
    return value


async def _no_access() -> Access:
    return NO_ACCESS


def _no_version() -> Hashable:
    return None


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of an executable to be."""

    method: str
    """What it is told that it was called as."""
    executable: str
    """The file's name."""
    params: Sequence[Value] = field(repr=False)
    """Everything that it is given, the session first."""
    caller: str
    """Whose call it is, for the bounds of one caller."""
    bundle: LinkedBundle | None = None
    """The extension version that it belongs to, whose folder is held; None for a drop-in."""
    limits: MethodLimits = NO_LIMITS
    """What differs from the host's limits."""
    zygote: bool = True
    """Whether a warm interpreter may start it."""
    residence: Residence | None = None
    """How the processes stay that are to answer it; None where each call has a process of its own."""
    version: Callable[[], Hashable] = _no_version
    """Tells what is in force of all that decides what it runs and may reach, for processes that stay."""
    check: Callable[[Value], Value] = as_it_is
    """Returns what the caller is to get of the answer; raises GraftError where it must not get that."""
    access: Callable[[], Awaitable[Access]] = _no_access
    """Returns what it is given beyond its sandbox, asked when its turn has come; raises AccessError."""
    seconds: float | None = None
    """How long the caller will wait for a turn; None for however long that takes."""
    accepted: bool = False
    """Whether it runs as a task, which is not refused once it has been accepted."""
    channel: Channel | None = None
    """Makes the FIFO by which it tells of itself; None where nobody would hear it."""


class Runner:
    """Runs executables in an engine."""

    def __init__(
        self, engine: Engine, residents: Residents, dropins: DropIns, holds: Holds, slots: Slots, limits: HostLimits
    ) -> None:
        self._engine = engine
        self._residents = residents
        self._dropins = dropins
        self._holds = holds
        self._slots = slots
        self._limits = limits
        self._cuts: dict[str, str] = {}
        """What ceilings have cut down of declarations, as it was logged, by method."""
        self._limits_given: dict[MethodLimits, tuple[CallLimits, str]] = {}
        """By what is asked for; with what ceilings have cut down, in words."""
        self._numbers = itertools.count(1)
        self._running: set[str] = set()
        self._stopping = False

    async def run(self, execution: Execution, meter: ExecutionMeter, turn: Turn | None = None) -> Value:
        """Run an executable and return what it has answered. Cancelling this kills it.

        Args:
            execution: what to run.
            meter: takes what it has used.
            turn: the turn that `reserve` has given for it, if any.

        Raises:
            GraftError: MESSAGE_METHOD_UNKNOWN; SERVER_BUSY; the extension's own failure; INTERNAL_ERROR [path, reason,
                stdout, stderr]; what its `check` finds.
        """
        limits = self._limits_of(execution)
        turn = turn or self._slots.slot(
            execution.method,
            execution.caller,
            seconds=execution.seconds,
            accepted=execution.accepted,
            places=self._places(execution.residence),
        )
        async with turn:
            residence = execution.residence if self._residents.enabled else None
            channel = execution.channel if residence is None else None
            # Asked before what it tells of, so that what changes meanwhile does not go unnoticed.
            version = None if residence is None else execution.version()
            with (
                self._folder(execution) as (tree, mount_at, hold),
                contextlib.nullcontext() if channel is None else channel() as fifo,
            ):
                access = await _access(execution, mount_at)
                if self._stopping:
                    raise service_unavailable("dispatcher", "it is shutting down; try again in a moment")
                given = GivenAccess.of(access)
                if fifo is not None:
                    access = with_task(access, str(fifo), self._engine.level)
                command = Command(
                    call_id=f"call-{next(self._numbers)}",
                    tree=tree,
                    mount_at=mount_at,
                    executable=execution.executable,
                    stdin=format_extension_call(execution.method, execution.params),
                    arguments=("--xmlrpc",),
                    limits=limits.limits,
                    access=access,
                    zygote=execution.zygote,
                )
                meter.access = given
                self._running.add(command.call_id)
                try:
                    with span("graft.run", **{"graft.method": execution.method}):
                        if residence is None:
                            outcome = await self._engine.run(command)
                        else:
                            outcome = await self._residents.run(execution.method, command, residence, hold, version)
                finally:
                    self._running.discard(command.call_id)
        if outcome.verdict is Verdict.NOT_STARTED:
            meter.access = None
        else:
            meter.usage, meter.exceeded = outcome.usage, exceeded(outcome, limits)
        if outcome.verdict is Verdict.KILLED and self._stopping:
            outcome = replace(outcome, reason="the dispatcher is stopping")

        def answer(outcome: Outcome = outcome) -> Value:
            try:
                return execution.check(value_of(outcome, command.path, limits))
            except GraftError as error:
                if meter.usage is not None:
                    error.details[USAGE] = usage_text(meter.usage)
                raise

        return answer() if len(outcome.stdout) < _LARGE else await asyncio.to_thread(answer)

    def _limits_of(self, execution: Execution) -> CallLimits:
        """Return what a call may use; what a ceiling cuts down of a declaration is logged once."""
        given = self._limits_given.get(execution.limits)
        if given is None:
            if len(self._limits_given) >= _LIMITS:
                self._limits_given.clear()
            limits = in_force(execution.limits, self._limits)
            given = self._limits_given[execution.limits] = limits, limits.cuts_told()
        limits, told = given
        if self._cuts.get(execution.method, "") != told:
            if len(self._cuts) >= _CUTS:
                self._cuts.clear()
            self._cuts[execution.method] = told
            if told:
                _log.warning("call.limits_cut", method=execution.method, cut=told)
        return limits

    @contextmanager
    def _folder(self, execution: Execution) -> Iterator[tuple[Path, str, Hold]]:
        bundle = execution.bundle
        if bundle is not None:
            yield bundle.tree, bundle.mount_at, lambda: self._holds.using(bundle)
            return
        with self._dropins.hold(execution.executable) as dropin:
            if dropin is None:
                raise method_unknown(execution.method)
            yield dropin.tree, dropin.mount_at, dropin.hold

    def _places(self, residence: Residence | None) -> int | None:
        if residence is None or not self._residents.enabled:
            return None
        return residence.concurrency * residence.processes

    def reserve(self, method: str, caller: str, residence: Residence | None = None) -> Turn:
        """Return a turn for an execution that begins later; to be dropped where it does not.

        Raises:
            GraftError: SERVER_BUSY.
        """
        return self._slots.reserve(method, caller, places=self._places(residence))

    def stop(self, error: GraftError) -> None:
        """Send away all who wait or come, with that error, and kill all that run."""
        self._stopping = True
        self._slots.close(error)
        for call_id in list(self._running):
            self._engine.kill(call_id)
        self._residents.stop()

    def show_metrics(self) -> None:
        """Let the gauges tell how many run and wait whenever they are read."""
        RUNNING.set_function(lambda: self._slots.running)
        WAITING.set_function(lambda: self._slots.waiting)

        def tell(by: str) -> None:
            HELD_BACK.labels(by).set_function(lambda: self._slots.held_back()[by])

        for by in ("host", "method", "caller", "line"):
            tell(by)


async def _access(execution: Execution, mount_at: str) -> Access:
    try:
        return await execution.access()
    except AccessError as error:
        path = f"{mount_at.rstrip('/')}/{execution.executable}"
        raise internal_error(path, "its access cannot be given", "", str(error)) from None
