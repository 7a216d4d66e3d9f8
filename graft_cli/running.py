"""How a process of Graft lives: start in order, wait for health, serve until a signal, drain in order, end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog

from graft_cli.exits import CliError
from graft_common import logging, tracing
from graft_common.settings import Settings

HEALTH_TIMEOUT = 60.0
CLOSE_TIMEOUT = 10.0
YOUNG_OBJECTS = 20_000
"""How many objects more than are gone there may be before garbage is looked for: a call makes hundreds of them, hardly
any in circles."""
_POLL = 0.05
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger("graft.process")


class Part(Protocol):
    """A service of this process, or what else is started and ended with it."""

    name: str

    async def start(self) -> None:
        """Listen; calls may come from now on."""

    async def problem(self) -> str | None:
        """Ask the health check as another process would; None when the part is ready, else what it answered."""

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (it is told to the parts, which divide it)
        """Take no more calls, and let those that run end within `timeout` seconds."""

    async def close(self) -> None:
        """Let go of everything."""


class Process:
    """The parts that have been made, in their order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._parts: list[Part] = []

    def add(self, part: Part) -> None:
        """Take charge of a part's end."""
        self._parts.append(part)

    async def start(self) -> None:
        """Start all parts, the first one first."""
        for part in self._parts:
            await part.start()

    async def wait_until_healthy(self, timeout: float | None) -> None:  # noqa: ASYNC109  (None is without end)
        """Wait until every part answers its health check.

        Raises:
            CliError: one does not in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for part in self._parts:
            while (problem := await part.problem()) is not None:
                if deadline is not None and time.monotonic() > deadline:
                    raise CliError(f"the {part.name} has not become ready within {timeout:g} s: {problem}")
                await asyncio.sleep(_POLL)

    async def end(self, drain_timeout: float) -> None:
        """Drain and close the parts, the last one first: each may still call those that were started before it."""
        deadline = time.monotonic() + drain_timeout
        while self._parts:
            part = self._parts.pop()
            try:
                if drain_timeout:
                    await part.drain(max(deadline - time.monotonic(), 0.0))
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await part.close()
            except TimeoutError:
                _log.warning("process.close_timed_out", part=part.name, seconds=CLOSE_TIMEOUT)
            except Exception:  # noqa: BLE001  (the other parts are ended all the same)
                _log.exception("process.end_failed", part=part.name)


def run(
    name: str,
    settings: Settings,
    build: Callable[[Process], Awaitable[None]],
    announce: Callable[[], None],
    health_timeout: float | None = HEALTH_TIMEOUT,
) -> None:
    """Run a process until SIGTERM or SIGINT; a second signal ends it at once.

    Args:
        name: what it is called in logs and traces.
        settings: the settings in force.
        build: makes the parts and adds them to the process.
        announce: is called once all parts are ready.
        health_timeout: the longest wait for that, in seconds; None waits for ever.

    Raises:
        CliError: a part cannot listen or does not become ready.
        StartupError: a part cannot be made.
    """
    logging.configure(settings.log_level, settings.log_format)
    tracing.configure(f"graft-{name}")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_live(Process(settings), build, announce, health_timeout))


async def _live(
    process: Process,
    build: Callable[[Process], Awaitable[None]],
    announce: Callable[[], None],
    health_timeout: float | None,
) -> None:
    stop = asyncio.Event()
    _listen_for_signals(stop)

    async def begin() -> None:
        # What a start loads and makes stays: to look through it for garbage, now and ever after, is time lost.
        gc.disable()
        try:
            await build(process)
            await process.start()
        finally:
            gc.freeze()
            gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
            gc.enable()
        await process.wait_until_healthy(health_timeout)

    beginning = asyncio.create_task(begin())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({beginning, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if beginning.done():
            await beginning
            announce()
            _log.info("process.ready")
            await stopping
        _log.info("process.draining", timeout=process.settings.drain_timeout)
        await process.end(process.settings.drain_timeout)
    finally:
        for task in (beginning, stopping):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        await process.end(0)
    _log.info("process.ended")


def _listen_for_signals(stop: asyncio.Event) -> None:
    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            # What calls have started dies with this process; there is nothing left that could wait.
            os._exit(128 + number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
