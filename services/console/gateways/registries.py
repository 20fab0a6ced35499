"""Reads what codes are called: the organisation from routing, the channel families from intake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx

from services.console.domain.names import Names
from services.console.domain.reading import Trouble
from services.console.gateways.client import TroubleError, get_json


class Registries:
    """The names of districts, units, categories and channel families."""

    def __init__(self, client: httpx.AsyncClient, routing_url: str, intake_url: str) -> None:
        self._client = client
        self._organisation = f"{routing_url}/v1/organisation"
        self._channels = f"{intake_url}/v1/channels"

    async def read(self, token: str, known: Names) -> tuple[Names, TroubleError | None]:
        """The names as they are now, with what is `known` where a registry doesn't answer, and its trouble then."""
        async with asyncio.TaskGroup() as group:
            organisation = group.create_task(self._ask(self._organisation, token, _organisation))
            channels = group.create_task(self._ask(self._channels, token, _channels))
        found, trouble = organisation.result()
        families, channels_trouble = channels.result()
        return replace(known, **found, **families), trouble or channels_trouble

    async def _ask(
        self, url: str, token: str, read: Callable[[Any], dict[str, Any]]
    ) -> tuple[dict[str, Any], TroubleError | None]:
        try:
            return read(await get_json(self._client, url, token)), None
        except TroubleError as error:
            return {}, error


def _organisation(answer: Any) -> dict[str, Any]:
    """The parts of `Names` that routing knows."""
    found: dict[str, Any] = {name: _named(answer, name) for name in ("districts", "units", "categories")}
    fallback = (one["code"] for one in answer["districts"] if isinstance(one, dict) and one.get("fallback") is True)
    return {**found, "undetermined": next(fallback, None)}


def _channels(answer: Any) -> dict[str, Any]:
    """The part of `Names` that intake knows."""
    return {"families": _named(answer, "families")}


def _named(answer: Any, what: str) -> Mapping[str, str]:
    entries = answer.get(what) if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise TroubleError(Trouble.UNEXPECTED, f"the registry has no list of {what}")
    return {
        entry["code"]: entry["name"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("code"), str) and isinstance(entry.get("name"), str)
    }
