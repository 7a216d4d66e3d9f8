"""Reading `metainfo.xml` of extensions, stacks and services, as lenient as Ambari's JAXB classes are.

ExtensionMetainfoXml.java, StackMetainfoXml.java, ServiceMetainfoXml.java; what a service must satisfy to be valid is
ServiceInfo.validateServiceProperties.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from xml.etree.ElementTree import Element

from graft_common.xml_documents import XmlError, parse_document
from registry_service.catalog.binding import (
    Table,
    bind,
    boolean,
    integer,
    listing,
    maybe_boolean,
    one_of,
    structure,
    text,
)
from registry_service.catalog.definitions import (
    AutoDeploy,
    BulkCommands,
    ClientConfigFile,
    CommandScript,
    Component,
    Condition,
    CredentialStore,
    CustomCommand,
    Dependency,
    Ldap,
    Log,
    OsPackage,
    OsRepository,
    OsSpecific,
    Prerequisite,
    Service,
    ServiceProperty,
    SingleSignOn,
)

ROOT = "metainfo"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

_SCRIPT: Table = {
    "script": ("script", text),
    "scriptType": ("script_type", text),
    "timeout": ("timeout", integer),
}
_CUSTOM_COMMAND: Table = {
    "name": ("name", text),
    "opsDisplayName": ("ops_display_name", text),
    "commandScript": ("command_script", structure(CommandScript, _SCRIPT)),
    "background": ("background", boolean),
    "hidden": ("hidden", boolean),
}
_AUTO_DEPLOY: Table = {"enabled": ("enabled", boolean), "co-locate": ("co_locate", text)}


def _condition(element: Element) -> Condition:
    return Condition(kind=element.get(_XSI_TYPE), values={child.tag: text(child) for child in element})


_DEPENDENCY: Table = {
    "name": ("name", text),
    "scope": ("scope", text),
    "type": ("type", text),
    "auto-deploy": ("auto_deploy", structure(AutoDeploy, _AUTO_DEPLOY)),
    "conditions": ("conditions", listing("condition", _condition)),
}
_LOG: Table = {"logId": ("log_id", text), "primary": ("primary", boolean)}
_CONFIG_FILE: Table = {
    "type": ("type", text),
    "fileName": ("file_name", text),
    "dictionaryName": ("dictionary_name", text),
    "optional": ("optional", boolean),
}
_BULK_COMMANDS: Table = {"displayName": ("display_name", text), "masterComponent": ("master_component", text)}
_CUSTOM_COMMANDS = listing("customCommand", structure(CustomCommand, _CUSTOM_COMMAND))
_CONFIG_TYPES = listing("config-type", text)

_COMPONENT: Table = {
    "name": ("name", text),
    "displayName": ("display_name", text),
    "category": ("category", text),
    "cardinality": ("cardinality", text),
    "deleted": ("deleted", boolean),
    "versionAdvertised": ("version_advertised", maybe_boolean),
    "decommissionAllowed": ("decommission_allowed", text),
    "unlimitedKeyJCERequired": ("unlimited_key_jce_required", text),
    "rollingRestartSupported": ("rolling_restart_supported", boolean),
    "reassignAllowed": ("reassign_allowed", text),
    "recovery_enabled": ("recovery_enabled", boolean),
    "timelineAppid": ("timeline_appid", text),
    "customFolder": ("custom_folder", text),
    "componentType": ("component_type", text),
    "commandScript": ("command_script", structure(CommandScript, _SCRIPT)),
    "logs": ("logs", listing("log", structure(Log, _LOG))),
    "clientsToUpdateConfigs": ("clients_to_update_configs", listing("client", text)),
    "configFiles": ("client_config_files", listing("configFile", structure(ClientConfigFile, _CONFIG_FILE))),
    "customCommands": ("custom_commands", _CUSTOM_COMMANDS),
    "bulkCommands": ("bulk_commands", structure(BulkCommands, _BULK_COMMANDS)),
    "configuration-dependencies": ("config_dependencies", _CONFIG_TYPES),
    "auto-deploy": ("auto_deploy", structure(AutoDeploy, _AUTO_DEPLOY)),
    "dependencies": ("dependencies", listing("dependency", structure(Dependency, _DEPENDENCY))),
}


def _components(wrapper: Element) -> dict[str, Component]:
    """Read components by name; of one name, the last."""
    found = (bind(child, _COMPONENT) for child in wrapper if child.tag == "component")
    return {fields["name"]: Component(**fields) for fields in found if fields.get("name")}


_REPOSITORY: Table = {
    "baseurl": ("base_url", text),
    "mirrorslist": ("mirrors_list", text),
    "repoid": ("repo_id", text),
    "reponame": ("repo_name", text),
    "distribution": ("distribution", text),
    "components": ("components", text),
    "unique": ("unique", boolean),
}
_PACKAGE: Table = {
    "name": ("name", text),
    "condition": ("condition", text),
    "skipUpgrade": ("skip_upgrade", boolean),
}
_OS_SPECIFIC: Table = {
    "osFamily": ("os_family", text),
    "repo": ("repo", structure(OsRepository, _REPOSITORY)),
    "packages": ("packages", listing("package", structure(OsPackage, _PACKAGE))),
}


def _os_specifics(wrapper: Element) -> dict[str, OsSpecific]:
    found = (OsSpecific(**bind(child, _OS_SPECIFIC)) for child in wrapper if child.tag == "osSpecific")
    return {item.os_family or "": item for item in found}


_CREDENTIAL_STORE: Table = {
    "supported": ("supported", maybe_boolean),
    "enabled": ("enabled", maybe_boolean),
    "required": ("required", maybe_boolean),
}
_SSO: Table = {
    "supported": ("supported", boolean),
    "enabledConfiguration": ("enabled_configuration", text),
    "ssoEnabledTest": ("sso_enabled_test", text),
    "kerberosRequired": ("kerberos_required", boolean),
}
_LDAP: Table = {"supported": ("supported", boolean), "ldapEnabledTest": ("ldap_enabled_test", text)}
_PROPERTY: Table = {"name": ("name", text), "value": ("value", text)}
_DOCUMENT: Table = {
    "fileName": ("file_name", text),
    "default": ("default", boolean),
    "deleted": ("deleted", boolean),
}
_DOCUMENTS = structure(dict, _DOCUMENT)

_SERVICE: Table = {
    "name": ("name", text),
    "displayName": ("display_name", text),
    "version": ("version", text),
    "comment": ("comment", text),
    "serviceType": ("service_type", text),
    "service_advisor_type": ("service_advisor_type", one_of("PYTHON", "JAVA")),
    "selection": ("selection", one_of("DEFAULT", "TECH_PREVIEW", "MANDATORY", "DEPRECATED")),
    "maintainer": ("maintainer", text),
    "extends": ("extends", text),
    "deleted": ("deleted", boolean),
    "supportDeleteViaUI": ("support_delete_via_ui", maybe_boolean),
    "components": ("components", _components),
    "osSpecifics": ("os_specifics", _os_specifics),
    "commandScript": ("command_script", structure(CommandScript, _SCRIPT)),
    "customCommands": ("custom_commands", _CUSTOM_COMMANDS),
    "configuration-dependencies": ("config_dependencies", _CONFIG_TYPES),
    "excluded-config-types": ("excluded_config_types", _CONFIG_TYPES),
    "requiredServices": ("required_services", listing("service", text)),
    "restartRequiredAfterChange": ("restart_required_after_change", maybe_boolean),
    "restartRequiredAfterRackChange": ("restart_required_after_rack_change", maybe_boolean),
    "monitoringService": ("monitoring_service", maybe_boolean),
    "rollingRestartSupported": ("rolling_restart_supported", boolean),
    "credential-store": ("credential_store", structure(CredentialStore, _CREDENTIAL_STORE)),
    "kerberosEnabledTest": ("kerberos_enabled_test", text),
    "sso": ("sso", structure(SingleSignOn, _SSO)),
    "ldap": ("ldap", structure(Ldap, _LDAP)),
    "properties": ("properties", listing("property", structure(ServiceProperty, _PROPERTY))),
}
_SERVICE_FILES: Table = {
    "configuration-dir": ("configuration_dir", text),
    "themes-dir": ("themes_dir", text),
    "themes": ("themes", listing("theme", _DOCUMENTS)),
    "quickLinksConfigurations-dir": ("quick_links_dir", text),
    "quickLinksConfigurations": ("quick_links", listing("quickLinksConfiguration", _DOCUMENTS)),
    "metricsFileName": ("metrics_file", text),
    "widgetsFileName": ("widgets_file", text),
}

_STACK_OR_EXTENSION: Table = {"name": ("name", text), "version": ("version", text)}


def _prerequisite(element: Element) -> Prerequisite:
    fields = bind(element, _STACK_OR_EXTENSION)
    return Prerequisite(name=fields.get("name", ""), version=fields.get("version", ""))


def _flatten(table: Table) -> Any:
    return lambda element: bind(element, table)


_EXTENSION: Table = {
    "extends": ("extends", text),
    "auto-link": ("auto_link", boolean),
    "versions": ("versions", _flatten({"active": ("active", boolean), "upgrade": ("upgrade", text)})),
    "prerequisites": (
        "prerequisites",
        _flatten(
            {
                "min-stack-versions": ("stacks", listing("stack", _prerequisite)),
                "min-extension-versions": ("extensions", listing("extension", _prerequisite)),
            }
        ),
    ),
}
_STACK: Table = {
    "extends": ("extends", text),
    "minJdk": ("min_jdk", text),
    "maxJdk": ("max_jdk", text),
    "versions": ("versions", _flatten({"active": ("active", boolean), "upgrade": ("upgrade", text)})),
}


def parse_extension(data: bytes) -> dict[str, Any]:
    """Read an extension's `metainfo.xml` into fields of `ExtensionDefinition`.

    Raises:
        XmlError: it is no XML that is read, or its root is not `<metainfo>`.
    """
    fields = bind(_metainfo(data), _EXTENSION)
    nested: dict[str, Any] = fields.pop("versions", {}) | fields.pop("prerequisites", {})
    return nested | fields


def parse_stack(data: bytes) -> dict[str, Any]:
    """Read a stack's `metainfo.xml` into fields of `StackDefinition`.

    Raises:
        XmlError: as for `parse_extension`.
    """
    fields = bind(_metainfo(data), _STACK)
    nested: dict[str, Any] = fields.pop("versions", {})
    return nested | fields


def parse_services(data: bytes) -> list[tuple[Service, dict[str, Any]]] | None:
    """Read a service's `metainfo.xml`: each service, and what it says of files (see `_SERVICE_FILES`).

    `schemaVersion` is ignored, as Ambari does; a service without a name has the empty one.

    Returns:
        The services in order, or None where there is no `<services>`, which Ambari cannot bear.

    Raises:
        XmlError: as for `parse_extension`.
    """
    services: list[Element] | None = None
    for child in _metainfo(data):
        if child.tag == "services":
            services = [element for element in child if element.tag == "service"]
    if services is None:
        return None
    return [(_service(element), bind(element, _SERVICE_FILES)) for element in services]


def service_errors(service: Service) -> list[str]:
    """Return what makes a service invalid by itself (ServiceInfo.java)."""
    name, version = service.name or "null", "null" if service.version is None else service.version
    counts = Counter(item.name or "null" for item in service.properties)
    errors = [
        f"Duplicate service property with name '{item}' found in {name}:{version} service definition !"
        for item, count in counts.items()
        if count > 1
    ]
    errors += [
        f"More than one primary log exists for the component {component.name}"
        for component in service.components.values()
        if sum(log.primary for log in component.logs) > 1
    ]
    if (store := service.credential_store) is not None:
        if store.enabled and store.supported is False:
            errors.append(f"Credential store cannot be enabled for service {name} as it does not support it.")
        if store.supported is None:
            errors.append(f"Credential store supported is not specified for service {name}")
        if store.enabled is None:
            errors.append(f"Credential store enabled is not specified for service {name}")
    sso, ldap = service.sso, service.ldap
    if sso is not None and sso.supported and not (sso.sso_enabled_test or sso.enabled_configuration):
        errors.append(
            f"Single Sign-on support is indicated for service {name} but no test configuration has been set"
            " (enabledConfiguration or ssoEnabledTest)."
        )
    if ldap is not None and ldap.supported and not (ldap.ldap_enabled_test or "").strip():
        errors.append(
            f"LDAP support is indicated for service {name} but no test configuration has been set by ldapEnabledTest."
        )
    return errors


def _service(element: Element) -> Service:
    fields = bind(element, _SERVICE)
    fields.setdefault("name", "")
    return Service(**fields)


def _metainfo(data: bytes) -> Element:
    root = parse_document(data)
    if root.tag != ROOT:
        raise XmlError(f"the root element is <{root.tag[:100]}>; <{ROOT}> without a name space is expected")
    return root
