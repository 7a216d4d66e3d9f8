"""`graft call`."""

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
    """Add the command."""
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


def _print_value(value: object, as_json: bool) -> None:
    from typing import cast

    from graft_cli.output import print_json, readable, to_json
    from graft_common.values import Value

    known = cast("Value", value)
    if as_json:
        print_json(to_json(known))
    else:
        typer.echo(readable(known))
