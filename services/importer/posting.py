"""Posting rows through the public interface until each has its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from services.importer.journal import Counts, Done, Refusal
from shared.bus.backoff import Backoff

PATH = "/v1/requests/batch"
_LATER = frozenset({408, 425, 429})


class GaveUpError(RuntimeError):
    """The platform gave no answer for too long, or one that no waiting mends. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row that is ready to be posted: its form as JSON."""

    row: int
    id: str
    body: bytes


class _LaterError(Exception):
    """No answer now, perhaps later."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Poster:
    """Posts groups of rows. `patience` is how many seconds a group waits for a platform that is away."""

    def __init__(
        self, client: httpx.AsyncClient, *, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._patience = patience
        self._clock = clock

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
                await self._wait(backoff, since, str(later), later.retry_after)
                continue
            again = [row for row, result in zip(waiting, results, strict=True) if _is_for_later(result["status"])]
            if len(again) < len(waiting):
                settle(_settled(waiting, results))
                since = self._clock()
                backoff.reset()
            if again:
                await self._wait(backoff, since, f"{len(again)} requests could not be stored", 0.0)
            waiting = again

    async def _wait(self, backoff: Backoff, since: float, reason: str, at_least: float) -> None:
        if self._clock() - since >= self._patience:
            raise GaveUpError(
                f"No answer from {self._client.base_url} for {self._patience:g} seconds: {reason}. See whether intake "
                "is ready (/readyz), then give the same command again: it goes on where it stopped."
            )
        await asyncio.sleep(max(at_least, backoff.next_delay()))

    async def _once(self, rows: Sequence[Prepared], key: str) -> list[dict[str, Any]]:
        """One result for each row. Raises `_LaterError` or `GaveUpError`."""
        content = b'{"requests":[' + b",".join(row.body for row in rows) + b"]}"
        headers = {"X-Channel-Key": key, "Content-Type": "application/json"}
        try:
            answer = await self._client.post(PATH, content=content, headers=headers)
        except httpx.TransportError as error:
            raise _LaterError(type(error).__name__) from error
        if answer.status_code == 200:
            results: list[dict[str, Any]] = orjson.loads(answer.content)["results"]
            return results
        if _is_for_later(answer.status_code):
            after = answer.headers.get("Retry-After", "")
            raise _LaterError(f"status {answer.status_code}", float(after) if after.isdigit() else 0.0)
        if answer.status_code == 413:
            if len(rows) == 1:
                return [{"status": 413, **_problem(answer)}]
            middle = len(rows) // 2
            return [*await self._once(rows[:middle], key), *await self._once(rows[middle:], key)]
        raise GaveUpError(f"{self._client.base_url} refuses the posts with {reason_of(_problem(answer))}")


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        content = None
    if isinstance(content, dict):
        return content
    return {"type": f"status {answer.status_code}", "detail": "This is no answer of intake; check --url."}


def _is_for_later(status: int) -> bool:
    return status >= 500 or status in _LATER


def _settled(rows: Sequence[Prepared], results: Sequence[dict[str, Any]]) -> Done:
    counts = Counts()
    refusals: list[Refusal] = []
    settled: list[int] = []
    for row, result in zip(rows, results, strict=True):
        if _is_for_later(result["status"]):
            continue
        settled.append(row.row)
        if result["status"] != 202:
            refusals.append(Refusal(row.row, row.id, reason_of(result)))
        elif result["repeated"]:
            counts.repeated += 1
        else:
            counts.cases += 1
            counts.urgent += int(result["urgent"])
    counts.refused = len(refusals)
    return Done(tuple(settled), counts, tuple(refusals))


def reason_of(problem: dict[str, Any]) -> str:
    """A problem in one line: its kind, then the fields at fault, or what to do."""
    kind = str(problem.get("type", "refused")).rpartition(":")[2]
    errors = problem.get("errors")
    if errors:
        return f"{kind}: " + "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    case = f" case_id={problem['case_id']}" if "case_id" in problem else ""
    return f"{kind}: {problem.get('detail', '')}{case}"
