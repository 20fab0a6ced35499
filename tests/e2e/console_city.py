"""The other services as the console sees them: their public addresses, answering with a city's figures that can move.

Answers are made with the services' own models where they have them, so that they can't drift from the real ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import yaml
from fastapi import FastAPI, Request, Response

from services.analytics import views
from shared.web.server import HttpServer
from tests.support.places import PROJECT

ZONE = ZoneInfo("Asia/Shanghai")
FAMILIES = {"wechat": 412, "hotline-12345": 388, "police-station": 176, "community": 141, "website": 96, "weibo": 64}
DISTRICTS = {"linjiang": 402, "yunshan": 311, "beihu": 244, "nanping": 171, "xingang": 118, "qingxi": 31}
OPEN = {"opened": 6, "assigned": 74, "accepted": 121, "contacted": 203, "resolved": 388, "reopened": 17}
UNITS = {
    "household-registration": (412, 0.972),
    "exit-entry": (301, 0.961),
    "linjiang-branch": (644, 0.934),
    "traffic-police": (1280, 0.887),
    "yunshan-branch": (502, 0.921),
    "beihu-branch": (377, 0.905),
    "anti-fraud": (215, 0.842),
    "public-order": (188, 0.771),
    "drone-squad": (4, 1.0),
    "cyber-police": (7, 0.714),
}


@dataclass
class City:
    """What the services answer. Change it, and the page must follow."""

    received_extra: int = 0
    empty: bool = False
    refuse: int | None = None
    live_trouble: str | None = None
    not_ready: set[str] = field(default_factory=set)
    happened: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def reset(self, other: City) -> None:
        """Become as `other` is."""
        vars(self).update(vars(other))

    def counts(self, by: str) -> list[dict[str, Any]]:
        """Rows of /v1/counts."""
        if self.empty:
            return []
        source = {"family": FAMILIES, "district": DISTRICTS}[by]
        rows = [_counted(by, code, received) for code, received in source.items()]
        rows[0]["received"] += self.received_extra
        return rows

    def satisfaction(self, by: str) -> list[dict[str, Any]]:
        """Rows of /v1/satisfaction."""
        if self.empty:
            return []
        if by == "day":
            return [_surveyed("day", datetime.now(ZONE).date().isoformat(), 318, 0.937)]
        return [_surveyed("unit", unit, answered, rate) for unit, (answered, rate) in UNITS.items()]

    def live(self) -> dict[str, Any]:
        """The answer of /v1/live."""
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        minutes = (
            []
            if self.empty
            else [(back, 9 + (back * 7) % 13 + (8 if back in (21, 22, 23) else 0)) for back in range(60)]
        )
        return {
            "available": self.live_trouble is None,
            "reason": self.live_trouble,
            "since": now - timedelta(hours=3),
            "rate_per_minute": 0 if self.empty else 17,
            "by_family": {} if self.empty else {"wechat": 9, "hotline-12345": 8},
            "per_minute": [
                {"minute": now - timedelta(minutes=back), "requests": requests, "complete": back > 0}
                for back, requests in reversed([] if self.empty else minutes)
            ],
        }

    def recent(self) -> list[dict[str, Any]]:
        """Rows of /v1/recent, newest first."""
        return [] if self.empty else list(reversed(self.happened))

    def happens(self, event_type: str, case: int, **about: Any) -> None:
        """Something happened just now."""
        known = {name: about.pop(name, None) for name in ("family", "kind", "category", "district", "unit")}
        self.happened.append(
            {
                "id": len(self.happened) + 1,
                "time": datetime.now(UTC),
                "type": f"minsheng.{event_type}.v1",
                "case_id": UUID(int=case),
                "sequence": 1,
                **known,
                "data": about,
            }
        )


def busy_city() -> City:
    """A city on an ordinary working day."""
    city = City()
    names = ("family", "kind", "category", "district", "unit")
    about = [
        dict(zip(names, codes, strict=True))
        for codes in (
            ("wechat", "complaint", "noise", "linjiang", "linjiang-branch"),
            ("hotline-12345", "enquiry", "identity-card", "yunshan", "household-registration"),
            ("police-station", "report", "telecom-fraud", "beihu", "anti-fraud"),
            ("website", "help", "lost-property", "qingxi", "qingxi-branch"),
        )
    ]
    for case, known in enumerate(about):
        city.happens("case.opened", case, **known)
        city.happens("case.assigned", case, unit=known["unit"])
    city.happens("case.accepted", 1)
    city.happens("case.contacted", 1)
    city.happens("case.overdue", 2, clock="contact")
    city.happens("case.resolved", 1, in_time=True)
    city.happens("survey.delivered", 1)
    city.happens("survey.answered", 1, level="very-satisfied")
    city.happens("survey.answered", 3, level="dissatisfied")
    city.happens("rectification.opened", 3)
    city.happens("case.settled", 1, settlement="satisfied")
    city.happens("request.received", 9, family="wechat", urgent=True)
    return city


def _counted(by: str, code: str, received: int) -> dict[str, Any]:
    resolved = received * 6 // 10
    return {
        by: code,
        "received": received,
        "opened": received,
        "assigned": received,
        "resolved": resolved,
        "in_time": resolved * 97 // 100,
        "reopened": 2,
        "overdue": received // 200,
        "closed": resolved // 2,
    }


def _surveyed(by: str, code: str, answered: int, rate: float) -> dict[str, Any]:
    satisfied = round(answered * rate)
    numbers = dict.fromkeys(views.SatisfactionRow.model_fields.keys() - views.Dimensions.model_fields.keys(), 0)
    return {
        **numbers,
        by: code,
        "surveyed": answered * 2,
        "answered": answered,
        "satisfied_count": satisfied,
        "rate": satisfied / answered,
        "first_rate": None,
    }


def analytics_app(city: City) -> FastAPI:
    """Analytics' addresses."""
    app = FastAPI()

    @app.middleware("http")
    async def checked(request: Request, call_next: Any) -> Response:
        if request.url.path.startswith("/v1/"):
            city.asked.append(request.url.path)
            city.tokens.add(request.headers.get("authorization", ""))
            if city.refuse is not None:
                return Response("{}", city.refuse, media_type="application/problem+json")
        answer: Response = await call_next(request)
        return answer

    @app.get("/v1/counts", response_model_exclude_unset=True)
    async def counts(by: str, request: Request) -> views.CountsAnswer:
        return views.CountsAnswer.model_validate(_answer(request, by, city.counts(by)))

    @app.get("/v1/satisfaction", response_model_exclude_unset=True)
    async def satisfaction(by: str, request: Request) -> views.SatisfactionAnswer:
        return views.SatisfactionAnswer.model_validate(_answer(request, by, city.satisfaction(by)))

    @app.get("/v1/open", response_model_exclude_unset=True)
    async def open_cases(by: str) -> views.OpenAnswer:
        rows = [] if city.empty else [{"state": state, "cases": cases} for state, cases in OPEN.items()]
        return views.OpenAnswer.model_validate({"by": [by], "rows": rows})

    @app.get("/v1/live")
    async def live() -> views.LiveAnswer:
        return views.LiveAnswer.model_validate(city.live())

    @app.get("/v1/recent")
    async def recent() -> views.RecentAnswer:
        return views.RecentAnswer.model_validate({"rows": city.recent()})

    _add_readiness(app, city, "analytics")
    return app


