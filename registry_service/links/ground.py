"""What the rules of links and clusters look at: what is on disk, what is linked, and what is installed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.catalog.stack_views import StackViews
from registry_service.links.index import NO_LINKS, Entry, LinkIndex, StackLinks, entry_of
from registry_service.resources import Cluster, Link, MethodBundle


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """What is to be linked to what."""

    stack_name: str
    stack_version: str
    extension_name: str
    extension_version: str

    @property
    def stack(self) -> VersionKey:
        """The stack version."""
        return self.stack_name, self.stack_version

    @property
    def extension(self) -> VersionKey:
        """The extension version."""
        return self.extension_name, self.extension_version

    def __str__(self) -> str:
        return (
            f"stackName={self.stack_name}, stackVersion={self.stack_version}, "
            f"extensionName={self.extension_name}, extensionVersion={self.extension_version}"
        )


def spec_of(link: Link) -> LinkSpec:
    """Return what a link links."""
    return LinkSpec(link.stack_name, link.stack_version, link.extension_name, link.extension_version)


@dataclass(frozen=True, slots=True)
class Ground:
    """One state of everything that links and clusters depend on."""

    catalog: Catalog
    in_force: Mapping[VersionKey, ResolvedExtension]
    """Extension versions that stand in for those on disk, which have become invalid while they were linked."""
    index: LinkIndex
    views: StackViews
    unlinked: StackViews
    """The stack versions as they would be without links: it depends on the catalog alone."""
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    """By name."""
    lost: Mapping[VersionKey, str] = field(default_factory=dict)
    """Why nothing stands in for an extension version that has become invalid while it was linked."""
    bundles: Mapping[VersionKey, MethodBundle] = field(default_factory=dict)
    """What is published of the methods of linked extension versions."""
    unsettled: frozenset[VersionKey] = frozenset()
    """Extension versions whose bundle may not be what it should be: everything was read anew, or their files are not
    as the catalog has them."""

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        links: Iterable[Link] = (),
        in_force: Mapping[VersionKey, ResolvedExtension] | None = None,
        clusters: Mapping[str, Cluster] | None = None,
        lost: Mapping[VersionKey, str] | None = None,
        bundles: Mapping[VersionKey, MethodBundle] | None = None,
    ) -> Self:
        """Put a state together."""
        standing = in_force or {}
        views, unlinked = StackViews(catalog, {}, standing), StackViews(catalog, {})
        nothing = cls(catalog, standing, LinkIndex(), views, unlinked, clusters or {}, lost or {}, bundles or {})
        index = LinkIndex().changed((), map(nothing.entry, links))
        return replace(nothing, index=index, views=StackViews(catalog, _linked(index), standing))

    def on(
        self,
        catalog: Catalog,
        in_force: Mapping[VersionKey, ResolvedExtension],
        lost: Mapping[VersionKey, str],
        told: Collection[Link],
    ) -> Self:
        """Return the state on a later catalog, or with others in force.

        `told` are the links to all extension versions that are not what they were, as they are to be.
        """
        now = replace(self, catalog=catalog, in_force=in_force, lost=lost)
        if len(told) == len(self.index.by_id):
            index = LinkIndex().changed((), map(now.entry, told))
        else:
            index = self.index.changed([self.entry(self.index.by_id[link.id]) for link in told], map(now.entry, told))
        stacks = {spec_of(link).stack for link in told}
        return replace(
            now,
            index=index,
            views=self.views.on(catalog, _linked(index), in_force, stacks),
            unlinked=self.unlinked.on(catalog, {}, {}, ()),
        )

    def with_link(self, link: Link) -> Self:
        """Return the state with one link more, or with another version of one."""
        old = self.find(link.id)
        return self._relinked(link, [] if old is None else [self.entry(old)], [self.entry(link)])

    def with_links(self, links: Collection[Link]) -> Self:
        """Return the state with links that are new."""
        index, views = self.index.changed((), map(self.entry, links)), self.views
        for stack in {spec_of(link).stack for link in links}:
            views = views.relinked(stack, index.by_stack[stack].by_version)
        return replace(self, index=index, views=views)

    def without_link(self, link: Link) -> Self:
        """Return the state with one link less."""
        return self._relinked(link, [self.entry(self.index.by_id[link.id])], [])

    def entry(self, link: Link) -> Entry:
        """Return what the index has to know of a link."""
        return entry_of(link, self.effective(spec_of(link).extension))

    def find(self, link_id: int) -> Link | None:
        """Return a link, or None where there is none."""
        return self.index.by_id.get(link_id)

    def all_links(self) -> Iterator[Link]:
        """Yield every link."""
        yield from self.index.by_id.values()

    def of_stack(self, stack: VersionKey) -> StackLinks:
        """Return what is linked to a stack version itself."""
        return self.index.by_stack.get(stack, NO_LINKS)

    def of_extension(self, extension: VersionKey) -> Collection[Link]:
        """Return the links of an extension version."""
        return self.index.by_extension.get(extension, {}).values()

    def has_service(self, stack: VersionKey, service: str) -> bool:
        """Tell whether a stack version has a service, its own, linked or inherited, without making its view."""
        while stack in self.catalog.stacks:
            if service in self.of_stack(stack).by_service:
                return True
            definition = self.catalog.stacks[stack]
            own = definition.services.get(service)
            if own is not None:
                return not own.deleted
            if not self.unlinked.has_parent(stack):
                return False
            stack = (definition.name, definition.extends or "")
        return False

    def effective(self, extension: VersionKey) -> ResolvedExtension | None:
        """Return the extension version that a link to it brings; None where it has vanished."""
        return self.in_force.get(extension) or self.catalog.extension(*extension)

    def children(self, stack: VersionKey) -> set[VersionKey]:
        """Return the stack versions that inherit from one, directly or not."""
        return self.unlinked.children(stack)

    def installed(self, stack: VersionKey) -> frozenset[str]:
        """Name the services that clusters on a stack version, or on one that inherits from it, have installed."""
        if not self.clusters:
            return frozenset()
        stacks = {stack} | self.children(stack)
        of_them = (cluster for cluster in self.clusters.values() if cluster.stack in stacks)
        return frozenset(service.name for cluster in of_them for service in cluster.services)

    def with_cluster(self, cluster: Cluster) -> Self:
        """Return the state with one cluster more, or with what one has become."""
        return replace(self, clusters={**self.clusters, cluster.name: cluster})

    def without_cluster(self, name: str) -> Self:
        """Return the state without a cluster, whether there was one or not."""
        return replace(self, clusters={other: cluster for other, cluster in self.clusters.items() if other != name})

    def with_bundle(self, key: VersionKey, bundle: MethodBundle | None) -> Self:
        """Return the state with what has become of an extension version's bundle; None for nothing."""
        others = {other: found for other, found in self.bundles.items() if other != key}
        return replace(self, bundles=others if bundle is None else {**others, key: bundle})

    def _relinked(self, link: Link, gone: Iterable[Entry], new: Iterable[Entry]) -> Self:
        stack = spec_of(link).stack
        index = self.index.changed(gone, new)
        linked = index.by_stack.get(stack, NO_LINKS).by_version
        return replace(self, index=index, views=self.views.relinked(stack, linked))


def _linked(index: LinkIndex) -> dict[VersionKey, Collection[VersionKey]]:
    return {stack: links.by_version for stack, links in index.by_stack.items()}
