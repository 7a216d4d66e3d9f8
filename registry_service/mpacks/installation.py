"""Installing and upgrading: what is checked in which order, and what is then done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from graft_common.errors import value_not_supported
from graft_common.versions import version_key
from registry_service.catalog.catalog import MPACKS, VersionKey
from registry_service.links.ground import Ground
from registry_service.links.links import Links, Settle
from registry_service.mpacks import purging
from registry_service.mpacks.committing import Beginning, Committer
from registry_service.mpacks.errors import already_installed, none_found, refused
from registry_service.mpacks.foreseeing import not_valid
from registry_service.mpacks.holdings import (
    Holdings,
    Leaving,
    archive_name,
    archives_in,
    in_cache,
    leaving,
    look,
    purged,
)
from registry_service.mpacks.hooks import Ran, need_runner, run_hooks
from registry_service.mpacks.loading import Loaded
from registry_service.mpacks.manifests import CACHE, describe
from registry_service.mpacks.placing import Entry, old_log, placements, write_log, write_manifest
from registry_service.mpacks.plan import Plan, plan_installation, refuse_collisions
from registry_service.mpacks.prerequisites import unmet
from registry_service.mpacks.running import Run
from registry_service.mpacks.settling import settle_removal, settle_upgrade
from registry_service.mpacks.trees import What
from registry_service.mpacks.values import (
    AFTER_INSTALL,
    AFTER_UPGRADE,
    BEFORE_INSTALL,
    BEFORE_UPGRADE,
    INSTALL_COMMAND,
    PURGEABLE,
    UPGRADE_COMMAND,
    Done,
    HookRunner,
    InstallOptions,
    MovedLink,
    Operation,
    Pack,
    Phase,
)
from registry_service.resources import Link


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between installing and upgrading."""

    command: str
    before: str
    after: str
    done: str


