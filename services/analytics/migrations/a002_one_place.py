"""Takes back closings and settlements that reopened cases kept, and counts both again.

Before, a case that was reopened after its closing counted as closed, settled and open at once. Its facts don't say
when it was reopened, so a settlement counts as taken back where it is older than the last resolution, or where a
rectification runs, during which a case can only be settled as understood.
"""

from __future__ import annotations

from alembic import op

revision = "a002"
down_revision = "a001"
branch_labels = None
depends_on = None

_SETTLEMENTS = ("satisfied", "understood", "unanswered", "unreachable")
_NOTHING = ", ".join(f"settled_{name} = 0" for name in _SETTLEMENTS)
_FOUND = ", ".join(f"settled_{name} = found.settled_{name}" for name in _SETTLEMENTS)
_COUNTED = ", ".join(f"count(*) FILTER (WHERE settlement = '{name}') AS settled_{name}" for name in _SETTLEMENTS)
STATEMENTS = (
    "UPDATE facts SET closed_at = NULL WHERE state <> 'closed' AND closed_at IS NOT NULL",
    """
    UPDATE facts SET settlement = NULL, settled_at = NULL
    WHERE settlement IS NOT NULL AND state <> 'closed' AND reopenings > 0 AND (
        settled_at < resolved_at OR (state IN ('accepted', 'contacted', 'reopened') AND settlement <> 'understood'))
    """,
    f"UPDATE daily SET closed = 0, {_NOTHING}",  # noqa: S608 - the names are the code's own
    f"""
    UPDATE daily SET closed = found.closed, {_FOUND}
    FROM (
        SELECT day, coalesce(family, '') AS family, coalesce(district, '') AS district, coalesce(unit, '') AS unit,
               coalesce(category, '') AS category, count(*) AS closed, {_COUNTED}
        FROM facts WHERE state = 'closed' AND day IS NOT NULL GROUP BY 1, 2, 3, 4, 5
    ) AS found
    WHERE (daily.day, daily.family, daily.district, daily.unit, daily.category)
        = (found.day, found.family, found.district, found.unit, found.category)
    """,  # noqa: S608 - as above
)


def upgrade() -> None:
    """Mend facts and sums."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Nothing to take back: the tables are as they were."""
