"""What a host and the pool are: plain values, and the rule that names the coordinator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dispatcher_service.hosts.labels import Labels
from dispatcher_service.references import NULL_REF, ref_of


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a dispatcher says of itself when it registers."""

    uuid: str
    """Stays the same over restarts."""
    name_label: str
    """The machine's host name."""
    address: str
    """Where its gRPC services answer: `host:port`."""
    version: str
    """The version of Graft."""
    engine: str
    """The engine that runs its calls."""


@dataclass(frozen=True, slots=True)
class Host:
    """A dispatcher that has registered."""

    facts: HostFacts
    epoch: int
    """Grows by one at every registration."""
    registered: float
    """When it registered for the first time, in seconds since the epoch."""
    started: float
    """When it registered last."""
    lease_until: float
    live: bool
    """Whether its lease is in force, by the store's clock."""
    labels: Labels = field(default_factory=Labels)
    """What administrators say of it."""

    @property
    def name_label(self) -> str:
        """The name that it was given, or the machine's where it was given none."""
        return self.labels.name or self.facts.name_label

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.facts.uuid)


@dataclass(frozen=True, slots=True)
class Pool:
    """All hosts that share one store."""

    uuid: str
    """Stays the same for the life of the store."""
    labels: Labels
    """What administrators say of it, its name among that."""
    master: str
    """The reference of the host that clients should take as the coordinator."""

    @property
    def name_label(self) -> str:
        """Its name."""
        return self.labels.name

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.uuid)


def coordinator(hosts: Sequence[Host]) -> str:
    """Choose the live host that registered first, so that the choice lasts as long as that host does."""
    candidates = [host for host in hosts if host.live] or list(hosts)
    if not candidates:
        return NULL_REF
    return min(candidates, key=lambda host: (host.registered, host.facts.uuid)).ref
