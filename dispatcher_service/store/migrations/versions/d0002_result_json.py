"""The results of tasks in JSON; those that have ended before have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0002"
down_revision = "d0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("dispatcher_task", sa.Column("result_json", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("dispatcher_task") as table:
        table.drop_column("result_json")
