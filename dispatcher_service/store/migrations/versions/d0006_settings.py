"""What administrators say of the pool and of hosts; nothing has been said yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0006"
down_revision = "d0005"
branch_labels = None
depends_on = None

TABLES = ("dispatcher_pool", "dispatcher_host")
COLUMNS = ("description", "other_config", "tags")


def upgrade() -> None:
    """Add the columns."""
    for table in TABLES:
        op.add_column(table, sa.Column("description", sa.Text, nullable=False, server_default=""))
        op.add_column(table, sa.Column("other_config", sa.JSON, nullable=False, server_default="{}"))
        op.add_column(table, sa.Column("tags", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("dispatcher_host", sa.Column("given_name", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the columns."""
    for table in TABLES:
        with op.batch_alter_table(table) as changed:
            for column in COLUMNS:
                changed.drop_column(column)
    with op.batch_alter_table("dispatcher_host") as changed:
        changed.drop_column("given_name")
