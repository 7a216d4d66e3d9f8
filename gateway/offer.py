"""What the platform offers just now, as its dispatcher describes it, for all requests together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from graft_common.declarations.api import Api
from graft_common.errors import GraftError, service_unavailable
from graft_common.rpc.api import fetch
from graft_common.rpc.client import too_late

if TYPE_CHECKING:
    from graft.dispatcher.v1.dispatcher_pb2_grpc import DispatcherServiceAsyncStub

AGE = 1.0
"""Seconds for which an answer is good, and a dispatcher that has none is left alone by those who need none."""
TIMEOUT = 30.0
"""Seconds in which a description must have come."""
PATIENCE = 2.0
"""Seconds that a request waits for the dispatcher where an earlier description is at hand."""

_log = structlog.get_logger("graft.gateway")


@dataclass(frozen=True, slots=True)
class Known:
    """A description, and how far it can be relied upon."""

    api: Api
    at: datetime
    """When the dispatcher last confirmed it."""
    current: bool
    """Whether it answers now; otherwise it may offer something else by now."""


class Offer:
    """Keeps the last description; a dispatcher that is away makes it old, not unknown."""

    def __init__(self, dispatcher: DispatcherServiceAsyncStub) -> None:
        self._dispatcher = dispatcher
        self._known: Known | None = None
        self._failure: GraftError | None = None
        self._until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def known(self) -> Known:
        """Return what is offered, and what was offered last where the dispatcher does not answer.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, it has never answered yet.
        """
        if self._failure is not None:
            # It may be back by now: that it was away is nobody's answer.
            self._until = 0.0
        self.look()
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=PATIENCE if self._known else None)
        if self._known is None:
            raise self._failure or service_unavailable("dispatcher", "its methods are not known")
        if self._asking is not None or self._failure is not None:
            return Known(self._known.api, self._known.at, current=False)
        return self._known

    def look(self) -> None:
        """Have the dispatcher asked again, unless it has told just now; nobody waits for it."""
        if self._asking is None and time.monotonic() >= self._until:
            self._asking = asyncio.create_task(self._ask())

    @property
    def last(self) -> Api | None:
        """What was offered last; None while nothing is known."""
        return self._known.api if self._known else None

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                api = await fetch(self._dispatcher, self._known.api if self._known else None)
                # It is needed for the next question, and takes long to find out where much is declared.
                await asyncio.to_thread(lambda: api.digest)
            self._known = Known(api, datetime.now(UTC), current=True)
            self._failure = None
        except TimeoutError:
            self._fail(too_late("dispatcher", TIMEOUT))
        except GraftError as error:
            self._fail(error)
        except Exception:  # noqa: BLE001  (whoever asks next must not take the old description for the current one)
            _log.exception("offer.failed")
            self._fail(service_unavailable("dispatcher", "its description of the methods cannot be read"))
        finally:
            self._until = time.monotonic() + AGE
            self._asking = None

    def _fail(self, failure: GraftError) -> None:
        if self._failure is None:
            _log.warning("offer.unknown", error=str(failure))
        self._failure = failure
