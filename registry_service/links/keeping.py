"""Which last valid states are kept in the store, and which of them are in force.

Of every extension version that is linked the store has the state in which it was last valid. So whatever becomes of its
files, and be it while no registry runs, there is something that can stay in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog

from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.links import last_good
from registry_service.links.ground import Ground
from registry_service.links.last_good import Digests, UnreadableError
from registry_service.resources import LastGood
from registry_service.store.change import Change
from registry_service.store.reading import Reading

_log = structlog.get_logger("graft.registry")


@dataclass(frozen=True, slots=True)
class StandIns:
    """What is in force in place of what is on disk, and for which nothing is because what was kept cannot be read."""

    in_force: Mapping[VersionKey, ResolvedExtension]
    lost: Mapping[VersionKey, str]


async def stand_ins(view: Reading, catalog: Catalog, before: Ground, looked_at: Collection[VersionKey]) -> StandIns:
    """Find what stands in for invalid extension versions: what was valid before, or else what the store has kept.

    Args:
        view: the store.
        catalog: what is on disk.
        before: the state before.
        looked_at: extension versions that are linked; for all others all is as it was before.
    """
    in_force = {key: found for key, found in before.in_force.items() if key not in looked_at}
    lost = {key: reason for key, reason in before.lost.items() if key not in looked_at}
    unknown = []
    for key in looked_at:
        on_disk, earlier = catalog.extension(*key), before.effective(key)
        if on_disk is None or on_disk.valid:
            continue
        if earlier is not None and earlier.valid:
            in_force[key] = earlier
        else:
            unknown.append(key)
    for kept in await view.last_good(unknown):
        try:
            in_force[kept.key] = last_good.restore(kept)
        except UnreadableError as error:
            lost[kept.key] = str(error)
            _log.warning("last_good.unreadable", extension=kept.name, version=kept.version, reason=str(error))
    return StandIns(in_force, lost)


async def prepare(catalog: Catalog, before: Ground, marks: Mapping[VersionKey, str] | None) -> list[LastGood]:
    """Make what is to be kept of the linked extension versions that are valid and not as they were.

    It is done in a thread and before any transaction: a change of one common service may change thousands.

    Args:
        catalog: what is on disk.
        before: the state before; the links are taken from it.
        marks: what is kept, by digest, where the state before does not tell; else None.
    """
    linked = before.index.by_extension
    keys = linked.keys() if marks is not None else linked.keys() & catalog.changed(before.catalog)
    valid = [found for key in keys if (found := catalog.extension(*key)) and found.valid]

    def make() -> list[LastGood]:
        digests: Digests = {}
        return [last_good.keep(found) for found in valid if _differs(found, before, marks, digests)]

    return await asyncio.to_thread(make) if valid else []


async def forget_unlinked(change: Change, ground: Ground, keys: Iterable[VersionKey]) -> Ground:
    """Let the last valid states go of those extension versions to which no link leads any more."""
    gone = [key for key in keys if not ground.of_extension(key)]
    await change.drop_last_good(gone)
    return without_stand_ins(ground, gone)


def without_stand_ins(ground: Ground, gone: Collection[VersionKey]) -> Ground:
    """Return the state in which nothing stands in for some extension versions, which are not linked."""
    if not any(key in ground.in_force or key in ground.lost for key in gone):
        return ground
    in_force = {key: found for key, found in ground.in_force.items() if key not in gone}
    lost = {key: reason for key, reason in ground.lost.items() if key not in gone}
    return ground.on(ground.catalog, in_force, lost, ())


def _differs(
    found: ResolvedExtension, before: Ground, marks: Mapping[VersionKey, str] | None, digests: Digests
) -> bool:
    key = (found.name, found.version)
    digest = last_good.digest_of(found, digests)
    if marks is not None:
        return marks.get(key) != digest
    earlier = before.effective(key)
    return earlier is None or not earlier.valid or last_good.digest_of(earlier, digests) != digest
