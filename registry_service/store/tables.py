"""The registry's tables; `migrations/` makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(sa.TypeDecorator[datetime]):
    """A time, kept as whole microseconds since 1970 UTC: SQLite has no type that keeps a zone."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002  (SQLAlchemy's)
        """Write."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Any) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's)
        """Read."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""A text that is sorted by its code points on both databases."""

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData()

meta = sa.Table(
    "registry_meta",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("compacted", sa.BigInteger, nullable=False),
)

users = sa.Table(
    "registry_user",
    metadata,
    sa.Column("name", Name, primary_key=True),
    sa.Column("uuid", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("created", Instant, nullable=False),
)

groups = sa.Table(
    "registry_group",
    metadata,
    sa.Column("name", Name, primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("created", Instant, nullable=False),
)

group_members = sa.Table(
    "registry_group_member",
    metadata,
    sa.Column("group_name", Name, sa.ForeignKey("registry_group.name"), primary_key=True),
    sa.Column("user_name", Name, sa.ForeignKey("registry_user.name"), primary_key=True, index=True),
)

sessions = sa.Table(
    "registry_session",
    metadata,
    sa.Column("digest", Name, primary_key=True),
    sa.Column("uuid", sa.Text, nullable=False),
    sa.Column("user_name", Name, nullable=False, index=True),
    sa.Column("user_uuid", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("originator", sa.Text, nullable=False, index=True),
    sa.Column("created", Instant, nullable=False),
    sa.Column("last_active", Instant, nullable=False, index=True),
    sa.Column("busy_until", Instant, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("ends", Instant, index=True),
    sa.Column("other_config", sa.Text, nullable=False, server_default="[]"),
)

events = sa.Table(
    "registry_event",
    metadata,
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("time", Instant, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("op", sa.Text, nullable=False),
    sa.Column("body", sa.Text),
)

resources = sa.Table(
    "registry_resource",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("position", Name, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

links = sa.Table(
    "registry_link",
    metadata,
    sa.Column("id", Serial, primary_key=True),
    sa.Column("stack_name", Name, nullable=False),
    sa.Column("stack_version", Name, nullable=False),
    sa.Column("extension_name", Name, nullable=False),
    sa.Column("extension_version", Name, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.UniqueConstraint(
        "stack_name", "stack_version", "extension_name", "extension_version", name="registry_link_is_unique"
    ),
    sqlite_autoincrement=True,
)

clusters = sa.Table(
    "registry_cluster",
    metadata,
    sa.Column("id", Serial, primary_key=True),
    sa.Column("name", Name, nullable=False, unique=True),
    sa.Column("stack_name", Name, nullable=False),
    sa.Column("stack_version", Name, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sqlite_autoincrement=True,
)

cluster_services = sa.Table(
    "registry_cluster_service",
    metadata,
    sa.Column("cluster_id", Serial, sa.ForeignKey("registry_cluster.id"), primary_key=True, autoincrement=False),
    sa.Column("name", Name, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created", Instant, nullable=False),
)

last_good = sa.Table(
    "registry_last_good",
    metadata,
    sa.Column("extension_name", Name, primary_key=True),
    sa.Column("extension_version", Name, primary_key=True),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

bundles = sa.Table(
    "registry_bundle",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("unused_since", Instant),
)

bundle_parts = sa.Table(
    "registry_bundle_part",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

grants = sa.Table(
    "registry_grant",
    metadata,
    sa.Column("method", Name, primary_key=True),
    sa.Column("extension_name", Name, primary_key=True),
    sa.Column("extension_version", Name, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("granted_by", sa.Text, nullable=False),
    sa.Column("granted_at", Instant, nullable=False),
)

login_records = sa.Table(
    "registry_login_record",
    metadata,
    sa.Column("id", Serial, primary_key=True),
    sa.Column("time", Instant, nullable=False),
    sa.Column("user_name", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("track_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("denied", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("duration_us", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("originator", sa.Text, nullable=False),
    sa.Column("peer", sa.Text, nullable=False),
    sa.Column("user_uuid", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
