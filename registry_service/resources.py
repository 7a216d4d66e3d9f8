"""What the registry keeps, lists and streams besides identity, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExtensionVersion:
    """One release of an extension on disk."""

    name: str
    version: str
    valid: bool
    errors: tuple[str, ...]
    parent_version: str
    auto_link: bool
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An extension version linked to a stack version."""

    id: int
    stack_name: str
    stack_version: str
    extension_name: str
    extension_version: str
    created: datetime
    problem: str = ""
    """Why it has no effect, or not the effect that the files on disk would have."""


@dataclass(frozen=True, slots=True)
class InstalledService:
    """A service in a cluster; `state` is Ambari's name of what it does."""

    name: str
    state: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster on a stack version, with what is installed in it, by name."""

    id: int
    name: str
    stack_name: str
    stack_version: str
    created: datetime
    services: tuple[InstalledService, ...] = ()

    @property
    def stack(self) -> tuple[str, str]:
        """The stack version, as name and version."""
        return self.stack_name, self.stack_version


@dataclass(frozen=True, slots=True)
class LastGood:
    """What a linked extension version was like when it was last valid (`links.last_good`)."""

    name: str
    version: str
    format: str
    """Names the form of `body`: what has another one cannot be read."""
    digest: str
    body: bytes

    @property
    def key(self) -> tuple[str, str]:
        """The extension version."""
        return self.name, self.version


@dataclass(frozen=True, slots=True)
class MethodBundle:
    """The methods that a linked extension version brings: the tar of that digest (`graft_common.method_bundles`)."""

    extension_name: str
    extension_version: str
    link_id: int
    """The lowest of the links by which it is linked."""
    digest: str
    size: int
    content: str
    """The digest of what the tar is made of, so that it is known without making it."""

    @property
    def key(self) -> tuple[str, str]:
        """The extension version."""
        return self.extension_name, self.extension_version


@dataclass(frozen=True, slots=True)
class Declaration:
    """A method's declaration: `xml` is one whole `<methods>` document."""

    method: str
    source: str
    extension_version: str
    digest: str
    role: str
    xml: str
