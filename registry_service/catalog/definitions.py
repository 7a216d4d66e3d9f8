"""What the files of a tree define, as plain frozen values.

A value of None means that the file does not say, so that a parent may. Names follow the elements of Ambari's
`metainfo.xml` (ServiceInfo.java, ComponentInfo.java). Paths of files and folders are relative to the resources
directory. Tuples keep the order of the file.
"""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A definition: immutable, compact in memory and in the cache."""


class Finding(Value, frozen=True):
    """Something to tell whoever wrote a file, that makes nothing invalid.

    `file` is relative to the resources directory, `line` counts from 1 and is 0 where no line is to blame, `path` is
    the element's path in the document or empty.
    """

    file: str
    text: str
    line: int = 0
    path: str = ""


class File(Value, frozen=True):
    """A file that others read: where it is, and the SHA-256 of what is in it, in lower-case hex."""

    path: str
    digest: str


class Folder(Value, frozen=True):
    """A folder that is shipped or run as a whole: where it is, and a digest of the names and contents below it."""

    path: str
    digest: str


class CommandScript(Value, frozen=True):
    """A script below the package folder; `timeout` in seconds, 0 for the default."""

    script: str | None = None
    script_type: str = "PYTHON"
    timeout: int = 0


class CustomCommand(Value, frozen=True):
    """A command beyond start and stop."""

    name: str | None = None
    ops_display_name: str | None = None
    command_script: CommandScript | None = None
    background: bool = False
    hidden: bool = False


class AutoDeploy(Value, frozen=True):
    """Whether a component is put on a host by itself, and next to which other."""

    enabled: bool = False
    co_locate: str | None = None


class Condition(Value, frozen=True):
    """When a dependency holds: `kind` is the `xsi:type`, `values` what the element's children say."""

    kind: str | None = None
    values: dict[str, str] = {}


class Dependency(Value, frozen=True):
    """Another component that must, or must not, be there: `name` is SERVICE/COMPONENT."""

    name: str | None = None
    scope: str | None = None
    type: str = "inclusive"
    auto_deploy: AutoDeploy | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def service_name(self) -> str:
        return (self.name or "").partition("/")[0]

    @property
    def component_name(self) -> str:
        return (self.name or "").partition("/")[2]


class Log(Value, frozen=True):
    """A log that a component writes."""

    log_id: str | None = None
    primary: bool = False


class ClientConfigFile(Value, frozen=True):
    """A file in the archive of a client's configuration."""

    type: str | None = None
    file_name: str | None = None
    dictionary_name: str | None = None
    optional: bool = False


class BulkCommands(Value, frozen=True):
    """How commands for many hosts at once are shown."""

    display_name: str | None = None
    master_component: str | None = None


class Component(Value, frozen=True):
    """One program of a service."""

    name: str
    display_name: str | None = None
    category: str | None = None
    cardinality: str | None = None
    deleted: bool = False
    version_advertised: bool | None = None
    decommission_allowed: str | None = None
    unlimited_key_jce_required: str | None = None
    rolling_restart_supported: bool = False
    reassign_allowed: str | None = None
    recovery_enabled: bool = False
    timeline_appid: str | None = None
    custom_folder: str | None = None
    component_type: str | None = None
    command_script: CommandScript | None = None
    logs: tuple[Log, ...] = ()
    clients_to_update_configs: tuple[str, ...] | None = None
    client_config_files: tuple[ClientConfigFile, ...] | None = None
    custom_commands: tuple[CustomCommand, ...] = ()
    bulk_commands: BulkCommands | None = None
    config_dependencies: tuple[str, ...] | None = None
    auto_deploy: AutoDeploy | None = None
    dependencies: tuple[Dependency, ...] = ()


class OsPackage(Value, frozen=True):
    """A package of the operating system."""

    name: str | None = None
    condition: str = ""
    skip_upgrade: bool = False


class OsRepository(Value, frozen=True):
    """Where packages come from."""

    base_url: str | None = None
    mirrors_list: str | None = None
    repo_id: str | None = None
    repo_name: str | None = None
    distribution: str | None = None
    components: str | None = None
    unique: bool = False


class OsSpecific(Value, frozen=True):
    """What a family of operating systems needs."""

    os_family: str | None = None
    repo: OsRepository | None = None
    packages: tuple[OsPackage, ...] = ()


class CredentialStore(Value, frozen=True):
    """Whether passwords may live in a credential store."""

    supported: bool | None = None
    enabled: bool | None = None
    required: bool | None = None


class SingleSignOn(Value, frozen=True):
    """Whether and how single sign-on can be had."""

    supported: bool = False
    enabled_configuration: str | None = None
    sso_enabled_test: str | None = None
    kerberos_required: bool = False


class Ldap(Value, frozen=True):
    """Whether and how LDAP can be had."""

    supported: bool = False
    ldap_enabled_test: str | None = None


class ServiceProperty(Value, frozen=True):
    """A property of a service itself, such as `installable`."""

    name: str | None = None
    value: str | None = None


class Document(Value, frozen=True):
    """A theme or a quick links file: its JSON as the file has it, or None where it only removes an inherited one."""

    file_name: str
    default: bool = False
    deleted: bool = False
    content: bytes | None = None


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
    attributes: dict[str, str] = {}


