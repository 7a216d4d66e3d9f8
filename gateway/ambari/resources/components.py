"""The components of a stack's services, and what they depend on."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Properties, Property, ResourceType
from gateway.ambari.resources.services import command_names, read_services
from graft.registry.v1 import registry_pb2 as pb

CATEGORY = "StackServiceComponents"
ORIGIN = f"{CATEGORY}/origin"
DEPENDENCIES = "Dependencies"


async def _components(backend: Backend, keys: Keys, wanted: frozenset[str]) -> Sequence[Properties]:
    with_origins = ORIGIN in wanted
    found = await read_services(backend, keys, pb.SERVICE_VIEW_SUMMARY, with_origins=with_origins)
    return [_component(keys, service, component) for service in found for component in service.components]


async def _dependencies(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    found = await read_services(backend, keys, pb.SERVICE_VIEW_SUMMARY)
    return [
        _dependency(keys, service.name, component.name, dependency)
        for service in found
        for component in service.components
        for dependency in component.dependency_definitions
    ]


def _component(keys: Keys, service: pb.Service, component: pb.Component) -> Properties:
    bulk, below = component.bulk_commands, f"components/{component.name}/"
    shown: dict[str, Json] = {
        f"{CATEGORY}/stack_name": keys["stack_name"],
        f"{CATEGORY}/stack_version": keys["stack_version"],
        f"{CATEGORY}/service_name": service.name,
        f"{CATEGORY}/component_name": component.name,
        f"{CATEGORY}/display_name": component.display_name or None,
        f"{CATEGORY}/component_category": component.category or None,
        f"{CATEGORY}/is_client": component.category == "CLIENT",
        f"{CATEGORY}/is_master": component.category == "MASTER",
        f"{CATEGORY}/cardinality": component.cardinality or None,
        f"{CATEGORY}/advertise_version": component.version_advertised,
        f"{CATEGORY}/decommission_allowed": component.decommission_allowed == "true",
        f"{CATEGORY}/reassign_allowed": component.reassign_allowed == "true",
        f"{CATEGORY}/custom_commands": command_names(component.custom_command_definitions),
        f"{CATEGORY}/has_bulk_commands_definition": bool(bulk.display_name.strip()),
        f"{CATEGORY}/bulk_commands_display_name": bulk.display_name,
        f"{CATEGORY}/bulk_commands_master_component_name": bulk.master_component,
        f"{CATEGORY}/recovery_enabled": component.recovery_enabled,
        f"{CATEGORY}/rolling_restart_supported": component.rolling_restart_supported,
        f"{CATEGORY}/component_type": component.component_type if component.HasField("component_type") else None,
        ORIGIN: {
            path.removeprefix(below): source
            for path, source in sorted(service.origins.items())
            if path.startswith(below)
        },
    }
    if component.HasField("auto_deploy"):
        shown |= _auto_deploy(component.auto_deploy)
    return shown


def _dependency(keys: Keys, service: str, component: str, dependency: pb.Dependency) -> Properties:
    shown: dict[str, Json] = {
        f"{DEPENDENCIES}/stack_name": keys["stack_name"],
        f"{DEPENDENCIES}/stack_version": keys["stack_version"],
        f"{DEPENDENCIES}/dependent_service_name": service,
        f"{DEPENDENCIES}/dependent_component_name": component,
        f"{DEPENDENCIES}/service_name": dependency.service_name,
        f"{DEPENDENCIES}/component_name": dependency.component_name,
        f"{DEPENDENCIES}/scope": dependency.scope if dependency.HasField("scope") else None,
        f"{DEPENDENCIES}/type": dependency.type,
        f"{DEPENDENCIES}/conditions": [_condition(condition) for condition in dependency.conditions],
    }
    if dependency.HasField("auto_deploy"):
        shown |= _auto_deploy(dependency.auto_deploy)
    return shown


def _condition(condition: pb.DependencyCondition) -> Json:
    kind = {"type": condition.kind} if condition.HasField("kind") else {}
    return dict(sorted({**condition.values, **kind}.items()))


def _auto_deploy(value: pb.AutoDeploy) -> dict[str, Json]:
    location: dict[str, Json] = {"auto_deploy/location": value.co_locate} if value.HasField("co_locate") else {}
    return {"auto_deploy/enabled": value.enabled, **location}


_AUTO_DEPLOY = (
    Property("auto_deploy/enabled", Kind.BOOLEAN, "Whether it is put on a host by itself; only where that is said."),
    Property("auto_deploy/location", doc="Next to which component; only where that is said."),
)

STACK_SERVICE_COMPONENT = ResourceType(
    name="StackServiceComponent",
    keys={
        "stack_name": f"{CATEGORY}/stack_name",
        "stack_version": f"{CATEGORY}/stack_version",
        "service_name": f"{CATEGORY}/service_name",
        "component_name": f"{CATEGORY}/component_name",
    },
    properties=(
        Property(f"{CATEGORY}/stack_name", doc="The stack's name."),
        Property(f"{CATEGORY}/stack_version", doc="The stack's version."),
        Property(f"{CATEGORY}/service_name", doc="The service's name."),
        Property(f"{CATEGORY}/component_name", doc="The component's name."),
        Property(f"{CATEGORY}/display_name", doc="The name for people.", nullable=True),
        Property(f"{CATEGORY}/component_category", doc="`MASTER`, `SLAVE` or `CLIENT`.", nullable=True),
        Property(f"{CATEGORY}/is_client", Kind.BOOLEAN, "Whether it is a client."),
        Property(f"{CATEGORY}/is_master", Kind.BOOLEAN, "Whether it is a master."),
        Property(f"{CATEGORY}/cardinality", doc="How many of it there may be, such as `1+`.", nullable=True),
        Property(f"{CATEGORY}/advertise_version", Kind.BOOLEAN, "Whether it tells its version."),
        Property(f"{CATEGORY}/decommission_allowed", Kind.BOOLEAN, "Whether it can be decommissioned."),
        Property(f"{CATEGORY}/reassign_allowed", Kind.BOOLEAN, "Whether it can be moved to another host."),
        Property(f"{CATEGORY}/custom_commands", Kind.STRINGS, "Its commands beyond those that all have."),
        Property(f"{CATEGORY}/has_bulk_commands_definition", Kind.BOOLEAN, "Whether it has bulk commands."),
        Property(f"{CATEGORY}/bulk_commands_display_name", doc="How its bulk commands are called."),
        Property(f"{CATEGORY}/bulk_commands_master_component_name", doc="What carries them out."),
        Property(f"{CATEGORY}/recovery_enabled", Kind.BOOLEAN, "Whether it is started again after it has ended."),
        Property(f"{CATEGORY}/rolling_restart_supported", Kind.BOOLEAN, "Whether it restarts host by host."),
        Property(f"{CATEGORY}/component_type", doc="The kind of component.", nullable=True),
        *_AUTO_DEPLOY,
        Property(ORIGIN, Kind.OBJECT, "Which version each merged value comes from, by its path.", on_request=True),
    ),
    fetch=_components,
    lists_all=True,
    missing=lambda keys: (
        f"Stack data, stackName={keys['stack_name']}, stackVersion={keys['stack_version']}, "
        f"serviceName={keys['service_name']}, componentName={keys['component_name']}"
    ),
)

STACK_SERVICE_COMPONENT_DEPENDENCY = ResourceType(
    name="StackServiceComponentDependency",
    keys={
        "stack_name": f"{DEPENDENCIES}/stack_name",
        "stack_version": f"{DEPENDENCIES}/stack_version",
        "service_name": f"{DEPENDENCIES}/dependent_service_name",
        "component_name": f"{DEPENDENCIES}/dependent_component_name",
        "dependency_name": f"{DEPENDENCIES}/component_name",
    },
    properties=(
        Property(f"{DEPENDENCIES}/stack_name", doc="The stack's name."),
        Property(f"{DEPENDENCIES}/stack_version", doc="The stack's version."),
        Property(f"{DEPENDENCIES}/dependent_service_name", doc="The service of the component that depends."),
        Property(f"{DEPENDENCIES}/dependent_component_name", doc="The component that depends."),
        Property(f"{DEPENDENCIES}/service_name", doc="The service of the component that it depends on."),
        Property(f"{DEPENDENCIES}/component_name", doc="The component that it depends on."),
        Property(f"{DEPENDENCIES}/scope", doc="Where that must be: `host` or `cluster`.", nullable=True),
        Property(f"{DEPENDENCIES}/type", doc="`inclusive`, or `exclusive` where it must not be there."),
        Property(f"{DEPENDENCIES}/conditions", Kind.ANY, "When it holds; always where there are none."),
        *_AUTO_DEPLOY,
    ),
    fetch=_dependencies,
)
