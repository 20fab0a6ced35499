"""Reads lists of the platform page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from services.simulator.client import Caller

_LIMIT = 200


async def listed(
    caller: Caller, url: str, headers: Mapping[str, str], **filters: str
) -> AsyncIterator[list[dict[str, Any]]]:
    """The pages of a list; ends early where there is no (good) answer. Raises `NoAnswerError`."""
    cursor: str | None = None
    while True:
        query = filters | {"limit": str(_LIMIT)} | ({"cursor": cursor} if cursor else {})
        answer = await caller.once("GET", f"{url}?{urlencode(query)}", headers)
        if not answer.ok:
            raise ListRefusedError(url, answer.status, answer.problem)
        yield answer.content["items"]
        cursor = answer.content.get("next")
        if not cursor:
            return


class ListRefusedError(RuntimeError):
    """The platform doesn't show a list to the simulated staff. The message says what to look at."""

    def __init__(self, url: str, status: int, problem: str) -> None:
        super().__init__(
            f"{url} answered {status} ({problem}). Does MINSHENG_STAFF_KEYS hold the deployment's keys, and is the "
            "address that of the right service?"
        )
