"""Sends what is due: takes queued messages, opens their numbers in memory, hands them over, notes what became of them.

Three steps with two commits, so that no transaction is open while the gateway is waited for: messages are leased,
handed over, marked. A crash in between leaves the lease to run out; then the same message ids are handed over again,
and the gateway sends none of them twice.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from services.followup import store
from services.followup.bulk import Bulk
from services.followup.contacts import Contact, Contacts, UnreadableContactError
from services.followup.domain import followup
from services.followup.domain.messages import MessageKind, retry_after, text_of
from services.followup.domain.state import NO_PHONE, Followup, Policy
from services.followup.gateways.gateway import Gateway, GatewayUnavailableError, Handed, Outgoing
from services.followup.metrics import MESSAGES
from services.followup.store import Mark, Message
from shared.bus.backoff import Backoff
from shared.bus.commands import Commands
from shared.privacy.contact import ContactError, is_mobile, normalise_phone
from shared.privacy.sealing import UnsealError

log = structlog.get_logger(__name__)

INVALID_NUMBER = "invalid-number"
UNREAD_CONTACT = "unread-contact"
"""What the citizen left is no number that a program can read; a person may."""
EXTENSION = "extension"
NOT_MOBILE = "not-mobile"
"""Numbers that a person can call, and no SMS reaches."""
LEASE = timedelta(seconds=60)
"""How long a worker has for handing a batch over, before another may try; the gateway has half of that to answer."""


@dataclass(slots=True)
class _Taken:
    """A leased batch: what can be handed over, and what can't be sent at all. The rest is tried again later."""

    messages: dict[UUID, Message]
    outgoing: list[Outgoing] = field(default_factory=list)
    hopeless: dict[UUID, str] = field(default_factory=dict)
    pseudonyms: dict[UUID, str] = field(default_factory=dict)
    leased_at: datetime = field(kw_only=True)
    lost: bool = False
    """The gateway's answer was lost: it may have taken the messages."""


def _number_of(contact: Contact) -> tuple[str, str | None]:
    """The number to write to, and why that can't be done, if so. Raises `ContactError`."""
    if contact.phone is None:
        return "", NO_PHONE if contact.unread_contact is None else UNREAD_CONTACT
    number = normalise_phone(contact.phone)
    if contact.extension is not None:
        return number, EXTENSION
    return number, None if is_mobile(number) else NOT_MOBILE


