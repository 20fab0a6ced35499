"""The kernel's tables: offsets, cursors, outbox, dead letters, idempotency keys."""

from __future__ import annotations

from alembic import op

revision = "k001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None

TABLES = """
CREATE TABLE offsets (
    consumer text NOT NULL, topic text NOT NULL, partition int NOT NULL,
    topic_id uuid NOT NULL, next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE cursors (
    case_id uuid NOT NULL, source text NOT NULL, sequence int NOT NULL,
    PRIMARY KEY (case_id, source)
) WITH (fillfactor = 80);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL, partition int NOT NULL, case_id uuid NOT NULL, sequence int NOT NULL, type text NOT NULL,
    "time" timestamptz NOT NULL, traceparent text, payload bytea NOT NULL
);
CREATE INDEX outbox_time ON outbox USING brin ("time");

CREATE TABLE outbox_pending (
    partition int NOT NULL, id bigint NOT NULL,
    PRIMARY KEY (partition, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);

CREATE TABLE relayed_topics (
    topic text NOT NULL, partition int NOT NULL, topic_id uuid NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL, topic text NOT NULL, topic_id uuid NOT NULL, partition int NOT NULL,
    "offset" bigint NOT NULL, source text, type text, case_id uuid, sequence int,
    key bytea, value bytea, headers jsonb NOT NULL,
    state text NOT NULL CONSTRAINT dead_letters_state CHECK (
        state IN ('failed', 'gap', 'waiting', 'retry', 'discard', 'applied', 'superseded', 'discarded')),
    reason text NOT NULL, detail text NOT NULL DEFAULT '', attempts int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX dead_letters_place ON dead_letters (consumer, topic_id, partition, "offset");
CREATE UNIQUE INDEX dead_letters_event ON dead_letters (consumer, case_id, source, sequence)
    WHERE state IN ('failed', 'gap', 'waiting', 'retry', 'discard');
CREATE INDEX dead_letters_asked ON dead_letters (partition) WHERE state IN ('retry', 'discard');
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.execute("DROP TABLE offsets, cursors, outbox, outbox_pending, relayed_topics, dead_letters")
