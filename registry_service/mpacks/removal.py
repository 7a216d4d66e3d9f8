"""Uninstalling: what is checked, and what is then removed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from registry_service.links.links import Links
from registry_service.mpacks.committing import Beginning, Committer
from registry_service.mpacks.errors import name_not_specified, none_found, refused
from registry_service.mpacks.holdings import Leaving, in_cache, leaving, look
from registry_service.mpacks.manifests import describe
from registry_service.mpacks.placing import LOG, old_log, write_log
from registry_service.mpacks.plan import Place, Plan, plan_removal
from registry_service.mpacks.running import Run
from registry_service.mpacks.settling import settle_removal, users
from registry_service.mpacks.values import Done, Pack, Phase

_COMMAND = "uninstall-mpack"


class Removal:
    """Takes packs away."""

    def __init__(self, root: Path, links: Links, committer: Committer) -> None:
        self._root = root
        self._links = links
        self._committer = committer

    async def uninstall(self, run: Run, name: str, version: str) -> Done:
        """Remove the versions of a pack, or one; see `Mpacks.uninstall`."""
        if not name.strip():
            raise name_not_specified()
        run.tell(Phase.CHECK)
        ground = await self._links.ground()
        plan, packs = await run.thread(self._prepare, run.own, name, version)
        extensions = {key for pack in packs for key in pack.extensions}
        text = f"Management pack {name} cannot be uninstalled:"
        found = users(ground, extensions, ())
        if found:
            raise refused("MPACK_IN_USE", text, found)

        async def nothing() -> None:
            """Do nothing: there are no hooks for this."""

        settle = partial(settle_removal, text, extensions)
        revision = await self._committer.commit(run, Beginning(_COMMAND, name, plan), settle, nothing)
        return Done(f"Management pack {name} successfully uninstalled!", tuple(packs), revision)

    def _prepare(self, own: Path, name: str, version: str) -> tuple[Plan, list[Pack]]:
        holdings = look(self._root)
        packs = [one for one in holdings.named(name) if version in {"", one.version}]
        if not packs:
            raise none_found("uninstalled")
        gone = Leaving()
        for one in packs:
            gone |= leaving(holdings, one)
        log = old_log(holdings)
        placed = [Place(path, LOG) for path in log]
        write_log(self._root, own, gone.archives, None)
        plan = plan_removal(holdings.tree, {*gone.paths, *in_cache(gone.archives), *log}, gone.folders, placed)
        return plan, [describe(self._root, one) for one in packs]
