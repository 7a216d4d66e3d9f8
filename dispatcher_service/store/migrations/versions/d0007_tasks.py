"""What callers and calls say of tasks: other_config, the task that one is a part of, its log, its last progress."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0007"
down_revision = "d0006"
branch_labels = None
depends_on = None

COLUMNS = ("other_config", "subtask_of", "log", "log_total", "touched")


def upgrade() -> None:
    """Add the columns; the tasks that are there have progressed last when they were made."""
    op.add_column("dispatcher_task", sa.Column("other_config", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("dispatcher_task", sa.Column("subtask_of", sa.String(64), nullable=False, server_default=""))
    op.add_column("dispatcher_task", sa.Column("log", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("dispatcher_task", sa.Column("log_total", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("dispatcher_task", sa.Column("touched", sa.Double, nullable=False, server_default="0"))
    op.execute("UPDATE dispatcher_task SET touched = created")
    op.create_index("dispatcher_task_subtask_of", "dispatcher_task", ["subtask_of"])


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("dispatcher_task_subtask_of", "dispatcher_task")
    with op.batch_alter_table("dispatcher_task") as changed:
        for column in COLUMNS:
            changed.drop_column(column)
