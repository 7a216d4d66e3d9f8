"""The stubs of a service together, over a channel or in-process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import grpc

from graft.dispatcher.v1 import dispatcher_pb2_grpc, hook_pb2_grpc, host_pb2_grpc, task_pb2_grpc
from graft.registry.v1 import (
    cluster_pb2_grpc,
    grant_pb2_grpc,
    group_pb2_grpc,
    identity_pb2_grpc,
    mpack_pb2_grpc,
    registry_pb2_grpc,
    role_pb2_grpc,
)
from graft_common.rpc.service import RpcService

if TYPE_CHECKING:
    from graft.dispatcher.v1.dispatcher_pb2_grpc import DispatcherServiceAsyncStub
    from graft.dispatcher.v1.hook_pb2_grpc import HookServiceAsyncStub
    from graft.dispatcher.v1.host_pb2_grpc import HostServiceAsyncStub
    from graft.dispatcher.v1.task_pb2_grpc import TaskServiceAsyncStub
    from graft.registry.v1.cluster_pb2_grpc import ClusterServiceAsyncStub
    from graft.registry.v1.grant_pb2_grpc import GrantServiceAsyncStub
    from graft.registry.v1.group_pb2_grpc import GroupServiceAsyncStub
    from graft.registry.v1.identity_pb2_grpc import IdentityServiceAsyncStub
    from graft.registry.v1.mpack_pb2_grpc import MpackServiceAsyncStub
    from graft.registry.v1.registry_pb2_grpc import RegistryServiceAsyncStub
    from graft.registry.v1.role_pb2_grpc import RoleServiceAsyncStub


@dataclass(frozen=True, slots=True)
class RegistryClients:
    """What others call of the registry."""

    identity: IdentityServiceAsyncStub
    registry: RegistryServiceAsyncStub
    clusters: ClusterServiceAsyncStub
    mpacks: MpackServiceAsyncStub
    grants: GrantServiceAsyncStub
    roles: RoleServiceAsyncStub
    groups: GroupServiceAsyncStub

    @classmethod
    def remote(cls, channel: grpc.aio.Channel) -> Self:
        """Call over gRPC."""
        return cls(
            identity_pb2_grpc.IdentityServiceStub(channel),
            registry_pb2_grpc.RegistryServiceStub(channel),
            cluster_pb2_grpc.ClusterServiceStub(channel),
            mpack_pb2_grpc.MpackServiceStub(channel),
            grant_pb2_grpc.GrantServiceStub(channel),
            role_pb2_grpc.RoleServiceStub(channel),
            group_pb2_grpc.GroupServiceStub(channel),
        )

    @classmethod
    def local(cls, services: Iterable[RpcService]) -> Self:
        """Call the servicers of this process."""
        stubs = _local_stubs(services)
        return cls(
            stubs["graft.registry.v1.IdentityService"],
            stubs["graft.registry.v1.RegistryService"],
            stubs["graft.registry.v1.ClusterService"],
            stubs["graft.registry.v1.MpackService"],
            stubs["graft.registry.v1.GrantService"],
            stubs["graft.registry.v1.RoleService"],
            stubs["graft.registry.v1.GroupService"],
        )


@dataclass(frozen=True, slots=True)
class DispatcherClients:
    """What others call of the dispatcher."""

    dispatcher: DispatcherServiceAsyncStub
    tasks: TaskServiceAsyncStub
    hosts: HostServiceAsyncStub
    hooks: HookServiceAsyncStub
    over_wire: bool = False
    """Whether calls leave the process, so that it is worth while to send them together."""

    @classmethod
    def remote(cls, channel: grpc.aio.Channel) -> Self:
        """Call over gRPC."""
        return cls(
            dispatcher_pb2_grpc.DispatcherServiceStub(channel),
            task_pb2_grpc.TaskServiceStub(channel),
            host_pb2_grpc.HostServiceStub(channel),
            hook_pb2_grpc.HookServiceStub(channel),
            over_wire=True,
        )

    @classmethod
    def local(cls, services: Iterable[RpcService]) -> Self:
        """Call the servicers of this process."""
        stubs = _local_stubs(services)
        return cls(
            stubs["graft.dispatcher.v1.DispatcherService"],
            stubs["graft.dispatcher.v1.TaskService"],
            stubs["graft.dispatcher.v1.HostService"],
            stubs["graft.dispatcher.v1.HookService"],
        )


def _local_stubs(services: Iterable[RpcService]) -> dict[str, Any]:
    from graft_common.rpc.local import LocalStub  # noqa: PLC0415  (it loads what servers need, which clients do without)

    return {service.name: LocalStub(service) for service in services}
