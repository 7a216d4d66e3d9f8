"""Which extensions each host has; hosts tell when they run this version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d0009"
down_revision = "d0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "dispatcher_extension",
        sa.Column("host", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(256), primary_key=True),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("dispatcher_extension")
