"""Runs the scripts of management packs in the engine that runs calls."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

import structlog

from dispatcher_service.calls.limits import HostLimits, in_force
from dispatcher_service.calls.outcome import is_over, over
from dispatcher_service.calls.record import AuditSink, CallRecord
from dispatcher_service.calls.slots import Slots
from dispatcher_service.engines.base import Command, Engine, Outcome, Usage, Verdict
from dispatcher_service.hooks.unpacking import MAX_BYTES, unpack
from graft_common.declarations.model import MethodLimits
from graft_common.errors import GraftError, internal_error, server_busy, service_unavailable, value_not_supported
from graft_common.rpc.chunks import Stalled, TooLarge, save

MAX_SECONDS = 600.0
"""As much time as the registry may ask for."""
AT_ONCE = 2
"""Hooks whose folders are here."""
WAITING = 8
ASKER = "the hook"
METHOD, CALLER = "hooks of management packs", "the registry"
"""What hooks count as among the calls of the host."""
MOUNT_AT = "/opt/graft/mpack"
PYTHON = "/usr/bin/python3"
SHELL = "/bin/bash"
START = "start"
START_SCRIPT = """\
#!/bin/sh
cd -- "${0%/*}/pack" && exec "$1" "$PWD/$2"
"""
_NAME = re.compile(r"[a-z][a-z-]{0,63}")

Result = TypeVar("Result")

_log = structlog.get_logger("graft.hooks")


@dataclass(frozen=True, slots=True)
class Hook:
    """A script to run."""

    name: str
    """Such as `before-install`; for the audit."""
    script: str
    """Its path in the folder that comes with it."""
    interpreter: str
    """`PYTHON` or `SHELL`."""
    seconds: float | None = None
    """The longest time that it may take, up to `MAX_SECONDS` and the host's ceiling; None for that of a call."""


