"""Users, sessions, login records, changes, and room for the catalog."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    meta = op.create_table(
        "registry_meta",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("compacted", sa.BigInteger, nullable=False),
    )
    # Revisions count on from the time of the first start, in milliseconds: a follower that held a revision of another,
    # older database finds its own compacted here, rather than taking this database's changes for what follows.
    start = time.time_ns() // 1_000_000
    op.bulk_insert(meta, [{"id": 1, "revision": start, "compacted": start}])
    op.create_table(
        "registry_user",
        sa.Column("name", _name, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False, unique=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "registry_session",
        sa.Column("digest", _name, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
        sa.Column("user_name", _name, sa.ForeignKey("registry_user.name"), nullable=False, index=True),
        sa.Column("user_uuid", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("originator", sa.Text, nullable=False, index=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("last_active", sa.BigInteger, nullable=False, index=True),
        sa.Column("busy_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "registry_event",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
    )
    op.create_table(
        "registry_resource",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("position", _name, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "registry_login_record",
        sa.Column("id", _serial, primary_key=True),
        sa.Column("time", sa.BigInteger, nullable=False),
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
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("login_record", "resource", "event", "session", "user", "meta"):
        op.drop_table(f"registry_{table}")
