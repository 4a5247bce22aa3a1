"""Runs the migrations on the connection that `serving.store.database` passes in."""

from __future__ import annotations

from alembic import context

from serving.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
