"""`graft up`, and each service alone: `graft registry`, `graft dispatcher`, `graft gateway`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option(help="Database, keys, caches, task log; GRAFT_DATA_DIR.", show_default=False)
]
Http = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where the gateway answers HTTP; GRAFT_HTTP.")]
Registry = Annotated[str | None, typer.Option(metavar="ADDRESS", help="The registry's gRPC address; GRAFT_REGISTRY.")]
Dispatcher = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="The dispatcher's gRPC address; GRAFT_DISPATCHER.")
]
Metrics = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Where Prometheus metrics are shown, or off; GRAFT_METRICS.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="Who builds the walls around calls: native, bubblewrap, oci:runc, oci:crun, oci:runsc, confine, or none "
        "for tests; GRAFT_ENGINE. Unless it is set, --demo takes the strongest that works here."
    ),
]
Bind = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Where to listen, if not at the address that others reach it at.")
]

_ENDING = "SIGTERM or Ctrl-C lets running calls end (GRAFT_DRAIN_TIMEOUT) and exits with 0; a second one exits at once."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=f"""\
\b
Examples:
  graft up --demo                       with examples, and the login admin/admin
  graft up --data-dir /var/lib/graft --http 0.0.0.0:8080

{_ENDING}
"""
    )(up)
    app.command(epilog=f"\b\nExample:\n  graft registry --bind 0.0.0.0:50051\n\n{_ENDING}")(registry)
    app.command(epilog=f"\b\nExample:\n  graft dispatcher --registry registry:50051 --bind 0.0.0.0:50052\n\n{_ENDING}")(
        dispatcher
    )
    app.command(
        epilog=f"\b\nExample:\n  graft gateway --registry registry:50051 --dispatcher dispatcher:50052\n\n{_ENDING}"
    )(gateway)


def up(
    data_dir: DataDir = None,
    http: Http = None,
    registry: Registry = None,
    dispatcher: Dispatcher = None,
    metrics: Metrics = None,
    engine: Engine = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With example extensions and the login admin/admin; on this machine only.")
    ] = False,
) -> None:
    """Run all three services in this process."""
    from graft_cli import composition

    options = {
        "data_dir": data_dir,
        "http": http,
        "registry": registry,
        "dispatcher": dispatcher,
        "metrics": metrics,
        "engine": engine,
    }
    composition.run_all(options, demo=demo)


def registry(data_dir: DataDir = None, bind: Bind = None, metrics: Metrics = None) -> None:
    """Run the registry alone: what exists, and who may."""
    from graft_cli import composition

    composition.run_registry({"data_dir": data_dir, "registry_bind": bind, "metrics": metrics})


def dispatcher(
    data_dir: DataDir = None,
    bind: Bind = None,
    registry: Registry = None,
    metrics: Metrics = None,
    engine: Engine = None,
) -> None:
    """Run a dispatcher alone: one host."""
    from graft_cli import composition

    composition.run_dispatcher(
        {
            "data_dir": data_dir,
            "dispatcher_bind": bind,
            "registry": registry,
            "metrics": metrics,
            "engine": engine,
        }
    )


def gateway(
    data_dir: DataDir = None,
    bind: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where to answer HTTP; GRAFT_HTTP.")] = None,
    registry: Registry = None,
    dispatcher: Dispatcher = None,
) -> None:
    """Run a gateway alone: XML-RPC over HTTP.

    Its metrics are at /metrics.
    """
    from graft_cli import composition

    composition.run_gateway({"data_dir": data_dir, "http": bind, "registry": registry, "dispatcher": dispatcher})
