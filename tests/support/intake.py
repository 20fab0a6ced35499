"""Intake's parts on a real database, without a broker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.acceptance import Acceptance
from services.intake.api import create_intake_api
from services.intake.channels.registry import ChannelRegistry
from services.intake.screening import rules
from services.intake.screening.api import VerdictApi, install
from services.intake.screening.in_force import ScreenInForce
from services.intake.screening.screen import shipped
from services.intake.settings import IntakeSettings
from services.intake.store import RequestStore
from shared.events.request import RequestReceived
from shared.settings import new_keys
from shared.web.auth import Role, Staff, channel_key, issue_token
from shared.web.health import Readiness

REGISTRY = ChannelRegistry.load()
CHANNEL = "wechat-0012"


def intake_settings(**changes: Any) -> IntakeSettings:
    """Settings with keys of their own."""
    keys = {name.removeprefix("MINSHENG_").lower(): SecretStr(value) for name, value in new_keys("test").items()}
    return IntakeSettings.model_validate({**keys, "rate_per_second": 1e9, "rate_burst": 10**9, **changes})


class Replica:
    """One process' worth of intake: several on one engine and settings are replicas of one deployment."""

    def __init__(self, engine: AsyncEngine, settings: IntakeSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.store = RequestStore(engine, None, partitions=settings.partitions)
        self.screen = ScreenInForce(shipped(), rules.load())
        self.acceptance = Acceptance(
            self.store,
            REGISTRY,
            sealing=settings.sealing_ring,
            pseudonyms=settings.pseudonym_ring,
            screen=self.screen,
            zone=settings.zone,
            clock=lambda: datetime.now(UTC),
            capacity=settings.intake_queue,
            largest_group=settings.intake_group,
        )
        self.api = create_intake_api(settings, Readiness(), self.acceptance, self.store, REGISTRY)
        install(
            self.api,
            VerdictApi(
                engine,
                None,
                sealing=settings.sealing_ring,
                partitions=settings.partitions,
                clock=lambda: datetime.now(UTC),
            ),
        )

    def channel(self, scope: str = "wechat/*") -> httpx.AsyncClient:
        """A client with the key of a channel or family."""
        return self._client({"X-Channel-Key": channel_key(self.settings.channel_ring, scope)})

    def staff(self, role: Role = Role.OPERATOR, unit: str | None = None) -> httpx.AsyncClient:
        """A client with a staff token."""
        token = issue_token(self.settings.staff_ring, Staff("s1", "Staff", role, unit), now=datetime.now(UTC))
        return self._client({"Authorization": f"Bearer {token}"})

    def stranger(self) -> httpx.AsyncClient:
        """A client without anything."""
        return self._client({})

    def _client(self, headers: dict[str, str]) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.api, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://intake", headers=headers)


def posted(request_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    """A request as a channel posts it."""
    return {"channel": CHANNEL, "channel_request_id": request_id, "body": "春晖路的路灯坏了三天", **changes}


async def told(engine: AsyncEngine) -> list[RequestReceived]:
    """The receipts in the outbox, in order."""
    async with engine.connect() as connection:
        rows = await connection.execute(
            sa.text("SELECT payload FROM outbox WHERE type = :type ORDER BY id"), {"type": RequestReceived.TYPE}
        )
        return [RequestReceived.model_validate(orjson.loads(row[0])) for row in rows]


async def count(engine: AsyncEngine, table: str) -> int:
    """The rows of a table."""
    async with engine.connect() as connection:
        return int((await connection.execute(sa.text(f"SELECT count(*) FROM {table}"))).scalar_one())
