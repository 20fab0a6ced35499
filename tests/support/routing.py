"""Routing on a database for tests: its parts as `app.py` joins them, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.routing import api, store
from services.routing.app import reactions
from services.routing.domain import decisions
from services.routing.domain.case import Case
from services.routing.organisation import load_bureau
from services.routing.settings import DEFAULT_ORGANISATION, RoutingSettings
from shared.bus.commands import Commands
from shared.bus.handlers import AggregateHandler, Aggregates
from shared.bus.relay import Relay
from shared.bus.wakes import Wakes
from shared.decision import Moment
from shared.events.request import RequestReceived
from shared.privacy.keys import new_key
from shared.store import outbox
from shared.store.aggregate import Stored
from shared.web.app import create_api
from shared.web.auth import Role, Staff, issue_token
from shared.web.health import Readiness
from tests.support.kernel import PARTITIONS

BUREAU = load_bureau(DEFAULT_ORGANISATION)
UNIT = "linjiang-branch"
BODY = "临江区望江路每晚唱歌扰民"


def request(body: str = BODY, **changed: Any) -> RequestReceived:
    """A request that falls to `UNIT` unless `changed` says otherwise."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "number": "2603020000017",
        "channel": "wechat-0001",
        "family": "wechat",
        "channel_request_id": "r1",
        "received_at": now,
        "submitted_at": now,
        "body": body,
        "requester": "v1.k1.sealed",
    }
    return RequestReceived(**(fields | changed))


@dataclass(slots=True)
class Clock:
    """The time as the service sees it: real, moved by `ahead`."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class RoutingParts:
    """Aggregates, handler, commands, deadlines and HTTP of routing on one engine."""

    def __init__(
        self, engine: AsyncEngine, relay: Relay | None = None, clock: Callable[[], datetime] = Clock()
    ) -> None:
        keys: Mapping[str, Any] = {
            name: SecretStr(new_key("t1")) for name in ("staff_keys", "channel_keys", "callback_keys")
        }
        self.settings = RoutingSettings(**keys)
        self.engine = engine
        self.aggregates: Aggregates[Case] = Aggregates(store.case_table(), partitions=PARTITIONS, clock=clock)
        self.handler = AggregateHandler(self.aggregates, reactions(BUREAU))
        self.commands = Commands(engine, self.aggregates, relay)
        self.wakes = Wakes(self.commands, decisions.wake)
        self.http: FastAPI = create_api("routing", "test", self.settings, Readiness())
        api.install(self.http, api.CaseApi(engine, self.commands, BUREAU))

    async def open_case(self, body: str = BODY, **changed: Any) -> UUID:
        """A case as the consumer would have stored it, with its events in the outbox."""
        case_id, now = uuid4(), self.aggregates.clock()
        decision = decisions.receive(None, request(body, **changed), Moment(case_id, now), BUREAU)
        rows = self.aggregates.rows_of(case_id, 0, decision.events, now, None)
        async with self.engine.begin() as connection:
            await self.aggregates.save(connection, [(case_id, Stored(decision.state, len(rows)))], [])
            await outbox.append(connection, rows)
        return case_id

    def token(self, role: Role, subject: str = "m9999", unit: str | None = UNIT) -> str:
        """A staff token."""
        return issue_token(self.settings.staff_ring, Staff(subject, subject, role, unit), now=datetime.now(UTC))

    def client(self, role: Role | None = None, subject: str = "m9999", unit: str | None = UNIT) -> httpx.AsyncClient:
        """A client signed in as a member of staff, or as nobody."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.token(role, subject, unit)}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.http), base_url="http://routing", headers=headers)

    def officer(self, case_id: UUID, category: str = "noise", district: str = "linjiang") -> str:
        """The officer in charge of a case."""
        officer = BUREAU.assign(district, category, case_id)[1]
        assert officer is not None
        return officer
