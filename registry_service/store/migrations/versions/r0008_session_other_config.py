"""What clients have noted with their sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it, as JSON: pairs of key and value."""
    op.add_column("registry_session", sa.Column("other_config", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("registry_session") as table:
        table.drop_column("other_config")
