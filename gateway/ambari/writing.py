"""What a request that changes something brings, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.ambari.backend import Backend
from gateway.ambari.query.bodies import PropertySet, RequestBody
from gateway.ambari.query.parameters import Query
from gateway.ambari.rendering import Json
from gateway.streams import BodyStream


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A POST, PUT or DELETE of a user who is logged in."""

    backend: Backend
    keys: Mapping[str, str]
    """What the path says, by the names of its variables."""
    requests: Sequence[RequestBody]
    """What the body says, in Ambari's forms; at least one, without properties where there is no body."""
    query: Query
    """What the query string and the body's own query say."""
    body: bytes
    """The body itself."""
    headers: Mapping[str, str]
    base: str
    """The URL of `/api/v1` as the client sees it."""
    stream: BodyStream | None = None
    """The body of a method that reads it itself; `requests` and `body` are empty then."""

    @property
    def resources(self) -> Sequence[PropertySet]:
        """The property sets of the whole body."""
        return [properties for request in self.requests for properties in request.properties]


@dataclass(frozen=True, slots=True)
class Written:
    """What is answered: Ambari's answers to most changes have no body."""

    status: int = 200
    body: Json = None
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)
