"""One gRPC service as a process offers it, over the wire or in-process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from graft_common.rpc.context import CallContext

BytesHandler = Callable[[bytes, CallContext], Awaitable[bytes]]
"""Answers one request, both as they are on the wire."""


@dataclass(frozen=True, slots=True)
class DescribedServices:
    """Services as reflection tells of them; it never changes."""

    names: Sequence[str]
    pool: DescriptorPool
    """Has the files of the services, and those that they import."""
    sources: Mapping[str, bytes] = field(default_factory=dict)
    """Of files whose descriptors have comments, which pools do not keep: the whole descriptor, by path."""


class DynamicServices(Protocol):
    """Services that come and go while the server runs; all their RPCs have one request and one answer."""

    def has(self, service: str) -> bool:
        """Tell whether there is a service of that full name now."""

    def handler(self, service: str, rpc: str) -> BytesHandler | None:
        """Return what answers an RPC; None if there is none now."""

    async def described(self) -> DescribedServices:
        """Tell what there is now: the same value until something changes."""


@dataclass(frozen=True, slots=True)
class RpcService:
    """A servicer, its descriptor, and the generated function that adds it to a server."""

    descriptor: ServiceDescriptor
    servicer: Any
    register: Callable[[Any, Any], None]
    dynamic: DynamicServices | None = None
    """Further services that are served beside it, on the wire only."""

    @property
    def name(self) -> str:
        """The full name: `graft.registry.v1.IdentityService`."""
        return str(self.descriptor.full_name)
