"""Links of extension versions to stack versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table; its ids grow and are never used again."""
    op.create_table(
        "registry_link",
        sa.Column("id", _serial, primary_key=True),
        sa.Column("stack_name", _name, nullable=False),
        sa.Column("stack_version", _name, nullable=False),
        sa.Column("extension_name", _name, nullable=False),
        sa.Column("extension_version", _name, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.UniqueConstraint(
            "stack_name", "stack_version", "extension_name", "extension_version", name="registry_link_is_unique"
        ),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("registry_link")
