from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from shared.web import health
from shared.web.health import Need, Readiness


def _client(readiness: Readiness, registry: CollectorRegistry | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(
        health.router("routing", readiness, demonstration=True, registry=registry or CollectorRegistry())
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_a_process_is_ready_when_all_parts_are() -> None:
    readiness = Readiness()

    async def fine() -> str | None:
        return None

    readiness.add("database", fine)
    readiness.add("relay", lambda: None)
    async with _client(readiness) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "service": "routing",
        "parts": {"database": {"ready": True, "reason": None}, "relay": {"ready": True, "reason": None}},
    }


async def test_each_part_that_fails_is_named_with_its_reason() -> None:
    trouble: str | None = "waits for the broker"
    readiness = Readiness()
    readiness.add("relay", lambda: trouble)
    readiness.add("database", lambda: None)
    async with _client(readiness) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["status"] == "not-ready"
        assert answer.json()["parts"]["relay"] == {"ready": False, "reason": "waits for the broker"}
        assert answer.json()["parts"]["database"]["ready"]
        trouble = None
        assert (await client.get("/readyz")).status_code == 200
        alive = (await client.get("/healthz")).json()
    told = datetime.fromisoformat(alive.pop("time"))
    assert abs(datetime.now(UTC) - told).total_seconds() < 60
    assert alive == {"status": "alive", "service": "routing", "demonstration": True}


async def test_a_check_that_fails_or_hangs_is_a_trouble_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    readiness = Readiness()

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    def fails() -> str | None:
        raise OSError("call 13812345678")

    readiness.add("hangs", hangs)
    readiness.add("fails", fails)
    troubles = await readiness.troubles()
    assert troubles == {
        "hangs": "no answer within 0.05 seconds",
        "fails": "the check failed: OSError: call 〔电话〕",
    }


async def test_a_part_can_be_asked_otherwise_and_be_forgotten() -> None:
    readiness = Readiness()
    readiness.add("task", lambda: None)
    readiness.add("task", lambda: "ended")
    assert await readiness.troubles() == {"task": "ended"}
    readiness.remove("task")
    readiness.remove("task")
    assert await readiness.troubles() == {}


async def test_metrics_are_in_the_form_of_prometheus() -> None:
    registry = CollectorRegistry()
    Counter("cases", "Cases.", registry=registry).inc(3)
    async with _client(Readiness(), registry) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "cases_total 3.0" in answer.text


async def test_what_a_process_can_do_without_degrades_it_and_does_not_take_it_away() -> None:
    trouble: dict[str, str | None] = {"bus": "has not joined", "gateway": "down"}
    readiness = Readiness()
    readiness.add("bus", lambda: trouble["bus"], need=Need.TO_START)
    readiness.add("gateway", lambda: trouble["gateway"], need=Need.NEVER)

    assert (await readiness.verdict())[0] == "not-ready"
    trouble["bus"] = None
    assert (await readiness.verdict())[0] == "degraded"
    trouble["gateway"] = None
    assert (await readiness.verdict())[0] == "ready"
    trouble["bus"] = "the broker is gone"
    assert (await readiness.verdict())[0] == "degraded"
    readiness.add("database", lambda: "gone")
    assert (await readiness.verdict())[0] == "not-ready"
