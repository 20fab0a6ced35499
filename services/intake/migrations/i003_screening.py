"""The urgency screen: its version beside each request, what people said of its flags, and the weights in force."""

from __future__ import annotations

from alembic import op

revision = "i003"
down_revision = "i002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create tables and columns."""
    # `sequence` counts the events of a request that intake has told of.
    op.execute("ALTER TABLE requests ADD COLUMN screening text, ADD COLUMN sequence int NOT NULL DEFAULT 1")
    op.execute("CREATE TABLE screening_weights (version text PRIMARY KEY, content bytea NOT NULL)")
    op.execute("""
        CREATE TABLE screening_promotions (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            version text NOT NULL,
            promoted_at timestamptz NOT NULL DEFAULT now(),
            promoted_by text NOT NULL,
            previous bigint REFERENCES screening_promotions (id),
            back boolean NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE screening_verdicts (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            case_id uuid NOT NULL,
            urgent boolean NOT NULL,
            was_urgent boolean NOT NULL,
            screening text,
            judged_at timestamptz NOT NULL,
            judged_by text NOT NULL,
            sealed_words text
        )
    """)
    op.execute("CREATE INDEX screening_verdicts_case ON screening_verdicts (case_id, id)")


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.execute("DROP TABLE screening_verdicts, screening_promotions, screening_weights")
    op.execute("ALTER TABLE requests DROP COLUMN screening, DROP COLUMN sequence")
