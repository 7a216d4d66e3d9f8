"""Whether the services behind the gateway answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import identity_pb2
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.clients import DispatcherClients, RegistryClients

CHECK_TIMEOUT = 2.0

Report = dict[str, str]
"""Why each part is not ready; empty for a part that is."""


class Readiness:
    """Asks both services something cheap that needs no credentials.

    Nothing is kept for later: what was asked before a service died says nothing of it. Many who ask at once share one
    answer, and only one is being asked for at any time.
    """

    def __init__(self, registry: RegistryClients, dispatcher: DispatcherClients) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._lock = asyncio.Lock()
        self._report: Report = {}
        self._began = 0.0

    async def report(self) -> Report:
        """Return why each part is not ready, by its name, as it was found at a moment after the question."""
        asked = time.monotonic()
        async with self._lock:
            if self._began < asked:
                began = time.monotonic()
                registry, dispatcher = await asyncio.gather(_reason(self._ask_registry), _reason(self._ask_dispatcher))
                self._report, self._began = {"registry": registry, "dispatcher": dispatcher}, began
            return self._report

    async def _ask_registry(self) -> None:
        try:
            await call(
                self._registry.identity.WhoAmI,
                identity_pb2.WhoAmIRequest(),
                timeout=CHECK_TIMEOUT,
                service="registry",
                patient=False,
            )
        except GraftError as error:
            # That there is no session is the registry's own word, and all that is wanted.
            if error.code != "SESSION_INVALID":
                raise

    async def _ask_dispatcher(self) -> None:
        await call(
            self._dispatcher.dispatcher.ListMethods,
            dispatcher_pb2.ListMethodsRequest(),
            timeout=CHECK_TIMEOUT,
            service="dispatcher",
            patient=False,
        )


async def _reason(ask: Callable[[], Awaitable[None]]) -> str:
    try:
        await ask()
    except GraftError as error:
        return f"{error.code}: {error.params[-1]}" if error.params else error.code
    return ""
