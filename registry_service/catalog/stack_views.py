"""Stack versions as they are once extensions are linked to them (StackModule.java).

A stack version has its own services, those of the extension versions linked to it, and those of the stack version that
it inherits from, which in turn has its links: a child sees the services of its parent's links, but not the links.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.configuration_definitions import Configuration
from registry_service.catalog.definitions import ServiceEntry, StackDefinition
from registry_service.catalog.merging import finish_configuration, merge_configurations
from registry_service.catalog.resolved import (
    MAX_ANCESTORS,
    ResolvedExtension,
    ResolvedService,
    explicit_parent,
    inherit_services,
    split_path,
)

Links = Mapping[VersionKey, Collection[VersionKey]]
"""For each stack version, the extension versions linked to it."""
_CYCLE = "Cycle detected while parsing stack definition"


@dataclass(frozen=True, slots=True)
class StackView:
    """A stack version with its services, own, linked and inherited, and whatever makes it invalid."""

    definition: StackDefinition
    services: Mapping[str, ResolvedService]
    configurations: Mapping[str, Configuration]
    extensions: tuple[ResolvedExtension, ...]
    removed_services: tuple[str, ...]
    errors: tuple[str, ...]
    ancestors: int = 0

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
        self._kin: _Kin | None = None

    def get(self, name: str, version: str) -> StackView | None:
        """Return a stack version, or None where there is none."""
        key = (name, version)
        if key not in self.catalog.stacks:
            return None
        entered: set[VersionKey] = set()
        waiting = [key]
        while waiting:
            current = waiting[-1]
            needed = [] if current in entered else self._needed(current, entered)
            entered.add(current)
            waiting += needed
            if not needed:
                waiting.pop()
                if current not in self._views:
                    self._views[current] = self._resolve(current)
        return self._views[key]

    def _needed(self, key: VersionKey, entered: set[VersionKey]) -> list[VersionKey]:
        """Return the stack versions that have to be resolved before this one, but for those that wait for it."""
        named = _stacks_of(self.catalog.stacks[key]) & self.catalog.stacks.keys()
        return sorted(named - self._views.keys() - entered)

    def relinked(self, stack: VersionKey, extensions: Collection[VersionKey]) -> StackViews:
        """Return the views with other links of one stack version; what that does not change is shared."""
        return self._shared(self.catalog, {**self.links, stack: extensions}, self._in_force, self.dependents(stack))

    def on(
        self,
        catalog: Catalog,
        links: Links,
        in_force: Mapping[VersionKey, ResolvedExtension],
        changed: Iterable[VersionKey],
    ) -> StackViews:
        """Return the views on a later catalog; what they share with these is what the catalogs do.

        `changed` are the stack versions that have other links, or links to extension versions that have changed.
        """
        if catalog.stacks is not self.catalog.stacks or catalog.common_services is not self.catalog.common_services:
            return StackViews(catalog, links, in_force)
        looking = (*changed, *self._relations().of_extensions)
        return self._shared(catalog, links, in_force, set().union(*map(self.dependents, looking)))

    def dependents(self, stack: VersionKey) -> set[VersionKey]:
        """Return a stack version and all whose services may come from it."""
        return {stack} | _reached(stack, self._relations().users)

    def children(self, stack: VersionKey) -> set[VersionKey]:
        """Return the stack versions that inherit from one, directly or not."""
        return _reached(stack, self._relations().children) - {stack}

    def has_parent(self, stack: VersionKey) -> bool:
        """Tell whether a stack version inherits from another, and not in a circle."""
        view = self.get(*stack)
        return view is not None and view.ancestors > 0

    def _relations(self) -> _Kin:
        if self._kin is None:
            self._kin = _kin_of(self.catalog.stacks)
        return self._kin

    def _shared(
        self,
        catalog: Catalog,
        links: Links,
        in_force: Mapping[VersionKey, ResolvedExtension],
        changed: Collection[VersionKey],
    ) -> StackViews:
        views = StackViews(catalog, links, in_force)
        views._kin = self._kin
        views._views = dict(self._views)
        for key in changed:
            views._views.pop(key, None)
        return views

    def _resolve(self, key: VersionKey) -> StackView:
        """Resolve a stack version whose needs are resolved, but for those that go round in a circle."""
        definition = self.catalog.stacks[key]
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
        parent = None if definition.extends is None else self._parent(definition, errors)
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
            0 if parent is None else parent.ancestors + 1,
        )

    def _linked(self, key: VersionKey) -> tuple[ResolvedExtension, ...]:
        linked = []
        for extension_key in sorted(self.links.get(key, ())):
            extension = self._in_force.get(extension_key) or self.catalog.extension(*extension_key)
            if extension is not None and extension.valid:
                linked.append(extension)
        return tuple(linked)

    def _parent(self, definition: StackDefinition, errors: list[str]) -> StackView | None:
        key = (definition.name, definition.extends or "")
        if key not in self.catalog.stacks:
            errors.append(f"Stack '{definition.name}:{definition.version}' specifies a parent that doesn't exist")
            return None
        parent = self._other(key, errors)
        if parent is None:
            return None
        errors += parent.errors
        if _CYCLE in parent.errors:  # what it has would depend on where the circle was entered
            return None
        if parent.ancestors >= MAX_ANCESTORS:
            called = f"Stack '{definition.name}:{definition.version}'"
            errors.append(f"{called} inherits from more than {MAX_ANCESTORS} versions, one through the other")
            return None
        return parent

    def _other(self, key: VersionKey, errors: list[str]) -> StackView | None:
        """Return what another stack version is; one that is not resolved by now waits for this one."""
        if key not in self._views:
            errors.append(_CYCLE)
        return self._views.get(key)

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
        key = (parts[0], parts[1])
        if key not in self.catalog.stacks:
            errors.append(f"{called} a service in a non-existent stack: '{parts[0]}/{parts[1]}'")
            return None
        stack = self._other(key, errors)
        if stack is None or _CYCLE in stack.errors:
            errors += () if stack is None else stack.errors
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


@dataclass(frozen=True, slots=True)
class _Kin:
    """Who takes what from whom."""

    users: Mapping[VersionKey, Collection[VersionKey]]
    """For a stack version, those whose services may come from it."""
    children: Mapping[VersionKey, Collection[VersionKey]]
    """For a stack version, those that inherit from it."""
    of_extensions: Collection[VersionKey]
    """Those that name services of extensions."""


def _kin_of(stacks: Mapping[VersionKey, StackDefinition]) -> _Kin:
    users: dict[VersionKey, set[VersionKey]] = {}
    children: dict[VersionKey, set[VersionKey]] = {}
    of_extensions = set()
    for key, definition in stacks.items():
        for named in _stacks_of(definition):
            users.setdefault(named, set()).add(key)
        if definition.extends is not None:
            children.setdefault((definition.name, definition.extends), set()).add(key)
        if any(len(split_path(service.extends or "")) > 3 for service in definition.services.values()):
            of_extensions.add(key)
    return _Kin(users, children, of_extensions)


def _reached(start: VersionKey, steps: Mapping[VersionKey, Collection[VersionKey]]) -> set[VersionKey]:
    """Return whatever the steps lead to, one after the other; the start where they lead back to it."""
    found: set[VersionKey] = set()
    waiting = set(steps.get(start, ()))
    while waiting:
        key = waiting.pop()
        found.add(key)
        waiting |= set(steps.get(key, ())) - found
    return found


def _stacks_of(definition: StackDefinition) -> set[VersionKey]:
    """Return the stack versions that one names: its parent, and those whose services its services extend."""
    named = {(definition.name, definition.extends)} if definition.extends is not None else set()
    for service in definition.services.values():
        parts = split_path(service.extends or "")
        if len(parts) == 3:
            named.add((parts[0], parts[1]))
    return named
