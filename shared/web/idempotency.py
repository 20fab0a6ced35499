"""`Idempotency-Key`: a write that is sent again is answered again, and done once.

The first answer is stored in the same transaction as what the command did; so there is one exactly when the other is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeAlias

import sqlalchemy as sa
from fastapi import Header, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.web.problems import Problem

MAX_KEY = 200

IdempotencyKey: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY,
        # Printable ASCII without blanks at the ends, which is what a header can carry.
        pattern=r"^[!-~](?:[ -~]*[!-~])?$",
        description="Any unique text, e.g. a UUID. The same key and request again: the first answer again.",
    ),
]
"""A header parameter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored first answer."""

    fingerprint: str
    status: int
    body: bytes
    media_type: str

    def response(self) -> Response:
        """The answer, marked as one given before."""
        return Response(self.body, self.status, {"Idempotent-Replay": "true"}, self.media_type)


def fingerprint(method: str, path: str, body: bytes) -> str:
    """64 hexadecimal digits that two requests share only when they ask for the same."""
    digest = hashlib.sha256()
    for part in (method.upper().encode(), path.encode(), body):
        # Lengths keep ("a", "bc") and ("ab", "c") apart.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def decide(asked: str, stored: Answer | None, *, in_flight: bool) -> Answer | None:
    """What to do with a request of fingerprint `asked`: None to go on with it, or the answer to give again.

    Raises `Problem`: 409 while the same key is in flight, 422 when the key was used for another request.
    """
    if in_flight:
        raise Problem(
            409,
            "request-in-flight",
            "Still in flight",
            "A request with this Idempotency-Key is being worked on. Send it again in a moment to get its answer.",
            headers={"Retry-After": "1"},
        )
    if stored is not None and stored.fingerprint != asked:
        raise Problem(
            422,
            "idempotency-key-reused",
            "Key used before",
            "This Idempotency-Key was used for another request. Take a new key for a new request.",
        )
    return stored


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    """The table of stored answers, in the database of the service that answers."""
    table = sa.Table(
        "idempotency",
        metadata,
        sa.Column("scope", sa.Text, primary_key=True, comment="who asked: keys of two callers never meet"),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        comment="First answers to writes with an Idempotency-Key, kept for the time in which they may be sent again.",
    )
    sa.Index("idempotency_created_at", table.c.created_at, postgresql_using="brin")
    return table


async def begin(connection: AsyncConnection, table: sa.Table, scope: str, key: str, asked: str) -> Answer | None:
    """Claim a key for the rest of this transaction: None to go on, or the answer to give again.

    The claim is an advisory lock of the transaction: a crash frees it with the connection. Raises as `decide`.
    """
    # Two statements: the second must see what the former holder of the lock committed.
    claimed = await connection.scalar(
        sa.select(
            sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(f"idempotency\x1f{scope}\x1f{key}", _SEED))
        )
    )
    if not claimed:
        return decide(asked, None, in_flight=True)
    row = (
        await connection.execute(
            sa.select(table.c.fingerprint, table.c.status, table.c.body, table.c.media_type).where(
                table.c.scope == scope, table.c.key == key
            )
        )
    ).one_or_none()
    return decide(asked, Answer(*row) if row is not None else None, in_flight=False)


async def finish(connection: AsyncConnection, table: sa.Table, scope: str, key: str, answer: Answer) -> None:
    """Store the first answer, in the transaction that `begin` began and that does what the command says."""
    await connection.execute(
        table.insert().values(
            scope=scope,
            key=key,
            fingerprint=answer.fingerprint,
            status=answer.status,
            body=answer.body,
            media_type=answer.media_type,
        )
    )


async def forget_before(connection: AsyncConnection, table: sa.Table, moment: datetime) -> int:
    """Drop answers older than `moment`; returns how many."""
    return (await connection.execute(table.delete().where(table.c.created_at < moment))).rowcount


_SEED = 0
