"""The health checks of the three services, as another process makes them."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from graft_cli.addresses import http_url, reachable
from graft_common.rpc.client import open_channel

Health = tuple[bool, bool, str]
"""Ready or not, answered or not, and what was seen."""

_STATUS_OK = 200


async def check_grpc(address: str, timeout: float) -> Health:  # noqa: ASYNC109  (gRPC's own deadline)
    """Make the standard health check of gRPC."""
    async with open_channel(reachable(address)) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return False, False, f"{address} does not answer: {error.details()}"
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return answer.status == health_pb2.HealthCheckResponse.SERVING, True, f"{address} answers {name}"


async def check_gateway(address: str, timeout: float) -> Health:  # noqa: ASYNC109  (httpx has its own)
    """Ask `/readyz`."""
    url = f"{http_url(address)}/readyz"
    try:
        async with httpx.AsyncClient(timeout=timeout) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return False, False, f"{url} does not answer: {error or type(error).__name__}"
    return answer.status_code == _STATUS_OK, True, f"{url} answers {answer.status_code} {answer.text[:200].strip()}"
