"""Services and their components as messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graft.registry.v1 import registry_pb2 as pb
from registry_service.catalog.definitions import (
    AutoDeploy,
    BulkCommands,
    CommandScript,
    Component,
    CustomCommand,
    Dependency,
    Document,
    OsSpecific,
    Service,
)
from registry_service.catalog.origins import origins_of
from registry_service.catalog.resolved import ResolvedService
from registry_service.catalog.value_types import File, Folder
from registry_service.service.configuration_messages import configuration_types, properties

NAMES = pb.SERVICE_VIEW_NAMES
SUMMARY = pb.SERVICE_VIEW_SUMMARY
FULL = pb.SERVICE_VIEW_FULL
DEFAULT_SELECTION = "DEFAULT"
DEFAULT_ADVISOR_TYPE = "PYTHON"


def service(node: ResolvedService, view: pb.ServiceView.ValueType, *, with_origins: bool) -> pb.Service:
    """Write a service, with as much of it as the view holds."""
    message = pb.Service(name=node.name, source=node.source, valid=node.valid, errors=node.own.errors)
    if view != NAMES:
        value = node.definition
        _add_identity(message, value)
        _add_abilities(message, value)
        _add_parts(message, value, full=view == FULL)
        _add_files(message, value)
        if view != SUMMARY:
            message.properties.extend(properties(value.configurations, full=view == FULL))
    if with_origins:
        message.origins.update(origins_of(node))
    return message


def _add_identity(message: pb.Service, value: Service) -> None:
    message.MergeFrom(
        pb.Service(
            display_name=value.display_name or "",
            version=value.version or "",
            comment=value.comment or "",
            service_type=value.service_type,
            selection=value.selection or DEFAULT_SELECTION,
            maintainer=value.maintainer,
            service_advisor_type=value.service_advisor_type or DEFAULT_ADVISOR_TYPE,
            advisor_name=value.advisor_name,
            directory=value.directory,
            service_properties=value.service_properties(),
        )
    )


def _add_abilities(message: pb.Service, value: Service) -> None:
    store, sso, ldap = value.credential_store, value.sso, value.ldap
    message.MergeFrom(
        pb.Service(
            service_check=_script(value.command_script),
            credential_store=None
            if store is None
            else pb.CredentialStore(supported=store.supported, enabled=store.enabled, required=store.required),
            single_sign_on=None
            if sso is None
            else pb.SingleSignOn(
                supported=sso.supported,
                enabled_configuration=sso.enabled_configuration,
                sso_enabled_test=sso.sso_enabled_test,
                kerberos_required=sso.kerberos_required,
            ),
            ldap=None if ldap is None else pb.Ldap(supported=ldap.supported, ldap_enabled_test=ldap.ldap_enabled_test),
            support_delete_via_ui=value.support_delete_via_ui is not False,
            rolling_restart_supported=value.rolling_restart_supported,
            restart_required_after_change=value.restart_required_after_change,
            restart_required_after_rack_change=value.restart_required_after_rack_change,
            monitoring_service=value.monitoring_service,
            kerberos_enabled_test=value.kerberos_enabled_test,
        )
    )


def _add_parts(message: pb.Service, value: Service, *, full: bool) -> None:
    message.MergeFrom(
        pb.Service(
            required_services=value.required_services,
            components=[_component(item) for item in value.components.values()],
            configuration_types=configuration_types(value.configurations, value.excluded_config_types),
            excluded_config_types=value.excluded_config_types,
            config_dependencies=value.config_dependencies or (),
            custom_commands=_commands(value.custom_commands),
            os_specifics=[_os_specific(item) for item in value.os_specifics.values()],
            themes=sorted(value.themes),
            quick_links=sorted(value.quick_links),
            theme_documents=_documents(value.themes, full=full),
            quick_link_documents=_documents(value.quick_links, full=full),
        )
    )


def _add_files(message: pb.Service, value: Service) -> None:
    message.MergeFrom(
        pb.Service(
            package=_path(value.package),
            checks=_path(value.checks),
            server_actions=_path(value.server_actions),
            package_folder=_folder(value.package),
            checks_folder=_folder(value.checks),
            server_actions_folder=_folder(value.server_actions),
            upgrades_folder=_folder(value.upgrades),
            kerberos_file=file(value.kerberos),
            metrics_file=file(value.metrics),
            alerts_file=file(value.alerts),
            widgets_file=file(value.widgets),
            role_command_order_file=file(value.role_command_order),
            advisor_file=file(value.advisor),
        )
    )


def file(value: File | None) -> pb.File | None:
    """Write where a file is, and what is in it."""
    return None if value is None else pb.File(path=value.path, digest=value.digest)


def _component(value: Component) -> pb.Component:
    clients = value.clients_to_update_configs
    return pb.Component(
        name=value.name,
        display_name=value.display_name or "",
        category=value.category or "",
        cardinality=value.cardinality or "",
        script=(value.command_script.script or "") if value.command_script else "",
        custom_commands=[item.name or "" for item in value.custom_commands],
        dependencies=[item.name or "" for item in value.dependencies],
        command_script=_script(value.command_script),
        custom_command_definitions=_commands(value.custom_commands),
        dependency_definitions=[_dependency(item) for item in value.dependencies],
        auto_deploy=_auto_deploy(value.auto_deploy),
        bulk_commands=_bulk_commands(value.bulk_commands),
        logs=[pb.Log(log_id=item.log_id or "", primary=item.primary) for item in value.logs],
        client_config_files=[
            pb.ClientConfigFile(
                type=item.type,
                file_name=item.file_name,
                dictionary_name=item.dictionary_name,
                optional=item.optional,
            )
            for item in value.client_config_files or ()
        ],
        clients_to_update_configs=clients or (),
        all_clients_update_configs=clients is None,
        config_dependencies=value.config_dependencies or (),
        version_advertised=value.version_advertised,
        decommission_allowed=value.decommission_allowed,
        reassign_allowed=value.reassign_allowed,
        unlimited_key_jce_required=value.unlimited_key_jce_required,
        rolling_restart_supported=value.rolling_restart_supported,
        recovery_enabled=value.recovery_enabled,
        timeline_appid=value.timeline_appid,
        custom_folder=value.custom_folder,
        component_type=value.component_type,
    )


def _dependency(value: Dependency) -> pb.Dependency:
    return pb.Dependency(
        name=value.name or "",
        service_name=value.service_name,
        component_name=value.component_name,
        scope=value.scope,
        type=value.type,
        auto_deploy=_auto_deploy(value.auto_deploy),
        conditions=[pb.DependencyCondition(kind=item.kind, values=item.values) for item in value.conditions],
    )


def _commands(values: Iterable[CustomCommand]) -> list[pb.CustomCommand]:
    return [
        pb.CustomCommand(
            name=item.name or "",
            ops_display_name=item.ops_display_name,
            command_script=_script(item.command_script),
            background=item.background,
            hidden=item.hidden,
        )
        for item in values
    ]


def _script(value: CommandScript | None) -> pb.CommandScript | None:
    return (
        None
        if value is None
        else pb.CommandScript(script=value.script, script_type=value.script_type, timeout=value.timeout)
    )


def _auto_deploy(value: AutoDeploy | None) -> pb.AutoDeploy | None:
    return None if value is None else pb.AutoDeploy(enabled=value.enabled, co_locate=value.co_locate)


def _bulk_commands(value: BulkCommands | None) -> pb.BulkCommands | None:
    return (
        None
        if value is None
        else pb.BulkCommands(display_name=value.display_name, master_component=value.master_component)
    )


def _os_specific(value: OsSpecific) -> pb.OsSpecific:
    repo = value.repo
    return pb.OsSpecific(
        os_family=value.os_family,
        repo=None
        if repo is None
        else pb.OsRepository(
            base_url=repo.base_url,
            mirrors_list=repo.mirrors_list,
            repo_id=repo.repo_id,
            repo_name=repo.repo_name,
            distribution=repo.distribution,
            components=repo.components,
            unique=repo.unique,
        ),
        packages=[
            pb.OsPackage(name=item.name, condition=item.condition, skip_upgrade=item.skip_upgrade)
            for item in value.packages
        ],
    )


def _documents(values: Mapping[str, Document], *, full: bool) -> list[pb.Document]:
    return [
        pb.Document(file_name=name, default=item.default, content=(item.content or b"") if full else b"")
        for name, item in sorted(values.items())
    ]


def _path(folder: Folder | None) -> str:
    return folder.path if folder is not None else ""


def _folder(value: Folder | None) -> pb.Folder | None:
    return None if value is None else pb.Folder(path=value.path, digest=value.digest)
