"""What administrators have granted of the access that methods ask for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table; the grants of drop-ins have empty names and versions."""
    op.create_table(
        "registry_grant",
        sa.Column("method", _name, primary_key=True),
        sa.Column("extension_name", _name, primary_key=True),
        sa.Column("extension_version", _name, primary_key=True),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the table, and what was published of it; the former release gives no access to anything."""
    op.execute("DELETE FROM registry_resource WHERE kind = 'grant'")
    op.execute("DELETE FROM registry_event WHERE kind = 'grant'")
    op.drop_table("registry_grant")
