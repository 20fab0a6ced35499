"""Follow-up as a whole on a real broker: resolved cases in, surveys out, settled cases on the bus."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from services.followup.app import FollowupService, app
from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Incoming
from services.followup.settings import FollowupSettings
from shared.events.case import CaseResolved
from shared.events.followup import CaseSettled, SurveyRequested
from tests.support.carrier import Carrier
from tests.support.followup import PARTITIONS, House, new_case
from tests.support.kafka import KafkaServer
from tests.support.kernel import Bench, case_sequences, until

pytest_plugins = ("tests.support.followup_fixtures",)

ROUTING = "/minsheng/routing"


async def test_a_resolved_case_is_surveyed_and_settled_on_the_bus(
    house: House, carrier: Carrier, gateway: HttpGateway, kafka: KafkaServer, namespace: str
) -> None:
    bench = await Bench.open(kafka, house.engine.url.render_as_string(hide_password=False), namespace)
    bench.name = "followup"
    # The broker refuses times that are far from its own.
    house.now = datetime.now(UTC)
    try:
        bench.worker(house.handler(), reads=("cases",), emits=("followups",))
        cases = [new_case(house.now + timedelta(seconds=n)) for n in range(20)]
        numbers = {case: f"+8613900{n:06d}" for n, case in enumerate(cases)}
        events = [(case, 1, house.resolution(case, {"phone": numbers[case]})) for case in cases]
        await bench.send(events, topic="cases", source=ROUTING)
        # Delivered again, as after a crash of routing.
        await bench.send(events, topic="cases", source=ROUTING)
        dispatcher = house.dispatcher(gateway)

        async def all_sent() -> bool:
            await dispatcher.run_due()
            return len(carrier.sent) >= len(cases)

        await until(all_sent, what="a survey for each case")
        replies = [Incoming(f"r-{case}", numbers[case], "1", house.now) for case in cases]
        await house.inbox.replies(replies)

        async def all_settled() -> bool:
            return sum(isinstance(one.event, CaseSettled) for one in await bench.published("followups")) == len(cases)

        await until(all_settled, what="a settlement for each case")
        published = await bench.published("followups")
        assert len(carrier.sent) == len(cases)
        assert set(case_sequences(published)) == set(cases)
        assert all(sequences == [1, 2, 3, 4] for sequences in case_sequences(published).values())
        assert sum(isinstance(one.event, SurveyRequested) for one in published) == len(cases)
    finally:
        await bench.close()


async def test_the_service_as_it_is_wired(
    house: House,
    carrier: Carrier,
    kafka: KafkaServer,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await Bench.open(kafka, house.engine.url.render_as_string(hide_password=False), namespace)
    url = bench.database
    monkeypatch.setattr(
        "services.followup.app.settings",
        FollowupSettings(
            _env_file=None,
            kafka=kafka.bootstrap,
            embedded=not kafka.real,
            followup_database=SecretStr(url),
            followup_port=0,
            partitions=PARTITIONS,
            topic_prefix=namespace,
            session_timeout_ms=6_000,
            sms_gateway_url=carrier.url,
            sms_gateway_token=SecretStr("carrier-token"),
            **{
                name: getattr(house.settings, name)
                for name in ("sealing_keys", "pseudonym_key", "staff_keys", "channel_keys", "callback_keys")
            },
        ),
    )
    service = FollowupService(loop=asyncio.get_running_loop(), beacon=app.beacon)
    await service.start()
    try:
        case = new_case(house.now)
        event: CaseResolved = house.resolution(case, {"phone": "+8613900001234"})
        await bench.send([(case, 1, event)], topic="cases", source=ROUTING)
        await until(lambda: _has(carrier), what="a survey")
        server = service._server
        assert server is not None
        async with httpx.AsyncClient(base_url=server.url) as client:

            async def ready() -> bool:
                return (await client.get("/readyz")).status_code == 200

            await until(ready, what="readiness")
            parts = (await client.get("/readyz")).json()["parts"]
            assert {"sms-gateway", "timer-dispatcher", "timer-waiting", "consumer-followup"} <= set(parts)

        async def published() -> bool:
            return len(await bench.published("followups")) >= 2

        await until(published, what="the survey's events")
        assert [one.type for one in await bench.published("followups")] == [
            "minsheng.survey.requested.v1",
            "minsheng.survey.sent.v1",
        ]
    finally:
        await service.stop()
        await bench.close()


async def _has(carrier: Carrier) -> bool:
    return bool(carrier.sent)