_INSTALL = _Kind(INSTALL_COMMAND, BEFORE_INSTALL, AFTER_INSTALL, "installed")
_UPGRADE = _Kind(UPGRADE_COMMAND, BEFORE_UPGRADE, AFTER_UPGRADE, "upgraded")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An installation that nothing is in the way of."""

    kind: _Kind
    plan: Plan
    removed: tuple[Pack, ...]


class Installation:
    """Puts packs in their places."""

    def __init__(
        self,
        root: Path,
        ambari_version: str,
        links: Links,
        committer: Committer,
        runner: HookRunner | None,
        now: Callable[[], datetime],
    ) -> None:
        self._root = root
        self._ambari_version = ambari_version
        self._links = links
        self._committer = committer
        self._runner = runner
        self._now = now

    async def install(self, run: Run, loaded: Loaded, options: InstallOptions) -> Done:
        """Install a pack; see `Mpacks.install`."""
        unknown = sorted(set(options.purge) - set(PURGEABLE))
        if unknown:
            raise value_not_supported("purge_list", ",".join(unknown), f"it may hold {', '.join(PURGEABLE)}")
        run.tell(Phase.CHECK)
        ground = await self._links.ground()
        purging.check(loaded, options.purge, ground)
        prepared = await run.thread(self._prepare_install, run.own, loaded, options)
        gone = {key for pack in prepared.removed for key in pack.extensions}
        text = f"Management pack {loaded.metadata.folder} cannot be installed, because that would break what is in use:"
        return await self._finish(run, loaded, prepared, ground, partial(settle_removal, text, gone))

    async def upgrade(self, run: Run, loaded: Loaded, *, verbose: bool) -> Done:
        """Upgrade a pack; see `Mpacks.upgrade`."""
        run.tell(Phase.CHECK)
        ground = await self._links.ground()
        prepared = await run.thread(self._prepare_upgrade, run.own, loaded, verbose=verbose)
        old = {key for pack in prepared.removed for key in pack.extensions}
        text = f"Management pack {loaded.metadata.folder} cannot take the place of its older versions:"
        return await self._finish(
            run, loaded, prepared, ground, partial(settle_upgrade, text, old, loaded.layout.extensions)
        )

    def _prepare_install(self, own: Path, loaded: Loaded, options: InstallOptions) -> _Prepared:
        self._check_prerequisites(loaded)
        holdings = look(self._root)
        folder = loaded.metadata.folder
        place, gone = f"{MPACKS}/{folder}", purged(holdings, options.purge)
        if holdings.tree.what(place) is not What.MISSING and place not in gone.paths:
            if not options.force:
                raise already_installed(folder)
            gone |= Leaving(frozenset({place}))
        versions = holdings.named(loaded.metadata.name) if options.force else []
        kept: set[str] = set()
        for one in versions:
            if one.folder == folder:
                left = leaving(holdings, one)
                # The archives of versions before it are still needed by their lines of the replay log.
                kept = {name for name in left.archives if one.manifest is not None and name != one.manifest.archive}
                gone |= Leaving(left.paths | in_cache(left.archives - kept), left.folders)
        operation = Operation(INSTALL_COMMAND, "", bool(options.purge), options.purge, options.force, options.verbose)
        replaceable = [one.folder for one in versions]
        return self._prepare(own, loaded, _INSTALL, holdings, gone, replaceable, kept, operation)

    def _prepare_upgrade(self, own: Path, loaded: Loaded, *, verbose: bool) -> _Prepared:
        holdings = look(self._root)
        new = version_key(loaded.metadata.version)
        versions = holdings.named(loaded.metadata.name)
        older = [one for one in versions if version_key(one.version) < new]
        if not older:
            raise none_found("upgraded")
        self._check_prerequisites(loaded)
        going = [one for one in versions if one in older or one.folder == loaded.metadata.folder]
        gone, kept = Leaving(), set[str]()
        for one in going:
            left = leaving(holdings, one)
            gone |= Leaving(left.paths, left.folders)
            kept |= left.archives
        operation = Operation(UPGRADE_COMMAND, "", purge=False, purge_list=(), force=True, verbose=verbose)
        return self._prepare(own, loaded, _UPGRADE, holdings, gone, [one.folder for one in going], kept, operation)

    def _prepare(
        self,
        own: Path,
        loaded: Loaded,
        kind: _Kind,
        holdings: Holdings,
        gone: Leaving,
        replaceable: Collection[str],
        kept: Collection[str],
        operation: Operation,
    ) -> _Prepared:
        """Plan, and write what is placed with the pack; `operation` gets its path here."""
        folder = loaded.metadata.folder
        archive = archive_name(holdings, loaded.file_name, folder, loaded.digest, gone.paths)
        dropped = archives_in(gone.paths)
        entry = Entry(holdings.next_id(folder), archive, tuple(set(kept) - dropped), self._now())
        plan = plan_installation(
            holdings.tree,
            holdings.given,
            folder,
            loaded.layout.wanted,
            placements(loaded, entry),
            {*gone.paths, *old_log(holdings)},
            gone.folders,
            replaceable,
        )
        refuse_collisions(holdings.tree, plan, holdings.given, folder)
        write_manifest(own, loaded, entry, plan)
        path = str(self._root / MPACKS / CACHE / archive)
        write_log(self._root, own, {*dropped, archive}, replace(operation, path=path))
        packs = [one for one in holdings.packs if f"{MPACKS}/{one.folder}" in gone.paths]
        return _Prepared(kind, plan, tuple(describe(self._root, one) for one in packs))

    def _check_prerequisites(self, loaded: Loaded) -> None:
        found = unmet(
            loaded.metadata,
            self._ambari_version,
            lambda name, version: (self._root / "stacks" / name / version).is_dir(),
        )
        if found:
            text = f"Prerequisites for management pack {loaded.metadata.folder} failed!"
            raise refused("MPACK_PREREQUISITES", text, found)

    async def _finish(self, run: Run, loaded: Loaded, prepared: _Prepared, ground: Ground, settle: Settle) -> Done:
        kind, folder = prepared.kind, loaded.metadata.folder
        before, after = loaded.hooks(kind.before), loaded.hooks(kind.after)
        need_runner(self._runner, [*before, *after])
        ran: list[Ran] = [await run.while_awaited(run_hooks(self._runner, before, loaded.folder, run))]

        async def run_after() -> None:
            ran.append(await run_hooks(self._runner, after, self._root / MPACKS / folder, run))

        moved: list[MovedLink] = []
        invalid: list[str] = []
        brings = [key for key in loaded.layout.extensions if ground.catalog.extension(*key) is None]
        linked = [link.id for key in brings for link in ground.of_extension(key)]
        revision = await self._committer.commit(
            run,
            Beginning(kind.command, folder, prepared.plan, brings, linked),
            partial(_noting, settle, loaded.layout.extensions, moved, invalid),
            run_after,
        )
        return Done(
            f"Management pack {folder} successfully {kind.done}!",
            await run.thread(_installed_pack, self._root, folder),
            revision,
            prepared.removed,
            tuple(moved),
            (*loaded.layout.warnings, *prepared.plan.warnings, *invalid),
            tuple(one for some in ran for one in some),
        )


def _noting(
    settle: Settle,
    brings: Iterable[VersionKey],
    moved: list[MovedLink],
    invalid: list[str],
    before: Ground,
    after: Ground,
) -> Sequence[Link]:
    """Settle the links; note which of them follow, and what of the pack is not valid now that it is in its place."""
    links = list(settle(before, after))
    brought = (after.catalog.extension(*key) for key in brings)
    invalid += [not_valid(one) for one in brought if one is not None and not one.valid]
    for link in links:
        known = before.find(link.id)
        if known is not None:
            moved.append(MovedLink(link.id, link.extension_name, known.extension_version, link.extension_version))
    return links


def _installed_pack(root: Path, folder: str) -> tuple[Pack, ...]:
    return tuple(describe(root, one) for one in look(root).packs if one.folder == folder)
