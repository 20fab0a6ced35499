"""What comes back from the gateway: receipts for messages, and replies of citizens. Each counts once, by its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup import store
from services.followup.bulk import Bulk
from services.followup.contacts import Contacts
from services.followup.domain import followup
from services.followup.domain.codes import reason_of
from services.followup.domain.matching import Asked, Correspondence, Got, match
from services.followup.domain.messages import MessageKind
from services.followup.domain.replies import Reply, parse
from services.followup.domain.state import Followup, Policy, Stage
from services.followup.metrics import MESSAGES, REPLIES
from services.followup.store import Mark, ReplyRow, WrittenTo
from shared.bus.commands import Commands

LATE = timedelta(days=7)
"""How late a reply may arrive: longer than the carrier's signatures hold."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message, by the carrier. `code` says why it failed."""

    message_id: UUID
    status: Literal["delivered", "failed"]
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Incoming:
    """A citizen's reply. Number and text stay out of its repr."""

    reply_id: str
    sender: str = field(repr=False)
    text: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """How many items were new, how many had been taken before, and how many belong to nothing here."""

    recorded: int
    repeated: int
    unknown: int


class Inbox:
    """Takes receipts and replies in batches, each batch in one transaction."""

    def __init__(self, commands: Commands[Followup], contacts: Contacts, policy: Policy) -> None:
        self._commands = commands
        self._contacts = contacts
        self._policy = policy

    async def receipts(self, receipts: Sequence[Receipt]) -> Taken:
        """Record receipts; the first one that says how a message ended counts."""
        first: dict[UUID, Receipt] = {}
        for receipt in receipts:
            first.setdefault(receipt.message_id, receipt)
        async with self._commands.engine.begin() as connection:
            known = await store.by_ids(connection, first)
            surveys = {one.message_id: one for one in known.values() if one.kind is MessageKind.SURVEY}
            bulk = await Bulk.begin(connection, self._commands, {one.case_id for one in surveys.values()})
            # Read again: another delivery of the same receipts may have held the locks until now.
            known = await store.by_ids(connection, known)
            new = [first[one.message_id] for one in known.values() if one.state not in ("delivered", "failed")]
            for receipt in new:
                survey = surveys.get(receipt.message_id)
                if survey is None:
                    continue
                if receipt.status == "delivered":
                    decide = partial(
                        followup.delivered,
                        policy=self._policy,
                        nth=survey.round,
                        message_id=str(receipt.message_id),
                        at=receipt.at,
                    )
                else:
                    decide = partial(
                        followup.undeliverable, policy=self._policy, nth=survey.round, reason=reason_of(receipt.code)
                    )
                bulk.decide(survey.case_id, decide)
            rows = await bulk.save()
            marks = [_mark_of(receipt, bulk.now) for receipt in new]
            await store.mark(connection, sorted(marks, key=lambda one: one.message_id), bulk.now)
        self._commands.committed(rows)
        for receipt in new:
            MESSAGES.labels(known[receipt.message_id].kind.value, receipt.status).inc()
        unknown = sum(1 for receipt in receipts if receipt.message_id not in known)
        return Taken(len(new), len(receipts) - len(new) - unknown, unknown)

    async def replies(self, replies: Sequence[Incoming]) -> Taken:
        """Record replies in the order in which the citizens wrote them."""
        first: dict[str, Incoming] = {}
        for reply in replies:
            first.setdefault(reply.reply_id, reply)
        async with self._commands.engine.begin() as connection:
            now = self._commands.aggregates.clock()
            fresh = await store.claim_replies(connection, [(one.reply_id, one.at) for one in first.values()], now)
            new = sorted((first[reply_id] for reply_id in fresh), key=lambda one: (one.at, one.reply_id))
            written = await self._written(connection, new, now)
            bulk = await Bulk.begin(
                connection, self._commands, {case for one in written.values() for case in one.cases()}
            )
            reading = _Reading(bulk, self._contacts, self._policy)
            noted = [reading.read(one, written[one.sender]) for one in new]
            rows = await bulk.save()
            await store.note_replies(connection, noted)
        self._commands.committed(rows)
        for row in noted:
            REPLIES.labels(row.outcome).inc()
        unknown = sum(1 for row in noted if row.case_id is None)
        return Taken(len(noted) - unknown, len(replies) - len(noted), unknown)

    async def _written(
        self, connection: AsyncConnection, replies: Sequence[Incoming], now: datetime
    ) -> dict[str, Correspondence]:
        """What each number that wrote had been written, by the number as it is given."""
        pseudonyms = {sender: self._contacts.pseudonyms_of(sender) for sender in {one.sender for one in replies}}
        wanted = {one for some in pseudonyms.values() for one in some}
        # However late a reply comes, signatures hold for days: what it answers must still be found.
        since = now - (self._policy.answer + self._policy.phone_desk + self._policy.late + LATE)
        got: dict[str, list[WrittenTo]] = defaultdict(list)
        if wanted:
            for one in await store.written_to(connection, wanted, since):
                got[one.pseudonym].append(one)
        return {
            sender: Correspondence(_got(one) for name in names for one in got[name])
            for sender, names in pseudonyms.items()
        }


