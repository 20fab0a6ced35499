"""Follow-up's own tables: follow-ups, the messages to citizens, their replies, and answers to repeated commands."""

from __future__ import annotations

from alembic import op

revision = "f001"
down_revision = None
branch_labels = ("followup",)
depends_on = None

TABLES = """
CREATE TABLE followups (
    case_id uuid PRIMARY KEY, version int NOT NULL, wake_at timestamptz, state jsonb NOT NULL,
    stage text NOT NULL, unit text NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX followups_wake_at ON followups (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX followups_stage ON followups (stage, case_id);
CREATE INDEX followups_unit ON followups (unit, case_id);

CREATE TABLE messages (
    message_id uuid PRIMARY KEY,
    case_id uuid NOT NULL, round int NOT NULL, kind text NOT NULL,
    recipient text NOT NULL, number text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CONSTRAINT messages_state CHECK (
        state IN ('queued', 'sent', 'delivered', 'failed', 'cancelled')),
    attempts int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL,
    pseudonym text, carrier_id text, code text,
    created_at timestamptz NOT NULL, sent_at timestamptz, ended_at timestamptz
) WITH (fillfactor = 85);
CREATE INDEX messages_due ON messages (next_at) WHERE state = 'queued';
CREATE INDEX messages_pseudonym ON messages (pseudonym, created_at) WHERE pseudonym IS NOT NULL;
CREATE INDEX messages_case ON messages (case_id);
CREATE INDEX messages_created_at ON messages USING brin (created_at);

CREATE TABLE replies (
    reply_id text PRIMARY KEY,
    case_id uuid, round int, level text, outcome text NOT NULL,
    sealed_text text, replied_at timestamptz NOT NULL, received_at timestamptz NOT NULL
);
CREATE INDEX replies_case ON replies (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX replies_received_at ON replies USING brin (received_at);

CREATE TABLE idempotency (
    scope text NOT NULL, key text NOT NULL, fingerprint text NOT NULL, status smallint NOT NULL, body bytea NOT NULL,
    media_type text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_created_at ON idempotency USING brin (created_at);
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.execute("DROP TABLE followups, messages, replies, idempotency")
