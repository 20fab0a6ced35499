"""Reads figures from analytics, as the person whose token is given."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from services.console.domain.figures import Counted, Live, OpenCases, Surveyed
from services.console.domain.happenings import Happening
from services.console.domain.reading import Trouble
from services.console.gateways.client import TroubleError, get_json

T = TypeVar("T")

SATISFACTION_DAYS = 30
RECENT = 40

_COUNTED = TypeAdapter(tuple[Counted, ...])
_SURVEYED = TypeAdapter(tuple[Surveyed, ...])
_OPEN = TypeAdapter(tuple[OpenCases, ...])
_LIVE = TypeAdapter(Live)
_RECENT = TypeAdapter(tuple[Happening, ...])


class Analytics:
    """The questions that the page asks of analytics. Each raises `TroubleError` when there is no answer."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def counts(self, token: str, by: str, day: date) -> tuple[Counted, ...]:
        """Counts of the requests that were received on `day`, by one dimension."""
        return _read(_COUNTED, await self._rows("counts", token, _span(by, day, day)))

    async def satisfaction(self, token: str, by: str, last: date, days: int = 1) -> tuple[Surveyed, ...]:
        """Survey answers about the requests received in `days` days that end with `last`, by one dimension."""
        first = last - timedelta(days=days - 1)
        return _read(_SURVEYED, await self._rows("satisfaction", token, _span(by, first, last)))

    async def open(self, token: str) -> tuple[OpenCases, ...]:
        """Open cases by state."""
        return _read(_OPEN, await self._rows("open", token, {"by": "state"}))

    async def live(self, token: str) -> Live:
        """The approximate rate of the last hour."""
        return _read(_LIVE, await self._get("live", token, None))

    async def recent(self, token: str) -> tuple[Happening, ...]:
        """The latest public events, newest first."""
        rows = await self._rows("recent", token, {"limit": str(RECENT)})
        happenings: tuple[Happening, ...] = _read(_RECENT, rows)
        return tuple(sorted(happenings, key=lambda happening: happening.time, reverse=True))

    async def _get(self, path: str, token: str, params: dict[str, str] | None) -> Any:
        return await get_json(self._client, f"{self._url}/v1/{path}", token, params)

    async def _rows(self, path: str, token: str, params: dict[str, str]) -> Any:
        answer = await self._get(path, token, params)
        if not isinstance(answer, dict) or "rows" not in answer:
            raise TroubleError(Trouble.UNEXPECTED, f"{path} has no rows")
        return answer["rows"]


def _span(by: str, first: date, last: date) -> dict[str, str]:
    return {"by": by, "from": first.isoformat(), "to": last.isoformat()}


def _read(adapter: TypeAdapter[T], answer: Any) -> T:
    try:
        return adapter.validate_python(answer)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise TroubleError(Trouble.UNEXPECTED, f"{first['loc']}: {first['type']}") from None
