"""`graft.registry.v1.ClusterService`."""

from __future__ import annotations

from graft.registry.v1 import cluster_pb2 as pb
from graft_common import roles
from graft_common.rpc.context import CallContext, bearer
from registry_service.clusters import rules
from registry_service.clusters.clusters import Clusters
from registry_service.identity.access import Access
from registry_service.links.ground import Ground
from registry_service.resources import Cluster
from registry_service.service import convert, paging
from registry_service.service.origin import origin


class ClusterServicer:
    """Translates."""

    def __init__(self, clusters: Clusters, access: Access) -> None:
        self._clusters = clusters
        self._access = access

    async def CreateCluster(self, request: pb.CreateClusterRequest, context: CallContext) -> pb.CreateClusterResponse:  # noqa: N802  (gRPC's name)
        """Make a cluster."""
        caller = await self._access.need_session(bearer(context))
        cluster, ground, revision = await self._clusters.create(
            caller, request.name, request.stack_name, request.stack_version, origin(context)
        )
        return pb.CreateClusterResponse(cluster=_message(ground, cluster), revision=revision)

    async def GetCluster(self, request: pb.GetClusterRequest, context: CallContext) -> pb.GetClusterResponse:  # noqa: N802  (gRPC's name)
        """Describe a cluster."""
        await self._access.need_role(bearer(context), "cluster.get_record", roles.READ_ONLY)
        ground = await self._clusters.ground()
        return pb.GetClusterResponse(cluster=_message(ground, rules.find_cluster(ground, request.name)))

    async def ListClusters(self, request: pb.ListClustersRequest, context: CallContext) -> pb.ListClustersResponse:  # noqa: N802  (gRPC's name)
        """List the clusters."""
        await self._access.need_role(bearer(context), "cluster.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        ground = await self._clusters.ground()
        names = sorted(name for name in ground.clusters if name > page.after)
        found = paging.fit([_message(ground, ground.clusters[name]) for name in names[: page.size]])
        return pb.ListClustersResponse(
            clusters=found, next_page_token=paging.token(found[-1].name) if len(found) < len(names) else ""
        )

    async def DeleteCluster(self, request: pb.DeleteClusterRequest, context: CallContext) -> pb.DeleteClusterResponse:  # noqa: N802  (gRPC's name)
        """Remove a cluster."""
        caller = await self._access.need_session(bearer(context))
        return pb.DeleteClusterResponse(revision=await self._clusters.remove(caller, request.name, origin(context)))

    async def AddServices(self, request: pb.AddServicesRequest, context: CallContext) -> pb.AddServicesResponse:  # noqa: N802  (gRPC's name)
        """Install services."""
        caller = await self._access.need_session(bearer(context))
        cluster, ground, revision = await self._clusters.add_services(
            caller, request.cluster, request.services, origin(context)
        )
        return pb.AddServicesResponse(cluster=_message(ground, cluster), revision=revision)

    async def RemoveService(self, request: pb.RemoveServiceRequest, context: CallContext) -> pb.RemoveServiceResponse:  # noqa: N802  (gRPC's name)
        """Remove a service."""
        caller = await self._access.need_session(bearer(context))
        cluster, ground, revision = await self._clusters.remove_service(
            caller, request.cluster, request.service, origin(context)
        )
        return pb.RemoveServiceResponse(cluster=_message(ground, cluster), revision=revision)


def _message(ground: Ground, cluster: Cluster) -> pb.Cluster:
    """Write a cluster, with what is wrong with it and its services."""
    message = convert.cluster(cluster)
    message.problem = rules.problem_of(ground, cluster)
    for written, service in zip(message.services, cluster.services, strict=True):
        written.problem = rules.problem_of_service(ground, cluster, service)
    return message
