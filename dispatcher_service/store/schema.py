"""The tables. Times are seconds since the epoch; `migrations/` makes what stands here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

metadata = MetaData()

# SQLite counts rows up by itself only where the type is INTEGER.
_row_number = BigInteger().with_variant(Integer(), "sqlite")

pool = Table(
    "dispatcher_pool",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("uuid", String(36), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("other_config", JSON, nullable=False, server_default="{}"),
    Column("tags", JSON, nullable=False, server_default="[]"),
)

host = Table(
    "dispatcher_host",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("name_label", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("registered", Double, nullable=False),
    Column("started", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("given_name", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("other_config", JSON, nullable=False, server_default="{}"),
    Column("tags", JSON, nullable=False, server_default="[]"),
)

extension = Table(
    "dispatcher_extension",
    metadata,
    Column("host", String(36), primary_key=True),
    Column("name", String(256), primary_key=True),
)

task = Table(
    "dispatcher_task",
    metadata,
    Column("ref", String(64), primary_key=True),
    Column("name_label", Text, nullable=False),
    Column("name_description", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("host", String(36), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Double, nullable=False),
    Column("result", Text, nullable=False),
    Column("result_json", Text, nullable=False, server_default=""),
    Column("error_info", JSON, nullable=False),
    Column("created", Double, nullable=False),
    Column("finished", Double),
    Column("cancel_requested", Boolean, nullable=False),
    Column("destroy_requested", Boolean, nullable=False),
    Column("cpu", Double),
    Column("memory_peak", BigInteger),
    Column("wall", Double),
    Column("processes_peak", Integer),
    Column("other_config", JSON, nullable=False, server_default="{}"),
    Column("subtask_of", String(64), nullable=False, server_default=""),
    Column("log", JSON, nullable=False, server_default="[]"),
    Column("log_total", BigInteger, nullable=False, server_default="0"),
    Column("touched", Double, nullable=False, server_default="0"),
    Index("dispatcher_task_created", "created", "ref"),
    Index("dispatcher_task_status", "status", "host"),
    Index("dispatcher_task_subtask_of", "subtask_of"),
)

call = Table(
    "dispatcher_call",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("time", Double, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("track_id", String(16), nullable=False),
    Column("action", Text, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("duration", Double, nullable=False),
    Column("cpu", Double),
    Column("memory_peak", BigInteger),
    Column("wall", Double),
    Column("processes_peak", Integer),
    Column("request_id", Text, nullable=False),
    Column("originator", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("access", JSON(none_as_null=True)),
    Column("user_uuid", Text, nullable=False),
    Column("arguments", JSON(none_as_null=True)),
    Index("dispatcher_call_time", "time"),
    sqlite_autoincrement=True,
)

revision = Table(
    "dispatcher_revision",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False),
)

change = Table(
    "dispatcher_change",
    metadata,
    Column("class_name", String(64), primary_key=True),
    Column("ref", String(256), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("owner", Text, nullable=False),
    Index("dispatcher_change_revision", "revision"),
)

registration = Table(
    "dispatcher_registration",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("classes", JSON, nullable=False),
    Column("token", String(64), nullable=False),
    Column("used", Double, nullable=False),
)


class store_now(FunctionElement[float]):  # noqa: N801  (reads as the SQL function that it is)
    """The time by the store's clock: leases of several machines are compared by one clock only."""

    type = Double()
    inherit_cache = True


@compiles(store_now, "postgresql")
def _postgresql_now(_element: Any, _compiler: Any, **_: Any) -> str:
    return "EXTRACT(EPOCH FROM clock_timestamp())::double precision"


@compiles(store_now, "sqlite")
def _sqlite_now(_element: Any, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


def plain_text(text: str, limit: int | None = None) -> str:
    """Make text fit for both databases: no NUL (PostgreSQL), no half of a surrogate pair (both); cut at `limit`."""
    if text.isascii() and "\0" not in text:
        return text[:limit]
    return text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
