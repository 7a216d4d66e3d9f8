"""Calls that only wait are given up when nobody is left to be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from starlette.types import Receive

from gateway.body import ClientGoneError
from gateway.event_calls import WAITING_METHODS

Result = TypeVar("Result")


class Client:
    """Who waits for the answer to a request, whose body has been read: as a context, until it is answered."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._gone is not None:
            await _end(self._gone)

    async def unless_gone(self, method: str, work: Coroutine[Any, Any, Result]) -> Result:
        """Make a call. One that does nothing but wait is made only as long as the client keeps the connection.

        Such a call may wait for minutes, and giving it up changes nothing; whoever connects anew again and again would
        else leave one behind each time. Other calls are made to their end.

        Raises:
            ClientGoneError: the call has been given up.
        """
        if method not in WAITING_METHODS:
            return await work
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._closed())
        if self._gone.done():
            work.close()
            raise ClientGoneError
        working = asyncio.ensure_future(work)
        signs: set[asyncio.Future[Any]] = {working, self._gone}
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise ClientGoneError
        finally:
            await _end(working)

    async def _closed(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _end(task: asyncio.Future[Any]) -> None:
    if task.cancel():
        await asyncio.wait({task})
