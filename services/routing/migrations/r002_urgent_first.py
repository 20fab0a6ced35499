"""Urgent cases stand first in lists: columns and indexes for them."""

from __future__ import annotations

from alembic import op

revision = "r002"
down_revision = "r001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, filled from the states, and the indexes."""
    op.execute("ALTER TABLE cases ADD COLUMN urgent boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE cases ADD COLUMN pressing boolean NOT NULL DEFAULT false")
    op.execute("""
        UPDATE cases SET urgent = true, pressing = status NOT IN ('resolved', 'closed')
        WHERE state @> '{"urgent": true}'
    """)
    # Few cases are urgent, and fewer press: these indexes stay small, and most updates don't touch them.
    op.execute("CREATE INDEX cases_pressing ON cases (case_id) WHERE pressing")
    op.execute("CREATE INDEX cases_urgent ON cases (case_id) WHERE urgent")
    op.execute("CREATE INDEX cases_urgent_unit ON cases (unit, case_id) WHERE urgent")


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE cases DROP COLUMN urgent, DROP COLUMN pressing")
