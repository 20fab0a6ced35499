"""What comes after a resolution: citizens who answer what the carrier brings them, units that rectify, and the
reckoning of what all services made of it.

How a citizen behaves shows in the last digit of their number, so that what must come out is known beforehand.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import orjson

from shared.settings import Settings
from shared.web.auth import Role, Staff, issue_token, sign
from shared.web.callbacks import HEADER
from shared.web.channels import channel_key
from tests.support.audit import OUTBOXES, Auditor
from tests.support.carrier import Carrier
from tests.support.kernel import case_sequences, until
from tests.support.load import Journal

RETRY_SECONDS = 0.1
SETTLE_SECONDS = 60.0
_AGAIN, _WHICH = "重新办理", "未能识别"
"""Words of the second survey, and of the question what was meant."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a citizen behaves, and what must come of it."""

    first: str | None
    again: str | None = None
    which: str | None = None
    fails: bool = False
    levels: tuple[str, ...] = ()
    stage: str = "settled"


MANNERS: Mapping[str, Manner] = {
    **dict.fromkeys("0123", Manner("1", levels=("very-satisfied",))),
    **dict.fromkeys("456", Manner("4，没人来", again="2", levels=("dissatisfied", "satisfied"))),
    "7": Manner("随便看看吧", which="3", levels=("basically-satisfied",)),
    "8": Manner(None, fails=True, stage="phone-desk"),
    "9": Manner(None, stage="delivered"),
}


