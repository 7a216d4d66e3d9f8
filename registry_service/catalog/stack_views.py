"""Stack versions as they are once extensions are linked to them (StackModule.java).

A stack version has its own services, those of the extension versions linked to it, and those of the stack version that
it inherits from, which in turn has its links: a child sees the services of its parent's links, but not the links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.definitions import Configuration, ServiceEntry, StackDefinition
from registry_service.catalog.merging import finish_configuration, merge_configurations
from registry_service.catalog.resolved import (
    MAX_ANCESTORS,
    ResolvedExtension,
    ResolvedService,
    explicit_parent,
    inherit_services,
    split_path,
)

Links = Mapping[VersionKey, Sequence[VersionKey]]
"""For each stack version, the extension versions linked to it."""
_MAX_STACKS = min(MAX_ANCESTORS, 100)


@dataclass(frozen=True, slots=True)
class StackView:
    """A stack version with its services, own, linked and inherited, and whatever makes it invalid."""

    definition: StackDefinition
    services: Mapping[str, ResolvedService]
    configurations: Mapping[str, Configuration]
    extensions: tuple[ResolvedExtension, ...]
    removed_services: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def version(self) -> str:
        return self.definition.version

    @property
    def parent_version(self) -> str | None:
        return self.definition.extends

    @property
    def valid(self) -> bool:
        return not self.errors


class StackViews:
    """All stack versions of a catalog under a set of links; a view is made when it is first asked for.

    Args:
        catalog: what is on disk.
        links: which extension versions are linked to which stack versions; those that are not on disk are passed over.
        in_force: extension versions that stand in for those on disk, such as the last good state of one that has become
            invalid while it was linked. An invalid version that none stands in for adds no services.
    """

    def __init__(
        self, catalog: Catalog, links: Links, in_force: Mapping[VersionKey, ResolvedExtension] | None = None
    ) -> None:
        self.catalog = catalog
        self.links = links
        self._in_force = in_force or {}
        self._views: dict[VersionKey, StackView] = {}
        self._open: set[VersionKey] = set()

    def get(self, name: str, version: str) -> StackView | None:
        """Return a stack version, or None where there is none."""
        key = (name, version)
        definition = self.catalog.stacks.get(key)
        if definition is None:
            return None
        if key not in self._views:
            self._views[key] = self._resolve(key, definition)
        return self._views[key]

    def relinked(self, stack: VersionKey, extensions: Sequence[VersionKey]) -> StackViews:
        """Return the views with other links of one stack version; what that does not change is shared."""
        links = {**self.links, stack: tuple(extensions)}
        views = StackViews(self.catalog, links, self._in_force)
        changed = self._dependents(stack)
        views._views = {key: view for key, view in self._views.items() if key not in changed}
        return views

    def _dependents(self, stack: VersionKey) -> set[VersionKey]:
        """Return a stack version and all whose services may come from it."""
        changed = {stack}
        while True:
            more = {
                key
                for key, definition in self.catalog.stacks.items()
                if key not in changed and not changed.isdisjoint(_stacks_of(definition))
            }
            if not more:
                return changed
            changed |= more

    def _resolve(self, key: VersionKey, definition: StackDefinition) -> StackView:
        self._open.add(key)
        try:
            return self._resolve_open(key, definition)
        finally:
            self._open.discard(key)

    def _resolve_open(self, key: VersionKey, definition: StackDefinition) -> StackView:
        errors = list(definition.errors)
        source = f"stacks/{definition.name}/{definition.version}"
        nodes = {name: ResolvedService(name, source, service) for name, service in definition.services.items()}
        for node in nodes.values():
            if node.own.extends is not None:
                node.parent = self._explicit_parent(definition, node.own, errors)
        extensions = self._linked(key)
        for extension in extensions:
            nodes.update(extension.services)
        services: Mapping[str, ResolvedService] = inherit_services(nodes, {})
        configurations = {name: finish_configuration(item) for name, item in definition.configurations.items()}
        if definition.extends is not None:
            parent = self._parent(definition, errors)
            if parent is not None:
                services = inherit_services(nodes, parent.services)
                configurations = merge_configurations(definition.configurations, parent.configurations)
        return StackView(
            definition,
            services,
            configurations,
            extensions,
            tuple(name for name, node in nodes.items() if node.own.deleted),
            tuple(dict.fromkeys(errors)),
        )

    def _linked(self, key: VersionKey) -> tuple[ResolvedExtension, ...]:
        linked = []
        for extension_key in sorted(self.links.get(key, ())):
            extension = self._in_force.get(extension_key) or self.catalog.extension(*extension_key)
            if extension is not None and extension.valid:
                linked.append(extension)
        return tuple(linked)

    def _parent(self, definition: StackDefinition, errors: list[str]) -> StackView | None:
        parent = self._other((definition.name, definition.extends or ""), errors)
        if parent is None:
            if not errors or "Cycle" not in errors[-1]:
                called = f"Stack '{definition.name}:{definition.version}'"
                errors.append(f"{called} specifies a parent that doesn't exist")
            return None
        errors += parent.errors
        return parent

    def _other(self, key: VersionKey, errors: list[str]) -> StackView | None:
        """Resolve another stack version first; going round in a circle is an error."""
        if key in self._open or len(self._open) > _MAX_STACKS:
            errors.append("Cycle detected while parsing stack definition")
            return None
        return self.get(*key)

    def _explicit_parent(
        self, definition: StackDefinition, service: ServiceEntry, errors: list[str]
    ) -> ResolvedService | None:
        extends = service.extends or ""
        owner = f"stack '{definition.name}:{definition.version}'"
        called = f"The service '{service.name}' in {owner} extends"
        parts = split_path(extends)
        if parts[0].lower() == "common-services":
            return explicit_parent(service, owner, self.catalog.common_services, errors)
        if parts[0].lower() == "extensions":
            if len(parts) != 4:
                errors.append(f"{called} an invalid parent: '{extends}'")
            elif not self._has_extension_service(parts):
                errors.append(f"{called} a non-existent service: '{extends}'")
            return None
        if len(parts) != 3:
            errors.append(f"{called} an invalid parent: '{extends}'")
            return None
        stack = self._other((parts[0], parts[1]), errors)
        if stack is None:
            errors.append(f"{called} a service in a non-existent stack: '{parts[0]}/{parts[1]}'")
            return None
        parent = stack.services.get(parts[2])
        if parent is None:
            errors.append(f"{called} a non-existent service: '{extends}'")
            return None
        return parent if parent.valid and service.valid else None

    def _has_extension_service(self, parts: Sequence[str]) -> bool:
        """Tell whether such a service exists; Ambari wants that, and then inherits nothing from it all the same."""
        extension = self.catalog.extension(parts[1], parts[2])
        return extension is not None and extension.valid and parts[3] in extension.services


def _stacks_of(definition: StackDefinition) -> set[VersionKey]:
    """Return the stack versions that one names: its parent, and those whose services its services extend."""
    named = {(definition.name, definition.extends)} if definition.extends is not None else set()
    for service in definition.services.values():
        parts = split_path(service.extends or "")
        if len(parts) == 3:
            named.add((parts[0], parts[1]))
    return named
