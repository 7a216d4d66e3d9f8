"""`graft health`: do the services answer."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from graft_cli.exits import FAILED, UNREACHABLE
from graft_cli.options import Json


class Service(enum.StrEnum):
    """What has a health check."""

    REGISTRY = "registry"
    DISPATCHER = "dispatcher"
    GATEWAY = "gateway"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\
\b
Examples:
  graft health
  graft health dispatcher --json
Asks the addresses GRAFT_REGISTRY, GRAFT_DISPATCHER and GRAFT_HTTP.
Exit codes: 0 all are ready; 1 one answers that it is not ready; 3 one does not answer.
"""
    )(health)


def health(
    service: Annotated[Service | None, typer.Argument(help="One of them; all if not given.")] = None,
    as_json: Json = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="The longest wait for each, in seconds.")] = 5.0,
) -> None:
    """Ask the services whether they are ready."""
    import asyncio

    from graft_cli.configuration import load
    from graft_cli.health_checks import check_gateway, check_grpc
    from graft_cli.output import print_json, print_table

    settings = load()
    checks = {
        Service.REGISTRY: lambda: check_grpc(settings, settings.registry, timeout),
        Service.DISPATCHER: lambda: check_grpc(settings, settings.dispatcher, timeout),
        Service.GATEWAY: lambda: check_gateway(settings, settings.http, timeout),
    }
    asked = [service] if service is not None else list(Service)

    async def check_all() -> list[tuple[bool, bool, str]]:
        return [await checks[name]() for name in asked]

    found = asyncio.run(check_all())
    if as_json:
        print_json(
            [
                {"service": name.value, "ready": ready, "detail": detail}
                for name, (ready, _, detail) in zip(asked, found, strict=True)
            ]
        )
    else:
        print_table(
            ("SERVICE", "READY", "DETAIL"),
            [
                (name.value, "yes" if ready else "no", detail)
                for name, (ready, _, detail) in zip(asked, found, strict=True)
            ],
        )
    if not all(reached for _, reached, _ in found):
        raise typer.Exit(UNREACHABLE)
    if not all(ready for ready, _, _ in found):
        raise typer.Exit(FAILED)
