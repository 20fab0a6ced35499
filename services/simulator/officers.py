"""The officers: they find their cases, take them on, speak with the citizen, and write down the result."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from services.simulator.client import Answer, Caller, NoAnswerError
from services.simulator.domain.casework import Step, Work, next_work
from services.simulator.domain.matters import OfficerNotes
from services.simulator.paging import listed
from services.simulator.staff import DUTY_ROOM, Badges, lead, officer
from services.simulator.stopping import Stop
from services.simulator.tally import Tally

log = structlog.get_logger(__name__)

_FRESH = ("assigned", "reopened")
_BEGUN = ("accepted", "contacted")
"""Cases in these states are in hand already, but for those of an earlier simulation."""
_BEGUN_EVERY = 30
_POLL_SECONDS = 1.0
_MEMORY = 100_000
_REST_SECONDS = 30.0
"""How long a case lies after a refused step."""


class Officers:
    """All officers of the bureau. `speed` is how many times faster than people they are, `neglect` the share of steps
    that they leave until the deadline has passed.

    `in_hand` bounds how many cases they look after at once, `hands` how many do something at the same moment: what
    exceeds it waits at routing, as it would with people.
    """

    def __init__(
        self,
        caller: Caller,
        badges: Badges,
        notes: OfficerNotes,
        *,
        routing: str,
        followup: str,
        seed: int,
        speed: float,
        neglect: float,
        tally: Tally,
        stop: Stop,
        in_hand: int = 5_000,
        hands: int = 24,
    ) -> None:
        self._caller = caller
        self._badges = badges
        self._notes = notes
        self._cases_url = f"{routing}/v1/cases"
        self._followups_url = f"{followup}/v1/followups"
        self._seed = seed
        self._speed = speed
        self._neglect = neglect
        self._tally = tally
        self._stop = stop
        self._capacity = in_hand
        self._hands = asyncio.Semaphore(hands)
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._seen: dict[str, int] = {}
        """The version in which each case was left, the latest last: a list read before is older than that."""

    async def run(self) -> None:
        """Look for cases and work through them until the simulation ends."""
        polls = 0
        try:
            while not self._stop:
                states = _FRESH if polls % _BEGUN_EVERY else (*_FRESH, *_BEGUN)
                polls += 1
                try:
                    for state in states:
                        await self._take_up(state)
                except NoAnswerError as none:
                    log.info("cases_not_listed", reason=str(none))
                await self._stop.pause(_POLL_SECONDS)
        finally:
            under_way = list(self._in_hand.values())
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _take_up(self, state: str) -> None:
        if len(self._in_hand) >= self._capacity:
            return
        async for page in listed(self._caller, self._cases_url, self._badges.headers(DUTY_ROOM), state=state):
            for case in page:
                if len(self._in_hand) >= self._capacity:
                    return
                case_id = str(case["case_id"])
                if case_id not in self._in_hand and case["version"] > self._seen.get(case_id, -1):
                    self._start(case_id, case)

    def _start(self, case_id: str, case: dict[str, Any]) -> None:
        task = asyncio.create_task(self._work_through(case))
        self._in_hand[case_id] = task
        task.add_done_callback(lambda ended: self._put_down(case_id, ended))

    def _put_down(self, case_id: str, task: asyncio.Task[None]) -> None:
        self._in_hand.pop(case_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("casework_failed", case_id=case_id, exc_info=error)

    async def _work_through(self, case: dict[str, Any]) -> None:
        """One step after the other, until it isn't the officer's turn any more."""
        while True:
            work = self._next(case)
            if work is None or await self._stop.pause(self._delay(case, work)):
                return
            async with self._hands:
                answer = await self._do(case, work)
            if answer is None:
                return
            if not answer.ok:
                # Somebody else was faster, or the case moved on: a later poll shows what it needs. Not the next one:
                # where something is wrong for good, nobody is helped by an attempt each second.
                self._tally.steps_refused[answer.problem] += 1
                log.warning("step_refused", case_id=case["case_id"], step=work.step.value, problem=answer.problem)
                await self._stop.pause(_REST_SECONDS)
                return
            self._tally.steps[work.step.value] += 1
            if work.step is not Step.UNDERSTOOD:
                case = answer.content
            self._left(case)
            if work.step is Step.UNDERSTOOD:
                return

    def _next(self, case: dict[str, Any]) -> Work | None:
        case_id, state = case["case_id"], case["state"]
        return next_work(self._seed, case_id, state, case["round"], self._notes, neglect=self._neglect)

    def _left(self, case: dict[str, Any]) -> None:
        self._seen.pop(case["case_id"], None)
        self._seen[case["case_id"]] = case["version"]
        if len(self._seen) > _MEMORY:
            del self._seen[next(iter(self._seen))]

    def _delay(self, case: dict[str, Any], work: Work) -> float:
        if work.neglected:
            due = datetime.fromisoformat(case["contact_due" if work.step is Step.ACCEPT else "due"])
            # Deadlines are the bureau's, in its own time: no speed brings them nearer.
            return max((due - datetime.now(UTC)).total_seconds(), 0.0) + work.after / self._speed
        return work.after / self._speed

    async def _do(self, case: dict[str, Any], work: Work) -> Answer | None:
        """The answer to the step; None where the simulation ends before there is one."""
        base = self._followups_url if work.step is Step.UNDERSTOOD else self._cases_url
        who = officer(case["officer"], case["unit"]) if case["officer"] else lead(case["unit"])
        headers = self._badges.headers(who) | {
            # An answer that got lost is asked for again, not the step done twice.
            "Idempotency-Key": f"{case['case_id']}-{work.step}-{case['version']}",
        }
        return await self._caller.until_answered(
            "POST", f"{base}/{case['case_id']}/{work.step}", headers, orjson.dumps(work.content)
        )
