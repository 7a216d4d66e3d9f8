"""Reading `configuration/*.xml` (ConfigurationXml.java, PropertyInfo.java, ConfigurationInfo.java)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

import msgspec

from graft_common.xml_documents import XmlError, parse_document
from registry_service.catalog.binding import Table, bind, boolean, listing, maybe_boolean, structure, text, truth
from registry_service.catalog.configuration_definitions import (
    Configuration,
    Property,
    PropertyRef,
    RefreshCommand,
    UpgradeBehaviour,
    ValueAttributes,
    ValueEntry,
)

ROOT = "configuration"
SUPPORTS = {
    "supports_final": "final",
    "supports_adding_forbidden": "adding_forbidden",
    "supports_do_not_extend": "do_not_extend",
}
FROM_FILE = "VALUE_FROM_PROPERTY_FILE"
_TYPES = frozenset(
    {"PASSWORD", "USER", "UID", "GROUP", "GID", "TEXT", "ADDITIONAL_USER_PROPERTY", "NOT_MANAGED_HDFS_PATH"}
    | {"KERBEROS_PRINCIPAL", FROM_FILE}
)

_REF: Table = {"type": ("type", text), "name": ("name", text)}
_REFS = listing("property", structure(PropertyRef, _REF))
_ENTRY: Table = {"value": ("value", text), "label": ("label", text), "description": ("description", text)}
_VALUE_ATTRIBUTES: Table = {
    **{name: (name, text) for name in ("type", "maximum", "minimum", "unit", "delete", "copy", "hidden")},
    **{name: (name, maybe_boolean) for name in ("visible", "overridable")},
    "empty-value-valid": ("empty_value_valid", maybe_boolean),
    "ui-only-property": ("ui_only_property", maybe_boolean),
    "read-only": ("read_only", maybe_boolean),
    "editable-only-at-install": ("editable_only_at_install", maybe_boolean),
    "show-property-name": ("show_property_name", maybe_boolean),
    "increment-step": ("increment_step", text),
    "entries": ("entries", listing("entry", structure(ValueEntry, _ENTRY))),
    "entries_editable": ("entries_editable", maybe_boolean),
    "selection-cardinality": ("selection_cardinality", text),
    "selection_cardinality": ("selection_cardinality", text),
    "property-file-name": ("property_file_name", text),
    "property-file-type": ("property_file_type", text),
    "user-groups": ("user_groups", _REFS),
    "keystore": ("keystore", boolean),
}


def _types(element: Element) -> tuple[str, ...]:
    """Read a list of types; those that Ambari does not know are dropped, and of equal ones all but the first."""
    return tuple(dict.fromkeys(word for word in text(element).split() if word in _TYPES))


def _upgrade(element: Element) -> UpgradeBehaviour:
    return UpgradeBehaviour(
        add=truth(element.get("add", "true")),
        delete=truth(element.get("delete", "false")),
        update=truth(element.get("update", "false")),
    )


def _refresh_command(element: Element) -> RefreshCommand:
    return RefreshCommand(component_name=element.get("componentName"), command=element.get("command"))


_PROPERTY: Table = {
    "name": ("name", text),
    "value": ("value", text),
    "description": ("description", text),
    "display-name": ("display_name", text),
    "deleted": ("deleted", boolean),
    "on-ambari-upgrade": ("on_ambari_upgrade", _upgrade),
    "on-stack-upgrade": ("merge_on_stack_upgrade", lambda element: truth(element.get("merge", "true"))),
    "property-type": ("types", _types),
    "value-attributes": ("value_attributes", structure(ValueAttributes, _VALUE_ATTRIBUTES)),
    "depends-on": ("depends_on", _REFS),
    "used-by": ("used_by", _REFS),
    "supported-refresh-commands": ("refresh_commands", listing("refresh-command", _refresh_command)),
}
_IGNORED = frozenset({"filename", "property_depended_by"})

ReadPropertyFile = Callable[[Property], str | None]
"""Returns the value of a property that is kept in a file of its own, or None to leave it as it is."""


def parse_configuration(config_type: str, data: bytes, read_file: ReadPropertyFile) -> Configuration:
    """Read one configuration file; a property without a name is dropped, of equal names the last counts.

    Raises:
        XmlError: it is no XML that is read, or its root is not `<configuration>`.
    """
    root = parse_document(data)
    if root.tag != ROOT:
        raise XmlError(f"the root element is <{root.tag[:100]}>; <{ROOT}> without a name space is expected")
    supports = {SUPPORTS[key]: value.lower() == "true" for key, value in root.attrib.items() if key in SUPPORTS}
    properties: dict[str, Property] = {}
    for element in root:
        if element.tag == "property" and (item := _property(element)) is not None:
            if FROM_FILE in item.types and (value := read_file(item)) is not None:
                item = msgspec.structs.replace(item, value=value)
            properties[item.name] = item
    return Configuration(type=config_type, supports=supports, properties=properties)


def _property(element: Element) -> Property | None:
    fields: dict[str, Any] = bind(element, _PROPERTY)
    if not fields.get("name"):
        return None
    if required := element.get("require-input"):
        fields["require_input"] = truth(required)
    others = {child.tag: text(child) for child in element if child.tag not in _PROPERTY and child.tag not in _IGNORED}
    if others:
        fields["attributes"] = others
    return Property(**fields)
