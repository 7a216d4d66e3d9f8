"""Starting an engine: the one that is set, or the strongest that works on this host."""

from __future__ import annotations

from collections.abc import Sequence

from dispatcher_service.engines import factory
from dispatcher_service.engines.base import Engine, EngineUnavailable, Finding
from dispatcher_service.engines.options import DEFAULTS, EngineOptions


async def prepared(names: Sequence[str], options: EngineOptions = DEFAULTS) -> Engine:
    """Prepare the first of some engines that works on this host. Where only one is named nothing else is tried.

    Raises:
        EngineUnavailable: none of them works; the findings say of each what is missing and how to mend it.
        ValueError: this version has no such engine.
    """
    failed: dict[str, list[Finding]] = {}
    for name in names:
        engine = factory.create(name, options)
        try:
            await engine.prepare()
        except EngineUnavailable as error:
            await engine.close()
            failed[name] = [finding for finding in error.findings if not finding.ok]
        except BaseException:
            await engine.close()
            raise
        else:
            return engine
    if len(failed) == 1:
        [(name, findings)] = failed.items()
        raise EngineUnavailable(name, findings)
    # What keeps the others from working is told by the doctor; the first finding of each is what to mend first.
    told = [
        Finding(f"{name}, {finding.name}", ok=False, detail=finding.detail, fix=finding.fix)
        for name, findings in failed.items()
        for finding in findings[:1]
    ]
    raise EngineUnavailable(" or ".join(failed), told)


async def probed(name: str, options: EngineOptions = DEFAULTS) -> list[Finding]:
    """Let an engine try what it needs, and take it down again.

    Raises:
        ValueError: this version has no such engine.
    """
    engine = factory.create(name, options)
    try:
        return await engine.probe()
    finally:
        await engine.close()


def works(findings: Sequence[Finding]) -> bool:
    """Tell from what a probe has found whether the engine works here: its canary ran, and got nowhere.

    Settings that forbid something to ordinary users do not matter where Graft gets it all the same.
    """
    canary = [finding.ok for finding in findings if finding.name == "canary"]
    return any(canary) if canary else bool(findings) and all(finding.ok for finding in findings)
