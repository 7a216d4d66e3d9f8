"""`graft call` and `graft methods`."""

from __future__ import annotations

from typing import Annotated

import typer

from graft_cli.arguments import HELP as ARGUMENTS_HELP
from graft_cli.exits import HELP as EXIT_HELP
from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User, gateway_url, password_from_environment

Asynchronous = Annotated[bool, typer.Option("--async", help="Start it as a task and print the task's reference.")]
Wait = Annotated[bool, typer.Option("--wait", help="With --async: wait for the task's end and print its result.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="The longest wait for the answer, in seconds.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=f"""\
{ARGUMENTS_HELP}

\b
Examples:
  graft call Hello.greet World
  graft call Volume.resize data int:5368709120 bool:true --json
  graft call Timer.wait int:3 --async --wait
  graft call Text.count @README.md
An argument that begins with a dash comes after --:  graft call Hello.greet -- -x

{EXIT_HELP}
When the method fails, its code and its parameters are on standard error.
"""
    )(call)
    app.command(epilog="\b\nExamples:\n  graft methods\n  graft methods --json --url http://127.0.0.1:8080")(methods)


def call(
    method: Annotated[str, typer.Argument(help="The method: Class.method.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Its parameters, without the session.")] = None,
    as_json: Json = False,
    asynchronous: Asynchronous = False,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
    url: Url = None,
    user: User = None,
) -> None:
    """Call a method and print its value."""
    from graft_cli.arguments import ArgumentError, parse_argument
    from graft_cli.gateway_client import logged_in
    from graft_cli.output import progress
    from graft_cli.task_result import task_value

    try:
        params = [parse_argument(text) for text in arguments or []]
    except ArgumentError as error:
        raise CliError(str(error), USAGE) from None
    if wait and not asynchronous:
        raise CliError("--wait goes with --async", USAGE)
    with logged_in(gateway_url(url), user, password_from_environment()) as (client, session):
        client.limit(timeout)
        if method.startswith("system."):
            value = client.call(method, *params)
        elif asynchronous:
            value = task = client.start(method, session, *params)
            if wait:
                with progress(f"{method} runs as {task}"):
                    record = client.wait_for_task(session, task, timeout)
                value = task_value(record)
        else:
            value = client.call(method, session, *params)
    _print_value(value, as_json)


def methods(as_json: Json = False, url: Url = None) -> None:
    """List the methods that can be called.

    From the dispatcher at GRAFT_DISPATCHER with role and source; with --url from a gateway, their names alone.
    """
    from graft_cli.output import print_json, print_table

    if url is not None:
        from graft_cli.gateway_client import GatewayClient

        with GatewayClient(gateway_url(url)) as client:
            names = client.call("system.listMethods")
        found = [{"name": str(name)} for name in names] if isinstance(names, list) else []
    else:
        found = _known_methods()
    if as_json:
        print_json(found)
    elif url is not None:
        typer.echo("\n".join(method["name"] for method in found))
    else:
        rows = [(method["name"], method["source"], method["role"], method["doc"]) for method in found]
        print_table(("METHOD", "SOURCE", "ROLE", "ABOUT"), rows, ("cyan", "", "", "dim"))


def _known_methods() -> list[dict[str, str]]:
    import grpc

    from graft.dispatcher.v1 import dispatcher_pb2
    from graft_cli.configuration import load
    from graft_cli.grpc_client import TIMEOUT, over_channel
    from graft_common.rpc.client import call as call_rpc
    from graft_common.rpc.clients import DispatcherClients

    async def ask(channel: grpc.aio.Channel) -> dispatcher_pb2.ListMethodsResponse:
        clients = DispatcherClients.remote(channel)
        return await call_rpc(clients.dispatcher.ListMethods, dispatcher_pb2.ListMethodsRequest(), timeout=TIMEOUT)

    answer = over_channel(load().dispatcher, "dispatcher", ask)
    return [
        {
            "name": method.name,
            "source": dispatcher_pb2.MethodSource.Name(method.source)
            .removeprefix("METHOD_SOURCE_")
            .lower()
            .replace("_", "-"),
            "role": method.role,
            "doc": method.doc,
        }
        for method in answer.methods
    ]


def _print_value(value: object, as_json: bool) -> None:
    from typing import cast

    from graft_cli.output import print_json, readable, to_json
    from graft_common.values import Value

    known = cast("Value", value)
    if as_json:
        print_json(to_json(known))
    else:
        typer.echo(readable(known))
