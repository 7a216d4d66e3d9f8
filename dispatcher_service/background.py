"""Work that a service repeats for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from graft_common.errors import GraftError

_log = structlog.get_logger("graft.background")


def repeat(name: str, action: Callable[[], Awaitable[object]], period: float) -> asyncio.Task[None]:
    """Do something every `period` seconds until the returned task is cancelled.

    A failure is logged, once for as long as it lasts, and the work goes on at the next turn.
    """
    return asyncio.create_task(_repeat(name, action, period), name=name)


async def _repeat(name: str, action: Callable[[], Awaitable[object]], period: float) -> None:
    failing = False
    while True:
        await asyncio.sleep(period)
        try:
            await action()
        except GraftError as error:
            if not failing:
                _log.warning("background.failed", work=name, reason=str(error))
            failing = True
        except Exception:  # noqa: BLE001  (logged; one bad turn must not end the work for good)
            if not failing:
                _log.exception("background.failed", work=name)
            failing = True
        else:
            if failing:
                _log.info("background.recovered", work=name)
            failing = False