@dataclass(slots=True)
class Aftercare:
    """Citizens and rectifying units at work on one deployment."""

    settings: Settings
    carrier: Carrier
    followup: Callable[[], list[str]]
    """The addresses of all its replicas."""
    routing: str
    silent: bool = False
    """Citizens don't answer for now: an answer would show follow-up that its message was taken."""
    taken: Counter[str] = field(default_factory=Counter)
    """Items that follow-up took, by what it said of them."""
    _answered: set[str] = field(default_factory=set)

    async def citizens(self, http: httpx.AsyncClient) -> None:
        """Answer each message once, in the order in which they come."""
        while True:
            new = [message_id for message_id in self.carrier.sent if message_id not in self._answered]
            if new and not self.silent:
                await self._answer(http, new)
            await asyncio.sleep(0.05)

    async def _answer(self, http: httpx.AsyncClient, messages: list[str]) -> None:
        receipts, replies = [], []
        for message_id in messages:
            number, text = self.carrier.sent[message_id]
            manner = MANNERS[number[-1]]
            at = datetime.now(UTC).isoformat()
            status = {"status": "failed", "code": "MK:0001"} if manner.fails else {"status": "delivered"}
            receipts.append({"message_id": message_id, "at": at, **status})
            said = manner.again if _AGAIN in text else manner.which if _WHICH in text else manner.first
            if said is not None:
                replies.append({"reply_id": f"r-{message_id}", "from": number, "text": said, "at": at})
        await self._post(http, "receipts", receipts)
        if replies:
            await self._post(http, "replies", replies)
        self._answered.update(messages)

    async def _post(self, http: httpx.AsyncClient, name: str, items: list[dict[str, str]]) -> None:
        """Send a batch, the same bytes, until it is taken; then once more, as a retry queue does."""
        body = orjson.dumps({name: items})
        headers = {HEADER: sign(self.settings.callback_ring, body, int(time.time()))}
        left = 2
        while left:
            for url in self.followup():
                try:
                    answer = await http.post(
                        f"{url}/v1/callbacks/sms/{name}", content=body, headers=headers, timeout=3.0
                    )
                except httpx.TransportError:
                    continue
                assert answer.status_code in (200, 503), f"{name}: {answer.status_code} {answer.text}"
                if answer.status_code == 200:
                    left -= 1
                    self.taken.update({f"{name}-{what}": answer.json()[what] for what in ("recorded", "unknown")})
                    break
            else:
                await asyncio.sleep(RETRY_SECONDS)

    async def units(self, http: httpx.AsyncClient) -> None:
        """Resolve what was reopened."""
        duty = Staff("a0001", "值班", Role.SUPERVISOR)
        while True:
            url = f"{self.routing}/v1/cases?state=reopened&limit=100"
            listed = await http.get(url, headers=self._badge(duty))
            for case in listed.json()["items"] if listed.status_code == 200 else ():
                headers = self._badge(Staff("l0001", "负责人", Role.UNIT_LEAD, case["unit"]))
                for step, body in (("contact", {"method": "phone"}), ("resolve", {"result": "已重新处理并告知。"})):
                    path = f"{self.routing}/v1/cases/{case['case_id']}/{step}"
                    answer = await http.post(path, json=body, headers=headers)
                    assert answer.status_code == 200, answer.text
            await asyncio.sleep(0.1)

    def _badge(self, staff: Staff) -> dict[str, str]:
        token = issue_token(self.settings.staff_ring, staff, now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def aftercare(care: Aftercare) -> AsyncIterator[None]:
    """Citizens and units at work while the block runs."""
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        tasks = [asyncio.create_task(work(http)) for work in (care.citizens, care.units)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            assert not isinstance(error, BaseException), error


class Reckoning:
    """Compares what every service holds, and what the carrier was handed, with what the citizens said."""

    def __init__(self, settings: Settings, journal: Journal, carrier: Carrier, intake: str) -> None:
        self._auditor = Auditor(settings, OUTBOXES | {"followup": "followups"})
        self._settings = settings
        self._journal = journal
        self._carrier = carrier
        self._intake = intake

    async def ended(self) -> None:
        """Return once each handled case is where its citizen's manner leads; raises `AssertionError`."""
        last = ""

        async def done() -> bool:
            nonlocal last
            states = await self._followups()
            stages = Counter(
                f"{state['stage']} for {manner.stage}, {len(state['answers'])} of {len(manner.levels)}"
                for state, manner in [(one, self._manner(case)) for case, one in states.items()]
                if (state["stage"], len(state["answers"])) != (manner.stage, len(manner.levels))
            )
            last = f"{len(states)} of {len(self._handled())} begun; {dict(stages)}"
            return len(states) == len(self._handled()) and not stages

        try:
            await until(done, seconds=SETTLE_SECONDS, what="the end of every follow-up")
        except AssertionError:
            raise AssertionError(f"Follow-ups did not end within {SETTLE_SECONDS:g} s: {last}") from None
        await self._auditor.settled()

    async def balance(self) -> None:
        """Surveys, answers, reopenings and settlements agree everywhere; each message went out under one id."""
        followups, handled = await self._followups(), self._handled()
        assert set(followups) == handled
        expected = {case: self._manner(case) for case in handled}
        rounds = {case: max(1, len(manner.levels)) for case, manner in expected.items()}
        settled = {case for case, manner in expected.items() if manner.stage == "settled"}
        for case, state in followups.items():
            manner = expected[case]
            assert [one["level"] for one in state["answers"]] == list(manner.levels)
            assert (state["stage"], state["round"]) == (manner.stage, rounds[case])
            assert state["settlement"] == ("satisfied" if case in settled else None)
        await self._routing(rounds, settled)
        await self._analytics(expected, rounds, settled)
        await self._intake_tells(settled)
        await self._topic(expected, rounds, settled)
        await self._messages(rounds)

    async def _routing(self, rounds: Mapping[UUID, int], settled: set[UUID]) -> None:
        rows = await self._auditor.fetch(
            "routing", "SELECT case_id, state FROM cases WHERE case_id = ANY($1)", [*rounds]
        )
        found = {row[0]: orjson.loads(row[1]) for row in rows}
        assert {case: state["round"] for case, state in found.items()} == rounds
        assert {case for case, state in found.items() if state["state"] == "closed"} == settled

    async def _analytics(self, expected: Mapping[UUID, Manner], rounds: Mapping[UUID, int], settled: set[UUID]) -> None:
        columns = "case_id, surveys, answers, rectifications, reopenings, resolutions, undeliverable, settlement, state"
        rows = await self._auditor.fetch("analytics", f"SELECT {columns} FROM facts WHERE case_id = ANY($1)", [*rounds])
        assert {row[0]: tuple(row)[1:] for row in rows} == {
            case: (
                rounds[case],
                len(manner.levels),
                rounds[case] - 1,
                rounds[case] - 1,
                rounds[case],
                int(manner.fails),
                "satisfied" if case in settled else None,
                "closed" if case in settled else "resolved",
            )
            for case, manner in expected.items()
        }

    async def _intake_tells(self, settled: set[UUID]) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            for (channel, _), case in self._journal.accepted.items():
                if case in self._journal.handled:
                    key = channel_key(self._settings.channel_ring, channel)
                    answer = await http.get(f"{self._intake}/v1/requests/{case}", headers={"X-Channel-Key": key})
                    assert (answer.json()["state"] == "closed") == (case in settled), answer.text

    async def _topic(self, expected: Mapping[UUID, Manner], rounds: Mapping[UUID, int], settled: set[UUID]) -> None:
        received = await self._auditor.topic("followups")
        rows = await self._auditor.fetch("followup", "SELECT case_id, version FROM followups")
        versions: dict[UUID, int] = {row[0]: row[1] for row in rows}
        sequences = case_sequences(received)
        assert {case: list(range(1, version + 1)) for case, version in versions.items()} == sequences
        seen = {(one.case_id, one.sequence): one.type.removeprefix("minsheng.").removesuffix(".v1") for one in received}
        told: dict[UUID, Counter[str]] = defaultdict(Counter)
        for (case, _), kind in seen.items():
            told[case][kind] += 1
        for case, manner in expected.items():
            assert told[case]["survey.requested"] == rounds[case]
            # A receipt that says failed, or an answer, may overtake the record that the message was sent.
            assert told[case]["survey.sent"] <= rounds[case]
            assert told[case]["survey.answered"] == len(manner.levels)
            assert told[case]["rectification.opened"] == rounds[case] - 1
            assert told[case]["case.settled"] == int(case in settled)
            assert told[case]["survey.unclear"] == int(manner.which is not None)
            assert told[case]["survey.undeliverable"] == int(manner.fails)

    async def _messages(self, rounds: Mapping[UUID, int]) -> None:
        rows = await self._auditor.fetch("followup", "SELECT message_id, case_id, round, kind, state FROM messages")
        handed = Counter(message_id for call in self._carrier.calls for message_id in call)
        sent = [row for row in rows if row[4] in ("sent", "delivered", "failed")]
        assert {str(row[0]) for row in sent} == set(self._carrier.sent) == set(handed)
        assert Counter((row[1], row[2]) for row in sent if row[3] == "survey") == {
            (case, nth): 1 for case, last in rounds.items() for nth in range(1, last + 1)
        }
        # Under another id the same words would have gone to the same number twice.
        assert len(set(self._carrier.sent.values())) == len(self._carrier.sent)

    def _handled(self) -> set[UUID]:
        return set(self._journal.handled)

    def _manner(self, case: UUID) -> Manner:
        return MANNERS[self._journal.phones[case][-1]]

    async def _followups(self) -> dict[UUID, dict[str, Any]]:
        rows = await self._auditor.fetch("followup", "SELECT case_id, state FROM followups")
        return {row[0]: orjson.loads(row[1]) for row in rows}
