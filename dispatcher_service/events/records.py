"""The records that events show: read and encoded once for each change, however many are told of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dispatcher_service.events.axis import Entry
from dispatcher_service.events.kinds import Kind, StoredKind
from graft_common.values import Value, encode_value

MAX_KEPT = 32 << 20
"""Bytes of encoded records that are kept; as values they take several times as much."""
MAX_ONE = 1 << 20
"""Bytes of a record beyond which it is not kept."""


@dataclass(frozen=True, slots=True)
class Record:
    """What an object looks like."""

    value: Value
    encoded: bytes
    """The value as services send it."""


class Records:
    """Finds records, and keeps those that were asked for last."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._kept: OrderedDict[tuple[str, str], tuple[int, Record]] = OrderedDict()
        self._size = 0
        self._reading = asyncio.Lock()

    async def of(self, entries: Sequence[Entry]) -> dict[tuple[str, str], Record]:
        """Return the records of objects, by class and reference; those that are gone by now are left out.

        A record is at least as new as its entry.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer.
        """
        async with self._reading:
            found: dict[tuple[str, str], Record] = {}
            missing: dict[str, list[Entry]] = {}
            for entry in entries:
                key = (entry.kind, entry.ref)
                revision, record = self._kept.get(key, (-1, None))
                if record is not None and revision >= entry.revision:
                    self._kept.move_to_end(key)
                    found[key] = record
                else:
                    missing.setdefault(entry.kind, []).append(entry)
            for name, wanted in missing.items():
                read = await self._read(self._kinds[name], wanted)
                for entry in wanted:
                    if entry.ref in read:
                        value = read[entry.ref]
                        record = Record(value, encode_value(value))
                        found[name, entry.ref] = record
                        self._keep((name, entry.ref), entry.revision, record)
            return found

    async def _read(self, kind: Kind, wanted: Sequence[Entry]) -> Mapping[str, Value]:
        if isinstance(kind, StoredKind):
            return await kind.load([entry.ref for entry in wanted])
        return {entry.ref: kind.record(entry.found) for entry in wanted}

    def _keep(self, key: tuple[str, str], revision: int, record: Record) -> None:
        self._drop(key)
        if len(record.encoded) > MAX_ONE:
            return
        self._kept[key] = (revision, record)
        self._size += len(record.encoded)
        while self._size > MAX_KEPT:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str]) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._size -= len(before[1].encoded)
