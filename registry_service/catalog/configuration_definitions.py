"""What the files of a configuration folder define (PropertyInfo.java, ConfigurationInfo.java)."""

from __future__ import annotations

import msgspec

from registry_service.catalog.value_types import Value


class UpgradeBehaviour(Value, frozen=True):
    """What an upgrade of Ambari does with a property."""

    add: bool = True
    delete: bool = False
    update: bool = False


class PropertyRef(Value, frozen=True):
    """A property of some configuration type."""

    type: str | None = None
    name: str | None = None


class RefreshCommand(Value, frozen=True):
    """A command that spares a restart after a change."""

    component_name: str | None = None
    command: str | None = None


class ValueEntry(Value, frozen=True):
    """One of the values that may be chosen."""

    value: str | None = None
    label: str | None = None
    description: str | None = None


class ValueAttributes(Value, frozen=True):
    """What values a property may have and how it is shown."""

    type: str | None = None
    maximum: str | None = None
    minimum: str | None = None
    unit: str | None = None
    delete: str | None = None
    visible: bool | None = None
    overridable: bool | None = None
    copy: str | None = None
    empty_value_valid: bool | None = None
    ui_only_property: bool | None = None
    read_only: bool | None = None
    editable_only_at_install: bool | None = None
    show_property_name: bool | None = None
    increment_step: str | None = None
    entries: tuple[ValueEntry, ...] | None = None
    hidden: str | None = None
    entries_editable: bool | None = None
    selection_cardinality: str | None = None
    property_file_name: str | None = None
    property_file_type: str | None = None
    user_groups: tuple[PropertyRef, ...] | None = None
    keystore: bool = False


class Property(Value, frozen=True):
    """One property of a configuration type; `attributes` holds what Ambari does not know (such as `final`)."""

    name: str
    value: str | None = None
    description: str | None = None
    display_name: str | None = None
    deleted: bool = False
    require_input: bool = False
    types: tuple[str, ...] = ()
    on_ambari_upgrade: UpgradeBehaviour = UpgradeBehaviour()
    merge_on_stack_upgrade: bool = True
    value_attributes: ValueAttributes | None = None
    depends_on: tuple[PropertyRef, ...] = ()
    used_by: tuple[PropertyRef, ...] = ()
    refresh_commands: tuple[RefreshCommand, ...] = ()
    attributes: dict[str, str] = msgspec.field(default_factory=dict)


class Configuration(Value, frozen=True):
    """A configuration type, such as `oozie-site`; `supports` holds only what the file says."""

    type: str
    supports: dict[str, bool] = msgspec.field(default_factory=dict)
    properties: dict[str, Property] = msgspec.field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return f"{self.type}.xml"

    def supports_of(self, what: str) -> bool:
        """Tell whether the type supports `final`, `adding_forbidden` or `do_not_extend`; the default is no."""
        return self.supports.get(what, False)