def _got(one: WrittenTo) -> Got:
    return Got(one.at, one.case_id, one.round, one.kind is MessageKind.CLARIFICATION, one.failed)


def _mark_of(receipt: Receipt, now: datetime) -> Mark:
    if receipt.status == "failed":
        return Mark(receipt.message_id, "failed", code=receipt.code)
    return Mark(receipt.message_id, "delivered", delivered_at=min(receipt.at, now))


class _Reading:
    """Reads the replies of one batch, each on what those before it led to."""

    def __init__(self, bulk: Bulk, contacts: Contacts, policy: Policy) -> None:
        self._bulk = bulk
        self._contacts = contacts
        self._policy = policy

    def read(self, reply: Incoming, written: Correspondence) -> ReplyRow:
        """What becomes of one reply."""
        said = parse(reply.text)
        at = min(reply.at, self._bulk.now)
        survey = match(written.until(at), self._bulk.states, at, self._policy)
        if survey is None:
            return ReplyRow(reply.reply_id, "unmatched")
        row = self._read(reply, said, survey, at)
        if said.opted_out:
            self._silence(survey, written, at)
        return row

    def _read(self, reply: Incoming, said: Reply, survey: Asked, at: datetime) -> ReplyRow:
        if said.level is None and said.opted_out:
            if said.comment is None:
                return ReplyRow(reply.reply_id, "opted-out", survey.case_id, survey.nth)
            return self._kept(reply, survey, "opted-out", None)
        if said.level is None:
            self._bulk.decide(
                survey.case_id,
                partial(followup.unclear, policy=self._policy, nth=survey.nth, asked_again=survey.again, at=at),
            )
            return self._kept(reply, survey, "unclear", None)
        refusal = self._bulk.decide(
            survey.case_id,
            partial(
                followup.answered,
                policy=self._policy,
                nth=survey.nth,
                level=said.level,
                comment=said.comment,
                medium="sms",
                at=at,
            ),
        )
        if refusal is not None:
            return self._kept(reply, survey, refusal.code, said.level.value)
        return ReplyRow(reply.reply_id, "answered", survey.case_id, survey.nth, said.level.value)

    def _silence(self, meant: Asked, written: Correspondence, at: datetime) -> None:
        """No more messages about what the number had been written to about, as far as any may be due."""
        for one in written.until(at):
            state = self._bulk.states.get(one.case_id)
            if state is None or (one.case_id != meant.case_id and state.stage is Stage.SETTLED and state.due is None):
                continue
            self._bulk.decide(one.case_id, partial(followup.opted_out, policy=self._policy, nth=one.nth, at=at))

    def _kept(self, reply: Incoming, survey: Asked, outcome: str, level: str | None) -> ReplyRow:
        """A reply that is no answer: its words stay with the case."""
        text = reply.text.strip()
        sealed = self._contacts.seal_text(text, survey.case_id) if text else None
        return ReplyRow(reply.reply_id, outcome, survey.case_id, survey.nth, level, sealed)
