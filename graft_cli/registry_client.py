"""The registry as commands ask it, with the session of `graft login`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from graft_cli.options import gateway_url, password_from_environment

if TYPE_CHECKING:
    from graft_common.rpc.clients import RegistryClients

Result = TypeVar("Result")
_PAGE = 1000


def ask_registry(use: Callable[[RegistryClients, Any], Awaitable[Result]], url: str | None, user: str | None) -> Result:
    """Run `use` with stubs and the metadata of a session.

    Raises:
        CliError: nobody is logged in, or the registry does not answer.
        GraftError: what it has answered.
    """
    import grpc

    from graft_cli.configuration import load
    from graft_cli.gateway_client import logged_in
    from graft_cli.grpc_client import over_channel
    from graft_common.rpc.clients import RegistryClients
    from graft_common.rpc.context import call_metadata

    with logged_in(gateway_url(url), user, password_from_environment()) as (_, session):

        async def over(channel: grpc.aio.Channel) -> Result:
            return await use(RegistryClients.remote(channel), call_metadata(session))

        return over_channel(load().registry, "registry", over)


def ask_once(
    name: str,
    request: Any,
    url: str | None,
    user: str | None,
    timeout: float | None = None,
    service: str = "registry",
) -> Any:
    """Call one RPC of one of the registry's services and return its answer; errors as `ask_registry`."""

    async def use(clients: RegistryClients, metadata: Any) -> Any:
        from graft_cli.grpc_client import TIMEOUT
        from graft_common.rpc.client import call

        method = getattr(getattr(clients, service), name)
        return await call(method, request, timeout=timeout or TIMEOUT, metadata=metadata)

    return ask_registry(use, url, user)


async def all_pages(
    clients: RegistryClients, metadata: Any, name: str, request_type: Any, field: str, service: str = "registry"
) -> list[Any]:
    """Return every item of a list of one of the registry's services."""
    from graft_cli.grpc_client import TIMEOUT
    from graft_common.rpc.client import call

    found: list[Any] = []
    token = ""
    while True:
        request = request_type(page_size=_PAGE, page_token=token)
        answer = await call(getattr(getattr(clients, service), name), request, timeout=TIMEOUT, metadata=metadata)
        found += getattr(answer, field)
        token = answer.next_page_token
        if not token:
            return found
