"""Asks the services whether they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from services.console.domain.platform import ServiceHealth, ServiceState

MAX_FAILING = 5


class ReadinessGateway:
    """Reads `/readyz` of each service; needs no token."""

    def __init__(self, client: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    @property
    def unknown(self) -> tuple[ServiceHealth, ...]:
        """The state before anything was asked."""
        return tuple(ServiceHealth(service, ServiceState.CHECKING) for service in self._urls)

    async def read(self) -> tuple[ServiceHealth, ...]:
        """The state of every service now. Never fails: a service that doesn't answer is `unreachable`."""
        return tuple(await asyncio.gather(*(self._ask(service, url) for service, url in self._urls.items())))

    async def _ask(self, service: str, url: str) -> ServiceHealth:
        try:
            response = await self._client.get(f"{url}/readyz")
        except httpx.HTTPError:
            return ServiceHealth(service, ServiceState.UNREACHABLE)
        answer = _object(response)
        failing = _failing(answer)
        if response.status_code != httpx.codes.OK:
            return ServiceHealth(service, ServiceState.NOT_READY, failing)
        if answer.get("status") == ServiceState.DEGRADED:
            return ServiceHealth(service, ServiceState.DEGRADED, failing)
        return ServiceHealth(service, ServiceState.READY)


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _failing(answer: dict[str, Any]) -> tuple[str, ...]:
    parts = answer.get("parts")
    if not isinstance(parts, dict):
        return ()
    failing = (name for name, part in parts.items() if isinstance(part, dict) and part.get("ready") is False)
    return tuple(failing)[:MAX_FAILING]
