"""What a watcher wants to be told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graft_common.errors import GraftError, value_not_supported

MAX_SUBSCRIPTIONS = 1000
MAX_TEXT = 320
"""Characters of one; no class and reference have more together."""
_EVERYTHING = "*"
_PROMPT = frozenset({"task"})


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Classes and single objects; equal ones are equal, so that watchers who want the same are served together."""

    everything: bool = False
    classes: frozenset[str] = frozenset()
    """In lower case."""
    objects: frozenset[tuple[str, str]] = frozenset()
    """Class and reference."""

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Subscriptions:
        """Read `*`, `task`, `task/OpaqueRef:…`, as xapi does (xapi_event.ml): a class that there is not has no events.

        Raises:
            GraftError: EVENT_SUBSCRIPTION_PARSE_FAILURE [text]; VALUE_NOT_SUPPORTED, when there are too many.
        """
        if len(texts) > MAX_SUBSCRIPTIONS:
            raise value_not_supported("classes", str(len(texts)), f"there may be {MAX_SUBSCRIPTIONS}")
        classes: set[str] = set()
        objects: set[tuple[str, str]] = set()
        for text in texts:
            kind, slash, ref = text.partition("/")
            if len(text) > MAX_TEXT or not kind or "/" in ref or (slash and not ref):
                raise GraftError("EVENT_SUBSCRIPTION_PARSE_FAILURE", text[:MAX_TEXT])
            if slash:
                objects.add((kind.lower(), ref))
            else:
                classes.add(kind.lower())
        return cls(_EVERYTHING in classes, frozenset(classes - {_EVERYTHING}), frozenset(objects))

    @property
    def prompt(self) -> bool:
        """Whether it is told of tasks only, and so without the delay that gathers changes (xapi)."""
        return not self.everything and self.kinds <= _PROMPT

    @property
    def kinds(self) -> frozenset[str]:
        """The classes that something is wanted of, unless it is everything."""
        return self.classes | {kind for kind, _ in self.objects}

    def want_any(self, kinds: Iterable[str]) -> bool:
        """Tell whether something of these classes is wanted."""
        return self.everything or not self.kinds.isdisjoint(kinds)

    def want(self, kind: str, ref: str) -> bool:
        """Tell whether an object is wanted."""
        return self.everything or kind in self.classes or (kind, ref) in self.objects

    def texts(self) -> list[str]:
        """Write them, sorted, as `parse` reads them."""
        every = [_EVERYTHING] if self.everything else []
        return every + sorted(self.classes) + sorted(f"{kind}/{ref}" for kind, ref in self.objects)

    def __or__(self, other: Subscriptions) -> Subscriptions:
        """Return what either wants."""
        return Subscriptions(
            self.everything or other.everything, self.classes | other.classes, self.objects | other.objects
        )

    def __sub__(self, other: Subscriptions) -> Subscriptions:
        """Return these without those that the other names just so."""
        return Subscriptions(
            self.everything and not other.everything, self.classes - other.classes, self.objects - other.objects
        )
