"""`graft events`: what changes, as it happens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from graft_cli.options import Json, Url, User, gateway_url, password_from_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graft_cli.gateway_client import GatewayClient
    from graft_common.values import Value

WAIT = 30.0
"""Seconds for which one call waits for events."""
_ANSWER = 15.0
"""Seconds beyond those in which its answer must come."""

Classes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CLASS[/REF]]", help="What to watch: a class, or one object; everything if not given."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="\b\nExamples:\n  graft events\n  graft events task --json\n  graft events pool --all --count 1"
    )(events)


def events(
    classes: Classes = None,
    begin: Annotated[bool, typer.Option("--all", help="Begin with all objects that there are.")] = False,
    token: Annotated[str, typer.Option(help="Begin after this token, which --json prints.")] = "",
    count: Annotated[int, typer.Option(min=0, help="End after this many events; 0 for never.")] = 0,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Print what changes: tasks, hosts, the pool, sessions, users, roles, extensions, links.

    With --json, one object on each line; its token leads to what comes after it and those that were told with it.
    """
    from graft_cli.gateway_client import logged_in

    wanted: list[Value] = [*(classes or ["*"])]
    printed = 0
    with logged_in(gateway_url(url), user, password_from_environment()) as (client, session):
        client.limit(WAIT + _ANSWER)
        if not begin and not token:
            token = _batch(client, session, [], "", 0.0)[1]
        for event, after in _follow(client, session, wanted, token):
            typer.echo(_json({**event, "token": after}) if as_json else _line(event))
            # Whoever reads them from a pipe waits for them.
            sys.stdout.flush()
            printed += 1
            if printed == count:
                return


def _follow(
    client: GatewayClient, session: str, wanted: Sequence[Value], token: str
) -> Iterator[tuple[dict[str, Value], str]]:
    """Yield events, each with the token of its batch, for ever."""
    from graft_common.errors import GraftError

    while True:
        try:
            happened, token = _batch(client, session, wanted, token, WAIT)
        except GraftError as error:
            if error.code != "EVENTS_LOST":
                raise
            typer.echo("graft: some events are lost; all objects follow", err=True)
            token = ""
            continue
        for event in happened:
            yield event, token


def _batch(
    client: GatewayClient, session: str, wanted: Sequence[Value], token: str, seconds: float
) -> tuple[list[dict[str, Value]], str]:
    from graft_cli.exits import CliError

    answer = client.call("event.from", session, [*wanted], token, seconds)
    if isinstance(answer, dict):
        happened, after = answer.get("events"), answer.get("token")
        if isinstance(happened, list) and isinstance(after, str):
            return [event for event in happened if isinstance(event, dict)], after
    raise CliError(f"{client.url} answered event.from with no events")


def _json(event: dict[str, Value]) -> str:
    import orjson

    from graft_cli.output import to_json

    return orjson.dumps(to_json(event)).decode()


def _line(event: dict[str, Value]) -> str:
    """Write an event for a person: what has become of which object, and how a task stands."""
    from graft_cli.output import plain

    snapshot = event.get("snapshot")
    record = snapshot if isinstance(snapshot, dict) else {}
    told = [event.get("operation"), event.get("class"), event.get("ref"), record.get("name_label")]
    if event.get("class") == "task" and record:
        progress = record.get("progress")
        percent = f"{progress:.0%}" if isinstance(progress, float) else ""
        told += [record.get("status"), percent if record.get("status") == "pending" else ""]
    return plain("  ".join(str(text) for text in told if text), keep="")
