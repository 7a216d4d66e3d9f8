"""What is written beside a pack's links: its manifest, its archive, and its line in the replay log."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from registry_service.catalog.catalog import MPACKS
from registry_service.mpacks import replay
from registry_service.mpacks.holdings import LOG_PATH, Holdings
from registry_service.mpacks.loading import ARCHIVE, UNPACKED, Loaded
from registry_service.mpacks.manifests import CACHE, Manifest, manifest_path
from registry_service.mpacks.plan import Place, Plan
from registry_service.mpacks.trees import What
from registry_service.mpacks.values import Operation

MANIFEST = "manifest"
LOG = "log"


@dataclass(frozen=True, slots=True)
class Entry:
    """How a pack is written down."""

    id: int
    archive: str
    kept: tuple[str, ...]
    """Archives of older versions that lines of the replay log still need."""
    installed: datetime


def placements(loaded: Loaded, entry: Entry) -> list[Place]:
    """Return where the parts of a pack go, besides its links."""
    folder = loaded.metadata.folder
    return [
        Place(f"{MPACKS}/{folder}", f"{UNPACKED}/{loaded.folder.name}"),
        Place(f"{MPACKS}/{CACHE}/{entry.archive}", ARCHIVE),
        Place(manifest_path(folder), MANIFEST),
        Place(LOG_PATH, LOG),
    ]


def write_manifest(own: Path, loaded: Loaded, entry: Entry, plan: Plan) -> None:
    """Prepare the manifest."""
    manifest = Manifest(
        entry.id,
        loaded.metadata.name,
        loaded.metadata.version,
        entry.archive,
        loaded.digest,
        entry.installed,
        dict(plan.links),
        list(plan.folders),
        sorted({entry.archive, *entry.kept}),
    )
    (own / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def write_log(root: Path, own: Path, without: Collection[str], operation: Operation | None) -> None:
    """Prepare the replay log: the one that is there without the lines for some archives, and one line more.

    Raises:
        GraftError: MPACK_REPLAY_LOG_INVALID.
    """
    text = replay.without(replay.read(root / LOG_PATH), without)
    if operation is not None:
        text += f"{replay.line_of(operation)}\n"
    (own / LOG).write_text(text)


def old_log(holdings: Holdings) -> set[str]:
    """Return the path of the replay log if it is there: the new one takes its place."""
    return {LOG_PATH} if holdings.tree.what(LOG_PATH) is not What.MISSING else set()
