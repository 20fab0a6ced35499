"""Posting rows through the public interface until each has its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx
import orjson

from services.importer import words
from services.importer.journal import Done
from services.importer.outcomes import Outcomes, Prepared, is_for_later, reason_of
from shared.bus.backoff import Backoff
from shared.web.channel_keys import HEADER

PATH = "/v1/requests/batch"


class GaveUpError(RuntimeError):
    """The platform gave no answer for too long, or one that no waiting mends. The message says what to do."""


class _LaterError(Exception):
    """No answer now, perhaps later."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Poster:
    """Posts groups of rows. `patience` is how many seconds a group waits for a platform that is away."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        patience: float,
        outcomes: Outcomes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._patience = patience
        self._clock = clock
        self.outcomes = outcomes or Outcomes()

    async def time(self) -> datetime:
        """The platform's clock, and that there is an intake at all. Raises `GaveUpError`."""
        answer = await self._ask("/healthz", {})
        told = _problem(answer)
        if answer.status_code != 200 or told.get("service") != "intake" or "time" not in told:
            raise GaveUpError(words.NOT_INTAKE.of(url=self._client.base_url))
        return datetime.fromisoformat(told["time"])

    async def check(self, channel: str, key: str) -> None:
        """See that the platform has this channel, and takes its key. Raises `GaveUpError`."""
        answer = await self._ask(f"/v1/channels/{channel}", {HEADER: key})
        if answer.status_code == 404:
            raise GaveUpError(words.NO_CHANNEL.of(channel=channel))
        if answer.status_code != 200:
            raise GaveUpError(words.KEY_REFUSED.of(channel=channel, reason=reason_of(_problem(answer))))

    async def _ask(self, path: str, headers: dict[str, str]) -> httpx.Response:
        backoff = Backoff()
        since = self._clock()
        while True:
            try:
                answer = await self._client.get(path, headers=headers)
            except httpx.TransportError as error:
                reason = type(error).__name__
            else:
                if not is_for_later(answer.status_code):
                    return answer
                reason = f"status {answer.status_code}"
            await self._wait(backoff, since, reason, 0.0)

    async def post(self, rows: Sequence[Prepared], key: str, settle: Callable[[Done], None]) -> None:
        """Post rows until each is accepted or refused; `settle` is told of those that are, as soon as they are.

        Raises `GaveUpError`; then nothing is known about the rows that `settle` was not told of.
        """
        waiting = list(rows)
        backoff = Backoff()
        since = self._clock()
        while waiting:
            try:
                results = await self._once(waiting, key)
            except _LaterError as later:
                self.outcomes.lost(waiting)
                await self._wait(backoff, since, str(later), later.retry_after)
                continue
            again = [row for row, result in zip(waiting, results, strict=True) if is_for_later(result["status"])]
            if len(again) < len(waiting):
                settle(self.outcomes.settled(waiting, results))
                since = self._clock()
                backoff.reset()
            if again:
                self.outcomes.lost(again)
                await self._wait(backoff, since, f"{len(again)} requests could not be stored", 0.0)
            waiting = again

    async def _wait(self, backoff: Backoff, since: float, reason: str, at_least: float) -> None:
        if self._clock() - since >= self._patience:
            raise GaveUpError(words.NO_ANSWER.of(url=self._client.base_url, seconds=self._patience, reason=reason))
        await asyncio.sleep(max(at_least, backoff.next_delay()))

    async def _once(self, rows: Sequence[Prepared], key: str) -> list[dict[str, Any]]:
        """One result for each row. Raises `_LaterError` or `GaveUpError`."""
        content = b'{"requests":[' + b",".join(row.body for row in rows) + b"]}"
        headers = {HEADER: key, "Content-Type": "application/json"}
        try:
            answer = await self._client.post(PATH, content=content, headers=headers)
        except httpx.TransportError as error:
            raise _LaterError(type(error).__name__) from error
        if answer.status_code == 200:
            results: list[dict[str, Any]] = orjson.loads(answer.content)["results"]
            return results
        if is_for_later(answer.status_code):
            after = answer.headers.get("Retry-After", "")
            raise _LaterError(f"status {answer.status_code}", float(after) if after.isdigit() else 0.0)
        if answer.status_code == 413:
            if len(rows) == 1:
                return [{"status": 413, **_problem(answer)}]
            middle = len(rows) // 2
            return [*await self._once(rows[:middle], key), *await self._once(rows[middle:], key)]
        raise GaveUpError(words.REFUSED.of(url=self._client.base_url, reason=reason_of(_problem(answer))))


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        content = None
    if isinstance(content, dict):
        return content
    return {"type": f"status {answer.status_code}", "detail": "This is no answer of intake; check --url."}
