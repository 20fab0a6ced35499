"""`/healthz` alive, `/readyz` able to serve, `/metrics` for Prometheus."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from shared.telemetry import failures

log = structlog.get_logger(__name__)

CHECK_SECONDS = 4.0
"""How long one check may take: below the timeout that orchestrators give a probe."""

Check: TypeAlias = Callable[[], str | Awaitable[str | None] | None]
"""Says why a part can't do its work now, or None when it can."""


class Need(StrEnum):
    """Whether the process can serve without a part. What it can do without shows as `degraded`, and is no reason to
    send callers elsewhere: intake takes requests in while the bus is down."""

    ALWAYS = "always"
    TO_START = "to start"
    NEVER = "never"


class Readiness:
    """The parts of a process, each with a check; safe to change at any time."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._needs: dict[str, Need] = {}

    def add(self, part: str, check: Check, *, need: Need = Need.ALWAYS) -> None:
        """Ask `check` about `part` from now on, instead of a former check of the same part."""
        self._checks[part] = check
        self._needs[part] = need

    async def verdict(self) -> tuple[str, dict[str, str | None]]:
        """`ready`, `degraded` (serves, but something waits) or `not-ready`, and what each part says."""
        troubles = await self.troubles()
        for part, trouble in troubles.items():
            if trouble is None and self._needs.get(part) is Need.TO_START:
                self._needs[part] = Need.NEVER
        if not any(troubles.values()):
            return "ready", troubles
        needed = any(trouble and self._needs.get(part) is not Need.NEVER for part, trouble in troubles.items())
        return "not-ready" if needed else "degraded", troubles

    def remove(self, part: str) -> None:
        """Forget a part; nothing happens when it is not there."""
        self._checks.pop(part, None)
        self._needs.pop(part, None)

    async def troubles(self) -> dict[str, str | None]:
        """What each part says now; all are asked at the same time. A check that fails or hangs is a trouble, too."""
        parts = dict(self._checks)
        answers = await asyncio.gather(*(_ask(part, check) for part, check in parts.items()))
        return dict(zip(parts, answers, strict=True))


async def _ask(part: str, check: Check) -> str | None:
    try:
        answer = check()
        if inspect.isawaitable(answer):
            return await asyncio.wait_for(answer, CHECK_SECONDS)
        return answer
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} seconds"
    except Exception as error:
        log.exception("readiness_check_failed", part=part)
        return f"the check failed: {type(error).__name__}: {failures.message(error)}"


def router(
    service: str, readiness: Readiness, *, demonstration: bool = False, registry: CollectorRegistry = REGISTRY
) -> APIRouter:
    """The three addresses of a service. They need no authentication and reveal no case.

    `/healthz` names the service, so that nobody takes one for another; says whether the deployment is a demonstration,
    whose cases are invented; and tells the time here.
    """
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str | bool]:
        return {
            "status": "alive",
            "service": service,
            "demonstration": demonstration,
            "time": datetime.now(UTC).isoformat(),
        }

    @routes.get("/readyz", summary="Can it serve? Names each part that can't, and why.")
    async def readyz() -> JSONResponse:
        status, troubles = await readiness.verdict()
        return JSONResponse(
            {
                "status": status,
                "service": service,
                "parts": {part: {"ready": not trouble, "reason": trouble} for part, trouble in troubles.items()},
            },
            503 if status == "not-ready" else 200,
            headers={"Cache-Control": "no-store"},
        )

    @routes.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return routes
