"""The gateway put together: one ASGI application over the clients of the two services."""

from __future__ import annotations

import asyncio
from typing import Self

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access import Access
from gateway.ambari.endpoint import AmbariEndpoint
from gateway.audit_log import AuditLogEndpoint
from gateway.backends import Backends
from gateway.body import Bounds
from gateway.call_times import CallTimes
from gateway.exchange import Observed
from gateway.jsonrpc_envelope import JsonRpcEnvelope
from gateway.load import Load
from gateway.logins import Logins
from gateway.mcp.endpoint import McpEndpoint
from gateway.mcp.origins import read_origins
from gateway.methods.api import MethodsApi
from gateway.methods.calls import MethodCalls
from gateway.methods.descriptions import Descriptions
from gateway.methods.endpoint import MethodsEndpoint
from gateway.methods.watching import TaskWatches
from gateway.offer import Offer
from gateway.pages import JSON_RPC_PATHS, KNOWN_PATHS, XML_RPC_PATHS, Pages
from gateway.readiness import Readiness
from gateway.reference.endpoint import ReferenceEndpoint
from gateway.rpc_endpoint import RpcEndpoint
from gateway.xenapi import XenApi
from gateway.xmlrpc_envelope import XmlRpcEnvelope
from graft_common.rpc.batch_client import BatchClient
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.service_token import find_service_token, service_token
from graft_common.settings import Settings

MAX_REQUESTS = 4096
MIN_HELD_BODIES = 32
"""How many bodies of the largest size fit into memory at once."""
MIN_HELD_BYTES = 128 << 20


class GatewayApp:
    """Owns no state and no rule: what is refused here is what no service could even read."""

    def __init__(self, settings: Settings, registry: RegistryClients, dispatcher: DispatcherClients) -> None:
        self._load = Load(MAX_REQUESTS, max(MIN_HELD_BYTES, MIN_HELD_BODIES * settings.http_max_body))
        bounds = Bounds(settings.http_max_body, settings.http_body_timeout)
        self._batches = BatchClient(dispatcher.dispatcher) if dispatcher.over_wire else None
        speaks_for_others = settings.http_socket_path is not None or settings.http_client_authorities is not None
        token = service_token(settings) if speaks_for_others else find_service_token(settings)
        backends = Backends(registry, dispatcher, self._batches, token)
        self._logins = Logins.of(backends)
        self._offer = Offer(dispatcher.dispatcher)
        times = CallTimes(self._offer, settings.call_timeout)
        self._xenapi = xenapi = XenApi(backends, times)
        self._xmlrpc = RpcEndpoint(XmlRpcEnvelope(xenapi), bounds, self._load)
        self._jsonrpc = RpcEndpoint(JsonRpcEnvelope(xenapi), bounds, self._load)
        calls = MethodCalls(backends, xenapi, times)
        access = Access(self._logins)
        api = MethodsApi(calls, Descriptions(self._offer), access, TaskWatches(backends, access))
        self._methods = MethodsEndpoint(api, bounds, self._load)
        origins = read_origins(settings.mcp_origins)
        self._mcp = McpEndpoint(backends, calls, self._offer, access, bounds, self._load, origins)
        self._ambari = AmbariEndpoint(
            backends,
            self._logins,
            bounds,
            self._load,
            upstream_statuses=settings.ambari_status_compat,
            ambari_version=settings.ambari_version,
            max_archive=settings.mpack_max_archive,
        )
        self._reference = ReferenceEndpoint(self._offer, self._load)
        self._audit_log = AuditLogEndpoint(backends, access, self._load)
        self._stopping = False
        self._pages = Pages(Readiness(registry, dispatcher), lambda: self._stopping).asgi
        self.asgi: ASGIApp = Observed(self._route, KNOWN_PATHS)

    @classmethod
    async def open(cls, settings: Settings, registry: RegistryClients, dispatcher: DispatcherClients) -> Self:
        """Make the application; it serves at once, and `/readyz` tells whether the services are there yet."""
        return cls(settings, registry, dispatcher)

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (the contract of all three services)
        """Refuse new calls, and wait for the running ones to end, but no longer than `timeout` seconds."""
        self._stopping = True
        self._xenapi.end_waits()
        self._xmlrpc.refuse_new()
        self._jsonrpc.refuse_new()
        self._methods.refuse_new()
        self._mcp.refuse_new()
        self._ambari.refuse_new()
        self._audit_log.refuse_new()
        try:
            async with asyncio.timeout(timeout):
                await self._load.wait_idle()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Let go of what the application holds. The clients belong to the caller."""
        self._xmlrpc.close()
        self._jsonrpc.close()
        self._ambari.close()
        self._reference.close()
        await self._mcp.close()
        await self._offer.close()
        await self._logins.close()
        if self._batches is not None:
            await self._batches.close()

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The end points of calls stand beside Starlette, not behind it: that is half again as fast.
        if scope["path"] in XML_RPC_PATHS and scope["method"] in {"POST", "OPTIONS"}:
            await self._xmlrpc(scope, receive, send)
        elif scope["path"] in JSON_RPC_PATHS and scope["method"] in {"POST", "OPTIONS"}:
            await self._jsonrpc(scope, receive, send)
        elif MethodsEndpoint.serves(scope["path"]):
            await self._methods(scope, receive, send)
        elif McpEndpoint.serves(scope["path"]):
            await self._mcp(scope, receive, send)
        elif AmbariEndpoint.serves(scope["path"]):
            await self._ambari(scope, receive, send)
        elif ReferenceEndpoint.serves(scope["path"]):
            await self._reference(scope, receive, send)
        elif AuditLogEndpoint.serves(scope["path"]):
            await self._audit_log(scope, receive, send)
        else:
            await self._pages(scope, receive, send)
