"""When numbers got messages, where cases came in, and who looked at a citizen's contact."""

from __future__ import annotations

from alembic import op

revision = "f002"
down_revision = "f001"
branch_labels = None
depends_on = None

# Old messages keep NULL: they count as got when they were written.
STATEMENTS = (
    "ALTER TABLE messages ADD COLUMN handed_at timestamptz, ADD COLUMN delivered_at timestamptz",
    "CREATE TABLE origins (case_id uuid PRIMARY KEY, channel text NOT NULL, family text NOT NULL)",
    """
    CREATE TABLE contact_readings (
        reading_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        case_id uuid NOT NULL, person text NOT NULL, role text NOT NULL, unit text, purpose text NOT NULL,
        read_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX contact_readings_case ON contact_readings (case_id, reading_id)",
    "CREATE INDEX contact_readings_person ON contact_readings (person, reading_id)",
    """
    CREATE FUNCTION contact_readings_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'contact_readings is append-only: % is not allowed', TG_OP USING ERRCODE = '42501';
    END $$
    """,
    """
    CREATE TRIGGER contact_readings_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON contact_readings
        FOR EACH STATEMENT EXECUTE FUNCTION contact_readings_stay()
    """,
)


def upgrade() -> None:
    """Add columns and tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.execute("DROP TABLE contact_readings, origins")
    op.execute("DROP FUNCTION contact_readings_stay")
    op.execute("ALTER TABLE messages DROP COLUMN handed_at, DROP COLUMN delivered_at")
