"""The channel adapters: they send each request when it is due, and never give up on one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import orjson

from services.simulator.client import Answer, Caller
from services.simulator.domain.stream import Posting
from services.simulator.journal import Journal
from services.simulator.stopping import Stop
from services.simulator.tally import Tally
from shared.privacy.keys import KeyRing
from shared.web.auth import channel_key
from shared.web.channels import HEADER

_GRACE_SECONDS = 10.0
"""How long attempts under way have to finish once the simulation is to end."""
_NAP = 0.001
"""Shorter waits than this cost more than they keep."""


class Channels:
    """Posts a stream of requests in an open loop: a slow intake makes requests late, never fewer.

    At most `in_flight` postings wait for their answers at once, which bounds the memory; beyond it the stream lags, and
    the tally says by how much.
    """

    def __init__(
        self,
        postings: Iterable[Posting],
        caller: Caller,
        *,
        intake: str,
        ring: KeyRing,
        journal: Journal,
        tally: Tally,
        stop: Stop,
        in_flight: int = 20_000,
    ) -> None:
        self._postings = postings
        self._caller = caller
        self._url = f"{intake}/v1/requests"
        self._ring = ring
        self._journal = journal
        self._tally = tally
        self._stop = stop
        self._slots = asyncio.Semaphore(in_flight)
        self._headers: dict[str, dict[str, str]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, seconds: float | None = None) -> None:
        """Post until `seconds` are over, or the simulation ends; then wait for the answers of what was posted."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for posting in self._postings:
            if seconds is not None and posting.at > seconds:
                if await self._stop.pause(start + seconds - loop.time()):
                    break
                break
            due = start + posting.at
            wait = due - loop.time()
            if wait > _NAP:
                if await self._stop.pause(wait):
                    break
            elif self._stop:
                break
            else:
                # Where every posting is due already, answers still have to be read.
                await asyncio.sleep(0)
            await self._slots.acquire()
            self._begin(posting, due)
        await self._finish()

    def _begin(self, posting: Posting, due: float) -> None:
        self._tally.posted += 1
        self._tally.lag = max(self._tally.lag, asyncio.get_running_loop().time() - due)
        task = asyncio.create_task(self._post(posting, due))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a posting failed in the simulator", "exception": error, "task": task}
            )
            self._stop.set()

    async def _post(self, posting: Posting, due: float) -> None:
        try:
            answer = await self._caller.until_answered(
                "POST", self._url, self._headers_of(posting.channel), orjson.dumps(posting.payload)
            )
        except asyncio.CancelledError:
            self._tally.unfinished += 1
            raise
        if answer is None:
            self._tally.unfinished += 1
            return
        self._tally.latencies.add(asyncio.get_running_loop().time() - due)
        self._count(posting, answer)

    def _count(self, posting: Posting, answer: Answer) -> None:
        if answer.status != 202 or not isinstance(answer.content, dict):
            self._tally.refused[answer.problem] += 1
            return
        if answer.content.get("repeated"):
            self._tally.repeated += 1
        else:
            self._tally.accepted += 1
        if answer.content.get("urgent"):
            self._tally.urgent += 1
        self._journal.accepted(answer.content, posting.channel, posting.channel_request_id, posting.origin.value)

    def _headers_of(self, channel: str) -> dict[str, str]:
        headers = self._headers.get(channel)
        if headers is None:
            headers = {HEADER: channel_key(self._ring, channel), "Content-Type": "application/json"}
            self._headers[channel] = headers
        return headers

    async def _finish(self) -> None:
        """Wait for all answers; once the simulation is to end, for no longer than a grace."""
        ending = asyncio.create_task(self._stop.wait())
        try:
            while self._under_way and not self._stop:
                await asyncio.wait({ending, *self._under_way}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
