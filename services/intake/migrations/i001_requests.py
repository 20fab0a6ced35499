"""Intake's table of requests, and the serial numbers of cases."""

from __future__ import annotations

from alembic import op

revision = "i001"
down_revision = None
branch_labels = ("intake",)
depends_on = None


def upgrade() -> None:
    """Create table and sequence."""
    # Steps are appended to a row several times: room is left on its page, so that its indexes need not be touched.
    op.execute("""
        CREATE TABLE requests (
            case_id uuid PRIMARY KEY,
            channel text NOT NULL,
            channel_request_id text NOT NULL,
            number text NOT NULL CONSTRAINT requests_number UNIQUE,
            fingerprint text NOT NULL,
            urgent boolean NOT NULL,
            state text NOT NULL,
            unit text,
            received_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            steps jsonb NOT NULL,
            CONSTRAINT requests_once UNIQUE (channel, channel_request_id)
        ) WITH (fillfactor = 70)
    """)
    op.execute("CREATE SEQUENCE case_serials AS bigint CACHE 1")


def downgrade() -> None:
    """Drop both, with everything in them."""
    op.execute("DROP TABLE requests")
    op.execute("DROP SEQUENCE case_serials")