def _answer(request: Request, by: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    asked = request.query_params
    return {"by": [by], "first": asked["from"], "last": asked["to"], "rows": rows}


def neighbour_app(city: City, service: str) -> FastAPI:
    """The addresses of intake, routing or follow-up that the console asks."""
    app = FastAPI()

    @app.get("/v1/organisation")
    async def organisation() -> dict[str, Any]:
        registry = yaml.safe_load((PROJECT / "deploy" / "organisation.yaml").read_text(encoding="utf-8"))
        return {
            "districts": registry["districts"],
            "units": [*registry["units"], {"code": "drone-squad", "name": "警用无人机大队"}],
            "categories": registry["categories"],
        }

    @app.get("/v1/channels")
    async def channels() -> dict[str, Any]:
        registry = yaml.safe_load((PROJECT / "deploy" / "channels.yaml").read_text(encoding="utf-8"))
        return {"families": registry["families"], "channels": [], "total": 0}

    _add_readiness(app, city, service)
    return app


def _add_readiness(app: FastAPI, city: City, service: str) -> None:
    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        ready = service not in city.not_ready
        response.status_code = 200 if ready else 503
        parts = {"relay": {"ready": ready, "reason": None if ready else "the broker does not answer"}}
        return {"status": "ready" if ready else "not-ready", "parts": parts}


@dataclass
class Servers:
    """The running services; `analytics` can be stopped and started at the same port."""

    city: City
    urls: dict[str, str]
    analytics: HttpServer

    async def stop_analytics(self) -> None:
        """Analytics is gone."""
        await self.analytics.stop()

    async def start_analytics(self) -> None:
        """Analytics is back where it was; nothing happens when it was not gone."""
        if not self.analytics.started or self.analytics.should_stop:
            port = int(self.urls["analytics"].rpartition(":")[2])
            self.analytics = HttpServer(analytics_app(self.city), port=port, name="analytics")
            await self.analytics.start()


@asynccontextmanager
async def running(city: City) -> AsyncIterator[Servers]:
    """The services of `city` on free ports."""
    neighbours = {
        service: HttpServer(neighbour_app(city, service), port=0, name=service)
        for service in ("intake", "routing", "followup")
    }
    servers = Servers(city, {}, HttpServer(analytics_app(city), port=0, name="analytics"))
    try:
        for service, server in {**neighbours, "analytics": servers.analytics}.items():
            await server.start()
            servers.urls[service] = server.url
        yield servers
    finally:
        for server in (*neighbours.values(), servers.analytics):
            await server.stop()
