"""Which weights are in force: kept in intake's database, so that every replica follows, and going back is one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.screening import model
from services.intake.screening.model import Weights

SHIPPED = "shipped"
"""The name under which the weights of the build itself are promoted."""

# The newest promotion counts. Two at once are taken one after the other.
_LOCK = sa.text("LOCK TABLE screening_promotions IN SHARE ROW EXCLUSIVE MODE")
_KEEP = sa.text(
    "INSERT INTO screening_weights (version, content) VALUES (:version, :content) ON CONFLICT (version) DO NOTHING"
)
_CONTENT = sa.text("SELECT content FROM screening_weights WHERE version = :version")
_PROMOTE = sa.text(
    "INSERT INTO screening_promotions (version, promoted_by, previous, back) VALUES (:version, :by, :previous, :back)"
)
_HISTORY = "SELECT id, version, promoted_at, promoted_by, previous, back FROM screening_promotions "
_NEWEST = sa.text(f"{_HISTORY} ORDER BY id DESC LIMIT :limit")
_ONE = sa.text(f"{_HISTORY} WHERE id = :id")


class NothingBeforeError(Exception):
    """There is no earlier promotion to go back to."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """When which weights came into force, by whom. `previous` is what going back leads to, None: the build's own."""

    id: int
    version: str
    at: datetime
    by: str
    previous: int | None
    back: bool
    """It came into force by going back."""


async def history(connection: AsyncConnection, limit: int = 20) -> Sequence[Promotion]:
    """The newest promotions, the newest first."""
    return [Promotion(*row) for row in await connection.execute(_NEWEST, {"limit": limit})]


async def current(connection: AsyncConnection) -> str:
    """The version in force, or `SHIPPED`."""
    newest = await history(connection, 1)
    return newest[0].version if newest else SHIPPED


async def weights(connection: AsyncConnection, version: str) -> Weights:
    """The weights of a version that was promoted. Raises `WeightsError` where they can't be used."""
    content = (await connection.execute(_CONTENT, {"version": version})).scalar_one_or_none()
    if content is None:
        raise model.WeightsError(f"The weights {version} are not in the database.")
    return model.load(bytes(content))


async def promote(connection: AsyncConnection, content: bytes | None, by: str) -> str:
    """Put weights in force, those of the build where there is no content; returns their version.

    Raises `WeightsError` for a content that can't be used.
    """
    version = SHIPPED if content is None else model.load(content).version
    await connection.execute(_LOCK)
    if content is not None:
        await connection.execute(_KEEP, {"version": version, "content": content})
    newest = await history(connection, 1)
    previous = newest[0].id if newest else None
    await connection.execute(_PROMOTE, {"version": version, "by": by, "previous": previous, "back": False})
    return version


async def roll_back(connection: AsyncConnection, by: str) -> str:
    """Put in force what was before, each time one step further; returns its version.

    Before the first promotion that is the build's own. Raises `NothingBeforeError` where it is so already.
    """
    await connection.execute(_LOCK)
    newest = await history(connection, 1)
    if not newest or (newest[0].version == SHIPPED and newest[0].previous is None):
        raise NothingBeforeError
    version, previous = SHIPPED, None
    if newest[0].previous is not None:
        row = (await connection.execute(_ONE, {"id": newest[0].previous})).one()
        version, previous = Promotion(*row).version, Promotion(*row).previous
    await connection.execute(_PROMOTE, {"version": version, "by": by, "previous": previous, "back": True})
    return version
