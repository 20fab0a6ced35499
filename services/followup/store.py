"""Follow-up's tables as the service reads and writes them: follow-ups, messages to citizens, and their replies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup.domain.messages import MessageKind
from services.followup.domain.state import Followup, Origin, Stage
from shared.store.aggregate import AggregateTable, Column, Stored, aggregate_table
from shared.web.idempotency import idempotency_table

metadata = sa.MetaData()
_time = sa.TIMESTAMP(timezone=True)

followups = aggregate_table(
    "followups", metadata, sa.Column("stage", sa.Text, nullable=False), sa.Column("unit", sa.Text, nullable=False)
)
FOLLOWUPS = AggregateTable(
    followups,
    Followup,
    (
        Column("stage", sa.Text(), "text", lambda state: state.stage.value),
        Column("unit", sa.Text(), "text", lambda state: state.unit),
    ),
)
messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", PG_UUID, primary_key=True),
    sa.Column("case_id", PG_UUID, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False, comment="sealed; opened in memory, for sending alone"),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", _time, nullable=False, comment="while queued: when the next attempt is due"),
    sa.Column("pseudonym", sa.Text, comment="of the number that was written to; a reply is matched by it"),
    sa.Column("carrier_id", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("created_at", _time, nullable=False),
    sa.Column("handed_at", _time, comment="when the gateway was first given it and may have taken it"),
    sa.Column("sent_at", _time),
    sa.Column("delivered_at", _time, comment="by the carrier's receipt"),
    sa.Column("ended_at", _time),
)
replies = sa.Table(
    "replies",
    metadata,
    sa.Column("reply_id", sa.Text, primary_key=True),
    sa.Column("case_id", PG_UUID),
    sa.Column("round", sa.Integer),
    sa.Column("level", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("sealed_text", sa.Text, comment="where no event carries it as a comment"),
    sa.Column("replied_at", _time, nullable=False),
    sa.Column("received_at", _time, nullable=False),
)
origins = sa.Table(
    "origins",
    metadata,
    sa.Column("case_id", PG_UUID, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
)
idempotency = idempotency_table(metadata)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the dispatcher and the inbox see it."""

    message_id: UUID
    case_id: UUID
    round: int
    kind: MessageKind
    recipient: str
    number: str
    state: str
    attempts: int


_MESSAGE = (
    messages.c.message_id,
    messages.c.case_id,
    messages.c.round,
    messages.c.kind,
    messages.c.recipient,
    messages.c.number,
    messages.c.state,
    messages.c.attempts,
)


def _message(row: Sequence[Any]) -> Message:
    return Message(row[0], row[1], row[2], MessageKind(row[3]), *row[4:])


