"""The operators of the phone desk: they ask citizens whom no message reaches, and record what they say."""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from services.simulator.client import Caller, NoAnswerError
from services.simulator.domain.citizens import opinion
from services.simulator.domain.randomness import around, split
from services.simulator.paging import listed
from services.simulator.staff import PHONE_DESK, Badges
from services.simulator.stopping import Stop
from services.simulator.tally import Tally

log = structlog.get_logger(__name__)

_POLL_SECONDS = 3.0
_CALL_SECONDS = 180.0
_NOBODY_ANSWERS = 0.2
_MEMORY = 100_000
_NO_PHONE = "no-phone"
_CHANNELS = ("wechat", "weibo")
"""Where there is no number, an operator writes by hand through these."""
_PURPOSE = orjson.dumps({"purpose": "电话回访"})


class Operators:
    """One desk that calls one citizen after the other, `speed` times faster than people."""

    def __init__(
        self, caller: Caller, badges: Badges, *, followup: str, seed: int, speed: float, tally: Tally, stop: Stop
    ) -> None:
        self._caller = caller
        self._badges = badges
        self._url = f"{followup}/v1/followups"
        self._seed = seed
        self._speed = speed
        self._tally = tally
        self._stop = stop
        self._called: dict[tuple[str, int], None] = {}
        """Rounds that were called about, the latest last: nobody is called twice."""

    async def run(self) -> None:
        """Work through the desk's list until the simulation ends."""
        while not self._stop:
            try:
                async for page in listed(self._caller, self._url, self._badges.headers(PHONE_DESK), state="phone-desk"):
                    for followup in page:
                        await self._call(followup)
                        if self._stop:
                            return
            except NoAnswerError as none:
                log.info("phone_desk_not_listed", reason=str(none))
            await self._stop.pause(_POLL_SECONDS)

    async def _call(self, followup: dict[str, Any]) -> None:
        case_id, counted = str(followup["case_id"]), int(followup["round"])
        if (case_id, counted) in self._called:
            return
        rng = split(self._seed, "call", case_id, counted)
        if await self._stop.pause(around(rng, _CALL_SECONDS) / self._speed):
            return
        self._remember(case_id, counted)
        if rng.random() < _NOBODY_ANSWERS:
            return
        medium = "phone"
        if followup["desk_reason"] == _NO_PHONE:
            if followup["family"] not in _CHANNELS:
                return
            medium = followup["family"]
        elif not await self._looked_up(case_id):
            return
        level = opinion(rng, rectified=counted > 1)
        headers = self._badges.headers(PHONE_DESK) | {
            "Idempotency-Key": f"{case_id}-call-{counted}",
            "If-Match": f'"{followup["version"]}"',
        }
        answer = await self._caller.until_answered(
            "POST", f"{self._url}/{case_id}/answer", headers, orjson.dumps({"level": level, "medium": medium})
        )
        if answer is None:
            return
        if answer.ok:
            self._tally.phone_answers[level.value] += 1
        else:
            self._tally.steps_refused[answer.problem] += 1

    async def _looked_up(self, case_id: str) -> bool:
        """Look at the citizen's number, which the platform keeps note of; whether it was shown."""
        headers = self._badges.headers(PHONE_DESK)
        answer = await self._caller.until_answered("POST", f"{self._url}/{case_id}/contact-shown", headers, _PURPOSE)
        if answer is not None and not answer.ok:
            self._tally.steps_refused[answer.problem] += 1
        return answer is not None and answer.ok

    def _remember(self, case_id: str, counted: int) -> None:
        self._called[case_id, counted] = None
        if len(self._called) > _MEMORY:
            del self._called[next(iter(self._called))]
