"""What the carrier tells follow-up: receipts and replies, each when it is due, in signed batches."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import orjson
import structlog

from services.simulator.client import Caller, NoAnswerError
from services.simulator.stopping import Stop
from services.simulator.tally import Tally
from shared.bus.backoff import Backoff
from shared.privacy.keys import KeyRing
from shared.web.auth import sign
from shared.web.callbacks import HEADER

log = structlog.get_logger(__name__)

BATCH = 500
GATHER_SECONDS = 0.1
"""How long the first item of a batch waits for others."""

Timer = Callable[[], Any]


class CallbackQueue:
    """Sends items of one kind to one address, oldest first, one batch at a time, until each batch is taken."""

    def __init__(
        self,
        name: str,
        url: str,
        caller: Caller,
        ring: KeyRing,
        *,
        taken: Counter[str],
        tally: Tally,
        stop: Stop,
    ) -> None:
        self._name = name
        self._url = url
        self._caller = caller
        self._ring = ring
        self._taken = taken
        self._tally = tally
        self._stop = stop
        self._due: deque[tuple[str, Timer]] = deque()
        self._wake = asyncio.Event()

    def schedule(self, seconds: float, label: str, make: Timer) -> None:
        """Send `make()`, made when its time comes, after `seconds`; it is counted under `label` once it is taken."""
        asyncio.get_running_loop().call_later(seconds, self._fall_due, label, make)

    def _fall_due(self, label: str, make: Timer) -> None:
        self._due.append((label, make))
        self._wake.set()

    async def run(self) -> None:
        """Send what falls due until the simulation ends."""
        while not self._stop:
            waking = asyncio.create_task(self._wake.wait())
            stopping = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait({waking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
                stopping.cancel()
            if len(self._due) < BATCH and await self._stop.pause(GATHER_SECONDS):
                return
            while self._due and not self._stop:
                await self._send_batch()
            self._wake.clear()

    async def _send_batch(self) -> None:
        batch = [self._due.popleft() for _ in range(min(BATCH, len(self._due)))]
        body = orjson.dumps({self._name: [make() for _, make in batch]})
        backoff = Backoff(first=0.2, longest=5.0)
        while True:
            # Signed anew for each attempt: a signature is good for minutes only.
            headers = {HEADER: sign(self._ring, body, int(time.time())), "Content-Type": "application/json"}
            try:
                answer = await self._caller.once("POST", self._url, headers, body)
                break
            except NoAnswerError as none:
                if await self._stop.pause(max(none.retry_after, backoff.next_delay())):
                    return
        if answer.ok:
            self._taken.update(label for label, _ in batch)
            return
        log.error("callback_refused", kind=self._name, status=answer.status, problem=answer.problem, items=len(batch))
        self._tally.callbacks_refused[answer.problem] += len(batch)
