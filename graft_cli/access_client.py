"""What methods ask to reach, as commands ask the dispatcher and the registry, and as they show it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graft_cli.options import gateway_url, password_from_environment

if TYPE_CHECKING:
    from graft.common.v1 import access_pb2
    from graft_common.rpc.clients import RegistryClients

NO_SOURCE = ("", "")


@contextmanager
def session(url: str | None, user: str | None) -> Iterator[AccessClient]:
    """Give a client with the session of `graft login`.

    Raises:
        CliError: nobody is logged in.
    """
    from graft_cli.gateway_client import logged_in

    with logged_in(gateway_url(url), user, password_from_environment()) as (_, ref):
        yield AccessClient(ref)


class AccessClient:
    """Asks both services as one user; errors are those of `graft_cli.registry_client.ask_registry`."""

    def __init__(self, ref: str) -> None:
        self._ref = ref

    def methods(self, name: str = "", min_revision: int = 0) -> list[Any]:
        """Return what methods in force ask for and are given: all that ask for any, or the one named."""
        import grpc

        from graft.dispatcher.v1 import dispatcher_pb2
        from graft_cli.configuration import load
        from graft_cli.grpc_client import TIMEOUT, over_channel
        from graft_common.rpc.client import call
        from graft_common.rpc.clients import DispatcherClients
        from graft_common.rpc.context import call_metadata

        async def ask(channel: grpc.aio.Channel) -> Any:
            stub = DispatcherClients.remote(channel).dispatcher
            request = dispatcher_pb2.DescribeAccessRequest(method=name)
            metadata = call_metadata(self._ref, min_revision=min_revision)
            return await call(stub.DescribeAccess, request, timeout=TIMEOUT, metadata=metadata)

        return list(over_channel(load().dispatcher, "dispatcher", ask).methods)

    def requests_of(self, extension: str, version: str) -> list[Any]:
        """Return what the methods of an extension version ask for, linked or not."""
        from graft.registry.v1 import grant_pb2

        request = grant_pb2.ListAccessRequestsRequest(extension_name=extension, extension_version=version)
        return list(self._ask("ListAccessRequests", request).requests)

    def grant(self, method: str, source: tuple[str, str], request: access_pb2.Access) -> Any:
        """Grant a request; return the grant and the revision."""
        from graft.registry.v1 import grant_pb2

        spec = grant_pb2.AccessSpec(
            method=method, extension_name=source[0], extension_version=source[1], access=request
        )
        return self._ask("GrantAccess", grant_pb2.GrantAccessRequest(spec=spec))

    def revoke(self, method: str, source: tuple[str, str]) -> Any:
        """Take a grant back; return it and the revision."""
        from graft.registry.v1 import grant_pb2

        request = grant_pb2.RevokeAccessRequest(method=method, extension_name=source[0], extension_version=source[1])
        return self._ask("RevokeAccess", request)

    def grants(self) -> list[Any]:
        """Return all grants."""
        from graft.registry.v1 import grant_pb2
        from graft_cli.registry_client import all_pages

        async def use(clients: RegistryClients, metadata: Any) -> list[Any]:
            return await all_pages(clients, metadata, "ListGrants", grant_pb2.ListGrantsRequest, "grants", "grants")

        found: list[Any] = self._over(use)
        return found

    def _ask(self, name: str, request: Any) -> Any:
        async def use(clients: RegistryClients, metadata: Any) -> Any:
            from graft_cli.grpc_client import TIMEOUT
            from graft_common.rpc.client import call

            return await call(getattr(clients.grants, name), request, timeout=TIMEOUT, metadata=metadata)

        return self._over(use)

    def _over(self, use: Any) -> Any:
        import grpc

        from graft_cli.configuration import load
        from graft_cli.grpc_client import over_channel
        from graft_common.rpc.clients import RegistryClients
        from graft_common.rpc.context import call_metadata

        async def over(channel: grpc.aio.Channel) -> Any:
            return await use(RegistryClients.remote(channel), call_metadata(self._ref))

        return over_channel(load().registry, "registry", over)


def things(message: access_pb2.Access) -> list[tuple[str, list[str]]]:
    """Name each kind of thing in a request, with what it has of that kind."""
    from graft_common.rpc.access_messages import read_access
    from graft_docs.words import access

    return [(kind, list(values)) for kind, values in access(read_access(message))]


def summary(message: access_pb2.Access) -> str:
    """Write a request in one line."""
    return "; ".join(f"{kind} {', '.join(values)}" for kind, values in things(message)) or "nothing"


def access_record(message: access_pb2.Access) -> dict[str, Any]:
    """Write a request for programs."""
    from graft_common.rpc.access_messages import read_access

    read = read_access(message)
    return {
        "network": read.network,
        "read": list(read.read),
        "write": list(read.write),
        "environment": list(read.environment),
        "secrets": list(read.secrets),
    }


def grant_record(grant: access_pb2.AccessGrant) -> dict[str, Any]:
    """Write a grant for programs."""
    return {
        "method": grant.method,
        "extension_name": grant.extension_name,
        "extension_version": grant.extension_version,
        "access": access_record(grant.access),
        "digest": grant.digest,
        "granted_by": grant.granted_by,
        "granted_at": grant.granted_at.ToJsonString(),
    }


def source_of(one: Any) -> tuple[str, str]:
    """Return the extension version that a message names; empty names for a drop-in."""
    return one.extension_name, one.extension_version


def source_text(source: tuple[str, str]) -> str:
    """Write a source as `--of` takes it."""
    return "/".join(source) if source != NO_SOURCE else "drop-in"
