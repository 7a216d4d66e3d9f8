"""How long the gateway waits for a call's answer."""

from __future__ import annotations

from gateway.offer import Offer

QUEUE_WAIT = 600.0
"""Seconds that a call may wait for its turn, on top of its own time. The dispatcher decides; this only bounds it."""


class CallTimes:
    """Knows the declared times of methods, as far as the dispatcher has told them.

    Args:
        offer: what the dispatcher has told.
        call_timeout: seconds of a call of which nothing else is known.
    """

    def __init__(self, offer: Offer, call_timeout: float) -> None:
        self._offer = offer
        self._call_timeout = call_timeout

    def seconds(self, method: str) -> float:
        """Return the bound for a call; no call waits for the dispatcher to tell."""
        self._offer.look()
        api = self._offer.last
        declared = api.methods.get(method) if api is not None else None
        own = declared.limits.timeout if declared is not None else None
        return max(self._call_timeout, own or 0.0) + QUEUE_WAIT
