"""The methods that linked extension versions bring, as bytes: any replica can serve them, whatever is on its disk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "registry_bundle",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("unused_since", sa.BigInteger),
    )
    op.create_table(
        "registry_bundle_part",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables, and what was published of bundles; the former release knows no such resources."""
    op.execute("DELETE FROM registry_resource WHERE kind = 'method_bundle'")
    op.execute("DELETE FROM registry_event WHERE kind = 'method_bundle'")
    op.drop_table("registry_bundle_part")
    op.drop_table("registry_bundle")
