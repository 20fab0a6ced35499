"""All services together: a dissatisfied citizen, a second round, a late answer, and what each of them says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from shared.events.words import Satisfaction, Settlement
from tests.support.kafka import KafkaServer
from tests.support.kernel import until
from tests.support.services import Services, running_services

SECONDS = 60.0
NOISE = "临江区望江路每晚唱歌扰民"
SATISFIED, DISSATISFIED = "2", "5"


@pytest.fixture
async def services(
    kafka: KafkaServer,
    make_database: Callable[[str | None], Awaitable[str]],
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Services]:
    async with running_services(kafka, make_database, namespace, monkeypatch) as running:
        yield running


@pytest.fixture
async def impatient(
    kafka: KafkaServer,
    make_database: Callable[[str | None], Awaitable[str]],
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Services]:
    """Follow-up gives up on an answer after two seconds."""
    patience = {"survey_answer_hours": 2 / 3600, "survey_reminder_hours": 0}
    async with running_services(kafka, make_database, namespace, monkeypatch, **patience) as running:
        yield running


async def views(services: Services, case_id: UUID) -> dict[str, Any]:
    """Where each service has the case."""
    case, asked, fact, request = await asyncio.gather(
        services.read("routing", f"/v1/cases/{case_id}"),
        services.read("followup", f"/v1/followups/{case_id}"),
        services.read("analytics", f"/v1/cases/{case_id}"),
        services.read("intake", f"/v1/requests/{case_id}"),
    )
    return {
        "routing": case and (case["state"], case["round"], case["settlement"]),
        "followup": asked and (asked["state"], asked["round"], asked["settlement"]),
        "analytics": fact and (fact["state"], fact["reopenings"] + 1, fact["settlement"]),
        "closed": fact and fact["closed_at"] is not None,
        "intake": request and request["state"],
    }


async def agree(
    services: Services,
    case_id: UUID,
    state: str,
    nth: int,
    asked: str | None,
    citizen: str,
    settlement: str | None = None,
) -> None:
    """Wait until every service has the case in its `nth` round where it should have it."""
    expected = {
        "routing": (state, nth, settlement),
        "followup": None if asked is None else (asked, nth if asked != "rectification" else nth - 1, settlement),
        "analytics": (state, nth, settlement),
        "closed": state == "closed",
        "intake": citizen,
    }
    found: dict[str, Any] = {}

    async def agreed() -> bool:
        found.update(await views(services, case_id))
        return found == expected

    try:
        await until(agreed, seconds=SECONDS, what=f"{state} in round {nth} everywhere")
    except AssertionError:
        assert found == expected
        raise


async def surveyed(services: Services, case_id: UUID, times: int) -> None:
    """Wait until the citizen got so many surveys."""

    async def got() -> bool:
        return services.surveys(case_id) >= times

    await until(got, seconds=SECONDS, what=f"survey {times}")


async def figures_agree(services: Services) -> None:
    """Wait until what analytics counts is what stands in routing's and follow-up's own tables."""
    found: list[Any] = []

    async def same() -> bool:
        cases = await services.rows("routing", "SELECT status, unit, state->>'settlement' FROM cases")
        asked = await services.rows("followup", "SELECT state->>'settlement', state->'answers' FROM followups")
        open_cases = Counter((status, unit) for status, unit, _ in cases if status != "closed")
        ended = Counter(settlement for settlement, _ in asked if settlement is not None)
        last = Counter(answers[-1]["level"] for _, answers in asked if answers)
        own = {
            "received": len(await services.rows("intake", "SELECT 1 FROM requests")),
            "open": dict(open_cases),
            "closed": sum(status == "closed" for status, _, _ in cases),
            "settled": {one: ended[one] for one in Settlement},
            "settled in routing": {one: sum(how == one for _, _, how in cases) for one in Settlement},
            "answered": sum(bool(answers) for _, answers in asked),
            "levels": {one: last[one] for one in Satisfaction},
        }
        counts = (await services.read("analytics", "/v1/counts", by=""))["rows"][0]
        said = (await services.read("analytics", "/v1/satisfaction", by=""))["rows"][0]
        rows = (await services.read("analytics", "/v1/open", by="state,unit"))["rows"]
        settled = {one: said[f"settled_{one.value}"] for one in Settlement}
        counted = {
            "received": counts["received"],
            "open": {(row["state"], row["unit"]): row["cases"] for row in rows},
            "closed": counts["closed"],
            "settled": settled,
            "settled in routing": settled,
            "answered": said["answered"],
            "levels": {one: said[one.value.replace("-", "_")] for one in Satisfaction},
        }
        found[:] = [counted, own]
        return counted == own and counts["closed"] + sum(open_cases.values()) == counts["received"]

    try:
        await until(same, seconds=SECONDS, what="analytics' figures those of the others")
    except AssertionError:
        assert found[0] == found[1]
        raise


async def worked(services: Services, *steps: str) -> UUID:
    """A case that was opened and worked as far as this."""
    case_id = await services.ask(NOISE)
    await agree(services, case_id, "assigned", 1, None, "assigned")
    await services.work(case_id, *steps)
    return case_id


async def test_a_dissatisfied_citizen_is_satisfied_in_the_second_round(services: Services) -> None:
    case_id = await worked(services, "accept")
    await agree(services, case_id, "accepted", 1, None, "accepted")
    await services.work(case_id, "contact")
    await agree(services, case_id, "contacted", 1, None, "contacted")
    await services.work(case_id, "resolve")
    await surveyed(services, case_id, 1)
    await agree(services, case_id, "resolved", 1, "sent", "surveying")
    await services.reply(case_id, DISSATISFIED)
    await agree(services, case_id, "reopened", 2, "rectification", "rectifying")
    await figures_agree(services)
    await services.work(case_id, "contact")
    await agree(services, case_id, "contacted", 2, "rectification", "contacted")
    await services.work(case_id, "resolve")
    await surveyed(services, case_id, 2)
    await agree(services, case_id, "resolved", 2, "sent", "surveying")
    await services.reply(case_id, SATISFIED)
    await agree(services, case_id, "closed", 2, "settled", "closed", "satisfied")
    await figures_agree(services)


async def test_a_late_dissatisfied_answer_opens_a_closed_case_again_for_everybody(impatient: Services) -> None:
    services = impatient
    case_id = await worked(services, "accept", "contact", "resolve")
    await surveyed(services, case_id, 1)
    await agree(services, case_id, "closed", 1, "settled", "closed", "unanswered")
    await figures_agree(services)
    await services.reply(case_id, DISSATISFIED)
    await agree(services, case_id, "reopened", 2, "rectification", "rectifying")
    await figures_agree(services)
    await services.work(case_id, "contact", "resolve")
    await surveyed(services, case_id, 2)
    await agree(services, case_id, "closed", 2, "settled", "closed", "unanswered")
    await services.reply(case_id, DISSATISFIED)
    await agree(services, case_id, "reopened", 3, "rectification", "rectifying")
    await figures_agree(services)


async def test_many_cases_stand_in_one_place_each_in_the_figures_as_in_the_tables(services: Services) -> None:
    waiting = [await services.ask(NOISE) for _ in range(2)]
    resolved = [await worked(services, "accept", "contact", "resolve") for _ in range(4)]
    for case_id in resolved:
        await surveyed(services, case_id, 1)
    for case_id, text in zip(resolved[1:], (SATISFIED, DISSATISFIED, DISSATISFIED), strict=True):
        await services.reply(case_id, text)
    await agree(services, resolved[3], "reopened", 2, "rectification", "rectifying")
    await services.work(resolved[3], "contact", "resolve")
    await surveyed(services, resolved[3], 2)
    await services.reply(resolved[3], SATISFIED)
    await agree(services, resolved[3], "closed", 2, "settled", "closed", "satisfied")
    await agree(services, resolved[1], "closed", 1, "settled", "closed", "satisfied")
    await agree(services, resolved[2], "reopened", 2, "rectification", "rectifying")
    for case_id in waiting:
        await agree(services, case_id, "assigned", 1, None, "assigned")
    await figures_agree(services)
