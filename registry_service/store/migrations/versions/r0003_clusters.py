"""Clusters, and the services that are installed in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; the ids of clusters grow and are never used again."""
    op.create_table(
        "registry_cluster",
        sa.Column("id", _serial, primary_key=True),
        sa.Column("name", _name, nullable=False, unique=True),
        sa.Column("stack_name", _name, nullable=False),
        sa.Column("stack_version", _name, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "registry_cluster_service",
        sa.Column("cluster_id", _serial, sa.ForeignKey("registry_cluster.id"), primary_key=True, autoincrement=False),
        sa.Column("name", _name, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("registry_cluster_service")
    op.drop_table("registry_cluster")