class Dispatcher:
    """Sends messages through one gateway. Any number of them, in any number of processes, share the queue."""

    def __init__(
        self,
        commands: Commands[Followup],
        gateway: Gateway,
        contacts: Contacts,
        policy: Policy,
        *,
        bureau: str,
        batch: int = 100,
        lease: timedelta = LEASE,
        longest_pause: float = 30.0,
    ) -> None:
        self._commands = commands
        self._gateway = gateway
        self._contacts = contacts
        self._policy = policy
        self._bureau = bureau
        self._batch = batch
        self._lease_time = lease
        self._sending_seconds = lease.total_seconds() / 2
        self._pause = Backoff(first=1.0, longest=longest_pause)
        self._paused_until = 0.0
        self.trouble: str | None = None
        """Why the gateway took nothing at the last attempt, for readiness."""

    async def run_due(self) -> int:
        """Send everything that is due; returns how many messages were tried. Rests for a while after a failure."""
        tried = 0
        while time.monotonic() >= self._paused_until:
            taken = await self._lease()
            tried += len(taken.messages)
            await self._send(taken)
            if len(taken.messages) < self._batch:
                break
        return tried

    async def _lease(self) -> _Taken:
        async with self._commands.engine.begin() as connection:
            now = self._commands.aggregates.clock()
            messages = await store.due(connection, now, self._batch)
            taken = self._open(messages, now)
            if messages:
                # Before the message is out: a reply may be here before the gateway has answered us.
                leased = [(one.message_id, taken.pseudonyms.get(one.message_id)) for one in messages]
                await store.lease(connection, leased, now, now + self._lease_time)
        return taken

    def _open(self, messages: Sequence[Message], now: datetime) -> _Taken:
        taken = _Taken({one.message_id: one for one in messages}, leased_at=now)
        for one in messages:
            try:
                number, hindrance = _number_of(self._contacts.open(one.recipient, one.case_id))
            except UnsealError as error:
                # A missing key is for an operator to bring back. The message waits; in the end the phone desk calls.
                log.error("contact_not_opened", message_id=str(one.message_id), reason=str(error))
                continue
            except (ContactError, UnreadableContactError) as error:
                log.warning("contact_unusable", message_id=str(one.message_id), error=type(error).__name__)
                taken.hopeless[one.message_id] = INVALID_NUMBER
                continue
            if hindrance is not None:
                taken.hopeless[one.message_id] = hindrance
                continue
            taken.pseudonyms[one.message_id] = self._contacts.pseudonym_of(number)
            text = text_of(one.kind, bureau=self._bureau, number=one.number, nth=one.round)
            taken.outgoing.append(Outgoing(one.message_id, number, text))
        return taken

    async def _send(self, taken: _Taken) -> None:
        handed = Handed()
        if taken.outgoing:
            try:
                async with asyncio.timeout(self._sending_seconds):
                    handed = await self._gateway.send(taken.outgoing)
            except (GatewayUnavailableError, TimeoutError) as error:
                taken.lost = not (isinstance(error, GatewayUnavailableError) and error.none_taken)
                self._in_trouble(error)
            else:
                self.trouble = None
                self._pause.reset()
        if taken.messages:
            await self._note(taken, handed)

    def _in_trouble(self, error: Exception) -> None:
        self.trouble = str(error) or f"the SMS gateway took no batch within {self._sending_seconds:g} seconds"
        self._paused_until = time.monotonic() + self._pause.next_delay()
        log.warning("gateway_unavailable", reason=self.trouble)

    async def _note(self, taken: _Taken, handed: Handed) -> None:
        """Mark messages and record what that means for their follow-ups, together."""
        failed = taken.hopeless | {one.message_id: one.code for one in handed.refused}
        accepted = {one.message_id: one.carrier_id for one in handed.accepted if one.message_id not in failed}
        marks = [Mark(message_id, "sent", carrier_id=carrier_id) for message_id, carrier_id in accepted.items()]
        marks += [Mark(message_id, "failed", code=code) for message_id, code in failed.items()]
        surveys = [
            taken.messages[mark.message_id]
            for mark in marks
            if taken.messages[mark.message_id].kind is MessageKind.SURVEY
        ]
        async with self._commands.engine.begin() as connection:
            # Follow-ups are locked before messages, here as everywhere.
            bulk = await Bulk.begin(connection, self._commands, {one.case_id for one in surveys})
            for one in surveys:
                if one.message_id in failed:
                    decide = partial(
                        followup.undeliverable, policy=self._policy, nth=one.round, reason=failed[one.message_id]
                    )
                else:
                    decide = partial(followup.sent, policy=self._policy, nth=one.round, message_id=str(one.message_id))
                bulk.decide(one.case_id, decide)
            rows = await bulk.save()
            await store.mark(connection, marks, bulk.now)
            again = [one for one in taken.messages.values() if one.message_id not in accepted | failed]
            await store.postpone(
                connection,
                [
                    (one.message_id, bulk.now + retry_after(one.attempts + 1, random.random()))  # noqa: S311 - jitter
                    for one in again
                ],
                # What was certainly not taken, no number has got.
                not_handed_at=None if taken.lost else taken.leased_at,
            )
        self._commands.committed(rows)
        for mark in marks:
            MESSAGES.labels(taken.messages[mark.message_id].kind.value, mark.state).inc()
        for one in again:
            MESSAGES.labels(one.kind.value, "postponed").inc()