class Hooks:
    """Takes folders, runs scripts in them, and leaves nothing behind.

    A script sees its folder read-only, as its working directory; all else is as for a call, the limits too.
    """

    def __init__(self, engine: Engine, place: Path, limits: HostLimits, slots: Slots, audit: AuditSink) -> None:
        self._engine = engine
        self._place = place
        self._limits = limits
        self._slots = slots
        self._audit = audit
        self._places = asyncio.Semaphore(AT_ONCE)
        self._running: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        self._draining = False

    def sweep(self) -> None:
        """Remove what a dispatcher that was killed has left; it is the only one that uses the data directory."""
        shutil.rmtree(self._place, ignore_errors=True)

    async def run(self, hook: Hook, folder: AsyncIterator[bytes], request_id: str, peer: str) -> Outcome:
        """Run a script and return how it ended. Cancelling this kills it.

        Args:
            hook: which script.
            folder: the pack's folder, as the pieces of a tar.
            request_id: joins the audit record to that of the registry.
            peer: where the request comes from.

        Raises:
            GraftError: VALUE_NOT_SUPPORTED; SERVER_BUSY; SERVICE_UNAVAILABLE when the dispatcher is ending;
                INTERNAL_ERROR if the folder cannot be kept.
        """
        if self._draining:
            raise _ending()
        started = time.monotonic()
        result, usage = "CANCELLED", None
        self._under_way += 1
        self._idle.clear()
        try:
            _check(hook)
            if self._under_way > AT_ONCE + WAITING:
                raise server_busy(f"{AT_ONCE} hooks of management packs run and {WAITING} wait, as many as may")
            async with self._places:
                if self._draining:
                    raise _ending()
                outcome = await self._run(hook, folder)
            usage = outcome.usage
            result = "OK" if outcome.verdict is Verdict.EXITED and outcome.exit_code == 0 else "HOOK_FAILED"
        except GraftError as error:
            result = error.code
            raise
        else:
            return outcome
        finally:
            self._record(hook, result, usage, time.monotonic() - started, request_id, peer)
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (a bound, not an error)
        """Take no more, let those that run end, and kill those that have not when `timeout` seconds are over."""
        self._draining = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout)
        for call_id in list(self._running):
            self._engine.kill(call_id)

    async def _run(self, hook: Hook, folder: AsyncIterator[bytes]) -> Outcome:
        place = self._place / uuid.uuid4().hex
        try:
            place.mkdir(parents=True, mode=0o700)
            await self._receive(folder, hook.script, place)
            return await self._execute(hook, place / "tree")
        except OSError as error:
            raise internal_error(f"the hook's folder cannot be kept: {error.strerror}") from error
        finally:
            await _to_the_end(lambda: shutil.rmtree(place, ignore_errors=True))

    async def _receive(self, folder: AsyncIterator[bytes], script: str, place: Path) -> None:
        archive, tree = place / "folder.tar", place / "tree"
        try:
            async with aclosing(save(folder, archive, MAX_BYTES)) as saving:
                async for _ in saving:
                    pass
        except TooLarge:
            raise value_not_supported("chunk", "", f"the folder has more than {MAX_BYTES} bytes") from None
        except Stalled as error:
            raise value_not_supported("chunk", "", str(error)) from None

        def lay_out() -> None:
            (tree / "pack").mkdir(parents=True)
            for made in (tree, tree / "pack"):
                made.chmod(0o755)
            unpack(archive, tree / "pack")
            archive.unlink()
            if not _is_inside(tree / "pack", script):
                raise value_not_supported("script", script, "there is no such file in the folder")
            (tree / START).write_text(START_SCRIPT)
            (tree / START).chmod(0o755)

        await _to_the_end(lay_out)

    async def _execute(self, hook: Hook, tree: Path) -> Outcome:
        seconds = None if hook.seconds is None else min(hook.seconds, MAX_SECONDS)
        limits = in_force(MethodLimits(timeout=seconds), self._limits, ASKER)
        if limits.cut:
            _log.warning("hook.limits_cut", hook=hook.name, cut=limits.cuts_told())
        command = Command(
            call_id=str(uuid.uuid4()),
            tree=tree,
            mount_at=MOUNT_AT,
            executable=START,
            stdin=b"",
            arguments=(hook.interpreter, hook.script),
            limits=limits.limits,
        )
        async with self._slots.slot(METHOD, CALLER):
            self._running.add(command.call_id)
            try:
                outcome = await self._engine.run(command)
            finally:
                self._running.discard(command.call_id)
        return replace(outcome, reason=over(outcome, limits)[0]) if is_over(outcome) else outcome

    def _record(
        self, hook: Hook, result: str, usage: Usage | None, duration: float, request_id: str, peer: str
    ) -> None:
        action = f"mpack.{hook.name}" if _NAME.fullmatch(hook.name) else "mpack.hook"
        record = CallRecord(
            time=datetime.now(UTC),
            user="",
            roles=(),
            track_id="",
            action=action,
            allowed=True,
            outcome=result,
            duration=duration,
            usage=usage,
            request_id=request_id,
            originator="registry",
            peer=peer,
        )
        self._audit.record(record)
        _log.info("hook.finished", hook=action, outcome=result, duration=round(duration, 6), request_id=request_id)


def _check(hook: Hook) -> None:
    if not _NAME.fullmatch(hook.name):
        raise value_not_supported("hook", hook.name[:64], "it must be a name such as before-install")
    path = PurePosixPath(hook.script)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in hook.script:
        raise value_not_supported("script", hook.script[:200], "it must be a path below the pack's folder")
    if hook.seconds is not None and hook.seconds <= 0:
        raise value_not_supported("timeout", f"{hook.seconds:g}", "it must be more than 0")


def _is_inside(folder: Path, script: str) -> bool:
    path = folder / script
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _ending() -> GraftError:
    return service_unavailable("dispatcher", "it is shutting down; try again in a moment")


async def _to_the_end(work: Callable[[], Result]) -> Result:
    """Do work in a thread; where this is cancelled, the thread is waited for all the same: others clean up after it."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