async def page(
    connection: AsyncConnection, *, stage: Stage | None, unit: str | None, before: UUID | None, limit: int
) -> list[tuple[UUID, Stored[Followup]]]:
    """Follow-ups, those of the newest cases first, older than the case `before`."""
    query = sa.select(followups.c.case_id, followups.c.version, sa.cast(followups.c.state, sa.Text))
    if stage is not None:
        query = query.where(followups.c.stage == stage.value)
    if unit is not None:
        query = query.where(followups.c.unit == unit)
    if before is not None:
        query = query.where(followups.c.case_id < before)
    rows = await connection.execute(query.order_by(followups.c.case_id.desc()).limit(limit))
    return [(row[0], Stored(Followup.model_validate_json(row[2]), row[1])) for row in rows]


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be sent from `due` on. `recipient` is the sealed requester of the case."""

    message_id: UUID
    case_id: UUID
    round: int
    kind: MessageKind
    recipient: str
    number: str
    due: datetime


async def queue(connection: AsyncConnection, new: Sequence[NewMessage], now: datetime) -> None:
    """Queue messages. One that is there already, in whatever state, stays as it is."""
    if new:
        await connection.execute(
            _QUEUE,
            {
                "ids": [one.message_id for one in new],
                "cases": [one.case_id for one in new],
                "rounds": [one.round for one in new],
                "kinds": [one.kind.value for one in new],
                "recipients": [one.recipient for one in new],
                "numbers": [one.number for one in new],
                "times": [one.due for one in new],
                "now": now,
            },
        )


_QUEUE = sa.text(
    """
    INSERT INTO messages (message_id, case_id, round, kind, recipient, number, next_at, created_at)
    SELECT new.*, CAST(:now AS timestamptz) FROM unnest(
        CAST(:ids AS uuid[]), CAST(:cases AS uuid[]), CAST(:rounds AS int[]), CAST(:kinds AS text[]),
        CAST(:recipients AS text[]), CAST(:numbers AS text[]), CAST(:times AS timestamptz[])) AS new
    ON CONFLICT (message_id) DO NOTHING
    """
)


async def cancel(connection: AsyncConnection, cases: Iterable[tuple[UUID, int]], now: datetime) -> None:
    """Cancel what is still queued for these cases, up to the given round of each."""
    upto = dict(sorted(cases))
    if upto:
        await connection.execute(_CANCEL, {"ids": list(upto), "rounds": list(upto.values()), "now": now})


_CANCEL = sa.text(
    """
    UPDATE messages SET state = 'cancelled', ended_at = :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:rounds AS int[])) AS upto(case_id, round)
    WHERE messages.case_id = upto.case_id AND messages.round <= upto.round AND messages.state = 'queued'
    """
)


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[Message]:
    """Queued messages whose time has come, locked; those that another worker holds are left to it."""
    rows = await connection.execute(
        sa.select(*_MESSAGE)
        .where(messages.c.state == "queued", messages.c.next_at <= now)
        .order_by(messages.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_message(row) for row in rows]


async def lease(
    connection: AsyncConnection, taken: Sequence[tuple[UUID, str | None]], now: datetime, until: datetime
) -> None:
    """Take messages for sending: nobody else tries them before `until`.

    Each with the pseudonym of its number, or None where it can't be handed over.
    """
    await connection.execute(
        _LEASE,
        {"ids": [one[0] for one in taken], "pseudonyms": [one[1] for one in taken], "now": now, "until": until},
    )


_LEASE = sa.text(
    """
    UPDATE messages SET attempts = attempts + 1, next_at = :until, pseudonym = taken.pseudonym,
        handed_at = coalesce(
            messages.handed_at, CASE WHEN taken.pseudonym IS NOT NULL THEN CAST(:now AS timestamptz) END)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:pseudonyms AS text[])) AS taken(message_id, pseudonym)
    WHERE messages.message_id = taken.message_id
    """
)


async def postpone(
    connection: AsyncConnection, times: Sequence[tuple[UUID, datetime]], *, not_handed_at: datetime | None
) -> None:
    """Try messages again at the given times, unless they have been cancelled meanwhile.

    An attempt at `not_handed_at` is known not to have handed them over.
    """
    if times:
        await connection.execute(
            _POSTPONE,
            {"ids": [one[0] for one in times], "times": [one[1] for one in times], "not_handed": not_handed_at},
        )


_POSTPONE = sa.text(
    """
    UPDATE messages SET handed_at = nullif(handed_at, CAST(:not_handed AS timestamptz)),
        next_at = CASE WHEN messages.state = 'queued' THEN later.next_at ELSE messages.next_at END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS later(message_id, next_at)
    WHERE messages.message_id = later.message_id AND messages.state IN ('queued', 'cancelled')
    """
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of a message: `sent` with the carrier's id, `delivered`, or `failed` with a code."""

    message_id: UUID
    state: str
    carrier_id: str | None = None
    code: str | None = None
    delivered_at: datetime | None = None


async def mark(connection: AsyncConnection, marks: Sequence[Mark], now: datetime) -> None:
    """Note what became of messages. What a receipt said stays: `sent` comes after it only when it overtook."""
    if marks:
        await connection.execute(
            _MARK,
            {
                "ids": [one.message_id for one in marks],
                "states": [one.state for one in marks],
                "carriers": [one.carrier_id for one in marks],
                "codes": [one.code for one in marks],
                "times": [one.delivered_at for one in marks],
                "now": now,
            },
        )


_MARK = sa.text(
    """
    UPDATE messages SET
        state = CASE WHEN messages.state IN ('delivered', 'failed') THEN messages.state ELSE marked.state END,
        carrier_id = coalesce(marked.carrier_id, messages.carrier_id),
        code = coalesce(messages.code, marked.code),
        delivered_at = coalesce(messages.delivered_at, marked.delivered_at),
        sent_at = CASE WHEN marked.state = 'sent' THEN coalesce(sent_at, :now) ELSE sent_at END,
        ended_at = CASE WHEN marked.state = 'sent' THEN ended_at ELSE coalesce(ended_at, :now) END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:carriers AS text[]), CAST(:codes AS text[]),
                CAST(:times AS timestamptz[]))
        AS marked(message_id, state, carrier_id, code, delivered_at)
    WHERE messages.message_id = marked.message_id
    """
)


async def by_ids(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Message]:
    """The messages of these ids, as far as there are any; not locked."""
    rows = await connection.execute(sa.select(*_MESSAGE).where(messages.c.message_id.in_(sorted(set(ids)))))
    return {message.message_id: message for message in map(_message, rows)}


@dataclass(frozen=True, slots=True)
class WrittenTo:
    """A message that a number may have got, and when. `failed`: by what the carrier says, it didn't get it."""

    pseudonym: str
    case_id: UUID
    round: int
    kind: MessageKind
    at: datetime
    failed: bool


