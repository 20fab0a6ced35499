from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from services.analytics import views
from services.console.domain.language import Language
from services.console.domain.names import Names
from services.console.domain.platform import ServiceHealth, ServiceState
from services.console.domain.reading import Trouble
from services.console.gateways.analytics import Analytics
from services.console.gateways.client import MAX_ANSWER_BYTES, TroubleError
from services.console.gateways.readiness import ReadinessGateway
from services.console.gateways.registries import Registries

Answer = Callable[[httpx.Request], httpx.Response]
DAY = date(2026, 3, 2)


def client(answer: Answer) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def analytics(answer: Answer) -> Analytics:
    return Analytics(client(answer), "http://analytics")


def fixed(content: Any, status: int = 200) -> Answer:
    return lambda _: httpx.Response(status, json=content)


async def test_asks_as_the_person_for_the_days_wanted() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"rows": []})

    await analytics(answer).satisfaction("signed", "unit", DAY, days=30)
    (request,) = asked
    assert request.url.path == "/v1/satisfaction"
    assert dict(request.url.params) == {"by": "unit", "from": "2026-02-01", "to": "2026-03-02"}
    assert request.headers["authorization"] == "Bearer signed"


async def test_reads_what_analytics_really_answers() -> None:
    """Answers made with analytics' own models: where they change, this fails and not the page."""
    counts = views.CountsAnswer(
        by=["family"],
        first=DAY,
        last=DAY,
        rows=[
            views.CountRow(
                family="wechat",
                received=9,
                opened=9,
                assigned=9,
                resolved=4,
                in_time=3,
                reopened=1,
                overdue=2,
                closed=1,
            )
        ],
    )
    (row,) = await analytics(fixed(counts.model_dump(mode="json", by_alias=True))).counts("t", "family", DAY)
    assert (row.family, row.received, row.resolved, row.in_time, row.overdue) == ("wechat", 9, 4, 3, 2)

    zeros = dict.fromkeys(views.SatisfactionRow.model_fields.keys() - views.Dimensions.model_fields.keys(), 0)
    satisfaction = views.SatisfactionRow(**(zeros | {"unit": "u1", "answered": 5, "satisfied_count": 4}))
    told = {"by": ["unit"], "from": "2026-03-02", "to": "2026-03-02", "rows": [satisfaction.model_dump(mode="json")]}
    (surveyed,) = await analytics(fixed(told)).satisfaction("t", "unit", DAY)
    assert (surveyed.unit, surveyed.answered, surveyed.satisfied_count) == ("u1", 5, 4)

    opened = views.OpenAnswer(by=["state"], rows=[views.OpenRow(state="assigned", cases=3)])
    (state,) = await analytics(fixed(opened.model_dump(mode="json"))).open("t")
    assert (state.state, state.cases) == ("assigned", 3)

    minute = views.MinuteView(minute=datetime(2026, 3, 2, tzinfo=UTC), requests=6, complete=False)
    live = views.LiveAnswer(
        available=False, reason="down", since=None, rate_per_minute=None, by_family={}, per_minute=[minute]
    )
    read = await analytics(fixed(live.model_dump(mode="json"))).live("t")
    assert (read.available, read.rate_per_minute, read.per_minute[0].requests) == (False, None, 6)


async def test_latest_events_come_newest_first() -> None:
    rows = [
        {"type": "minsheng.case.opened.v1", "case_id": str(minute), "time": f"2026-03-02T00:0{minute}:00Z", "data": {}}
        for minute in (1, 3, 2)
    ]
    recent = await analytics(fixed({"rows": rows})).recent("t")
    assert [one.case_id for one in recent] == ["3", "2", "1"]


def _raises(error: Exception) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (_raises(httpx.ConnectError("no")), Trouble.UNREACHABLE),
        (_raises(httpx.ReadTimeout("slow")), Trouble.UNREACHABLE),
        (fixed({}, 401), Trouble.UNAUTHORISED),
        (fixed({}, 403), Trouble.FORBIDDEN),
        (fixed({}, 429), Trouble.FAILING),
        (fixed({}, 503), Trouble.FAILING),
        (fixed({}, 404), Trouble.UNEXPECTED),
        (lambda _: httpx.Response(302, headers={"location": "http://elsewhere"}), Trouble.UNEXPECTED),
        (lambda _: httpx.Response(200, content=b"<html>"), Trouble.UNEXPECTED),
        (lambda _: httpx.Response(200, content=b'{"rows":[]}' + b" " * MAX_ANSWER_BYTES), Trouble.UNEXPECTED),
        (fixed([1]), Trouble.UNEXPECTED),
        (fixed({"rows": [{"state": "assigned", "cases": -1}]}), Trouble.UNEXPECTED),
    ],
)
async def test_what_went_wrong_has_a_name(answer: Answer, trouble: Trouble) -> None:
    with pytest.raises(TroubleError) as failed:
        await analytics(answer).open("t")
    assert failed.value.trouble is trouble


ALL = {"code": "all", "name": "全市", "fallback": True}


async def test_names_come_from_both_registries_and_stay_where_one_is_silent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/channels":
            return httpx.Response(503)
        named = [{"code": "c", "name": "名", "more": 1}, {"code": "nameless"}]
        return httpx.Response(200, json={"districts": [*named, ALL], "units": named, "categories": []})

    registries = Registries(client(answer), "http://routing", "http://intake")
    names, trouble = await registries.read("t", Names(families={"wechat": "微信"}, units={"gone": "旧"}))
    assert names.unit("c", Language.CHINESE) == "名"
    assert names.unit("gone", Language.CHINESE) == "gone"
    assert names.undetermined == "all"
    assert names.families == {"wechat": "微信"}
    assert trouble is not None
    assert trouble.trouble is Trouble.FAILING


async def test_readiness_names_the_failing_parts_and_never_fails() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        match request.url.host:
            case "intake":
                return httpx.Response(200, json={"status": "ready", "parts": {"database": {"ready": True}}})
            case "city":
                return httpx.Response(200, json={"status": "degraded", "parts": {"relay": {"ready": False}}})
            case "routing":
                parts = {"relay": {"ready": False, "reason": "x"}, "database": {"ready": True, "reason": None}}
                return httpx.Response(503, json={"status": "not-ready", "parts": parts})
            case "followup":
                return httpx.Response(502, content=b"<html>")
        raise httpx.ConnectError("no")

    names = ("intake", "city", "routing", "followup", "analytics")
    gateway = ReadinessGateway(client(answer), {name: f"http://{name}" for name in names})
    assert [health.state for health in gateway.unknown] == [ServiceState.CHECKING] * 5
    assert await gateway.read() == (
        ServiceHealth("intake", ServiceState.READY),
        ServiceHealth("city", ServiceState.DEGRADED, ("relay",)),
        ServiceHealth("routing", ServiceState.NOT_READY, ("relay",)),
        ServiceHealth("followup", ServiceState.NOT_READY),
        ServiceHealth("analytics", ServiceState.UNREACHABLE),
    )
