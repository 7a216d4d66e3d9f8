"""TLS of a server whose handshakes are few at once: nobody has shown yet to be worth a descriptor."""

from __future__ import annotations

import ssl
import time
from typing import Any, Self

MAX_HANDSHAKES = 512
"""Connections at once whose handshake is not over; more are closed as they come."""
HANDSHAKE_TIME = 60.0
"""Seconds after which asyncio and uvloop end a handshake; it counts no longer than that, however it has ended."""


class BoundedContext(ssl.SSLContext):
    """A context of servers that refuses to begin a handshake while too many are under way."""

    max_handshakes = MAX_HANDSHAKES
    handshake_time = HANDSHAKE_TIME

    def __new__(cls) -> Self:
        """Make it, with the defaults of servers."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self) -> None:
        self._under_way: dict[int, float] = {}
        self.sslobject_class = _Handshake

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """Begin a connection.

        Raises:
            ConnectionRefusedError: too many are at this point; the event loop closes the connection.
        """
        now = time.monotonic()
        if len(self._under_way) >= self.max_handshakes:
            # Whoever has left without a word may be told of late, by the collector.
            for key in [key for key, began in self._under_way.items() if now - began > self.handshake_time]:
                del self._under_way[key]
            if len(self._under_way) >= self.max_handshakes:
                raise ConnectionRefusedError("too many connections are at their handshake")
        made = super().wrap_bio(*given, **named)
        self._under_way[id(made)] = now
        return made

    def over(self, connection: ssl.SSLObject) -> None:
        """Note that a handshake has ended."""
        self._under_way.pop(id(connection), None)


class _Handshake(ssl.SSLObject):
    """One connection, which tells its context when the handshake is over."""

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except BaseException:
            self._over()
            raise
        self._over()

    def __del__(self) -> None:
        self._over()

    def _over(self) -> None:
        if isinstance(self.context, BoundedContext):
            self.context.over(self)
