"""What a call was given beyond its sandbox; of those that have ended before it is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0004"
down_revision = "d0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("dispatcher_call", sa.Column("access", sa.JSON))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("dispatcher_call") as changed:
        changed.drop_column("access")