class Configuration(Value, frozen=True):
    """A configuration type, such as `oozie-site`; `supports` holds only what the file says."""

    type: str
    supports: dict[str, bool] = {}
    properties: dict[str, Property] = {}

    @property
    def file_name(self) -> str:
        return f"{self.type}.xml"

    def supports_of(self, what: str) -> bool:
        """Tell whether the type supports `final`, `adding_forbidden` or `do_not_extend`; the default is no."""
        return self.supports.get(what, False)


class Service(Value, frozen=True):
    """One service of one version, as its files define it, or as it is once it has been merged with its parents."""

    name: str
    display_name: str | None = None
    version: str | None = None
    comment: str | None = None
    service_type: str | None = None
    service_advisor_type: str | None = None
    selection: str | None = None
    maintainer: str | None = None
    extends: str | None = None
    deleted: bool = False
    support_delete_via_ui: bool | None = None
    components: dict[str, Component] = {}
    os_specifics: dict[str, OsSpecific] = {}
    command_script: CommandScript | None = None
    custom_commands: tuple[CustomCommand, ...] = ()
    config_dependencies: tuple[str, ...] | None = None
    excluded_config_types: tuple[str, ...] = ()
    required_services: tuple[str, ...] = ()
    restart_required_after_change: bool | None = None
    restart_required_after_rack_change: bool | None = None
    monitoring_service: bool | None = None
    rolling_restart_supported: bool = False
    credential_store: CredentialStore | None = None
    kerberos_enabled_test: str | None = None
    sso: SingleSignOn | None = None
    ldap: Ldap | None = None
    properties: tuple[ServiceProperty, ...] = ()
    configurations: dict[str, Configuration] = {}
    themes: dict[str, Document] = {}
    quick_links: dict[str, Document] = {}
    themes_broken: bool = False
    quick_links_broken: bool = False
    package: Folder | None = None
    upgrades: Folder | None = None
    checks: Folder | None = None
    server_actions: Folder | None = None
    metrics: File | None = None
    alerts: File | None = None
    kerberos: File | None = None
    widgets: File | None = None
    role_command_order: File | None = None
    advisor: File | None = None
    advisor_name: str | None = None
    directory: str = ""

    def service_properties(self) -> dict[str, str]:
        """Return the service's own properties, with Ambari's defaults for the three that it always has."""
        named = {item.name or "": item.value or "" for item in self.properties}
        return {"installable": "true", "managed": "true", "monitored": "true", **named}


class ServiceEntry(Value, frozen=True):
    """A service as it is kept: what inheritance must know, and the rest encoded, a tenth of the size.

    `errors` make it invalid; `directory` is where it is defined.
    """

    name: str
    extends: str | None
    deleted: bool
    directory: str
    errors: tuple[str, ...]
    encoded: bytes

    @property
    def valid(self) -> bool:
        return not self.errors

    @property
    def extends_something(self) -> bool:
        """Whether it names a parent of its own, so that it does not inherit from the one of its name."""
        return bool((self.extends or "").strip())

    def load(self) -> Service:
        """Return the service."""
        return _service_decoder.decode(self.encoded)


def entry_of(service: Service, errors: tuple[str, ...] = ()) -> ServiceEntry:
    """Pack a service."""
    encoded = _service_encoder.encode(service)
    return ServiceEntry(service.name, service.extends, service.deleted, service.directory, errors, encoded)


_service_encoder = msgspec.msgpack.Encoder()
_service_decoder = msgspec.msgpack.Decoder(Service)


class Prerequisite(Value, frozen=True):
    """A stack with its least version, or an extension with its exact version or a prefix that ends in `*`."""

    name: str
    version: str


class ExtensionDefinition(Value, frozen=True):
    """One extension version as its directory defines it; nothing is inherited yet.

    `extends` is the version of the same extension that it inherits from. `stacks` and `extensions` are empty where the
    file does not name any: it can then be linked to none, and needs none.
    """

    name: str
    version: str
    extends: str | None = None
    active: bool = False
    upgrade: str | None = None
    auto_link: bool = False
    stacks: tuple[Prerequisite, ...] = ()
    extensions: tuple[Prerequisite, ...] = ()
    services: dict[str, ServiceEntry] = {}
    methods: Folder | None = None
    errors: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


class StackDefinition(Value, frozen=True):
    """One stack version as its directory defines it; nothing is inherited yet."""

    name: str
    version: str
    extends: str | None = None
    active: bool = False
    upgrade: str | None = None
    min_jdk: str | None = None
    max_jdk: str | None = None
    services: dict[str, ServiceEntry] = {}
    configurations: dict[str, Configuration] = {}
    upgrade_packs: tuple[str, ...] = ()
    role_command_order: File | None = None
    errors: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


class CommonDefinition(Value, frozen=True):
    """One directory of `common-services`: name and version are the directories', which services need not bear."""

    name: str
    version: str
    services: tuple[tuple[ServiceEntry, str | None], ...] = ()
    """Each with the version that its own file gives it."""
    errors: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


Definition = ExtensionDefinition | StackDefinition | CommonDefinition
"""What one version directory defines."""
