"""Calls to the registry for one request of one user."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from gateway.ambari.errors import AmbariError
from graft_common.rpc.client import call
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.uploads import exchange

TIMEOUT = 30.0
"""Seconds that one call may take."""
PAGE = 1000
MAX_LISTED = 200_000
"""How much of anything one request looks at."""

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Backend:
    """Calls with one user's session; what was read once is not asked for again within the request."""

    def __init__(self, registry: RegistryClients, metadata: Sequence[tuple[str, str]], ambari_version: str) -> None:
        self.registry = registry
        self.ambari_version = ambari_version
        """The version of Ambari that this server passes for."""
        self._metadata = metadata
        self._read: dict[tuple[int, bytes], Message] = {}

    async def read(self, method: Callable[..., Awaitable[A]], request: Message) -> A:
        """Make a call that changes nothing, or return what it has answered before.

        Raises:
            GraftError: what the registry has answered.
        """
        key = (id(method), request.SerializeToString(deterministic=True))
        if key not in self._read:
            self._read[key] = await self.write(method, request)
        return self._read[key]  # type: ignore[return-value]  # it was put there by the same method

    async def write(self, method: Callable[..., Awaitable[A]], request: Message, seconds: float = TIMEOUT) -> A:
        """Make a call.

        Raises:
            GraftError: what the registry has answered.
        """
        return await call(method, request, timeout=seconds, metadata=self._metadata, service="registry")  # type: ignore[arg-type]  # stubs are typed by their protocol

    def exchange(self, method: Any, requests: AsyncGenerator[Q, None]) -> AsyncGenerator[Any, None]:
        """Send a stream of requests, and follow the answers; see `uploads.exchange`.

        Raises:
            GraftError: what the registry has answered.
        """
        return exchange(method, requests, metadata=self._metadata, service="registry")

    async def pages(self, method: Callable[..., Awaitable[A]], request: Q) -> AsyncIterator[A]:
        """Read every page of a list; the request has `page_size` and `page_token`.

        Raises:
            AmbariError: there is too much of it.
            GraftError: what the registry has answered.
        """
        asked = type(request)()
        asked.CopyFrom(request)
        asked.page_size = PAGE  # type: ignore[attr-defined]  # every list has it
        for _ in range(MAX_LISTED // PAGE):
            answer = await self.read(method, asked)
            yield answer
            if not answer.next_page_token:  # type: ignore[attr-defined]  # the same
                return
            asked.page_token = answer.next_page_token  # type: ignore[attr-defined]  # the same
        raise AmbariError(400, f"There are more than {MAX_LISTED} of them; name what they belong to in the path.")
