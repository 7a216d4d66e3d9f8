"""How many processes a call has had at once; calls that have ended before have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0003"
down_revision = "d0002"
branch_labels = None
depends_on = None

TABLES = ("dispatcher_task", "dispatcher_call")


def upgrade() -> None:
    """Add the columns."""
    for table in TABLES:
        op.add_column(table, sa.Column("processes_peak", sa.Integer))


def downgrade() -> None:
    """Drop the columns."""
    for table in TABLES:
        with op.batch_alter_table(table) as changed:
            changed.drop_column("processes_peak")
