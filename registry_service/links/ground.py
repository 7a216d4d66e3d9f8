"""What the rules of links and clusters look at: what is on disk, what is linked, and what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.catalog.stack_views import StackViews
from registry_service.resources import Cluster, Link


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
    """One state of everything that links and clusters depend on; `links` are by stack version, then by id."""

    catalog: Catalog
    in_force: Mapping[VersionKey, ResolvedExtension]
    """Extension versions that stand in for those on disk, which have become invalid while they were linked."""
    links: Mapping[VersionKey, Mapping[int, Link]]
    views: StackViews
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    """By name."""

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        links: Mapping[VersionKey, Mapping[int, Link]],
        in_force: Mapping[VersionKey, ResolvedExtension] | None = None,
        clusters: Mapping[str, Cluster] | None = None,
    ) -> Self:
        """Put a state together."""
        by_stack = {stack: [spec_of(link).extension for link in found.values()] for stack, found in links.items()}
        standing = in_force or {}
        return cls(catalog, standing, links, StackViews(catalog, by_stack, standing), clusters or {})

    def with_link(self, link: Link) -> Self:
        """Return the state with one link more, or with another version of one."""
        stack = spec_of(link).stack
        return self._relinked(stack, {**self.links.get(stack, {}), link.id: link})

    def without_link(self, link: Link) -> Self:
        """Return the state with one link less."""
        stack = spec_of(link).stack
        return self._relinked(stack, {key: one for key, one in self.links[stack].items() if key != link.id})

    def find(self, link_id: int) -> Link | None:
        """Return a link, or None where there is none."""
        return next((found[link_id] for found in self.links.values() if link_id in found), None)

    def all_links(self) -> Iterator[Link]:
        """Yield every link."""
        for found in self.links.values():
            yield from found.values()

    def linked_to(self, stack: VersionKey) -> list[LinkSpec]:
        """Return what is linked to a stack version itself, by id."""
        return [spec_of(link) for _, link in sorted(self.links.get(stack, {}).items())]

    def effective(self, extension: VersionKey) -> ResolvedExtension | None:
        """Return the extension version that a link to it brings; None where it has vanished."""
        return self.in_force.get(extension) or self.catalog.extension(*extension)

    def children(self, stack: VersionKey) -> set[VersionKey]:
        """Return the stack versions that inherit from one, directly or not."""
        name, found = stack[0], set[VersionKey]()
        waiting = [stack]
        while waiting:
            parent = waiting.pop()
            more = {
                key
                for key, definition in self.catalog.stacks.items()
                if key[0] == name and definition.extends == parent[1] and key not in found and key != stack
            }
            found |= more
            waiting += more
        return found

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

    def _relinked(self, stack: VersionKey, found: Mapping[int, Link]) -> Self:
        links = {**self.links, stack: found}
        if not found:
            del links[stack]
        views = self.views.relinked(stack, [spec_of(link).extension for link in found.values()])
        return type(self)(self.catalog, self.in_force, links, views, self.clusters)
