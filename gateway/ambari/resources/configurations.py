"""Properties of configurations, as stacks and services show them."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message

from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Properties, Property
from graft.registry.v1 import registry_pb2 as pb

# Ambari names them by XML elements where a field says so, and by Java fields otherwise (ValueAttributesInfo.java).
_VALUE_ATTRIBUTES = {
    "type": "type",
    "maximum": "maximum",
    "minimum": "minimum",
    "unit": "unit",
    "delete": "delete",
    "visible": "visible",
    "overridable": "overridable",
    "copy": "copy",
    "empty_value_valid": "empty-value-valid",
    "ui_only_property": "ui-only-property",
    "read_only": "read-only",
    "editable_only_at_install": "editable-only-at-install",
    "show_property_name": "show-property-name",
    "increment_step": "increment-step",
    "hidden": "hidden",
    "entries_editable": "entriesEditable",
    "selection_cardinality": "selection_cardinality",
    "property_file_name": "property-file-name",
    "property_file_type": "property-file-type",
}


def configuration(category: str, keys: Keys, item: pb.ConfigurationProperty) -> Properties:
    """Write one property, with the names of what it belongs to (StackConfigurationResourceProvider.java)."""
    shown: dict[str, Json] = {
        **{
            f"{category}/{name}": keys[name] for name in ("stack_name", "stack_version", "service_name") if name in keys
        },
        f"{category}/type": item.file_name or f"{item.type}.xml",
        f"{category}/property_name": item.name,
        f"{category}/property_value": item.value if item.HasField("value") else None,
        f"{category}/property_value_attributes": _value_attributes(item.value_attributes),
        f"{category}/property_depends_on": _references(item.depends_on),
        f"{category}/property_description": item.description if item.HasField("description") else None,
        f"{category}/property_type": list(item.property_types),
        f"{category}/final": "false",
        **{f"{category}/{name}": value for name, value in item.attributes.items()},
    }
    if item.display_name:
        shown[f"{category}/property_display_name"] = item.display_name
    return shown


def configuration_properties(category: str, *, with_service: bool = False) -> tuple[Property, ...]:
    """Return what `configuration` writes."""
    service = (Property(f"{category}/service_name", doc="The service's name."),) if with_service else ()
    return (
        Property(f"{category}/stack_name", doc="The stack's name."),
        Property(f"{category}/stack_version", doc="The stack's version."),
        *service,
        Property(f"{category}/type", doc="The file, such as `oozie-site.xml`."),
        Property(f"{category}/property_name", doc="The property's name."),
        Property(f"{category}/property_value", doc="Its value.", nullable=True),
        Property(f"{category}/property_value_attributes", Kind.OBJECT, "What values it may have, and how it is shown."),
        Property(f"{category}/property_depends_on", Kind.ANY, "The properties that its value depends on."),
        Property(f"{category}/property_description", doc="What it is for.", nullable=True),
        Property(f"{category}/property_display_name", doc="The name for people; only where there is one."),
        Property(f"{category}/property_type", Kind.STRINGS, "What it is, such as `PASSWORD` or `USER`."),
        Property(f"{category}/final", doc="Whether it cannot be changed: `true` or `false`."),
    )


def _value_attributes(value: pb.ValueAttributes) -> Json:
    shown: dict[str, Json] = {
        name: getattr(value, field)
        for field, name in _VALUE_ATTRIBUTES.items()
        if value.HasField(field)  # type: ignore[arg-type]  # the names are the message's
    }
    if value.HasField("entries"):
        shown["entries"] = [_set_fields(entry, ("description", "label", "value")) for entry in value.entries.entries]
    if value.HasField("user_groups"):
        shown["userGroupEntries"] = _references(value.user_groups.properties)
    if value.keystore:
        shown["keyStore"] = True
    return dict(sorted(shown.items()))


def _references(values: Iterable[pb.PropertyReference]) -> Json:
    return [_set_fields(item, ("name", "type")) for item in values]


def _set_fields(message: Message, names: Iterable[str]) -> Json:
    return {name: getattr(message, name) for name in names if message.HasField(name)}
