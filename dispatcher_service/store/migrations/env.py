"""Runs the migrations of the dispatcher's store on the connection that `graft_common.database.migrate` gives."""

from __future__ import annotations

from alembic import context

from dispatcher_service.store.schema import metadata

_attributes = context.config.attributes

context.configure(
    connection=_attributes["connection"],
    target_metadata=metadata,
    version_table=_attributes["version_table"],
    # Both services may share one PostgreSQL: what is not the dispatcher's is not compared.
    include_name=lambda name, kind, _parents: kind != "table" or name in metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()
