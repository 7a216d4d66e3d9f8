"""One gRPC service as a process offers it, over the wire or in-process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor


@dataclass(frozen=True, slots=True)
class RpcService:
    """A servicer, its descriptor, and the generated function that adds it to a server."""

    descriptor: ServiceDescriptor
    servicer: Any
    register: Callable[[Any, Any], None]

    @property
    def name(self) -> str:
        """The full name: `graft.registry.v1.IdentityService`."""
        return str(self.descriptor.full_name)
