"""`HostService`: translates between gRPC and the membership."""

from __future__ import annotations

from dispatcher_service.hosts.host import Host, Pool
from dispatcher_service.hosts.membership import Membership
from dispatcher_service.messages import timestamp
from dispatcher_service.sessions.admission import SessionSource, admit
from graft.dispatcher.v1 import host_pb2, host_pb2_grpc
from graft_common.rpc.context import CallContext
from graft_common.rpc.service import RpcService


class HostServicer:
    """Serves the hosts and the pool."""

    def __init__(self, hosts: Membership, sessions: SessionSource) -> None:
        self._hosts = hosts
        self._sessions = sessions

    def service(self) -> RpcService:
        """Return what a server needs."""
        descriptor = host_pb2.DESCRIPTOR.services_by_name["HostService"]
        return RpcService(descriptor, self, host_pb2_grpc.add_HostServiceServicer_to_server)

    async def ListHosts(self, _request: host_pb2.ListHostsRequest, context: CallContext) -> host_pb2.ListHostsResponse:  # noqa: N802  (gRPC's name)
        """List the hosts."""
        await admit(self._sessions, context, "host.get_all_records")
        return host_pb2.ListHostsResponse(hosts=map(host_message, await self._hosts.list()))

    async def GetPool(self, _request: host_pb2.GetPoolRequest, context: CallContext) -> host_pb2.GetPoolResponse:  # noqa: N802  (gRPC's name)
        """Return the pool."""
        await admit(self._sessions, context, "pool.get_record")
        pool = await self._hosts.pool()
        return host_pb2.GetPoolResponse(pool=pool_message(pool))


def host_message(host: Host) -> host_pb2.Host:
    """Write one host."""
    return host_pb2.Host(
        ref=host.ref,
        uuid=host.facts.uuid,
        name_label=host.name_label,
        address=host.facts.address,
        live=host.live,
        version=host.facts.version,
        engine=host.facts.engine,
        started=timestamp(host.started),
        lease_until=timestamp(host.lease_until),
        name_description=host.labels.description,
        other_config=host.labels.other_config,
        tags=host.labels.tags,
    )


def pool_message(pool: Pool) -> host_pb2.Pool:
    """Write the pool."""
    return host_pb2.Pool(
        ref=pool.ref,
        uuid=pool.uuid,
        name_label=pool.name_label,
        master=pool.master,
        name_description=pool.labels.description,
        other_config=pool.labels.other_config,
        tags=pool.labels.tags,
    )
