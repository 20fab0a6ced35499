"""The FastAPI application that every service begins with: errors, limits, trace, authentication and health."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from shared.settings import Settings
from shared.web import health, problems
from shared.web.health import Readiness
from shared.web.limits import BodyLimit, RateLimit
from shared.web.trace import TraceContext


def create_api(service: str, title: str, settings: Settings, readiness: Readiness) -> FastAPI:
    """A service's application, without its own routes yet.

    Reads the keys of staff, channels and callbacks now, so that a missing one stops the start and not a request:
    raises `MissingSettingError` or `KeyRingError`.
    """
    api = FastAPI(
        title=title,
        version=version("minsheng"),
        description=f"The service `{service}` of 民生警务平台.",
        responses=problems.RESPONSES,
        # Their pages load scripts from a CDN, which a closed network has not; /openapi.json is there.
        docs_url=None,
        redoc_url=None,
    )
    api.state.service = service
    api.state.staff_ring = settings.staff_ring
    api.state.channel_ring = settings.channel_ring
    api.state.callback_ring = settings.callback_ring
    # The one added last is the outermost.
    problems.install(api)
    api.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    api.add_middleware(RateLimit, rate=settings.rate_per_second, burst=settings.rate_burst)
    api.add_middleware(TraceContext)
    api.include_router(health.router(service, readiness, demonstration=settings.demonstration))
    return api
