"""Images of erased scans, and the index that retention looks for old scans in.

Revision ID: r0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from serving.store.models import UtcDateTime

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "erased_images",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_erased_images")),
    )
    op.create_index(op.f("ix_scans_received_at"), "scans", ["received_at"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index(op.f("ix_scans_received_at"), "scans")
    op.drop_table("erased_images")
