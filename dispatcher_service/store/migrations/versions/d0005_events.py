"""What has changed, for events: a counter of revisions, the last change of each object, and old-style registrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0005"
down_revision = "d0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; what there is already counts as new at revision 1."""
    op.create_table(
        "dispatcher_revision",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("forgotten", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "dispatcher_change",
        sa.Column("class_name", sa.String(64), primary_key=True),
        sa.Column("ref", sa.String(256), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
    )
    op.create_index("dispatcher_change_revision", "dispatcher_change", ["revision"])
    op.create_table(
        "dispatcher_registration",
        sa.Column("session", sa.String(64), primary_key=True),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("used", sa.Double, nullable=False),
    )
    op.execute("INSERT INTO dispatcher_revision (id, revision, forgotten) VALUES (1, 1, 0)")
    for found in (
        "'task', ref, 1, 1, false, owner FROM dispatcher_task",
        "'host', 'OpaqueRef:' || uuid, 1, 1, false, '' FROM dispatcher_host",
        "'pool', 'OpaqueRef:' || uuid, 1, 1, false, '' FROM dispatcher_pool",
    ):
        op.execute(f"INSERT INTO dispatcher_change (class_name, ref, revision, added, deleted, owner) SELECT {found}")


def downgrade() -> None:
    """Drop the tables."""
    for table in ("dispatcher_registration", "dispatcher_change", "dispatcher_revision"):
        op.drop_table(table)
