"""Facts of each case, what they add up to, the days to tell of, and the ring of latest public events."""

from __future__ import annotations

from alembic import op

revision = "a001"
down_revision = None
branch_labels = ("analytics",)
depends_on = None

# The low fill factors leave room on the page for the next version of a row that is written again and again.
TABLES = """
CREATE TABLE facts (
    case_id uuid PRIMARY KEY,
    requested boolean NOT NULL, number text, channel text, family text,
    received_at timestamptz, day date, urgent boolean NOT NULL,
    state text, kind text, category text, district text, grade text, unit text, due timestamptz,
    opened_at timestamptz, assigned_at timestamptz, contacted_at timestamptz, resolved_at timestamptz,
    closed_at timestamptz,
    resolutions int NOT NULL, resolutions_in_time int NOT NULL, reopenings int NOT NULL, overdue int NOT NULL,
    surveys int NOT NULL, deliveries int NOT NULL, undeliverable int NOT NULL, answers int NOT NULL,
    first_level text, last_level text, answered_at timestamptz, rectifications int NOT NULL,
    settlement text, settled_at timestamptz
) WITH (fillfactor = 60);

CREATE TABLE daily (
    day date NOT NULL, family text NOT NULL, district text NOT NULL, unit text NOT NULL, category text NOT NULL,
    received int NOT NULL, opened int NOT NULL, assigned int NOT NULL, resolved int NOT NULL, in_time int NOT NULL,
    reopened int NOT NULL, overdue int NOT NULL, closed int NOT NULL,
    surveyed int NOT NULL, delivered int NOT NULL, answered int NOT NULL, first_satisfied int NOT NULL,
    very_satisfied int NOT NULL, satisfied int NOT NULL, basically_satisfied int NOT NULL,
    dissatisfied int NOT NULL, very_dissatisfied int NOT NULL,
    settled_satisfied int NOT NULL, settled_understood int NOT NULL, settled_unanswered int NOT NULL,
    settled_unreachable int NOT NULL,
    PRIMARY KEY (day, family, district, unit, category)
) WITH (fillfactor = 50);

CREATE TABLE open_cases (
    state text NOT NULL, unit text NOT NULL, district text NOT NULL, cases int NOT NULL,
    PRIMARY KEY (state, unit, district)
) WITH (fillfactor = 50);

CREATE TABLE days (
    day date PRIMARY KEY, changed boolean NOT NULL, sequence int NOT NULL DEFAULT 0,
    received int NOT NULL DEFAULT 0, resolved int NOT NULL DEFAULT 0, surveyed int NOT NULL DEFAULT 0,
    answered int NOT NULL DEFAULT 0, satisfied int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE recent (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "time" timestamptz NOT NULL, type text NOT NULL, case_id uuid NOT NULL, sequence int NOT NULL,
    family text, kind text, category text, district text, unit text, data jsonb NOT NULL
);
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.execute("DROP TABLE facts, daily, open_cases, days, recent")
