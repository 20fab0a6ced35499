"""What comes back from the gateway: receipts for messages, and replies of citizens. Each counts once, by its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup import store
from services.followup.bulk import Bulk
from services.followup.contacts import Contacts
from services.followup.domain import followup
from services.followup.domain.followup import Followup, Policy
from services.followup.domain.matching import Asked, match, takes_answer
from services.followup.domain.messages import MessageKind
from services.followup.domain.replies import parse
from services.followup.metrics import MESSAGES, REPLIES
from services.followup.outbound import message
from services.followup.store import Mark, NewMessage, ReplyRow
from shared.bus.commands import Commands


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
                    decide = partial(followup.undeliverable, policy=self._policy, nth=survey.round, reason=receipt.code)
                bulk.decide(survey.case_id, decide)
            rows = await bulk.save()
            marks = [
                Mark(receipt.message_id, receipt.status, code=receipt.code if receipt.status == "failed" else None)
                for receipt in new
            ]
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
            asked = await self._asked(connection, new, now)
            bulk = await Bulk.begin(
                connection, self._commands, {one.case_id for surveys in asked.values() for one in surveys}
            )
            reading = _Reading(bulk, self._contacts, self._policy)
            noted = [reading.read(one, asked[one.reply_id]) for one in new]
            # Before what was decided is saved: an answer later in the batch cancels the question.
            await store.queue(connection, reading.clarifications, bulk.now)
            rows = await bulk.save()
            await store.cancel(connection, reading.silenced, bulk.now)
            await store.note_replies(connection, noted)
        self._commands.committed(rows)
        for row in noted:
            REPLIES.labels(row.outcome).inc()
        unknown = sum(1 for row in noted if row.case_id is None)
        return Taken(len(noted) - unknown, len(replies) - len(noted), unknown)

    async def _asked(
        self, connection: AsyncConnection, replies: Sequence[Incoming], now: datetime
    ) -> dict[str, list[Asked]]:
        """The surveys that each reply's number got, the last written first."""
        pseudonyms = {reply.reply_id: self._contacts.pseudonyms_of(reply.sender) for reply in replies}
        wanted = {one for some in pseudonyms.values() for one in some}
        since = now - (self._policy.answer + self._policy.phone_desk + self._policy.late)
        written: dict[str, list[tuple[int, Asked]]] = defaultdict(list)
        if wanted:
            for place, one in enumerate(await store.written_to(connection, wanted, since)):
                written[one.pseudonym].append((place, Asked(one.case_id, one.round)))
        return {
            reply_id: [one for _, one in sorted((one for name in names for one in written[name]), key=lambda o: o[0])]
            for reply_id, names in pseudonyms.items()
        }


class _Reading:
    """Reads the replies of one batch, each on what those before it led to."""

    def __init__(self, bulk: Bulk, contacts: Contacts, policy: Policy) -> None:
        self._bulk = bulk
        self._contacts = contacts
        self._policy = policy
        self.clarifications: list[NewMessage] = []
        self.silenced: list[tuple[UUID, int]] = []
        """Cases, up to a round, about which the citizen wants no more messages."""

    def read(self, reply: Incoming, asked: Sequence[Asked]) -> ReplyRow:
        """What becomes of one reply."""
        said = parse(reply.text)
        survey = match(asked, self._bulk.states, self._bulk.now, self._policy)
        if survey is None:
            return ReplyRow(reply.reply_id, "unmatched")
        if said.opted_out:
            self.silenced.append((survey.case_id, survey.nth))
            return ReplyRow(reply.reply_id, "opted-out", survey.case_id, survey.nth)
        if said.level is None:
            if takes_answer(survey, self._bulk.states, self._bulk.now, self._policy):
                self._ask_again(survey)
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
                at=reply.at,
            ),
        )
        if refusal is not None:
            return self._kept(reply, survey, refusal.code, said.level.value)
        return ReplyRow(reply.reply_id, "answered", survey.case_id, survey.nth, said.level.value)

    def _kept(self, reply: Incoming, survey: Asked, outcome: str, level: str | None) -> ReplyRow:
        """A reply that is no answer: its words stay with the case."""
        text = reply.text.strip()
        sealed = self._contacts.seal_text(text, survey.case_id) if text else None
        return ReplyRow(reply.reply_id, outcome, survey.case_id, survey.nth, level, sealed)

    def _ask_again(self, survey: Asked) -> None:
        clarification = message(
            MessageKind.CLARIFICATION,
            survey.case_id,
            survey.nth,
            self._bulk.states[survey.case_id],
            self._bulk.now,
        )
        if clarification is not None:
            self.clarifications.append(clarification)
