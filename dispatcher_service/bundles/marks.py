"""What the registry says of bundles."""

from __future__ import annotations

from dataclasses import dataclass

from graft.registry.v1 import registry_pb2


@dataclass(frozen=True, slots=True)
class BundleMark:
    """The bundle of an extension version that is linked."""

    name: str
    version: str
    link_id: int
    digest: str
    size: int

    @property
    def place(self) -> str:
        """What findings call it, and the registry's key of it."""
        return f"{self.name}/{self.version}"


def read_mark(message: registry_pb2.MethodBundle) -> BundleMark:
    """Read the registry's message."""
    return BundleMark(message.extension_name, message.extension_version, message.link_id, message.digest, message.size)