async def written_to(connection: AsyncConnection, pseudonyms: Iterable[str], since: datetime) -> list[WrittenTo]:
    """What these numbers were written since then. A phone that was off got it later than the carrier."""
    handed = sa.func.coalesce(messages.c.handed_at, messages.c.sent_at, messages.c.created_at)
    rows = await connection.execute(
        sa.select(
            messages.c.pseudonym,
            messages.c.case_id,
            messages.c.round,
            messages.c.kind,
            sa.func.greatest(handed, messages.c.delivered_at),
            messages.c.state == "failed",
        ).where(
            messages.c.pseudonym.in_(sorted(set(pseudonyms))),
            messages.c.created_at >= since,
            sa.or_(messages.c.handed_at.is_not(None), messages.c.state.not_in(("queued", "cancelled"))),
        )
    )
    return [WrittenTo(row[0], row[1], row[2], MessageKind(row[3]), row[4], row[5]) for row in rows]


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """A reply and what became of it."""

    reply_id: str
    outcome: str
    case_id: UUID | None = None
    round: int | None = None
    level: str | None = None
    sealed_text: str | None = None


async def claim_replies(
    connection: AsyncConnection, arrived: Sequence[tuple[str, datetime]], now: datetime
) -> set[str]:
    """Which of these reply ids are new. Another transaction with the same ids waits for this one to end."""
    # In one order everywhere, so that two deliveries of the same replies can't block each other.
    ordered = sorted(arrived)
    rows = await connection.execute(
        _CLAIM, {"ids": [one[0] for one in ordered], "times": [one[1] for one in ordered], "now": now}
    )
    return set(rows.scalars())


_CLAIM = sa.text(
    """
    INSERT INTO replies (reply_id, outcome, replied_at, received_at)
    SELECT arrived.id, 'received', arrived.at, CAST(:now AS timestamptz)
    FROM unnest(CAST(:ids AS text[]), CAST(:times AS timestamptz[])) AS arrived(id, at)
    ON CONFLICT (reply_id) DO NOTHING RETURNING reply_id
    """
)


async def note_replies(connection: AsyncConnection, rows: Sequence[ReplyRow]) -> None:
    """Note what became of claimed replies."""
    if rows:
        await connection.execute(
            _NOTE,
            {
                "ids": [row.reply_id for row in rows],
                "outcomes": [row.outcome for row in rows],
                "cases": [row.case_id for row in rows],
                "rounds": [row.round for row in rows],
                "levels": [row.level for row in rows],
                "texts": [row.sealed_text for row in rows],
            },
        )


_NOTE = sa.text(
    """
    UPDATE replies SET outcome = noted.outcome, case_id = noted.case_id, round = noted.round, level = noted.level,
        sealed_text = noted.sealed_text
    FROM unnest(CAST(:ids AS text[]), CAST(:outcomes AS text[]), CAST(:cases AS uuid[]), CAST(:rounds AS int[]),
                CAST(:levels AS text[]), CAST(:texts AS text[]))
        AS noted(reply_id, outcome, case_id, round, level, sealed_text)
    WHERE replies.reply_id = noted.reply_id
    """
)


@dataclass(frozen=True, slots=True)
class Remark:
    """A reply that counts as no answer, its text still sealed."""

    replied_at: datetime
    outcome: str
    sealed_text: str


async def remarks(connection: AsyncConnection, case_id: UUID) -> list[Remark]:
    """What the citizen wrote besides the answers, in order."""
    rows = await connection.execute(
        sa.select(replies.c.replied_at, replies.c.outcome, replies.c.sealed_text)
        .where(replies.c.case_id == case_id, replies.c.sealed_text.is_not(None))
        .order_by(replies.c.replied_at, replies.c.reply_id)
    )
    return [Remark(row[0], row[1], row[2]) for row in rows]


async def note_origins(connection: AsyncConnection, came: Iterable[tuple[UUID, Origin]]) -> None:
    """Remember where cases came in; what is known of a case stays."""
    some = sorted(came, key=lambda one: one[0])
    await connection.execute(
        _NOTE_ORIGINS,
        {
            "ids": [one[0] for one in some],
            "channels": [one[1].channel for one in some],
            "families": [one[1].family for one in some],
        },
    )


_NOTE_ORIGINS = sa.text(
    """
    INSERT INTO origins (case_id, channel, family)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:channels AS text[]), CAST(:families AS text[]))
    ON CONFLICT (case_id) DO NOTHING
    """
)


async def origins_of(connection: AsyncConnection, cases: Iterable[UUID]) -> dict[UUID, Origin]:
    """Where these cases came in, as far as follow-up was told."""
    rows = await connection.execute(sa.select(origins).where(origins.c.case_id.in_(sorted(set(cases)))))
    return {row.case_id: Origin(row.channel, row.family) for row in rows}


async def forget(connection: AsyncConnection, now: datetime, keep: timedelta) -> None:
    """Delete ended messages, and replies, older than `keep`: with them go sealed contacts and texts."""
    await connection.execute(messages.delete().where(messages.c.created_at < now - keep, messages.c.state != "queued"))
    await connection.execute(replies.delete().where(replies.c.received_at < now - keep))
