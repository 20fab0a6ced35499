"""Intake as it is wired, on a real broker: it answers without one, and loses nothing by that."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from services.intake.app import Intake, app
from services.intake.settings import IntakeSettings
from shared.events.case import CaseAssigned, CaseClosed
from shared.events.followup import SurveyRequested
from shared.events.request import RequestReceived
from shared.events.words import Settlement
from shared.settings import new_keys
from shared.store.migration import migrate
from shared.web.auth import channel_key
from tests.support.intake import posted
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, case_sequences, until

ROUTING, FOLLOWUP = "/minsheng/routing", "/minsheng/followup"
PATH = "/v1/requests"


@pytest.mark.real_kafka
async def test_requests_are_taken_without_a_broker_and_told_of_when_it_is_back(
    database: str, own_kafka: KafkaServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate("intake", database)
    keys = {name.removeprefix("MINSHENG_").lower(): value for name, value in new_keys("test").items()}
    settings = IntakeSettings.model_validate(
        {
            **keys,
            "kafka": own_kafka.bootstrap,
            "intake_database": database,
            "intake_port": 0,
            "topic_prefix": namespace,
            "partitions": PARTITIONS,
            "log_level": "error",
        }
    )
    monkeypatch.setattr("services.intake.app.settings", settings)
    bench = await Bench.open(own_kafka, database, namespace)
    service = Intake(beacon=app.beacon, loop=app.loop)
    await service.start()
    assert service._server is not None
    headers = {"X-Channel-Key": channel_key(settings.channel_ring, "wechat/*")}
    client = httpx.AsyncClient(base_url=service._server.url, headers=headers)
    cases: list[UUID] = []

    async def post(count: int) -> None:
        for _ in range(count):
            answer = await client.post(PATH, json=posted(f"m-{len(cases)}"))
            assert answer.status_code == 202
            cases.append(UUID(answer.json()["case_id"]))

    async def all_told() -> bool:
        return {one.case_id for one in await bench.published("requests")} == set(cases)

    async def ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    try:
        await until(ready, what="readiness")
        await post(5)
        await until(all_told, what="an event for each request")

        await own_kafka.kill()
        await post(20)
        await own_kafka.start()
        await until(all_told, what="an event for each request that came without a broker")
        # A broker that was away may have been told twice of one event, but never of an event of another case or order.
        for received in await bench.published("requests"):
            assert isinstance(received.event, RequestReceived)
            assert received.source == "/minsheng/intake"
        assert set(map(tuple, case_sequences(await bench.published("requests")).values())) <= {(1,), (1, 1)}

        now = datetime.now(UTC)
        assigned = CaseAssigned(unit="u1", unit_name="临江分局", officer=None, contact_due=now, due=now)
        closed = CaseClosed(unit="u1", closed_at=now, settlement=Settlement.SATISFIED)
        survey = SurveyRequested(round=1, unit="u1", medium="sms", answer_by=now)
        await bench.send([(cases[0], 1, assigned), (cases[1], 1, assigned)], topic="cases", source=ROUTING)
        await bench.send([(cases[0], 1, survey)], topic="followups", source=FOLLOWUP)
        await bench.send([(cases[0], 2, closed)], topic="cases", source=ROUTING)

        async def closed_now() -> bool:
            return str((await client.get(f"{PATH}/{cases[0]}")).json()["state"]) == "closed"

        await until(closed_now, what="progress")

        async def all_steps() -> bool:
            return len((await client.get(f"{PATH}/{cases[0]}")).json()["steps"]) == 4

        await until(all_steps, what="all steps")
        progress = (await client.get(f"{PATH}/{cases[0]}")).json()
        assert [step["code"] for step in progress["steps"]] == ["received", "assigned", "survey", "closed"]
        assert progress["steps"][1]["text"] == "已转办至临江分局"
        assert (await client.get(f"{PATH}/{cases[1]}")).json()["state"] == "assigned"
        assert (await client.get(f"{PATH}/{cases[2]}")).json()["state"] == "received"
    finally:
        await client.aclose()
        await service.stop()
        await bench.close()
