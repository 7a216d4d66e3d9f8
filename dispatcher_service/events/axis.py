"""The objects of one store in the order of their last changes, and what is remembered of those that are gone."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


class Operation(enum.Enum):
    """What has become of an object, in XenAPI's words."""

    ADD = "add"
    MOD = "mod"
    DEL = "del"


@dataclass(frozen=True, slots=True)
class Entry:
    """The last change of an object."""

    kind: str
    ref: str
    revision: int
    added: int
    """The revision at which it came to be."""
    gone: bool = False
    owner: str = ""
    """The user whose it is; empty for what belongs to nobody."""
    found: object = field(default=None, compare=False)
    """The object itself, where its store sends it along."""

    def operation(self, since: int) -> Operation | None:
        """Tell what has become of it since a revision; None for what has come and gone in the meantime."""
        is_new = self.added > since
        if self.gone:
            return None if is_new else Operation.DEL
        return Operation.ADD if is_new else Operation.MOD


class Axis:
    """The changes of one store: each object once, the last change last."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.kinds = frozenset(kinds)
        """The classes that this store keeps. Entries of others are only marks that something is to be told again."""
        self.current = 0
        """The revision that it is at."""
        self.forgotten = 0
        """The newest revision at which something was removed that is no longer remembered."""
        self._entries: dict[tuple[str, str], Entry] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._totals: Counter[str] = Counter()
        self._gone = 0

    def get(self, kind: str, ref: str) -> Entry | None:
        """Return the last change of an object that is there; None where there is none."""
        entry = self._entries.get((kind, ref))
        return None if entry is None or entry.gone else entry

    def put(self, entry: Entry) -> None:
        """Take a change, which is the newest of all."""
        key = (entry.kind, entry.ref)
        self._drop(key)
        self._entries[key] = entry
        self._gone += entry.gone
        if not entry.gone and entry.kind in self.kinds:
            self._counts[entry.kind, entry.owner] += 1
            self._totals[entry.kind] += 1

    def clear(self) -> None:
        """Begin anew."""
        self._entries.clear()
        self._counts.clear()
        self._totals.clear()
        self._gone = 0

    def since(self, revision: int, until: int) -> list[Entry]:
        """Return the last changes after one revision, up to another, in their order."""
        return [*reversed([*self._backwards(revision, until)])]

    def count(self, kind: str, owners: Iterable[str] | None) -> int:
        """Count the objects of a class, of these owners only unless it is None."""
        if owners is None:
            return self._totals[kind]
        return sum(self._counts[kind, owner] for owner in owners)

    def forget(self, revision: int) -> None:
        """Forget what was removed up to a revision."""
        if revision <= self.forgotten:
            return
        self.forgotten = revision
        stale = [key for key, entry in self._entries.items() if entry.gone and entry.revision <= revision]
        for key in stale:
            self._drop(key)

    def bound(self, keep: int) -> None:
        """Forget the oldest of what was removed if more than `keep` are remembered, half of them at once."""
        if self._gone > keep:
            gone = [entry.revision for entry in self._entries.values() if entry.gone]
            self.forget(gone[len(gone) // 2])

    def _backwards(self, revision: int, until: int) -> Iterator[Entry]:
        for entry in reversed(self._entries.values()):
            if entry.revision <= revision:
                return
            if entry.revision <= until:
                yield entry

    def _drop(self, key: tuple[str, str]) -> None:
        before = self._entries.pop(key, None)
        if before is None:
            return
        self._gone -= before.gone
        if not before.gone and before.kind in self.kinds:
            counted = (before.kind, before.owner)
            self._counts[counted] -= 1
            self._totals[before.kind] -= 1
            if not self._counts[counted]:
                del self._counts[counted]
