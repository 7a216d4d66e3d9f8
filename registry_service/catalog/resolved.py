"""What exists once inheritance has been followed: services with their parents, extension versions, common services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from registry_service.catalog.definitions import (
    CommonDefinition,
    ExtensionDefinition,
    Prerequisite,
    Service,
    ServiceEntry,
)
from registry_service.catalog.merging import finish_service, merge_services
from registry_service.catalog.method_definitions import Methods
from registry_service.catalog.methods import inherit_methods
from registry_service.catalog.value_types import Finding

MAX_ANCESTORS = 256
"""How many versions one may inherit from, one through the other."""

K = TypeVar("K")


@dataclass(eq=False, slots=True)
class ResolvedService:
    """A service and what it inherits from; merged when it is first asked for.

    `source` is where it is defined: `extensions/EXT/0.1`, `stacks/HDP/0.1` or `common-services/PIG/1.0`. `child` is
    given where the service, already merged, inherits once more: an extension's service in a stack whose parent has one
    of that name.
    """

    name: str
    source: str
    own: ServiceEntry
    parent: ResolvedService | None = None
    child: ResolvedService | None = None
    _merged: Service | None = field(default=None, repr=False)

    @property
    def valid(self) -> bool:
        """Whether its own definition is; an invalid one neither inherits nor passes on."""
        return self.own.valid

    @property
    def definition(self) -> Service:
        """The service as it is, merged with all that it inherits."""
        waiting = [self]
        while waiting:
            unmerged = waiting[-1].unmerged_inputs()
            if not unmerged:
                waiting.pop().merge()
            waiting += unmerged
        return self.merge()

    @property
    def layers(self) -> Iterator[tuple[str, ServiceEntry]]:
        """The definitions that it is merged from, with their sources, the one that wins first."""
        node: ResolvedService | None = self
        while node is not None:
            if node.child is not None:
                yield from node.child.layers
            else:
                yield node.source, node.own
            node = node.parent

    def over(self, parent: ResolvedService) -> ResolvedService:
        """Return this service, merged with one more parent."""
        return ResolvedService(self.name, self.source, self.own, parent, self if self.parent is not None else None)

    def unmerged_inputs(self) -> list[ResolvedService]:
        """Return what must be merged before this can be."""
        if self._merged is not None:
            return []
        return [one for one in (self.parent, self.child) if one is not None and not one.is_merged]

    @property
    def is_merged(self) -> bool:
        return self._merged is not None

    def merge(self) -> Service:
        """Merge with the parent; `definition` does so without deep recursion."""
        if self._merged is None:
            own = self.own.load() if self.child is None else self.child.merge()
            self._merged = finish_service(own if self.parent is None else merge_services(own, self.parent.merge()))
        return self._merged


@dataclass(frozen=True, slots=True)
class ResolvedExtension:
    """An extension version with the services that it has and inherits, and whatever makes it invalid."""

    definition: ExtensionDefinition
    services: Mapping[str, ResolvedService]
    errors: tuple[str, ...]
    ancestors: int = 0
    methods: Methods | None = None

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

    @property
    def auto_links(self) -> bool:
        """Whether it links itself: Ambari wants both marks (AmbariManagementHelper.java)."""
        return self.definition.active and self.definition.auto_link

    @property
    def stacks(self) -> tuple[Prerequisite, ...]:
        return self.definition.stacks

    @property
    def required_extensions(self) -> tuple[Prerequisite, ...]:
        return self.definition.extensions

    @property
    def warnings(self) -> tuple[Finding, ...]:
        found = self.definition.warnings
        # What is inherited whole was told of the version that it comes from.
        return found if self.methods is None or self.definition.methods is None else found + self.methods.warnings

    @property
    def source(self) -> str:
        return f"extensions/{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class CommonService:
    """A common service, which others extend by `common-services/<name>/<version>`; `service` is None if unreadable."""

    service: ResolvedService | None
    errors: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return not self.errors


def in_order(parents: Mapping[K, K | None]) -> Iterator[tuple[K, bool]]:
    """Yield each key after its parent, and whether it is on a cycle (and so comes after no parent)."""
    done: set[K] = set()
    for start in parents:
        chain: dict[K, int] = {}
        current: K | None = start
        while current is not None and current in parents and current not in done and current not in chain:
            chain[current] = len(chain)
            current = parents[current]
        first_on_cycle = chain.get(current, len(chain)) if current is not None else len(chain)
        for key in reversed(chain):
            yield key, chain[key] >= first_on_cycle
        done.update(chain)


def split_path(path: str) -> list[str]:
    """Split as Java's `split("/")` does: trailing empty parts do not count."""
    parts = path.split("/")
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def common_key(parent: str) -> str | None:
    """Return the key of the common service that `<extends>` names, or None where it is not of that form."""
    parts = split_path(parent)
    if len(parts) != 3 or parts[0].lower() != "common-services":
        return None
    return f"{parts[1]}/{parts[2]}"


