"""Running something of Graft's own through a launcher, outside the calls: to learn what a host allows."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from dispatcher_service.engines.base import Limits, Outcome, Verdict
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.spawning import ENVIRONMENT, rlimits
from dispatcher_service.engines.stdio import OutputReader, sealed_input

TRIAL = Limits(wall=10.0, output=64 << 10)


async def try_program(
    launcher: Launcher, argv: list[str], *, mode: str = "plain", files: Sequence[str] = (), processes: int = 0
) -> Outcome:
    """Run a program within the limits of a trial; see `Request`."""
    bounds = [] if mode == "plain" else rlimits(TRIAL)
    return await try_request(launcher, Request(argv, mode, TRIAL.wall, ENVIRONMENT, bounds, processes, files), b"", [])


async def try_request(launcher: Launcher, request: Request, stdin: bytes, extra: list[int]) -> Outcome:
    """Run a request; takes the extra descriptors over."""
    reader = OutputReader(TRIAL.output, lambda: None)
    _number, end = launcher.run(request, [sealed_input(stdin), *reader.write_ends, *extra])
    ended = await end
    stdout, stderr = reader.finish()
    if ended.verdict != "ended" or not ended.started:
        text = stderr.decode(errors="replace").strip() or ended.error
        return Outcome(Verdict.NOT_STARTED, stdout=stdout, stderr=stderr, reason=text or ended.verdict)
    if ended.signal:
        name = signal.Signals(ended.signal).name
        return Outcome(Verdict.SIGNALED, 0, ended.signal, stdout, stderr, reason=f"it died of {name}")
    return Outcome(Verdict.EXITED, ended.code, 0, stdout, stderr)
