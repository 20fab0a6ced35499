"""Whether a service's database is at the schema that its code needs, told from the names of the migrations' files.

Without Alembic: services ask this at every look at their readiness, and only `minsheng migrate` needs the machinery.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

KERNEL = Path(__file__).parent / "migrations"
_SERVICES = Path(__file__).parents[2] / "services"
_CURRENT = sa.text("SELECT version_num FROM alembic_version")
_UNDEFINED_TABLE = "42P01"


def folders(service: str) -> list[Path]:
    """Where the migrations of a service's database lie: the kernel's, and its own if it has any."""
    own = _SERVICES / service / "migrations"
    return [KERNEL / "versions", *([own] if own.is_dir() else [])]


@cache
def branches(service: str) -> tuple[tuple[str, ...], ...]:
    """The revisions of each branch that the code knows, oldest first. A file is named `<revision>_<what>.py`."""
    found = (sorted(file.stem.partition("_")[0] for file in folder.glob("[a-z]*_*.py")) for folder in folders(service))
    return tuple(tuple(branch) for branch in found)


def lacking(service: str, found: set[str]) -> list[str]:
    """Revisions that the code needs and a database at `found` is not at.

    A revision that the code doesn't know is from a newer one: while replicas are replaced one by one, the old ones go
    on with the new schema, which only adds. It stands for the branch whose newest revision is not there.
    """
    newest = {branch[-1] for branch in branches(service)}
    unknown = found - {revision for branch in branches(service) for revision in branch}
    missing = sorted(newest - found)
    return missing if len(missing) > len(unknown) else []


async def missing_revisions(service: str, engine: AsyncEngine) -> list[str]:
    """Revisions of the code that the database lacks; empty means that it will do."""
    try:
        async with engine.connect() as connection:
            found = set((await connection.execute(_CURRENT)).scalars())
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        # Never migrated.
        found = set()
    return lacking(service, found)