def resolve_common_services(definitions: Mapping[tuple[str, str], CommonDefinition]) -> dict[str, CommonService]:
    """Resolve the common services, by `<name>/<version>` as their own files give it.

    A file that cannot be read stands under the names of its directories, so that whoever extends it is told why.
    """
    found: dict[str, tuple[ServiceEntry | None, str, tuple[str, ...]]] = {}
    for (name, version), definition in sorted(definitions.items()):
        source = f"common-services/{name}/{version}"
        for service, own_version in definition.services:
            found[f"{service.name}/{own_version or version}"] = (service, source, service.errors)
        if definition.errors:
            found[f"{name}/{version}"] = (None, source, definition.errors)
    parents = {
        key: common_key(service.extends) if service is not None and service.extends is not None else None
        for key, (service, _, _) in found.items()
    }
    resolved: dict[str, CommonService] = {}
    for key, cyclic in in_order(parents):
        own, source, own_errors = found[key]
        errors = list(own_errors)
        node = None
        if own is not None:
            node = ResolvedService(own.name, source, own)
            if own.extends is not None:
                node.parent = _common_parent(key, own, parents[key], resolved, cyclic=cyclic, errors=errors)
        resolved[key] = CommonService(node, tuple(dict.fromkeys(errors)))
    return resolved


def _common_parent(
    key: str,
    service: ServiceEntry,
    parent_key: str | None,
    resolved: Mapping[str, CommonService],
    *,
    cyclic: bool,
    errors: list[str],
) -> ResolvedService | None:
    extends = service.extends or ""
    called = f"The common service '{key.replace('/', '', 1)}'"
    if parent_key is None:
        fits = len(split_path(extends)) == 3
        errors.append(
            "Common service cannot inherit from a non common service"
            if fits
            else f"{called} extends an invalid parent: '{extends}'"
        )
        return None
    if cyclic:
        errors.append("Cycle detected while parsing common service")
        return None
    parent = resolved.get(parent_key)
    if parent is None:
        errors.append(f"{called} extends a non-existent service: '{extends}'")
        return None
    errors += parent.errors
    return parent.service if parent.valid and service.valid else None


def explicit_parent(
    service: ServiceEntry, owner: str, commons: Mapping[str, CommonService], errors: list[str]
) -> ResolvedService | None:
    """Find the common service that a service of an extension or a stack extends, or say in `errors` why not.

    `owner` is `extension 'EXT:0.1'` or `stack 'HDP:0.1'` (ExtensionModule.java, StackModule.java).
    """
    extends = service.extends or ""
    key = common_key(extends)
    if key is None:
        errors.append(f"The service '{service.name}' in {owner} extends an invalid parent: '{extends}'")
        return None
    common = commons.get(key)
    if common is None:
        errors.append(f"The service '{service.name}' in {owner} extends a non-existent service: '{extends}'")
        return None
    errors += common.errors
    return common.service if common.valid and service.valid else None


