"""Runs executables: each in its turn, under limits, from one state of the extensions directory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

from dispatcher_service.calls.metrics import RUNNING, WAITING
from dispatcher_service.calls.outcome import value_of
from dispatcher_service.calls.slots import Slots
from dispatcher_service.dropins.view import DropIns
from dispatcher_service.engines.base import Command, Engine, Limits, Usage, Verdict
from graft_common.errors import GraftError, method_unknown
from graft_common.tracing import span
from graft_common.values import Value
from graft_common.xmlrpc import format_extension_call

_LARGE = 64 << 10
"""Bytes from which output is parsed beside the event loop, which other calls need."""


class ExecutionMeter:
    """Takes down what an execution has used, also of one that fails."""

    usage: Usage | None = None


class Runner:
    """Runs drop-ins in an engine."""

    def __init__(self, engine: Engine, dropins: DropIns, slots: Slots, limits: Limits) -> None:
        self._engine = engine
        self._dropins = dropins
        self._slots = slots
        self._limits = limits
        self._running: set[str] = set()
        self._stopping = False

    async def run(
        self, method: str, params: Sequence[Value], meter: ExecutionMeter, seconds: float | None = None
    ) -> Value:
        """Run an executable and return what it has answered. Cancelling this kills it.

        Args:
            method: its name.
            params: everything that it is given, the session first.
            meter: takes what it has used.
            seconds: how long the caller will wait for a turn; None for however long that takes.

        Raises:
            GraftError: MESSAGE_METHOD_UNKNOWN; SERVER_BUSY; the extension's own failure; INTERNAL_ERROR [path, reason,
                stdout, stderr].
        """
        async with self._slots.slot(seconds):
            with self._dropins.hold(method) as dropin:
                if dropin is None:
                    raise method_unknown(method)
                command = Command(
                    call_id=str(uuid.uuid4()),
                    tree=dropin.tree,
                    mount_at=dropin.mount_at,
                    executable=dropin.name,
                    stdin=format_extension_call(method, params),
                    arguments=("--xmlrpc",),
                    limits=self._limits,
                )
                self._running.add(command.call_id)
                try:
                    with span("graft.run", **{"graft.method": method}):
                        outcome = await self._engine.run(command)
                finally:
                    self._running.discard(command.call_id)
        meter.usage = outcome.usage
        if outcome.verdict is Verdict.KILLED and self._stopping:
            outcome = replace(outcome, reason="the dispatcher is stopping")
        if len(outcome.stdout) < _LARGE:
            return value_of(outcome, command.path, self._limits)
        return await asyncio.to_thread(value_of, outcome, command.path, self._limits)

    def check_room(self) -> None:
        """Make sure that a call could at least wait for its turn.

        Raises:
            GraftError: SERVER_BUSY.
        """
        self._slots.check()

    def stop(self, error: GraftError) -> None:
        """Send away all who wait, with that error, and kill all that run."""
        self._stopping = True
        self._slots.refuse(error)
        for call_id in list(self._running):
            self._engine.kill(call_id)

    def show_metrics(self) -> None:
        """Let the gauges tell how many run and wait whenever they are read."""
        RUNNING.set_function(lambda: self._slots.running)
        WAITING.set_function(lambda: self._slots.waiting)
