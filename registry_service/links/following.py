"""What other replicas have committed of links, their bundles and clusters, learnt from the table of changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from registry_service.links.ground import Ground
from registry_service.resources import Cluster, Link, MethodBundle
from registry_service.store.reading import Reading
from registry_service.watch.values import Change, Kind, Revisions

_FOLLOWED = frozenset({Kind.LINK, Kind.CLUSTER, Kind.METHOD_BUNDLE})
_MAX_CHANGES = 1000


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The newest links and clusters on the catalog that was held."""

    ground: Ground
    touched: Sequence[Link]
    """Links as they were and as they are, of those that have changed."""
    is_anew: bool = False
    """Whether everything was read, so that what has changed is not known."""


async def catch_up(view: Reading, ground: Ground, revision: int, at: Revisions) -> CaughtUp:
    """Bring a state of `revision` to that of `at`; what is in force of extension versions stays as it was."""
    if at.compacted > revision or at.current < revision:
        links = [link for link in await view.every_resource(Kind.LINK) if isinstance(link, Link)]
        clusters = _by_name(await view.every_resource(Kind.CLUSTER))
        every = await view.every_resource(Kind.METHOD_BUNDLE)
        bundles = {bundle.key: bundle for bundle in every if isinstance(bundle, MethodBundle)}
        anew = Ground.of(ground.catalog, links, ground.in_force, clusters, ground.lost, bundles)
        unsettled = frozenset(anew.index.by_extension.keys() | bundles.keys())
        return CaughtUp(replace(anew, unsettled=unsettled), links, is_anew=True)
    touched: list[Link] = []
    more = True
    while more:
        batch = await view.changes(revision, _FOLLOWED, _MAX_CHANGES)
        for change in batch.changes:
            touched += _links_of(ground, change)
            ground = _with_change(ground, change)
        revision, more = batch.revision, batch.more
    return CaughtUp(ground, touched)


def _links_of(ground: Ground, change: Change) -> list[Link]:
    """Return what a link was and what it is, if it is a link that has changed."""
    old = ground.find(int(change.key)) if change.kind is Kind.LINK else None
    return [link for link in (old, change.resource) if isinstance(link, Link)]


def _with_change(ground: Ground, change: Change) -> Ground:
    now = change.resource
    if change.kind is Kind.CLUSTER:
        return ground.with_cluster(now) if isinstance(now, Cluster) else ground.without_cluster(change.key)
    if change.kind is Kind.METHOD_BUNDLE:
        name, _, version = change.key.partition("/")
        return ground.with_bundle((name, version), now if isinstance(now, MethodBundle) else None)
    if isinstance(now, Link):
        return ground.with_link(now)
    old = ground.find(int(change.key))
    return ground if old is None else ground.without_link(old)


def _by_name(clusters: Iterable[object]) -> dict[str, Cluster]:
    return {cluster.name: cluster for cluster in clusters if isinstance(cluster, Cluster)}
