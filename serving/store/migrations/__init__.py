"""Alembic migrations, run when the store opens."""
