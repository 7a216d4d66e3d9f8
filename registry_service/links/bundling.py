"""Which bundles of methods are published: one for each extension version that is linked and has methods."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import structlog

from graft_common.method_bundles import write_bundle
from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.method_definitions import Methods
from registry_service.links.declaring import declare
from registry_service.links.ground import Ground
from registry_service.resources import Declaration, MethodBundle
from registry_service.store.change import Change
from registry_service.watch.values import Kind

_log = structlog.get_logger("graft.registry")


class FilesChangedError(Exception):
    """A file is not what it was when the catalog was read; another reading is to come."""


async def publish(change: Change, before: Ground, ground: Ground) -> Ground:
    """Publish what has become of the bundles between two states, and return the later one with it.

    What an extension version brought while it was valid stays published while it is invalid, and while its files are
    not those that were read; these are then looked at with the next change.
    """
    bundles, unsettled = dict(before.bundles), set()
    put, gone = [], []
    for key in sorted(_concerned(before, ground)):
        known = bundles.get(key)
        try:
            bundle = await _bundle_of(change, ground, key, known)
        except FilesChangedError as error:
            _log.warning("bundle.not_made", extension=key[0], version=key[1], reason=str(error))
            unsettled.add(key)
            continue
        if bundle == known:
            continue
        if bundle is not None:
            bundles[key] = bundle
            put.append(bundle)
        elif known is not None:
            del bundles[key]
            gone.append(known)
    if put or gone:
        await change.put_resources(put)
        await change.delete_resources(gone)
        named = {bundle.digest for bundle in bundles.values()}
        await change.release_bundles({bundle.digest for bundle in before.bundles.values()} - named)
        await _publish_declarations(change, ground, bundles)
    return replace(ground, bundles=bundles if put or gone else before.bundles, unsettled=frozenset(unsettled))


async def _publish_declarations(change: Change, ground: Ground, bundles: Mapping[VersionKey, MethodBundle]) -> None:
    brought = []
    for key, bundle in bundles.items():
        effective = ground.effective(key)
        if effective is not None and effective.valid and effective.methods is not None:
            brought.append((bundle, effective.methods))
    now = {item.method: item for item in await asyncio.to_thread(lambda: list(declare(brought)))}
    every = await change.every_resource(Kind.DECLARATION)
    before = {item.method: item for item in every if isinstance(item, Declaration)}
    await change.put_resources([item for name, item in now.items() if before.get(name) != item])
    await change.delete_resources([item for name, item in before.items() if name not in now])


def make_bundle(root: Path, methods: Methods) -> bytes:
    """Make the tar of an extension version's methods from the files in a resources directory.

    Raises:
        FilesChangedError: they are not what was read of them, or cannot be read.
    """
    out = BytesIO()
    write_bundle(out, methods.declarations, _contents(root, methods))
    return out.getvalue()


def _contents(root: Path, methods: Methods) -> Iterator[tuple[str, bool, bytes]]:
    for path, file in methods.files.items():
        try:
            with (root / file.path).open("rb") as opened:
                content = opened.read(file.size + 1)
        except OSError as error:
            raise FilesChangedError(f"{file.path}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != file.digest:
            raise FilesChangedError(f"{file.path} has changed since it was read")
        yield path, file.executable, content


def _concerned(before: Ground, ground: Ground) -> set[VersionKey]:
    """Name the extension versions whose links or files are not what they were, of those that may have a bundle."""
    linked_before, linked = before.index.by_extension, ground.index.by_extension
    concerned = {key for key, links in linked.items() if linked_before.get(key) is not links}
    concerned |= linked_before.keys() - linked.keys()
    if ground.catalog is not before.catalog:
        now, then = ground.catalog.extension, before.catalog.extension
        concerned |= {key for key in linked if now(*key) is not then(*key)}
    return concerned | before.unsettled


async def _bundle_of(
    change: Change, ground: Ground, key: VersionKey, known: MethodBundle | None
) -> MethodBundle | None:
    links, on_disk = ground.of_extension(key), ground.catalog.extension(*key)
    if not links or on_disk is None or (on_disk.valid and on_disk.methods is None):
        return None
    link_id = min(link.id for link in links)
    methods = on_disk.methods
    if not on_disk.valid or methods is None or (known is not None and known.content == methods.digest):
        return None if known is None else replace(known, link_id=link_id)
    content = await asyncio.to_thread(make_bundle, Path(ground.catalog.reading.root), methods)
    digest = hashlib.sha256(content).hexdigest()
    await change.keep_bundle(digest, content)
    _log.info("bundle.published", extension=key[0], version=key[1], digest=digest, methods=len(methods.declared))
    return MethodBundle(*key, link_id, digest, len(content), methods.digest)
