"""Calls that only wait are given up when nobody is left to be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from gateway.body import ClientGoneError

Result = TypeVar("Result")

_WAITING = frozenset({"event.from", "event.next"})


def only_waits(method: str) -> bool:
    """Tell whether a call of a method does nothing but wait, for minutes maybe, so that giving it up changes nothing.

    Whoever connects anew again and again would else leave one behind each time. Other calls are made to their end.
    """
    return method in _WAITING


async def unless_gone(work: Coroutine[Any, Any, Result], receive: Receive) -> Result:
    """Do something, as long as the client keeps the connection; the request's body has been read.

    Raises:
        ClientGoneError: it does not.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_closed(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGoneError
    finally:
        both = [task for task in (working, gone) if task.cancel()]
        await asyncio.gather(*both, return_exceptions=True)


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
