"""Of whom and of what a record of the login audit is, beyond names; and roles of one's own, which need no table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of former records neither is known."""
    op.add_column("registry_login_record", sa.Column("user_uuid", sa.Text, nullable=False, server_default=""))
    op.add_column("registry_login_record", sa.Column("arguments", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop the columns, and what was made of roles: a role that the former release does not know holds nothing."""
    op.execute("DELETE FROM registry_resource WHERE kind = 'role'")
    op.execute("DELETE FROM registry_event WHERE kind = 'role'")
    with op.batch_alter_table("registry_login_record") as changed:
        changed.drop_column("arguments")
        changed.drop_column("user_uuid")
