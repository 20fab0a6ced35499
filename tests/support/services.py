"""The four services as they are wired, in this process, each on a database of its own and one Kafka: for tests of what
only all of them together do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
import sqlalchemy as sa

from services.analytics import app as analytics
from services.analytics.settings import AnalyticsSettings
from services.followup import app as followup
from services.followup.settings import FollowupSettings
from services.intake import app as intake
from services.intake.settings import IntakeSettings
from services.routing import app as routing
from services.routing.settings import RoutingSettings
from shared.bus.admin import TopicAdmin, wanted_topics
from shared.events.topics import TopicNames
from shared.hosting import EventService
from shared.privacy.keys import KeyRing
from shared.settings import Settings, new_keys
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.auth import Role, Staff, channel_key, issue_token
from shared.web.callbacks import HEADER, sign
from tests.support.carrier import TOKEN, Carrier, running_carrier
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS

SERVICES: dict[str, tuple[Any, Callable[..., EventService], type[Settings]]] = {
    "intake": (intake, intake.Intake, IntakeSettings),
    "routing": (routing, routing.Routing, RoutingSettings),
    "followup": (followup, followup.FollowupService, FollowupSettings),
    "analytics": (analytics, analytics.Analytics, AnalyticsSettings),
}
CHANNEL = "wechat-0012"


@dataclass
class Services:
    """Running services, with what citizens, officers and the carrier can do there."""

    clients: dict[str, httpx.AsyncClient]
    databases: dict[str, str]
    keys: dict[str, str]
    carrier: Carrier
    replies: int = 0
    numbers: dict[UUID, str] = field(default_factory=dict)

    async def ask(self, body: str) -> UUID:
        """A citizen hands in a request, with a number of their own."""
        number = f"139{len(self.numbers):08d}"
        form = {
            "channel": CHANNEL,
            "channel_request_id": f"m-{len(self.numbers)}",
            "body": body,
            "requester": {"phone": number},
        }
        key = channel_key(self._ring("channel"), "wechat/*")
        answer = await self.clients["intake"].post("/v1/requests", json=form, headers={"X-Channel-Key": key})
        assert answer.status_code == 202, answer.text
        case_id = UUID(answer.json()["case_id"])
        self.numbers[case_id] = f"+86{number}"
        return case_id

    async def work(self, case_id: UUID, *steps: str) -> None:
        """The officer in charge does these steps: `accept`, `contact`, `resolve`."""
        case = await self.read("routing", f"/v1/cases/{case_id}")
        bodies = {"accept": {}, "contact": {"method": "phone"}, "resolve": {"result": "已上门劝离，恢复安静"}}
        for step in steps:
            answer = await self.clients["routing"].post(
                f"/v1/cases/{case_id}/{step}",
                json=bodies[step],
                headers=self._staff(Role.OFFICER, case["officer"], case["unit"]),
            )
            assert answer.status_code == 200, answer.text

    async def reply(self, case_id: UUID, text: str) -> None:
        """The citizen answers the survey by SMS."""
        self.replies += 1
        reply = {
            "reply_id": f"r-{self.replies}",
            "from": self.numbers[case_id],
            "text": text,
            "at": datetime.now(UTC).isoformat(),
        }
        body = orjson.dumps({"replies": [reply]})
        signature = sign(self._ring("callback"), body, int(time.time()))
        answer = await self.clients["followup"].post(
            "/v1/callbacks/sms/replies", content=body, headers={HEADER: signature, "Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["recorded"]) == (200, 1), answer.text

    def surveys(self, case_id: UUID) -> int:
        """Messages that the carrier sent to the citizen of a case."""
        return sum(number == self.numbers[case_id] for number, _ in self.carrier.sent.values())

    async def read(self, service: str, path: str, **query: str) -> Any:
        """What a supervisor is told there; None where it isn't known."""
        answer = await self.clients[service].get(path, params=query, headers=self._staff(Role.SUPERVISOR, "s-1", None))
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    async def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        """What a service has in its tables."""
        engine = create_engine(self.databases[service])
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.execute(sa.text(query))]
        finally:
            await engine.dispose()

    def _ring(self, purpose: str) -> KeyRing:
        return KeyRing.parse(self.keys[f"{purpose}_keys"])

    def _staff(self, role: Role, subject: str, unit: str | None) -> dict[str, str]:
        token = issue_token(self._ring("staff"), Staff(subject, "测试", role, unit), now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running_services(
    kafka: KafkaServer,
    make_database: Callable[[str | None], Awaitable[str]],
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
    **settings: Any,
) -> AsyncIterator[Services]:
    """All four, ready. `settings` are fields of follow-up's settings."""
    keys = {name.removeprefix("MINSHENG_").lower(): value for name, value in new_keys("test").items()}
    common = {
        **keys,
        "kafka": kafka.bootstrap,
        "embedded": not kafka.real,
        "topic_prefix": prefix,
        "partitions": PARTITIONS,
        "session_timeout_ms": 6_000,
        "log_level": "error",
        "analytics_live": False,
    }
    async with AsyncExitStack() as stack, TopicAdmin(kafka.bootstrap) as admin:
        await admin.apply(wanted_topics(TopicNames(prefix), partitions=PARTITIONS, replication=1, retention_hours=24))
        carrier = await stack.enter_async_context(running_carrier())
        running = Services({}, {}, keys, carrier)
        for name, (module, service_class, settings_class) in SERVICES.items():
            running.databases[name] = await make_database(None)
            await migrate(name, running.databases[name])
            own = {f"{name}_database": running.databases[name], f"{name}_port": 0}
            if name == "followup":
                own |= {
                    "sms_gateway_url": carrier.url,
                    "sms_gateway_token": TOKEN,
                    "sms_poll_seconds": 0.05,
                    **settings,
                }
            fields = {key: value for key, value in (common | own).items() if key in settings_class.model_fields}
            monkeypatch.setattr(module, "settings", settings_class.model_validate(fields))
            service = service_class(loop=asyncio.get_running_loop(), beacon=module.app.beacon)
            await service.start()
            stack.push_async_callback(service.stop)
            assert service._server is not None
            client = httpx.AsyncClient(base_url=service._server.url, timeout=10)
            running.clients[name] = await stack.enter_async_context(client)
        yield running
