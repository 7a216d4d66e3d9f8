"""Of whom and of what the record of a call is, beyond names; of former records neither is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0008"
down_revision = "d0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("dispatcher_call", sa.Column("user_uuid", sa.Text, nullable=False, server_default=""))
    op.add_column("dispatcher_call", sa.Column("arguments", sa.JSON))


def downgrade() -> None:
    """Drop the columns."""
    with op.batch_alter_table("dispatcher_call") as changed:
        changed.drop_column("arguments")
        changed.drop_column("user_uuid")
