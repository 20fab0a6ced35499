"""Follow-up on a real database for tests, with a clock that the test moves and keys of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.followup import api, callbacks, store
from services.followup.casework import Casework
from services.followup.contacts import Contacts
from services.followup.dispatcher import Dispatcher
from services.followup.domain import followup
from services.followup.domain.state import Followup, Policy
from services.followup.gateways.gateway import Gateway
from services.followup.inbox import Inbox
from services.followup.outbound import Outbound
from shared.bus.commands import Commands
from shared.bus.envelope import Received
from shared.bus.handlers import Aggregates
from shared.bus.wakes import Wakes
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.events.case import CaseOpened, CaseResolved
from shared.events.words import Grade, RequestKind
from shared.privacy.keys import KeyRing, new_key
from shared.privacy.sealing import seal
from shared.settings import Settings
from shared.store import outbox
from shared.store.engine import create_engine
from shared.web.app import create_api
from shared.web.auth import Role, Staff, issue_token
from shared.web.health import Readiness

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PARTITIONS = 4
BUREAU = "民安市公安局"


def new_case(at: datetime = START) -> UUID:
    """A UUIDv7 of this time."""
    raw = bytearray(int(at.timestamp() * 1000).to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return UUID(bytes=bytes(raw))


@dataclass(slots=True)
class House:
    """One follow-up service without its bus: events go in by `resolve`, and come out of the outbox."""

    engine: AsyncEngine
    now: datetime = START
    policy: Policy = field(default_factory=Policy)
    reminder: timedelta | None = timedelta(hours=24)
    settings: Settings = field(
        default_factory=lambda: Settings(
            _env_file=None,
            database=SecretStr("postgresql://unused/"),
            sealing_keys=SecretStr(new_key("k1")),
            pseudonym_key=SecretStr(new_key("k1")),
            staff_keys=SecretStr(new_key("k1")),
            channel_keys=SecretStr(new_key("k1")),
            callback_keys=SecretStr(new_key("k1")),
        )
    )
    aggregates: Aggregates[Followup] = field(init=False)
    commands: Commands[Followup] = field(init=False)
    contacts: Contacts = field(init=False)
    inbox: Inbox = field(init=False)
    wakes: Wakes[Followup] = field(init=False)
    rounds: dict[UUID, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        outbound = Outbound(self.reminder, clock=lambda: self.now)
        self.aggregates = Aggregates(
            store.FOLLOWUPS, partitions=PARTITIONS, effects=outbound.effects, clock=lambda: self.now
        )
        self.commands = Commands(self.engine, self.aggregates, None)
        self.contacts = Contacts(self.settings.sealing_ring, self.settings.pseudonym_ring)
        self.inbox = Inbox(self.commands, self.contacts, self.policy)
        self.wakes = Wakes(self.commands, partial(followup.wake, policy=self.policy))

    @classmethod
    def open(cls, database: str) -> House:
        """On a migrated database."""
        return cls(create_engine(database))

    def handler(self) -> Casework:
        """What the service runs over the events of cases."""
        return Casework(self.aggregates, self.policy)

    def dispatcher(self, gateway: Gateway, *, batch: int = 100, longest_pause: float = 0.0) -> Dispatcher:
        """A dispatcher that doesn't rest after a failure, unless told otherwise."""
        return Dispatcher(
            self.commands,
            gateway,
            self.contacts,
            self.policy,
            bureau=BUREAU,
            batch=batch,
            longest_pause=longest_pause,
        )

    def sealed(self, case_id: UUID, contact: dict[str, str], *, ring: KeyRing | None = None) -> str:
        """A requester as intake seals it."""
        return seal(ring or self.settings.sealing_ring, orjson.dumps(contact), case_id.bytes)

    def resolution(self, case_id: UUID, contact: dict[str, str] | None, unit: str = "traffic") -> CaseResolved:
        """The next resolution of a case."""
        self.rounds[case_id] = self.rounds.get(case_id, 0) + 1
        return CaseResolved(
            round=self.rounds[case_id],
            unit=unit,
            officer="officer-1",
            resolved_at=self.now,
            in_time=True,
            result="done",
            number=f"261124-{case_id.int % 10_000_000:07d}-8",
            requester=self.sealed(case_id, contact) if contact is not None else None,
        )

    def opening(self, family: str) -> CaseOpened:
        """A case that came in through a channel of this family."""
        return CaseOpened(
            number="261124-0004217-8",
            channel=f"{family}-0012",
            family=family,
            received_at=self.now,
            kind=RequestKind.HELP,
            category="noise",
            district="linjiang",
            grade=Grade.ORDINARY,
        )

    async def resolve(
        self,
        contact: dict[str, str] | None,
        *,
        case_id: UUID | None = None,
        unit: str = "traffic",
        family: str | None = None,
    ) -> UUID:
        """The unit resolves a case, a new one or again; `family` is where a new one came in."""
        case_id = case_id or new_case(self.now)
        if family is not None:
            await self.apply(case_id, self.opening(family))
        await self.apply(case_id, self.resolution(case_id, contact, unit))
        return case_id

    async def apply(self, case_id: UUID, event: Event) -> None:
        """Apply one event as a batch of it."""
        async with self.engine.begin() as connection:
            outcome = await self.handler().apply(connection, [self.received(case_id, 1, event)])
            assert not outcome.failures
            await outbox.append(connection, outcome.rows)

    def received(self, case_id: UUID, sequence: int, event: Event) -> Received:
        """An event of routing as the consumer gives it."""
        return Received(
            topic="cases",
            partition=0,
            offset=0,
            source="/minsheng/routing",
            type=event.TYPE,
            case_id=case_id,
            sequence=sequence,
            time=self.now,
            traceparent=None,
            event=event,
        )

    def failing(self, state: Followup, moment: Moment) -> Decision[Followup]:
        """The message of the current round can not be delivered."""
        return followup.undeliverable(state, moment, self.policy, nth=state.round, reason="absent")

    async def state(self, case_id: UUID) -> Followup:
        """The follow-up of a case."""
        async with self.engine.connect() as connection:
            stored = await store.FOLLOWUPS.read(connection, case_id)
        assert stored is not None
        assert stored.state is not None
        return stored.state

    async def told(self, case_id: UUID) -> list[str]:
        """The types of the events that were decided for a case, in their sequence, which must have no hole."""
        query = sa.text("SELECT sequence, type FROM outbox WHERE case_id = :id ORDER BY sequence")
        async with self.engine.connect() as connection:
            rows = (await connection.execute(query, {"id": case_id})).all()
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        return [row[1].removeprefix("minsheng.").removesuffix(".v1") for row in rows]

    async def rows(self, table: sa.Table, *columns: str) -> list[tuple[Any, ...]]:
        """All rows of a table, ordered by the chosen columns."""
        chosen = [table.c[name] for name in columns]
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(sa.select(*chosen).order_by(*chosen))]

    def http(self) -> FastAPI:
        """The service's HTTP interface."""
        app = create_api("followup", "follow-up", self.settings, Readiness())
        api.install(app, api.FollowupApi(self.commands, self.contacts, self.policy))
        callbacks.install(app, callbacks.Callbacks(self.inbox))
        return app

    def staff(self, role: Role, unit: str | None = None, subject: str = "officer-1") -> dict[str, str]:
        """The headers of a member of staff."""
        token = issue_token(self.settings.staff_ring, Staff(subject, "N", role, unit), now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}
