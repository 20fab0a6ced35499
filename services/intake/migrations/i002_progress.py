"""What each service has told of a request is kept apart: its state follows from both, and its steps are bounded."""

from __future__ import annotations

from alembic import op

revision = "i002"
down_revision = "i001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. What stands in `steps` is taken over with the next event of its request."""
    op.execute("ALTER TABLE requests ADD COLUMN progress jsonb, ALTER COLUMN steps SET DEFAULT '[]'")


def downgrade() -> None:
    """Drop the column, and with it the steps that were taken over; the states stay."""
    op.execute("ALTER TABLE requests DROP COLUMN progress, ALTER COLUMN steps DROP DEFAULT")
