"""The carrier: takes messages over HTTP, and lets receipts and the citizens' replies follow."""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field, SecretStr

from services.simulator.callbacks import CallbackQueue
from services.simulator.domain.citizens import Receipt, receipt, reply
from services.simulator.domain.matters import Replies
from services.simulator.domain.randomness import digest
from services.simulator.tally import Tally
from shared.events.words import Satisfaction
from shared.settings import Settings
from shared.web.app import create_api
from shared.web.health import Readiness
from shared.web.problems import Problem

MAX_MESSAGES = 1_000
MAX_TEXT = 1_000
_MEMORY = 200_000
_MOBILE = re.compile(r"\+861[3-9]\d{9}", re.ASCII)
_NUMBER = re.compile(r"\d{6}-\d{7}-\d")


class Message(BaseModel):
    """A message to one phone. The same `message_id` again is the same message, and is sent once."""

    message_id: UUID
    to: str = Field(max_length=32)
    text: str


class Messages(BaseModel):
    """Messages handed in together."""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)


class Accepted(BaseModel):
    """A message that the carrier took."""

    message_id: UUID
    carrier_id: str


class Refused(BaseModel):
    """A message that the carrier doesn't take, and why."""

    message_id: UUID
    code: str


class Verdict(BaseModel):
    """What became of each message."""

    accepted: list[Accepted]
    refused: list[Refused]


class _Bounded(OrderedDict[str, str]):
    """Remembers the latest entries alone."""

    def note(self, key: str, value: str) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > _MEMORY:
            self.popitem(last=False)


class Carrier:
    """The phone network and the citizens behind it. `speed` is how many times faster than people they are."""

    def __init__(
        self, receipts: CallbackQueue, replies: CallbackQueue, words: Replies, *, seed: int, speed: float, tally: Tally
    ) -> None:
        self._receipts = receipts
        self._replies = replies
        self._words = words
        self._seed = seed
        self._speed = speed
        self._tally = tally
        self._taken = _Bounded()
        """The carrier's id of each message taken."""
        self._sent = _Bounded()
        """How many messages each phone has had."""
        self._dissatisfied = _Bounded()
        """Case numbers whose citizens said last that they are not satisfied."""

    def take(self, message: Message) -> Accepted | Refused:
        """Take a message, once."""
        code = _objection(message)
        if code is not None:
            self._tally.messages_refused[code] += 1
            return Refused(message_id=message.message_id, code=code)
        key = str(message.message_id)
        if key in self._taken:
            self._tally.messages_again += 1
            return Accepted(message_id=message.message_id, carrier_id=self._taken[key])
        carrier_id = f"{digest(self._seed, 'carrier', key):032x}"
        self._taken.note(key, carrier_id)
        self._tally.messages += 1
        nth = int(self._sent.get(message.to, "0"))
        self._sent.note(message.to, str(nth + 1))
        fate = receipt(self._seed, message.to, nth)
        self._receipts.schedule(
            fate.after / self._speed, "failed" if fate.failure else "delivered", lambda: _receipt(message, fate)
        )
        if fate.failure is None:
            self._let_answer(message, nth, fate.after)
        return Accepted(message_id=message.message_id, carrier_id=carrier_id)

    def _let_answer(self, message: Message, nth: int, delivered_after: float) -> None:
        number = _NUMBER.search(message.text)
        about = number[0] if number else message.to
        answer = reply(self._seed, message.to, nth, message.text, self._words, rectified=about in self._dissatisfied)
        if answer is None:
            return
        if answer.level is not None:
            self._remember(about, answer.level)
        reply_id = f"{digest(self._seed, 'reply', str(message.message_id)):032x}"
        self._replies.schedule(
            (delivered_after + answer.after) / self._speed,
            answer.level.value if answer.level else "unclear",
            lambda: {"reply_id": reply_id, "from": message.to, "text": answer.text, "at": _now()},
        )

    def _remember(self, about: str, level: Satisfaction) -> None:
        if level.is_satisfied:
            self._dissatisfied.pop(about, None)
        else:
            self._dissatisfied.note(about, level.value)


def _objection(message: Message) -> str | None:
    if not _MOBILE.fullmatch(message.to):
        return "invalid-number"
    if not message.text.strip():
        return "empty-text"
    return "too-long" if len(message.text) > MAX_TEXT else None


def _receipt(message: Message, fate: Receipt) -> dict[str, str]:
    told = {
        "message_id": str(message.message_id),
        "status": "failed" if fate.failure else "delivered",
        "at": _now(),
    }
    return told | ({"code": fate.failure} if fate.failure else {})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


_bearer = HTTPBearer(auto_error=False)


def create_carrier_api(carrier: Carrier, token: SecretStr, settings: Settings, readiness: Readiness) -> FastAPI:
    """The carrier's HTTP interface; `token` is what its one customer, follow-up, is known by."""
    api = create_api("simulator", "Minsheng city simulator: carrier", settings, readiness)
    expected = token.get_secret_value().encode()

    async def customer(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), expected):
            raise Problem(
                401,
                "customer-token-needed",
                "Unknown customer",
                "Send the token of MINSHENG_SMS_GATEWAY_TOKEN as `Authorization: Bearer …`; it is the same here and at "
                "follow-up.",
                headers={"WWW-Authenticate": 'Bearer realm="carrier"'},
            )

    @api.post("/carrier/messages", status_code=202, dependencies=[Depends(customer)], tags=["carrier"])
    async def messages(handed_in: Messages) -> Verdict:
        """Take messages; what is refused will never be sent, and is told with a code."""
        verdict = Verdict(accepted=[], refused=[])
        for message in handed_in.messages:
            taken = carrier.take(message)
            if isinstance(taken, Accepted):
                verdict.accepted.append(taken)
            else:
                verdict.refused.append(taken)
        return verdict

    return api
