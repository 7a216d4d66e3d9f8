"""How what a child defines is merged with what it inherits: the child wins where it says something.

ServiceModule.resolveInternal, ComponentModule.resolve, ConfigurationModule.resolve and BaseModule.mergeChildModules of
Ambari. Pure functions: neither argument changes, and nothing is made up that is in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from registry_service.catalog.configuration_definitions import Configuration, Property
from registry_service.catalog.definitions import Component, Document, Service
from registry_service.catalog.documents import merge_quick_links, merge_themes

_FROM_PARENT_IF_UNSAID = (
    "comment",
    "display_name",
    "service_type",
    "service_advisor_type",
    "version",
    "selection",
    "maintainer",
    "support_delete_via_ui",
    "restart_required_after_change",
    "restart_required_after_rack_change",
    "monitoring_service",
    "command_script",
    "credential_store",
    "sso",
    "package",
    "upgrades",
    "checks",
    "server_actions",
    "metrics",
    "alerts",
    "kerberos",
    "widgets",
    "advisor",
    "advisor_name",
    "role_command_order",
)
_FROM_PARENT_IF_EMPTY = ("required_services", "os_specifics")

_COMPONENT_FROM_PARENT_IF_UNSAID = (
    "command_script",
    "display_name",
    "config_dependencies",
    "client_config_files",
    "clients_to_update_configs",
    "category",
    "cardinality",
    "version_advertised",
    "decommission_allowed",
    "unlimited_key_jce_required",
    "auto_deploy",
    "bulk_commands",
    "reassign_allowed",
    "timeline_appid",
)


class _Deletable(Protocol):
    @property
    def deleted(self) -> bool: ...


T = TypeVar("T", bound=_Deletable)
Struct = TypeVar("Struct", bound=msgspec.Struct)


def merge_services(child: Service, parent: Service) -> Service:
    """Merge a service with the one that it inherits from; what is left to be deleted, `finish_service` drops."""
    changes: dict[str, Any] = {
        **_unsaid(child, parent, _FROM_PARENT_IF_UNSAID),
        **{name: getattr(parent, name) for name in _FROM_PARENT_IF_EMPTY if not getattr(child, name)},
        "custom_commands": _union(child.custom_commands, parent.custom_commands, lambda item: item.name),
        "config_dependencies": _union_or_none(child.config_dependencies, parent.config_dependencies),
        "properties": _union(child.properties, parent.properties, lambda item: item.name),
        "components": merge_children(child.components, parent.components, merge_components),
        "configurations": merge_configurations(
            child.configurations, parent.configurations, child.excluded_config_types
        ),
        "excluded_config_types": _union(child.excluded_config_types, parent.excluded_config_types, lambda item: item),
        "themes": _merge_documents(child.themes, parent.themes, merge_themes, broken=child.themes_broken),
        "quick_links": _merge_documents(
            child.quick_links, parent.quick_links, merge_quick_links, broken=child.quick_links_broken
        ),
    }
    return msgspec.structs.replace(child, **changes)


def finish_service(service: Service) -> Service:
    """Drop what a service deletes, as is done once there is nothing more to inherit."""
    configurations = {
        name: finish_configuration(configuration) for name, configuration in service.configurations.items()
    }
    return msgspec.structs.replace(
        service,
        components=_kept(service.components),
        configurations=configurations,
        themes=_kept(service.themes),
        quick_links=_kept(service.quick_links),
    )


def merge_children(
    child: Mapping[str, T], parent: Mapping[str, T], merge: Callable[[T, T], T] | None = None
) -> dict[str, T]:
    """Merge things by name: the child's first, then what only the parent has; what the child deletes is gone."""
    merged = {}
    for name, item in child.items():
        if not item.deleted:
            inherited = parent.get(name)
            merged[name] = item if merge is None or inherited is None or inherited.deleted else merge(item, inherited)
    return merged | {name: item for name, item in parent.items() if name not in child and not item.deleted}


def merge_components(child: Component, parent: Component) -> Component:
    """Merge two components; whether recovery is enabled is always the parent's word, as in Ambari."""
    return msgspec.structs.replace(
        child,
        **_unsaid(child, parent, _COMPONENT_FROM_PARENT_IF_UNSAID),
        recovery_enabled=parent.recovery_enabled,
        dependencies=_union(child.dependencies, parent.dependencies, lambda item: item.name),
        custom_commands=_union(child.custom_commands, parent.custom_commands, lambda item: item.name),
        logs=_union(child.logs, parent.logs, lambda item: item.log_id),
    )


def merge_configurations(
    child: Mapping[str, Configuration], parent: Mapping[str, Configuration], excluded: tuple[str, ...] = ()
) -> dict[str, Configuration]:
    """Merge configurations by type; types that the child excludes are not inherited."""
    merged = {
        name: merge_configuration(item, parent[name]) if name in parent and name not in excluded else item
        for name, item in child.items()
    }
    inherited = {name: item for name, item in parent.items() if name not in child and name not in excluded}
    return merged | inherited


def merge_configuration(child: Configuration, parent: Configuration) -> Configuration:
    """Merge one type: a property replaces the inherited one as a whole; `supports_do_not_extend` inherits nothing."""
    if child.supports_of("do_not_extend"):
        return finish_configuration(child)
    properties = merge_children(child.properties, parent.properties, _child_property)
    return msgspec.structs.replace(child, properties=properties, supports={**parent.supports, **child.supports})


def finish_configuration(configuration: Configuration) -> Configuration:
    """Drop the properties that are deleted."""
    return msgspec.structs.replace(configuration, properties=_kept(configuration.properties))


def _child_property(child: Property, _: Property) -> Property:
    return child


def _merge_documents(
    child: Mapping[str, Document],
    parent: Mapping[str, Document],
    merge_contents: Callable[[bytes, bytes], bytes],
    *,
    broken: bool,
) -> dict[str, Document]:
    """Merge themes or quick links by file.

    A child whose every file is broken wanted something else than the parent's, and gets none (StackManagerExtensionTest
    of Ambari asserts it for themes).
    """
    if broken and not child:
        return {}

    def merge(ours: Document, theirs: Document) -> Document:
        if ours.content is None or theirs.content is None:
            return ours
        return msgspec.structs.replace(ours, content=merge_contents(ours.content, theirs.content))

    return merge_children(child, parent, merge)


def _kept(items: Mapping[str, T]) -> dict[str, T]:
    return {name: item for name, item in items.items() if not item.deleted}


def _unsaid(child: msgspec.Struct, parent: msgspec.Struct, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields that the child leaves to the parent."""
    return {name: getattr(parent, name) for name in names if getattr(child, name) is None}


def _union(child: tuple[Any, ...], parent: tuple[Any, ...], key: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Join the child's items with those of the parent that have other keys."""
    if not parent:
        return child
    known = {key(item) for item in child}
    return (*child, *(item for item in parent if key(item) not in known))


def _union_or_none(child: tuple[str, ...] | None, parent: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return parent if child is None else _union(child, parent or (), lambda item: item)
