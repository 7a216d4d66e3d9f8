"""What the files of a tree define, as plain frozen values.

A value of None means that the file does not say, so that a parent may. Names follow the elements of Ambari's
`metainfo.xml` (ServiceInfo.java, ComponentInfo.java). Paths of files and folders are relative to the resources
directory. Tuples keep the order of the file.
"""

from __future__ import annotations

import msgspec

from registry_service.catalog.configuration_definitions import Configuration
from registry_service.catalog.method_definitions import MethodsFolder
from registry_service.catalog.value_types import File, Finding, Folder, Value


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
    values: dict[str, str] = msgspec.field(default_factory=dict)


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
    components: dict[str, Component] = msgspec.field(default_factory=dict)
    os_specifics: dict[str, OsSpecific] = msgspec.field(default_factory=dict)
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
    configurations: dict[str, Configuration] = msgspec.field(default_factory=dict)
    themes: dict[str, Document] = msgspec.field(default_factory=dict)
    quick_links: dict[str, Document] = msgspec.field(default_factory=dict)
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
    services: dict[str, ServiceEntry] = msgspec.field(default_factory=dict)
    methods: MethodsFolder | None = None
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
    services: dict[str, ServiceEntry] = msgspec.field(default_factory=dict)
    configurations: dict[str, Configuration] = msgspec.field(default_factory=dict)
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
