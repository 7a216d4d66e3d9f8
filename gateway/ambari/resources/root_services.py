"""The server itself, as Ambari shows it among its own services: clients ask it for its version."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.resource_types import Keys, Properties, Property, ResourceType
from graft.registry.v1 import identity_pb2 as pb

_AMBARI = "AMBARI"
_SERVER = "AMBARI_SERVER"
_NAME = "RootService/service_name"
_SERVICE_NAME = "RootServiceComponents/service_name"
_COMPONENT_NAME = "RootServiceComponents/component_name"
_VERSION = "RootServiceComponents/component_version"


async def _services(backend: Backend, _keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    await _check_session(backend)
    return [{_NAME: _AMBARI}]


async def _components(backend: Backend, _keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    await _check_session(backend)
    return [{_SERVICE_NAME: _AMBARI, _COMPONENT_NAME: _SERVER, _VERSION: backend.ambari_version}]


async def _check_session(backend: Backend) -> None:
    """Raise where the session has ended: nothing else that is read here would tell."""
    await backend.read(backend.registry.identity.WhoAmI, pb.WhoAmIRequest())


ROOT_SERVICE = ResourceType(
    name="RootService",
    keys={"service_name": _NAME},
    properties=(Property(_NAME, doc="`AMBARI`."),),
    fetch=_services,
)

ROOT_SERVICE_COMPONENT = ResourceType(
    name="RootServiceComponent",
    keys={"service_name": _SERVICE_NAME, "component_name": _COMPONENT_NAME},
    properties=(
        Property(_SERVICE_NAME, doc="`AMBARI`."),
        Property(_COMPONENT_NAME, doc="`AMBARI_SERVER`."),
        Property(_VERSION, doc="The version of Ambari that this server passes for: `GRAFT_AMBARI_VERSION`."),
    ),
    fetch=_components,
)