def resolve_extension_versions(
    definitions: Mapping[str, ExtensionDefinition],
    commons: Mapping[str, CommonService],
    *,
    is_stack_name: bool,
    earlier: Mapping[str, ResolvedExtension] | None = None,
) -> dict[str, ResolvedExtension]:
    """Resolve all versions of one extension; what is wrong with one makes that one invalid, and what inherits from it.

    (ExtensionModule.resolve; there, much of it stops the server.) `earlier` is what was made of them before: methods
    that have not changed are taken from it.
    """
    resolved: dict[str, ResolvedExtension] = {}
    for version, cyclic in in_order({version: item.extends for version, item in definitions.items()}):
        definition = definitions[version]
        errors = list(definition.errors)
        if is_stack_name:
            errors.append(f"The extension '{definition.name}' has a name which matches a stack name")
        own = {
            name: ResolvedService(name, f"extensions/{definition.name}/{version}", service)
            for name, service in definition.services.items()
        }
        for node in own.values():
            if node.own.extends is not None:
                owner = f"extension '{definition.name}:{version}'"
                node.parent = explicit_parent(node.own, owner, commons, errors)
        parent = None
        if definition.extends is not None:
            parent = _parent_version(definition, resolved, cyclic=cyclic, errors=errors)
        methods = _methods(definition, parent, earlier or {}, errors)
        resolved[version] = ResolvedExtension(
            definition,
            inherit_services(own, parent.services if parent else {}),
            tuple(dict.fromkeys(errors)),
            parent.ancestors + 1 if parent else 0,
            methods,
        )
    return {version: resolved[version] for version in definitions}


def _methods(
    definition: ExtensionDefinition,
    parent: ResolvedExtension | None,
    earlier: Mapping[str, ResolvedExtension],
    errors: list[str],
) -> Methods | None:
    """Join the methods of a version with those that it inherits, unless both are as they were."""
    inherited = parent.methods if parent is not None else None
    if definition.methods is None:
        return inherited
    if parent is not None and not parent.valid:
        # The types that it may name are not known; what is wrong is told of the parent.
        return None
    before = earlier.get(definition.version)
    if before is not None and before.methods is not None and before.definition.methods is definition.methods:
        parent_before = earlier.get(before.definition.extends or "")
        if inherited is (parent_before.methods if parent_before is not None else None):
            return before.methods
    return inherit_methods(definition.methods, inherited, errors)


def _parent_version(
    definition: ExtensionDefinition, resolved: Mapping[str, ResolvedExtension], *, cyclic: bool, errors: list[str]
) -> ResolvedExtension | None:
    if cyclic:
        errors.append("Cycle detected while parsing extension definition")
        return None
    called = f"Extension '{definition.name}:{definition.version}'"
    parent = resolved.get(definition.extends or "")
    if parent is None:
        errors.append(f"{called} specifies a parent that doesn't exist")
        return None
    errors += parent.errors
    if parent.ancestors >= MAX_ANCESTORS:
        errors.append(f"{called} inherits from more than {MAX_ANCESTORS} versions, one through the other")
        return None
    return parent


def inherit_services(
    own: Mapping[str, ResolvedService], inherited: Mapping[str, ResolvedService]
) -> Mapping[str, ResolvedService]:
    """Join a version's services with those of the version that it inherits from.

    Services that the version does not define are shared; one that it deletes is gone; one that it defines without
    `<extends>` inherits from the parent's of the same name.
    """
    if not own:
        return inherited
    joined: dict[str, ResolvedService] = {}
    for name, node in own.items():
        if node.own.deleted:
            continue
        parent = inherited.get(name)
        merges = parent is not None and parent is not node and node.valid and parent.valid
        joined[name] = node.over(parent) if parent and merges and not node.own.extends_something else node
    return joined | {name: node for name, node in inherited.items() if name not in own}
