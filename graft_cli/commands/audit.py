"""`graft audit`: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User, gateway_url, password_from_environment

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

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
"""
    )(audit)


def audit(
    since: Annotated[
        str | None,
        typer.Option(help="Only records of this time or later: 2026-01-01T00:00:00Z, or 1h for an hour ago."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many records, the newest.")] = 100,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """List logins and calls, the newest first.

    Asks the services at GRAFT_REGISTRY and GRAFT_DISPATCHER.
    """
    from graft_cli.gateway_client import logged_in
    from graft_cli.output import print_json, print_table

    start = _start(since)
    with logged_in(gateway_url(url), user, password_from_environment()) as (_, session):
        records = _records(session, start, limit)
    if as_json:
        print_json(records)
        return
    rows = [
        (
            record["time"],
            record["user"],
            record["action"],
            record["decision"],
            record["outcome"],
            f"{record['duration']:.3f} s",
        )
        for record in records
    ]
    print_table(("TIME", "USER", "ACTION", "DECISION", "OUTCOME", "DURATION"), rows, ("dim", "", "cyan"))


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


def _records(session: str, since: Timestamp | None, limit: int) -> list[dict[str, Any]]:
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

    async def pages(method: Any, request_type: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            request = request_type(page_size=min(limit - len(found), _MAX_PAGE), page_token=token, since=since)
            answer = await call(method, request, timeout=TIMEOUT, metadata=credential)
            found += [_record(record) for record in answer.records]
            token = answer.next_page_token
            if not token or len(found) >= limit:
                return found

    async def logins(channel: grpc.aio.Channel) -> list[dict[str, Any]]:
        return await pages(
            RegistryClients.remote(channel).identity.ListLoginRecords, identity_pb2.ListLoginRecordsRequest
        )

    async def calls(channel: grpc.aio.Channel) -> list[dict[str, Any]]:
        stub = DispatcherClients.remote(channel).dispatcher
        return await pages(stub.ListCallRecords, dispatcher_pb2.ListCallRecordsRequest)

    merged = over_channel(settings.registry, "registry", logins) + over_channel(
        settings.dispatcher, "dispatcher", calls
    )
    merged.sort(key=lambda record: str(record["time"]), reverse=True)
    return merged[:limit]


def _record(record: Any) -> dict[str, Any]:
    decision = {1: "allowed", 2: "denied"}.get(record.decision, "")
    row = {
        "time": record.time.ToJsonString(),
        "user": record.user,
        "roles": list(record.roles),
        "track_id": record.track_id,
        "action": record.action,
        "decision": decision,
        "outcome": record.outcome,
        "duration": record.duration.ToTimedelta().total_seconds(),
        "request_id": record.request_id,
        "originator": record.originator,
        "peer": record.peer,
        "host": record.host,
        "task": record.task,
    }
    if record.HasField("usage"):
        row["usage"] = {
            "cpu": record.usage.cpu.ToTimedelta().total_seconds(),
            "wall": record.usage.wall.ToTimedelta().total_seconds(),
            "memory_peak_bytes": record.usage.memory_peak_bytes,
            "processes_peak": record.usage.processes_peak,
        }
    if record.HasField("access"):
        row["access"] = {
            "network": record.access.network,
            "read_paths": record.access.read_paths,
            "write_paths": record.access.write_paths,
            "environment": list(record.access.environment),
            "secrets": list(record.access.secrets),
        }
    return row
