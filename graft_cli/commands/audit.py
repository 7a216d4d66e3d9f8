"""`graft audit`: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User, gateway_url, password_from_environment

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from graft.common.v1.audit_pb2 import AuditRecord

_MAX_PAGE = 1000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\
\b
Examples:
  graft audit --limit 20
  graft audit --since 1h --json
  graft audit --since 2026-01-01T00:00:00Z
  graft audit --since 1h --xapi
"""
    )(audit)


def audit(
    since: Annotated[
        str | None,
        typer.Option(help="Only records of this time or later: 2026-01-01T00:00:00Z, or 1h for an hour ago."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many records, the newest.")] = 100,
    as_json: Json = False,
    as_xapi: Annotated[
        bool,
        typer.Option("--xapi", help="Print lines as xapi's log has them, the newest last, without what only reads."),
    ] = False,
    url: Url = None,
    user: User = None,
) -> None:
    """List logins, changes and calls, the newest first.

    Asks the services at GRAFT_REGISTRY and GRAFT_DISPATCHER.
    """
    from graft_cli.gateway_client import logged_in
    from graft_cli.output import print_json, print_table
    from graft_common.audit_text import is_told, record_json, xapi_line

    if as_json and as_xapi:
        raise CliError("--json and --xapi are two forms; choose one", USAGE)
    start = _start(since)
    with logged_in(gateway_url(url), user, password_from_environment()) as (_, session):
        records = _records(session, start, limit)
    if as_json:
        print_json([record_json(record) for record in records])
        return
    if as_xapi:
        for record in filter(is_told, reversed(records)):
            typer.echo(xapi_line(record))
        return
    rows = [
        (
            row["time"],
            row["user"],
            row["action"],
            row["decision"],
            row["outcome"],
            f"{row['duration']:.3f} s",
            _given(record),
        )
        for record, row in ((record, record_json(record)) for record in records)
    ]
    print_table(("TIME", "USER", "ACTION", "DECISION", "OUTCOME", "DURATION", "ARGUMENTS"), rows, ("dim", "", "cyan"))


def _start(since: str | None) -> Timestamp | None:
    import datetime as dt

    from google.protobuf.timestamp_pb2 import Timestamp

    from graft_common import units

    if since is None:
        return None
    try:
        moment = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=units.seconds(since))
    except ValueError:
        try:
            moment = dt.datetime.fromisoformat(since).astimezone(dt.UTC)
        except ValueError:
            raise CliError(f"--since {since} is no time such as 2026-01-01T00:00:00Z, 30min or 1h", USAGE) from None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _records(session: str, since: Timestamp | None, limit: int) -> list[AuditRecord]:
    """Fetch both services' records and merge them."""
    import grpc

    from graft.dispatcher.v1 import dispatcher_pb2
    from graft.registry.v1 import identity_pb2
    from graft_cli.configuration import load
    from graft_cli.grpc_client import TIMEOUT, over_channel
    from graft_common.rpc.client import call
    from graft_common.rpc.clients import DispatcherClients, RegistryClients
    from graft_common.rpc.context import call_metadata

    settings = load()
    credential = call_metadata(session)

    async def pages(method: Any, request_type: Any) -> list[AuditRecord]:
        found: list[AuditRecord] = []
        token = ""
        while True:
            request = request_type(page_size=min(limit - len(found), _MAX_PAGE), page_token=token, since=since)
            answer = await call(method, request, timeout=TIMEOUT, metadata=credential)
            found += answer.records
            token = answer.next_page_token
            if not token or len(found) >= limit:
                return found

    async def logins(channel: grpc.aio.Channel) -> list[AuditRecord]:
        return await pages(
            RegistryClients.remote(channel).identity.ListLoginRecords, identity_pb2.ListLoginRecordsRequest
        )

    async def calls(channel: grpc.aio.Channel) -> list[AuditRecord]:
        stub = DispatcherClients.remote(channel).dispatcher
        return await pages(stub.ListCallRecords, dispatcher_pb2.ListCallRecordsRequest)

    merged = over_channel(settings.registry, "registry", logins) + over_channel(
        settings.dispatcher, "dispatcher", calls
    )
    merged.sort(key=lambda record: record.time.ToNanoseconds(), reverse=True)
    return merged[:limit]


def _given(record: AuditRecord) -> str:
    """Tell arguments in one cell: `volume="root" size`."""
    return " ".join(
        f"{given.name}={given.value}" if given.HasField("value") else given.name for given in record.arguments
    )
