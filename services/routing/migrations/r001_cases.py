"""Routing's table of cases, and the answers that it remembers for idempotency keys."""

from __future__ import annotations

from alembic import op

revision = "r001"
down_revision = None
branch_labels = ("routing",)
depends_on = None


def upgrade() -> None:
    """Create both tables and the indexes of the lists."""
    op.execute("""
        CREATE TABLE cases (
            case_id uuid PRIMARY KEY,
            version int NOT NULL,
            wake_at timestamptz,
            state jsonb NOT NULL,
            status text NOT NULL,
            unit text,
            officer text
        )
    """)
    op.execute("CREATE INDEX cases_wake_at ON cases (wake_at) WHERE wake_at IS NOT NULL")
    op.execute("CREATE INDEX cases_unit ON cases (unit, status, case_id)")
    op.execute("CREATE INDEX cases_officer ON cases (officer, status, case_id)")
    # Closed cases are most of all: the newest of them are found by id alone.
    op.execute("CREATE INDEX cases_status ON cases (status, case_id) WHERE status <> 'closed'")
    op.execute("""
        CREATE TABLE idempotency (
            scope text NOT NULL,
            key text NOT NULL,
            fingerprint text NOT NULL,
            status smallint NOT NULL,
            body bytea NOT NULL,
            media_type text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (scope, key)
        )
    """)
    op.execute("CREATE INDEX idempotency_created_at ON idempotency USING brin (created_at)")


def downgrade() -> None:
    """Drop both, with everything in them."""
    op.execute("DROP TABLE cases")
    op.execute("DROP TABLE idempotency")
