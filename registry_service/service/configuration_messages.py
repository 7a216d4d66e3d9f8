"""Configurations as messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from graft.registry.v1 import registry_pb2 as pb
from registry_service.catalog.configuration_definitions import (
    Configuration,
    Property,
    PropertyRef,
    ValueAttributes,
)

_PLAIN_ATTRIBUTES = tuple(
    field
    for field in ValueAttributes.__struct_fields__
    if field not in {"entries", "user_groups"}  # these are messages of their own
)


def configuration_types(
    configurations: Mapping[str, Configuration], excluded: Collection[str] = ()
) -> list[pb.ConfigurationType]:
    """Write the types, by name, but for those that are excluded (ServiceInfo.getConfigTypeAttributes)."""
    return [
        pb.ConfigurationType(
            type=name,
            supports_final=item.supports_of("final"),
            supports_adding_forbidden=item.supports_of("adding_forbidden"),
            supports_do_not_extend=item.supports_of("do_not_extend"),
        )
        for name, item in sorted(configurations.items())
        if name not in excluded
    ]


def properties(configurations: Mapping[str, Configuration], *, full: bool) -> list[pb.ConfigurationProperty]:
    """Write the properties of all types, by type; all that is known of them only if `full`."""
    return [
        _full_property(configuration, item)
        if full
        else pb.ConfigurationProperty(
            type=name,
            file_name=configuration.file_name,
            name=item.name,
            value=item.value,
            require_input=item.require_input,
            merge_on_stack_upgrade=item.merge_on_stack_upgrade,
        )
        for name, configuration in sorted(configurations.items())
        for item in configuration.properties.values()
    ]


def _full_property(configuration: Configuration, item: Property) -> pb.ConfigurationProperty:
    upgrade = item.on_ambari_upgrade
    return pb.ConfigurationProperty(
        type=configuration.type,
        file_name=configuration.file_name,
        name=item.name,
        value=item.value,
        description=item.description,
        display_name=item.display_name,
        property_types=item.types,
        value_attributes=None if item.value_attributes is None else _value_attributes(item.value_attributes),
        depends_on=_references(item.depends_on),
        used_by=_references(item.used_by),
        refresh_commands=[
            pb.RefreshCommand(component_name=one.component_name, command=one.command) for one in item.refresh_commands
        ],
        require_input=item.require_input,
        on_ambari_upgrade=pb.UpgradeBehaviour(add=upgrade.add, delete=upgrade.delete, update=upgrade.update),
        merge_on_stack_upgrade=item.merge_on_stack_upgrade,
        attributes=item.attributes,
    )


def _value_attributes(value: ValueAttributes) -> pb.ValueAttributes:
    message = pb.ValueAttributes(**{name: getattr(value, name) for name in _PLAIN_ATTRIBUTES})
    if value.entries is not None:
        message.entries.entries.extend(
            pb.ValueEntry(value=entry.value, label=entry.label, description=entry.description)
            for entry in value.entries
        )
        message.entries.SetInParent()
    if value.user_groups is not None:
        message.user_groups.properties.extend(_references(value.user_groups))
        message.user_groups.SetInParent()
    return message


def _references(found: Iterable[PropertyRef]) -> list[pb.PropertyReference]:
    return [pb.PropertyReference(type=item.type, name=item.name) for item in found]
