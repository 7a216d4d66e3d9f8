"""`graft clusters`: which services are installed in which cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User
from graft_cli.registry_client import all_pages, ask_once, ask_registry

if TYPE_CHECKING:
    from graft_common.rpc.clients import RegistryClients

_clusters = typer.Typer(
    help="List, make, fill and remove clusters.\n\nWhat is installed in a cluster keeps the links that bring it.",
    no_args_is_help=True,
    epilog="""\
\b
Examples:
  graft clusters create c1 HDP/2.4
  graft clusters add-service c1 OOZIE
  graft clusters list
""",
)

_Name = Annotated[str, typer.Argument(metavar="CLUSTER", help="The cluster's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_clusters, name="clusters")


@_clusters.command("list", epilog="\b\nExamples:\n  graft clusters list\n  graft clusters list --json")
def list_clusters(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the clusters with their services.

    Needs read-only.
    """
    from graft_cli.output import print_json, print_table

    found = ask_registry(_read_all, url, user)
    if as_json:
        print_json([_record(cluster) for cluster in found])
        return
    rows = [
        (cluster.name, _stack_of(cluster), ", ".join(item.name for item in cluster.services), _problem(cluster))
        for cluster in found
    ]
    print_table(("CLUSTER", "STACK", "SERVICES", "PROBLEM"), rows, ("cyan", "", "", "red"))


@_clusters.command(epilog="\b\nExample:\n  graft clusters create c1 HDP/2.4")
def create(
    cluster: Annotated[
        str, typer.Argument(help="The new cluster's name: letters, digits, '_', '-' and '.', at most 100.")
    ],
    stack: Annotated[str, typer.Argument(metavar="STACK/VERSION", help="What it is a cluster of.")],
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Make a cluster, with nothing installed in it.

    Needs pool-admin.
    """
    from graft.registry.v1 import cluster_pb2

    stack_name, _, stack_version = stack.partition("/")
    if not (stack_name and stack_version):
        raise CliError(f"{stack!r} is no name and version such as HDP/2.4", USAGE)
    request = cluster_pb2.CreateClusterRequest(name=cluster, stack_name=stack_name, stack_version=stack_version)
    _show(_ask("CreateCluster", request, url, user).cluster, as_json)


@_clusters.command(epilog="\b\nExample:\n  graft clusters delete c1")
def delete(cluster: _Name, url: Url = None, user: User = None) -> None:
    """Remove a cluster, with all that is installed in it.

    Needs pool-admin.
    """
    from graft.registry.v1 import cluster_pb2

    _ask("DeleteCluster", cluster_pb2.DeleteClusterRequest(name=cluster), url, user)


@_clusters.command(
    "add-service",
    epilog="\b\nExamples:\n  graft clusters add-service c1 OOZIE\n  graft clusters add-service c1 HDFS YARN",
)
def add_service(
    cluster: _Name,
    services: Annotated[
        list[str], typer.Argument(metavar="SERVICE...", help="Services of its stack version: all, or none.")
    ],
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Install services in a cluster.

    Needs pool-operator. `graft show STACK/VERSION` has the services that there are.
    """
    from graft.registry.v1 import cluster_pb2

    request = cluster_pb2.AddServicesRequest(cluster=cluster, services=services)
    _show(_ask("AddServices", request, url, user).cluster, as_json)


@_clusters.command("remove-service", epilog="\b\nExample:\n  graft clusters remove-service c1 OOZIE")
def remove_service(
    cluster: _Name,
    service: Annotated[str, typer.Argument(help="A service that is installed in it.")],
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Remove a service from a cluster.

    Needs pool-operator.
    """
    from graft.registry.v1 import cluster_pb2

    request = cluster_pb2.RemoveServiceRequest(cluster=cluster, service=service)
    _show(_ask("RemoveService", request, url, user).cluster, as_json)


def _ask(name: str, request: Any, url: str | None, user: str | None) -> Any:
    return ask_once(name, request, url, user, service="clusters")


async def _read_all(clients: RegistryClients, metadata: Any) -> list[Any]:
    from graft.registry.v1 import cluster_pb2

    return await all_pages(
        clients, metadata, "ListClusters", cluster_pb2.ListClustersRequest, "clusters", service="clusters"
    )


def _show(cluster: Any, as_json: bool) -> None:
    from graft_cli.output import print_json

    if as_json:
        print_json(_record(cluster))
    else:
        services = ", ".join(item.name for item in cluster.services) or "no services"
        typer.echo(f"cluster {cluster.name} on {_stack_of(cluster)}: {services}")


def _record(cluster: Any) -> dict[str, Any]:
    return {
        "id": cluster.id,
        "name": cluster.name,
        "stack_name": cluster.stack_name,
        "stack_version": cluster.stack_version,
        "created": cluster.created.ToJsonString(),
        "problem": cluster.problem,
        "services": [
            {
                "name": item.name,
                "state": item.state,
                "created": item.created.ToJsonString(),
                "problem": item.problem,
            }
            for item in cluster.services
        ],
    }


def _stack_of(cluster: Any) -> str:
    return f"{cluster.stack_name}/{cluster.stack_version}"


def _problem(cluster: Any) -> str:
    """Say what is wrong with a cluster, or else with the first of its services."""
    if cluster.problem:
        return str(cluster.problem)
    problems = [item.problem for item in cluster.services if item.problem]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}" if problems else ""
