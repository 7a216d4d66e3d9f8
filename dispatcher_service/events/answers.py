"""What a watcher is told: the events between two tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dispatcher_service.events.axis import Axis, Entry, Operation
from dispatcher_service.events.kinds import Kind, Scope
from dispatcher_service.events.records import Record, Records
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token
from graft_common.values import Prepared, Value

MAX_ANSWER = 8 << 20
"""Bytes of encoded records in one answer; what is left comes with the next token."""
MAX_REVISION = 16 << 20
"""Bytes of encoded records of one revision, which cannot be parted; objects beyond it come without their record."""
_AT_ONCE = 50
"""Records that are read together."""
_TIMESTAMP = "0.0"


@dataclass(frozen=True, slots=True)
class Event:
    """What has become of one object."""

    id: int
    """The revision of its last change, in the store that keeps it."""
    kind: str
    operation: Operation
    ref: str
    record: Record | None
    """None for what is gone."""

    def value(self) -> Value:
        """Return it as XenAPI shows it; xapi gives no time (xapi_event.ml), and clients expect none."""
        shown: dict[str, Value] = {
            "id": self.id,
            "timestamp": _TIMESTAMP,
            "class": self.kind,
            "operation": self.operation.value,
            "ref": self.ref,
        }
        if self.record is not None:
            shown["snapshot"] = self.record.value
        return shown


@dataclass(slots=True)
class Answer:
    """Events, and the token that leads to those after them; many watchers may share one."""

    events: Sequence[Event]
    token: Token
    counts: Mapping[str, int]
    """How many objects of each class the watcher may see now."""
    _value: Prepared | None = field(default=None, repr=False)

    @property
    def value(self) -> Prepared:
        """The result of `event.from`; made once, and encoded once."""
        if self._value is None:
            self._value = Prepared(
                events=[event.value() for event in self.events],
                valid_ref_counts=dict(self.counts),
                token=str(self.token),
            )
        return self._value


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that is to be told, and what has become of its object."""

    entry: Entry
    operation: Operation


class Findings(NamedTuple):
    """What is to be told."""

    stored: list[Found]
    """Of objects in the dispatchers' store."""
    marked: list[Found]
    """Of the registry's objects, because somebody wants them to be told again; marks are in the dispatchers' store."""
    followed: list[Found]
    """Of the registry's objects."""


class Teller:
    """Makes answers out of what is known of both stores."""

    def __init__(self, kinds: Sequence[Kind], store: Axis, registry: Axis) -> None:
        self._kinds = kinds
        self._store = store
        self._registry = registry
        self._records = Records({kind.name: kind for kind in kinds})

    def lost(self, wanted: Subscriptions, since: Token) -> bool:
        """Tell whether something that is wanted may have been removed since a token without being remembered."""
        return any(
            0 < at < axis.forgotten and wanted.want_any(axis.kinds)
            for at, axis in ((since.store, self._store), (since.registry, self._registry))
        )

    def find(self, wanted: Subscriptions, scope: Scope, since: Token, until: Token) -> Findings:
        """Return what is to be told of each store's objects, in the order of their changes."""
        stored: list[Found] = []
        marked: dict[tuple[str, str], Entry] = {}
        for entry in self._store.since(since.store, until.store):
            if not wanted.want(entry.kind, entry.ref):
                continue
            if entry.kind not in self._store.kinds:
                # The registry's, which somebody wants to be told again.
                kept = self._registry.get(entry.kind, entry.ref)
                if kept is not None and scope.includes(kept):
                    marked[entry.kind, entry.ref] = kept
            elif scope.includes(entry) and (operation := entry.operation(since.store)) is not None:
                stored.append(Found(entry, operation))
        followed: list[Found] = []
        for entry in self._registry.since(since.registry, until.registry):
            if wanted.want(entry.kind, entry.ref) and scope.includes(entry):
                operation = entry.operation(since.registry)
                if operation is not None:
                    followed.append(Found(entry, operation))
                    marked.pop((entry.kind, entry.ref), None)
        return Findings(stored, [Found(entry, Operation.MOD) for entry in marked.values()], followed)

    async def tell(self, found: Findings, scope: Scope, since: Token, until: Token) -> Answer:
        """Return the events of what was found between two tokens.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer.
        """
        events: list[Event] = []
        token = since.upto(until)
        size, _ = await self._add(events, found.marked, 0)
        size, reached = await self._add(events, found.stored, size)
        if reached is not None:
            return Answer(events, Token(reached, since.registry), self.counts(scope))
        _, reached = await self._add(events, found.followed, size)
        if reached is not None:
            token = Token(token.store, reached)
        return Answer(events, token, self.counts(scope))

    def counts(self, scope: Scope) -> dict[str, int]:
        """Count what the watcher may see of each class."""
        axes = (self._store, self._registry)
        return {
            kind.name: axis.count(kind.name, scope.owners(kind.name))
            for kind in self._kinds
            for axis in axes
            if kind.name in axis.kinds
        }

    async def _add(self, events: list[Event], found: Sequence[Found], size: int) -> tuple[int, int | None]:
        """Add events; return the size with them, and the last revision that is in whole unless all of them are."""
        last: int | None = None
        begun = size
        for start in range(0, len(found), _AT_ONCE):
            part = found[start : start + _AT_ONCE]
            records = await self._records.of([one.entry for one in part if one.operation is not Operation.DEL])
            for one in part:
                revision = one.entry.revision
                if revision != last:
                    if last is not None and size > MAX_ANSWER:
                        return size, last
                    last, begun = revision, size
                size += self._event(events, one, records, room=size - begun < MAX_REVISION)
        return size, None

    def _event(self, events: list[Event], one: Found, records: Mapping[tuple[str, str], Record], *, room: bool) -> int:
        entry = one.entry
        record = records.get((entry.kind, entry.ref))
        if record is None and one.operation is not Operation.DEL:
            # It is gone already; that will be told by and by.
            return 0
        events.append(Event(entry.revision, entry.kind, one.operation, entry.ref, record if room else None))
        return len(record.encoded) if room and record is not None else 0
