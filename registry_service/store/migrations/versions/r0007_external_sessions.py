"""Sessions of users whom somebody else vouches for: they have no row among the users, and an end of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEY = "registry_session_user_name_fkey"
_NAMING = {"fk": "%(table_name)s_%(column_0_name)s_fkey"}


def upgrade() -> None:
    """Let a session do without a user of the registry's own."""
    with op.batch_alter_table("registry_session", naming_convention=_NAMING) as table:
        table.drop_constraint(_KEY, type_="foreignkey")
        table.add_column(sa.Column("subject", sa.Text, nullable=False, server_default=""))
        table.add_column(sa.Column("ends", sa.BigInteger))
        table.create_index("ix_registry_session_ends", ["ends"])


def downgrade() -> None:
    """Close the sessions that have no user, and ask for one again."""
    op.execute(sa.text("DELETE FROM registry_session WHERE subject <> ''"))
    with op.batch_alter_table("registry_session", naming_convention=_NAMING) as table:
        table.drop_index("ix_registry_session_ends")
        table.drop_column("ends")
        table.drop_column("subject")
        table.create_foreign_key(_KEY, "registry_user", ["user_name"], ["name"])
