"""Clusters, and the services that are installed in them.

What services do is not kept: they have no components on hosts, no configurations, and the state INIT. Requests that
would start something are refused, rather than answered with a request that never ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.errors import AmbariError, NoParentError, Operation
from gateway.ambari.query.bodies import PropertySet
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Method, Properties, Property, ResourceType
from gateway.ambari.writing import WriteRequest, Written
from graft.registry.v1 import cluster_pb2 as pb
from graft_common.errors import GraftError

_INIT = "INIT"
_ID = "Clusters/cluster_id"
_NAME = "Clusters/cluster_name"
_VERSION = "Clusters/version"
_CLUSTER_PROBLEM = "Clusters/problem"
_CLUSTER_OF = "ServiceInfo/cluster_name"
_SERVICE = "ServiceInfo/service_name"
_STATE = "ServiceInfo/state"
_SERVICE_PROBLEM = "ServiceInfo/problem"

NO_LIFECYCLE = (
    "This server keeps which services a cluster has, and not what they do: it configures, installs, starts and stops "
    f"none of them, and their state stays {_INIT}."
)


async def _clusters(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    rpc = backend.registry.clusters
    if "cluster_name" in keys:
        return [_cluster(await _read(backend, keys["cluster_name"]))]
    pages = backend.pages(rpc.ListClusters, pb.ListClustersRequest())
    return [_cluster(cluster) async for page in pages for cluster in page.clusters]


async def _services(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    try:
        cluster = await _read(backend, keys["cluster_name"])
    except GraftError as error:
        if error.code != "CLUSTER_NOT_FOUND":
            raise
        # Two blanks, as in Ambari (ServiceResourceProvider.java).
        raise NoParentError(f"Parent Cluster resource doesn't exist.  {error.params[0]}") from None
    return [_service(cluster, service) for service in cluster.services]


async def _read(backend: Backend, name: str) -> pb.Cluster:
    answer = await backend.read(backend.registry.clusters.GetCluster, pb.GetClusterRequest(name=name))
    return answer.cluster


def _cluster(cluster: pb.Cluster) -> Properties:
    shown: dict[str, Json] = {
        _ID: cluster.id,
        _NAME: cluster.name,
        _VERSION: f"{cluster.stack_name}-{cluster.stack_version}",
        "Clusters/provisioning_state": _INIT,
        "Clusters/total_hosts": 0,
    }
    if cluster.problem:
        shown[_CLUSTER_PROBLEM] = cluster.problem
    return shown


def _service(cluster: pb.Cluster, service: pb.InstalledService) -> Properties:
    shown: dict[str, Json] = {
        _CLUSTER_OF: cluster.name,
        _SERVICE: service.name,
        _STATE: service.state,
        "ServiceInfo/maintenance_state": "OFF",
    }
    if service.problem:
        shown[_SERVICE_PROBLEM] = service.problem
    return shown


async def _create_clusters(request: WriteRequest) -> Written:
    """Make clusters, one after the other as Ambari does: those before one that fails stay."""
    for body in request.resources or [{}]:
        await request.backend.write(request.backend.registry.clusters.CreateCluster, _new(request.keys, body))
    return Written(201)


def _new(keys: Keys, body: PropertySet) -> pb.CreateClusterRequest:
    if body.get(_ID) is not None:
        raise AmbariError(400, "Cluster name should be provided and clusterId should be null")
    stack = _said(body, _VERSION)
    name, dash, version = stack.partition("-")
    if stack and not (dash and version):
        # Ambari's text (StackId.java), which there is an error of the server.
        raise AmbariError(400, f"Could not parse invalid Stack Id, stackId={stack}")
    cluster = keys.get("cluster_name") or _said(body, _NAME)
    return pb.CreateClusterRequest(name=cluster, stack_name=name, stack_version=version)


async def _delete_cluster(request: WriteRequest) -> Written:
    asked = pb.DeleteClusterRequest(name=request.keys["cluster_name"])
    await request.backend.write(request.backend.registry.clusters.DeleteCluster, asked)
    return Written()


async def _create_services(request: WriteRequest) -> Written:
    """Install the services that the body names, or the one that the path names."""
    bodies = request.resources or [{}]
    for body in bodies:
        state = _said(body, _STATE)
        if state not in {"", _INIT}:
            text = "Invalid desired state only INIT state allowed during creation"
            raise AmbariError(400, f"{text}, providedDesiredState={state}")
    names = [request.keys.get("service_name") or _said(body, _SERVICE) for body in bodies]
    asked = pb.AddServicesRequest(cluster=request.keys["cluster_name"], services=names)
    await request.backend.write(request.backend.registry.clusters.AddServices, asked)
    return Written(201)


async def _delete_service(request: WriteRequest) -> Written:
    asked = pb.RemoveServiceRequest(cluster=request.keys["cluster_name"], service=request.keys["service_name"])
    await request.backend.write(request.backend.registry.clusters.RemoveService, asked)
    return Written()


async def _refuse_changes(request: WriteRequest) -> Written:
    """Refuse whatever would be more than what is there already."""
    cluster = await _read(request.backend, request.keys["cluster_name"])
    own = request.keys.get("service_name")
    if own is not None and all(service.name != own for service in cluster.services):
        text = f"Service not found, clusterName={cluster.name}, serviceName={own}"
        raise GraftError("CLUSTER_SERVICE_NOT_FOUND", text)
    if any(body != {_STATE: _INIT} for body in request.resources):
        raise AmbariError(400, NO_LIFECYCLE)
    return Written()


def _said(body: PropertySet, property_id: str) -> str:
    value = body.get(property_id)
    if isinstance(value, list):
        raise AmbariError(400, f"Invalid Request: '{property_id}' must be one value, not a list.")
    return value or ""


CREATE_CLUSTERS = Method(
    "POST",
    Operation.CREATE,
    _create_clusters,
    "Make clusters, one after the other: those before one that fails stay.",
    body=(_NAME, _VERSION),
    required=(_NAME, _VERSION),
    several=True,
    statuses=(201, 400, 404, 409),
)
CREATE_CLUSTER = Method(
    "POST",
    Operation.CREATE,
    _create_clusters,
    "Make a cluster, on the stack version that its `version` names, such as `HDP-2.4`.",
    body=(_VERSION,),
    required=(_VERSION,),
    statuses=(201, 400, 404, 409),
)
UPDATE_CLUSTER = Method(
    "PUT",
    Operation.UPDATE,
    _refuse_changes,
    "Refused: clusters have nothing that could be changed.",
    body=(_VERSION,),
    without_body=True,
    statuses=(200, 400, 404),
)
DELETE_CLUSTER = Method(
    "DELETE",
    Operation.DELETE,
    _delete_cluster,
    "Remove the cluster, with all that is installed in it.",
    statuses=(200, 404),
)
CREATE_SERVICES = Method(
    "POST",
    Operation.CREATE,
    _create_services,
    "Install services of the cluster's stack version in it: all of them, or none.",
    body=(_SERVICE, _STATE),
    required=(_SERVICE,),
    several=True,
    statuses=(201, 400, 404, 409),
)
CREATE_SERVICE = Method(
    "POST",
    Operation.CREATE,
    _create_services,
    "Install the service in the cluster.",
    body=(_STATE,),
    without_body=True,
    statuses=(201, 400, 404, 409),
)
UPDATE_SERVICES = Method(
    "PUT",
    Operation.UPDATE,
    _refuse_changes,
    "Refused, but for the state that services have: nothing is started or stopped.",
    body=(_STATE,),
    several=True,
    without_body=True,
    statuses=(200, 400, 404),
)
DELETE_SERVICE = Method(
    "DELETE", Operation.DELETE, _delete_service, "Remove the service from the cluster.", statuses=(200, 404)
)

CLUSTER = ResourceType(
    name="Cluster",
    # The version is a part of every list of clusters, too (ClusterResourceProvider.java).
    keys={"cluster_version": _VERSION, "cluster_name": _NAME},
    properties=(
        Property(_ID, Kind.INTEGER, "The number of the cluster."),
        Property(_NAME, doc="The cluster's name.", pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"),
        Property(_VERSION, doc="The stack version that it is on, such as `HDP-2.4`.", pattern="^[^-]+-.+$"),
        Property("Clusters/provisioning_state", doc="`INIT`: nothing was installed on any host."),
        Property("Clusters/total_hosts", Kind.INTEGER, "How many hosts it has: none."),
        Property(_CLUSTER_PROBLEM, doc="What is wrong with it; only where something is."),
    ),
    fetch=_clusters,
)

SERVICE = ResourceType(
    name="Service",
    keys={"cluster_name": _CLUSTER_OF, "service_name": _SERVICE},
    properties=(
        Property(_CLUSTER_OF, doc="The cluster's name."),
        Property(_SERVICE, doc="The service's name in the stack version."),
        Property(_STATE, doc="`INIT`: services are neither installed nor started on hosts.", pattern="^(INIT)?$"),
        Property("ServiceInfo/maintenance_state", doc="`OFF`."),
        Property(_SERVICE_PROBLEM, doc="Why nothing could be done with it; only where that is so."),
    ),
    fetch=_services,
    missing=lambda keys: f"Service not found, clusterName={keys['cluster_name']}, serviceName={keys['service_name']}",
)
