"""Tokens: how far a watcher has seen."""

from __future__ import annotations

import re
from dataclasses import dataclass

from graft_common.errors import GraftError
from graft_common.values import INT64_MAX

_TEXT = re.compile(r"[0-9]{1,20},[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Token:
    """A revision of each of the two stores that objects are kept in; 0 is before everything."""

    store: int = 0
    """Of the dispatchers' store: tasks, hosts, the pool."""
    registry: int = 0
    """Of the registry: sessions, users, roles, extensions, links."""

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read a token; the empty text is the beginning.

        Raises:
            GraftError: EVENT_FROM_TOKEN_PARSE_FAILURE [text].
        """
        if not text:
            return cls()
        if _TEXT.fullmatch(text):
            store, registry = map(int, text.split(","))
            if max(store, registry) <= INT64_MAX:
                return cls(store, registry)
        raise GraftError("EVENT_FROM_TOKEN_PARSE_FAILURE", text)

    def __str__(self) -> str:
        """Write it as xapi does, so that a later token is the greater text."""
        return f"{self.store:020d},{self.registry:020d}"

    def upto(self, other: Token) -> Token:
        """Return the later revision of both."""
        return Token(max(self.store, other.store), max(self.registry, other.registry))


def events_lost() -> GraftError:
    """Tell a watcher that what was removed since its token is no longer known: it must begin anew, with no token."""
    return GraftError(
        "EVENTS_LOST",
        details={
            "message": "what was removed since this token is no longer known; read all objects, and begin with no token"
        },
    )
