"""Groups of users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "registry_group",
        sa.Column("name", _name, primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "registry_group_member",
        sa.Column("group_name", _name, sa.ForeignKey("registry_group.name"), primary_key=True),
        sa.Column("user_name", _name, sa.ForeignKey("registry_user.name"), primary_key=True, index=True),
    )


def downgrade() -> None:
    """Drop the tables; users keep the roles of their own."""
    op.drop_table("registry_group_member")
    op.drop_table("registry_group")
