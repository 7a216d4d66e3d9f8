"""`graft tasks`: what runs and ran asynchronously."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from graft_cli.options import Json, Url, User, gateway_url, password_from_environment

if TYPE_CHECKING:
    from graft_cli.gateway_client import GatewayClient
    from graft_common.values import Value

Ref = Annotated[str, typer.Argument(metavar="REF", help="The task's reference: OpaqueRef:…")]

_tasks = typer.Typer(
    help="List, show, follow, await, cancel and destroy tasks.",
    epilog="\b\nExamples:\n  graft tasks\n  graft tasks wait OpaqueRef:… --json",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_tasks, name="tasks")


@_tasks.callback(invoke_without_command=True)
def _default(context: typer.Context, as_json: Json = False, url: Url = None, user: User = None) -> None:
    if context.invoked_subcommand is None:
        list_tasks(as_json, url, user)


@_tasks.command("list", epilog="\b\nExample:\n  graft tasks list --json")
def list_tasks(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the tasks, the newest first."""
    from graft_cli.output import print_json, print_table, to_json

    with _logged_in(url, user) as (client, session):
        records = client.call("task.get_all_records", session)
    tasks = (
        [(ref, record) for ref, record in records.items() if isinstance(record, dict)]
        if isinstance(records, dict)
        else []
    )
    tasks.sort(key=lambda task: _cell(task[1], "created"), reverse=True)
    if as_json:
        print_json([{"ref": ref, **to_json(record)} for ref, record in tasks])
        return
    rows = [
        (ref, _cell(record, "name_label"), _cell(record, "status"), _cell(record, "created"), _cell(record, "finished"))
        for ref, record in tasks
    ]
    print_table(("REF", "METHOD", "STATUS", "CREATED", "FINISHED"), rows, ("cyan",))


@_tasks.command(epilog="\b\nExample:\n  graft tasks show OpaqueRef:…")
def show(ref: Ref, as_json: Json = False, url: Url = None, user: User = None) -> None:
    """Show one task."""
    from graft_cli.output import print_json, readable, to_json

    with _logged_in(url, user) as (client, session):
        record = client.call("task.get_record", session, ref)
    if as_json:
        print_json(to_json(record))
    else:
        typer.echo(readable(record))


@_tasks.command(epilog="\b\nExample:\n  graft tasks wait OpaqueRef:… --timeout 60")
def wait(
    ref: Ref,
    timeout: Annotated[float, typer.Option(min=0.1, help="The longest wait, in seconds.")] = 3600.0,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Wait for a task's end, print its result.

    A task that has failed fails this command as the call would.
    """
    from graft_cli.output import print_json, readable, to_json
    from graft_cli.task_result import task_value

    with _logged_in(url, user) as (client, session):
        value = task_value(client.wait_for_task(session, ref, timeout))
    if as_json:
        print_json(to_json(value))
    else:
        typer.echo(readable(value))


@_tasks.command(epilog="\b\nExamples:\n  graft tasks watch OpaqueRef:…\n  graft tasks watch OpaqueRef:… --json")
def watch(ref: Ref, as_json: Json = False, url: Url = None, user: User = None) -> None:
    """Follow a task until its end: its progress, what it tells, its result.

    A task that has failed fails this command as the call would.
    """
    from graft_cli.task_watch import changes, ended

    with _logged_in(url, user) as (client, session):
        shown = None
        for task in client.follow(f"/api/v1/tasks/{ref}/events", session):
            for line in changes(shown, task, as_json=as_json):
                typer.echo(line)
            shown = task
    if not as_json:
        typer.echo(ended(shown))


@_tasks.command(epilog="\b\nExample:\n  graft tasks cancel OpaqueRef:…")
def cancel(ref: Ref, url: Url = None, user: User = None) -> None:
    """Kill what a task runs."""
    with _logged_in(url, user) as (client, session):
        client.call("task.cancel", session, ref)


@_tasks.command(epilog="\b\nExample:\n  graft tasks destroy OpaqueRef:…")
def destroy(ref: Ref, url: Url = None, user: User = None) -> None:
    """Forget a task.

    One that runs is forgotten when it ends.
    """
    with _logged_in(url, user) as (client, session):
        client.call("task.destroy", session, ref)


def _logged_in(url: str | None, user: str | None) -> AbstractContextManager[tuple[GatewayClient, str]]:
    from graft_cli.gateway_client import logged_in

    return logged_in(gateway_url(url), user, password_from_environment())


def _cell(record: Mapping[str, Value], name: str) -> str:
    from graft_cli.output import readable

    value = record.get(name)
    return "" if value is None else readable(value)
