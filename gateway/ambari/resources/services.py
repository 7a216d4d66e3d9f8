"""The services of a stack version: its own, inherited ones, and those of linked extensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.errors import NoParentError
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Properties, Property, ResourceType
from gateway.ambari.resources.configurations import configuration, configuration_properties
from gateway.ambari.resources.stacks import config_types
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError

CATEGORY = "StackServices"
ORIGIN = f"{CATEGORY}/origin"
CONFIGURATIONS = "StackConfigurations"
_CONFIGURATION_ORIGIN = f"{CONFIGURATIONS}/origin"
_MISSING = {"STACK_NOT_FOUND", "SERVICE_NOT_FOUND"}


async def read_services(
    backend: Backend, keys: Keys, view: pb.ServiceView.ValueType, *, with_origins: bool = False
) -> Sequence[pb.Service]:
    """Fetch the services of a stack version, or only the one that the keys name, with as much as the view holds.

    Raises:
        GraftError: STACK_NOT_FOUND, SERVICE_NOT_FOUND, or the registry does not answer.
    """
    method = backend.registry.registry.GetStackVersion

    def request(service: str, wanted: pb.ServiceView.ValueType, *, origins: bool) -> pb.GetStackVersionRequest:
        name, version = keys["stack_name"], keys["stack_version"]
        return pb.GetStackVersionRequest(name=name, version=version, service=service, view=wanted, with_origins=origins)

    own = keys.get("service_name", "")
    try:
        answer = await backend.read(method, request(own, view, origins=with_origins))
    except GraftError as error:
        if error.code != "ANSWER_TOO_LARGE" or own:
            raise
    else:
        return answer.services
    names = await backend.read(method, request("", pb.SERVICE_VIEW_NAMES, origins=False))
    found: list[pb.Service] = []
    for service in names.services:
        answer = await backend.read(method, request(service.name, view, origins=with_origins))
        found += answer.services
    return found


async def services_of_parent(backend: Backend, keys: Keys, view: pb.ServiceView.ValueType) -> Sequence[pb.Service]:
    """Fetch services for what belongs to them.

    Raises:
        NoParentError: there is no such stack version or service (ThemeArtifactResourceProvider.java).
        GraftError: the registry does not answer.
    """
    try:
        return await read_services(backend, keys, view)
    except GraftError as error:
        if error.code not in _MISSING:
            raise
        shown = f"stackName='{keys['stack_name']}', stackVersion='{keys['stack_version']}'"
        if error.code == "STACK_NOT_FOUND":
            raise NoParentError(f"Parent stack resource doesn't exist: {shown}") from None
        service = f"serviceName='{keys['service_name']}'"
        raise NoParentError(f"Parent stack/service resource doesn't exist: {shown}, {service}") from None


async def _services(backend: Backend, keys: Keys, wanted: frozenset[str]) -> Sequence[Properties]:
    only_names = wanted <= {*STACK_SERVICE.keys.values()}
    view = pb.SERVICE_VIEW_NAMES if only_names else pb.SERVICE_VIEW_SUMMARY
    found = await read_services(backend, keys, view, with_origins=ORIGIN in wanted)
    if only_names:
        return [_names(keys, service) for service in found]
    return [_service(keys, service) for service in found]


async def _configurations(backend: Backend, keys: Keys, wanted: frozenset[str]) -> Sequence[Properties]:
    origins = _CONFIGURATION_ORIGIN in wanted
    # Names are in the default view already; descriptions and the like make a stack ten times as large.
    only_names = wanted <= {*STACK_SERVICE_CONFIGURATION.keys.values()}
    view = pb.SERVICE_VIEW_UNSPECIFIED if only_names else pb.SERVICE_VIEW_FULL
    found = await read_services(backend, keys, view, with_origins=origins)
    rows = []
    for service in found:
        own = {**keys, "service_name": service.name}
        for item in service.properties:
            row = configuration(CONFIGURATIONS, own, item)
            path = f"configurations/{item.type}/properties/{item.name}"
            rows.append({**row, _CONFIGURATION_ORIGIN: service.origins.get(path)} if origins else row)
    return rows


def _names(keys: Keys, service: pb.Service) -> dict[str, Json]:
    return {
        f"{CATEGORY}/stack_name": keys["stack_name"],
        f"{CATEGORY}/stack_version": keys["stack_version"],
        f"{CATEGORY}/service_name": service.name,
    }


def _service(keys: Keys, service: pb.Service) -> Properties:
    store, sso = service.credential_store, service.single_sign_on
    return {
        **_names(keys, service),
        f"{CATEGORY}/service_type": service.service_type if service.HasField("service_type") else None,
        f"{CATEGORY}/display_name": service.display_name or None,
        f"{CATEGORY}/user_name": None,
        f"{CATEGORY}/comments": service.comment or None,
        f"{CATEGORY}/selection": service.selection,
        f"{CATEGORY}/maintainer": service.maintainer if service.HasField("maintainer") else None,
        f"{CATEGORY}/service_version": service.version or None,
        f"{CATEGORY}/config_types": config_types(service.configuration_types),
        f"{CATEGORY}/required_services": list(service.required_services),
        f"{CATEGORY}/service_check_supported": service.HasField("service_check"),
        f"{CATEGORY}/custom_commands": command_names(service.custom_commands),
        f"{CATEGORY}/properties": dict(sorted(service.service_properties.items())),
        f"{CATEGORY}/credential_store_supported": store.supported,
        f"{CATEGORY}/credential_store_enabled": store.enabled,
        f"{CATEGORY}/credential_store_required": store.required,
        f"{CATEGORY}/support_delete_via_ui": service.support_delete_via_ui,
        f"{CATEGORY}/sso_integration_supported": sso.supported,
        f"{CATEGORY}/sso_integration_requires_kerberos": sso.kerberos_required,
        f"{CATEGORY}/ldap_integration_supported": service.ldap.supported,
        f"{CATEGORY}/rolling_restart_supported": service.rolling_restart_supported,
        ORIGIN: dict(sorted(service.origins.items())),
    }


def command_names(commands: Iterable[pb.CustomCommand]) -> list[Json]:
    """Return the names of the commands that are shown."""
    return [command.name for command in commands if not command.hidden]


STACK_SERVICE = ResourceType(
    name="StackService",
    keys={
        "stack_name": f"{CATEGORY}/stack_name",
        "stack_version": f"{CATEGORY}/stack_version",
        "service_name": f"{CATEGORY}/service_name",
    },
    properties=(
        Property(f"{CATEGORY}/stack_name", doc="The stack's name."),
        Property(f"{CATEGORY}/stack_version", doc="The stack's version."),
        Property(f"{CATEGORY}/service_name", doc="The service's name."),
        Property(f"{CATEGORY}/service_type", doc="Of what type it is, such as `HCFS`.", nullable=True),
        Property(f"{CATEGORY}/display_name", doc="The name for people.", nullable=True),
        Property(f"{CATEGORY}/user_name", doc="Always null, as in Ambari.", nullable=True),
        Property(f"{CATEGORY}/comments", doc="What it is.", nullable=True),
        Property(f"{CATEGORY}/selection", doc="`DEFAULT`, `TECH_PREVIEW`, `MANDATORY` or `DEPRECATED`."),
        Property(f"{CATEGORY}/maintainer", doc="Who maintains it.", nullable=True),
        Property(f"{CATEGORY}/service_version", doc="The service's own version.", nullable=True),
        Property(f"{CATEGORY}/config_types", Kind.OBJECT, "Its types of configuration, and what they support."),
        Property(f"{CATEGORY}/required_services", Kind.STRINGS, "The services that it needs."),
        Property(f"{CATEGORY}/service_check_supported", Kind.BOOLEAN, "Whether it has a service check."),
        Property(f"{CATEGORY}/custom_commands", Kind.STRINGS, "Its own commands."),
        Property(f"{CATEGORY}/properties", Kind.OBJECT, "Its own properties, such as `installable`."),
        Property(f"{CATEGORY}/credential_store_supported", Kind.BOOLEAN, "Whether passwords may be in a store."),
        Property(f"{CATEGORY}/credential_store_enabled", Kind.BOOLEAN, "Whether they are."),
        Property(f"{CATEGORY}/credential_store_required", Kind.BOOLEAN, "Whether they must be."),
        Property(f"{CATEGORY}/support_delete_via_ui", Kind.BOOLEAN, "Whether a user interface offers to delete it."),
        Property(f"{CATEGORY}/sso_integration_supported", Kind.BOOLEAN, "Whether it can use single sign-on."),
        Property(f"{CATEGORY}/sso_integration_requires_kerberos", Kind.BOOLEAN, "Whether that needs Kerberos."),
        Property(f"{CATEGORY}/ldap_integration_supported", Kind.BOOLEAN, "Whether it can use LDAP."),
        Property(f"{CATEGORY}/rolling_restart_supported", Kind.BOOLEAN, "Whether it restarts host by host."),
        Property(ORIGIN, Kind.OBJECT, "Which version each merged value comes from, by its path.", on_request=True),
    ),
    fetch=_services,
)

STACK_SERVICE_CONFIGURATION = ResourceType(
    name="StackConfiguration",
    keys={
        "stack_name": f"{CONFIGURATIONS}/stack_name",
        "stack_version": f"{CONFIGURATIONS}/stack_version",
        "service_name": f"{CONFIGURATIONS}/service_name",
        "property_name": f"{CONFIGURATIONS}/property_name",
    },
    properties=(
        *configuration_properties(CONFIGURATIONS, with_service=True),
        Property(_CONFIGURATION_ORIGIN, doc="Which version it comes from.", on_request=True, nullable=True),
    ),
    fetch=_configurations,
    lists_all=True,
    missing=lambda keys: (
        f"Stack data, stackName={keys['stack_name']}, stackVersion={keys['stack_version']}, "
        f"serviceName={keys['service_name']}, propertyName={keys['property_name']}"
    ),
    open_category=CONFIGURATIONS,
)
