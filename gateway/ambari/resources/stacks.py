"""Stacks, their versions, and the configuration that belongs to no service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Properties, Property, ResourceType
from gateway.ambari.resources.configurations import configuration, configuration_properties
from graft.registry.v1 import registry_pb2 as pb

_NAME = "Stacks/stack_name"
_STACK_NAME = "Versions/stack_name"
_STACK_VERSION = "Versions/stack_version"
_CONFIGURATIONS = "StackLevelConfigurations"


async def _stacks(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    rpc = backend.registry.registry
    if "stack_name" in keys:
        # A stack is there as long as it has a version, and those are mostly wanted next.
        own = backend.pages(rpc.ListStackVersions, pb.ListStackVersionsRequest(name=keys["stack_name"]))
        return [{_NAME: version.name} async for page in own for version in page.stack_versions][:1]
    pages = backend.pages(rpc.ListStacks, pb.ListStacksRequest())
    return [{_NAME: name} async for page in pages for name in page.names]


async def _versions(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    rpc, name = backend.registry.registry, keys.get("stack_name", "")
    if "stack_version" in keys:
        request = pb.GetStackVersionRequest(name=name, version=keys["stack_version"], view=pb.SERVICE_VIEW_NAMES)
        return [_version((await backend.read(rpc.GetStackVersion, request)).stack_version)]
    pages = backend.pages(rpc.ListStackVersions, pb.ListStackVersionsRequest(name=name))
    return [_version(version) async for page in pages for version in page.stack_versions]


async def _configurations(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    request = pb.GetStackVersionRequest(
        name=keys["stack_name"], version=keys["stack_version"], view=pb.SERVICE_VIEW_NAMES, with_properties=True
    )
    answer = await backend.read(backend.registry.registry.GetStackVersion, request)
    return [configuration(_CONFIGURATIONS, keys, item) for item in answer.properties]


def _version(version: pb.StackVersion) -> Properties:
    return {
        _STACK_NAME: version.name,
        _STACK_VERSION: version.version,
        "Versions/active": version.active,
        "Versions/valid": version.valid,
        "Versions/stack-errors": sorted(version.errors),
        "Versions/parent_stack_version": version.parent_version or None,
        "Versions/config_types": config_types(version.configuration_types),
        "Versions/min_upgrade_version": version.min_upgrade_version
        if version.HasField("min_upgrade_version")
        else None,
        "Versions/upgrade_packs": list(version.upgrade_packs),
        "Versions/min_jdk": version.min_jdk if version.HasField("min_jdk") else None,
        "Versions/max_jdk": version.max_jdk if version.HasField("max_jdk") else None,
    }


def config_types(types: Iterable[pb.ConfigurationType]) -> Json:
    """Write what types of configuration there are; Ambari has the switches as strings (ServiceInfo.java)."""
    return {
        item.type: {
            "supports": {
                "adding_forbidden": _switch(item.supports_adding_forbidden),
                "do_not_extend": _switch(item.supports_do_not_extend),
                "final": _switch(item.supports_final),
            }
        }
        for item in types
    }


def _switch(on: bool) -> str:
    return "true" if on else "false"


STACK = ResourceType(
    name="Stack",
    keys={"stack_name": _NAME},
    properties=(Property(_NAME, doc="The stack's name."),),
    fetch=_stacks,
    missing=lambda keys: f"Stack data, stackName={keys['stack_name']}",
)

STACK_VERSION = ResourceType(
    name="StackVersion",
    keys={"stack_name": _STACK_NAME, "stack_version": _STACK_VERSION},
    properties=(
        Property(_STACK_NAME, doc="The stack's name."),
        Property(_STACK_VERSION, doc="The version."),
        Property("Versions/active", Kind.BOOLEAN, "Whether it is offered for new clusters."),
        Property("Versions/valid", Kind.BOOLEAN, "Whether it and all that it inherits is as it should be."),
        Property("Versions/stack-errors", Kind.STRINGS, "Why it is not."),
        Property("Versions/parent_stack_version", doc="The version that it inherits from.", nullable=True),
        Property("Versions/config_types", Kind.OBJECT, "Its own types of configuration."),
        Property("Versions/min_upgrade_version", doc="The least version that can be upgraded to it.", nullable=True),
        Property("Versions/upgrade_packs", Kind.STRINGS, "The names of its upgrade packs."),
        Property("Versions/min_jdk", doc="The least version of Java.", nullable=True),
        Property("Versions/max_jdk", doc="The greatest version of Java.", nullable=True),
    ),
    fetch=_versions,
    lists_all=True,
)

STACK_CONFIGURATION = ResourceType(
    name="StackLevelConfiguration",
    keys={
        "stack_name": f"{_CONFIGURATIONS}/stack_name",
        "stack_version": f"{_CONFIGURATIONS}/stack_version",
        "property_name": f"{_CONFIGURATIONS}/property_name",
    },
    properties=configuration_properties(_CONFIGURATIONS),
    fetch=_configurations,
    missing=lambda keys: (
        f"Stack data, stackName={keys['stack_name']}, stackVersion={keys['stack_version']}, "
        f"propertyName={keys['property_name']}"
    ),
    open_category=_CONFIGURATIONS,
)
