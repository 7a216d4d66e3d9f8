"""The health checks of the three services, as another process makes them."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from graft_cli.addresses import http_url, reachable
from graft_common.settings import Settings
from graft_common.tls import connect

Health = tuple[bool, bool, str]
"""Ready or not, answered or not, and what was seen."""

_STATUS_OK = 200


async def check_grpc(settings: Settings, address: str, timeout: float) -> Health:  # noqa: ASYNC109  (gRPC's own)
    """Make the standard health check of gRPC."""
    async with connect(settings, reachable(address)) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return False, False, f"{address} does not answer: {error.details()}"
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return answer.status == health_pb2.HealthCheckResponse.SERVING, True, f"{address} answers {name}"


async def check_gateway(settings: Settings, address: str, timeout: float) -> Health:  # noqa: ASYNC109  (httpx has its own)
    """Ask `/readyz`. Nothing secret is said, and the address is often none that a certificate names: any will do."""
    url = f"{http_url(address, secure=settings.http_certificate is not None)}/readyz"
    try:
        async with httpx.AsyncClient(timeout=timeout, verify=False) as client:  # noqa: S501  (see above)
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return False, False, f"{url} does not answer: {error or type(error).__name__}"
    return answer.status_code == _STATUS_OK, True, f"{url} answers {answer.status_code} {answer.text[:200].strip()}"
