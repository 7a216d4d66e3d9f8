"""What `graft doctor` tells of engines: of one in detail, of the others in a line each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from dispatcher_service.engines import choice, factory, host
from dispatcher_service.engines.base import Finding
from dispatcher_service.engines.options import EngineOptions
from dispatcher_service.engines.walls import summary, walls
from graft_cli.found import Found

PROBE_SECONDS = 60.0
"""The longest that an engine may take to try what it needs."""


def examine_engine(name: str, options: EngineOptions) -> list[Found]:
    """Let an engine try what it needs, and tell what its walls are made of here, or why they cannot be built."""
    return _in_detail(name, asyncio.run(_probed(name, options)))


def compare_engines(but: str, options: EngineOptions) -> list[Found]:
    """Tell of each other engine what it would give here, the strongest first."""
    return [_in_a_line(name, asyncio.run(_probed(name, options))) for name in factory.ENGINES if name != but]


async def _probed(name: str, options: EngineOptions) -> list[Finding]:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await choice.probed(name, options)
    except TimeoutError:
        detail = f"it has not tried what it needs within {PROBE_SECONDS:g} s"
        return [Finding("launcher", ok=False, detail=detail, fix="try again on a host that is less busy")]


def _in_detail(name: str, findings: Sequence[Finding]) -> list[Found]:
    area = f"engine {name}"
    works = choice.works(findings)
    # Where the walls stand nothing is missing, whatever is forbidden to others.
    rows = [finding for finding in findings if not works or finding.name != "limits"]
    rows += [*(walls(name, findings) if works else ()), *_more(findings)]
    needed = not works or name == "none"
    return [
        Found(area, row.name, row.ok, needed and not _is_told_anyway(name, row), row.detail, row.fix, row.by)
        for row in rows
    ]


def _is_told_anyway(name: str, finding: Finding) -> bool:
    """Tell whether somebody who has asked for an engine without walls knows that it has none."""
    return name == "none" and finding.name != "launcher"


def _more(findings: Iterable[Finding]) -> list[Finding]:
    """Tell of the host what the engine itself has not told."""
    told = any(finding.name == "landlock" for finding in findings)
    return [] if told else [host.landlock_finding()]


def _in_a_line(name: str, findings: Sequence[Finding]) -> Found:
    if choice.works(findings):
        note = "; only when it is asked for" if name not in factory.BY_STRENGTH else ""
        return Found("other engines", name, True, False, f"{summary(name, findings)}{note}")
    missing = next(finding for finding in findings if not finding.ok)
    return Found("other engines", name, False, False, f"{missing.name}: {missing.detail}", missing.fix)
