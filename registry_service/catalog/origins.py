"""Which version each value of a merged service comes from.

Merging only ever selects: every value of the result stands in one of the definitions that it is merged from. So nothing
has to be recorded while merging; the first definition that has the value at its path, counted from the child, is where
it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from registry_service.catalog.catalog import Catalog
from registry_service.catalog.configuration_definitions import Configuration
from registry_service.catalog.definitions import Component, Service, StackDefinition
from registry_service.catalog.resolved import ResolvedService
from registry_service.catalog.stack_views import StackView

_NOT_MERGED = frozenset({"name", "extends", "deleted", "directory", "themes_broken", "quick_links_broken"})
_KEYS = {"custom_commands": "name", "dependencies": "name", "logs": "log_id", "properties": "name"}
_SETS = frozenset({"config_dependencies", "excluded_config_types"})


def origins_of(service: ResolvedService) -> dict[str, str]:
    """Return for each path of a service where its value is defined, such as `extensions/EXT/0.1`.

    Paths are fields of `Service`, and below `components/<name>`, `configurations/<type>/properties/<name>`,
    `configurations/<type>/supports/<what>`, `themes/<file>`, `quick_links/<file>`, `custom_commands/<name>`,
    `properties/<name>`, `config_dependencies/<type>`, `excluded_config_types/<type>`; in a component also
    `dependencies/<name>` and `logs/<id>`. What nobody says is not in it.
    """
    layers = [(source, dict(_leaves(entry.load()))) for source, entry in service.layers]
    return {path: _origin(path, value, layers) for path, value in _leaves(service.definition)}


def origins_of_properties(stack: StackView, catalog: Catalog) -> dict[str, str]:
    """Return for each value of a stack version's own configuration where it is defined, such as `stacks/HDP/2.4`.

    Paths are those below `configurations` in `origins_of`.
    """
    layers = [
        (f"stacks/{definition.name}/{definition.version}", dict(_all_configuration_leaves(definition.configurations)))
        for definition in _line(stack, catalog)
    ]
    return {path: _origin(path, value, layers) for path, value in _all_configuration_leaves(stack.configurations)}


def _line(stack: StackView, catalog: Catalog) -> Iterator[StackDefinition]:
    """Yield a stack version and those that it inherits from, the nearest first."""
    seen: set[str] = set()
    definition: StackDefinition | None = stack.definition
    while definition is not None and definition.version not in seen:
        seen.add(definition.version)
        yield definition
        definition = catalog.stacks.get((definition.name, definition.extends or ""))


def _origin(path: str, value: Any, layers: list[tuple[str, dict[str, Any]]]) -> str:
    saying = [(source, leaves[path]) for source, leaves in layers if path in leaves]
    if path.endswith("/recovery_enabled"):
        saying.reverse()
    equal = (source for source, said in saying if said == value)
    # A theme that was merged within itself equals none of those that it comes from; the child's is nearest.
    return next(equal, saying[0][0] if saying else layers[0][0])


def _leaves(service: Service) -> Iterator[tuple[str, Any]]:
    for field, value in _said(service):
        if field in _NOT_MERGED:
            continue
        if field == "components":
            for name, component in value.items():
                yield from _component_leaves(f"components/{name}", component)
        elif field == "configurations":
            yield from _all_configuration_leaves(value)
        elif field in {"themes", "quick_links"}:
            yield from ((f"{field}/{name}", item) for name, item in value.items() if not item.deleted)
        elif field in _SETS:
            yield from ((f"{field}/{item}", item) for item in value)
        else:
            yield from _items(field, field, value)


def _component_leaves(path: str, component: Component) -> Iterator[tuple[str, Any]]:
    if component.deleted:
        return
    yield path, True
    for field, value in _said(component):
        if field not in _NOT_MERGED:
            yield from _items(f"{path}/{field}", field, value)


def _all_configuration_leaves(configurations: Mapping[str, Configuration]) -> Iterator[tuple[str, Any]]:
    for name, configuration in configurations.items():
        yield from _configuration_leaves(f"configurations/{name}", configuration)


def _configuration_leaves(path: str, configuration: Configuration) -> Iterator[tuple[str, Any]]:
    yield from ((f"{path}/supports/{name}", value) for name, value in configuration.supports.items())
    for name, item in configuration.properties.items():
        if not item.deleted:
            yield f"{path}/properties/{name}", item


def _items(path: str, field: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Take lists of named items apart, and leave the rest whole."""
    if field not in _KEYS:
        return [(path, value)]
    return [(f"{path}/{getattr(item, _KEYS[field])}", item) for item in value]


def _said(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """Yield the fields that say something: a parent's False or empty list, too, is not the same as nothing."""
    for field in msgspec.structs.fields(value):
        said = getattr(value, field.name)
        if said not in (field.default, {}):
            yield field.name, said
