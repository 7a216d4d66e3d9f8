"""Pool, hosts, tasks and the audit log of calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "dispatcher_pool",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_table(
        "dispatcher_host",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("name_label", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("registered", sa.Double, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
    )
    op.create_table(
        "dispatcher_task",
        sa.Column("ref", sa.String(64), primary_key=True),
        sa.Column("name_label", sa.Text, nullable=False),
        sa.Column("name_description", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("host", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("error_info", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("destroy_requested", sa.Boolean, nullable=False),
        sa.Column("cpu", sa.Double),
        sa.Column("memory_peak", sa.BigInteger),
        sa.Column("wall", sa.Double),
    )
    op.create_index("dispatcher_task_created", "dispatcher_task", ["created", "ref"])
    op.create_index("dispatcher_task_status", "dispatcher_task", ["status", "host"])
    op.create_table(
        "dispatcher_call",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("track_id", sa.String(16), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("cpu", sa.Double),
        sa.Column("memory_peak", sa.BigInteger),
        sa.Column("wall", sa.Double),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("originator", sa.Text, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("dispatcher_call_time", "dispatcher_call", ["time"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("dispatcher_call", "dispatcher_task", "dispatcher_host", "dispatcher_pool"):
        op.drop_table(table)
