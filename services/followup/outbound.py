"""What decided events mean for the citizen's phone: messages to be sent, and messages not to be sent any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup import store
from services.followup.domain.messages import MessageKind, message_id_of
from services.followup.domain.state import Followup
from services.followup.store import NewMessage
from shared.bus.handlers import Decided, utc_now
from shared.events.base import Event
from shared.events.followup import (
    CaseSettled,
    SurveyAnswered,
    SurveyOptedOut,
    SurveyReferred,
    SurveyRequested,
    SurveySent,
    SurveyUnclear,
    SurveyUndeliverable,
)


def message(kind: MessageKind, case_id: UUID, nth: int, state: Followup, due: datetime) -> NewMessage | None:
    """A message to the requester of a case about its `nth` round; None where nobody left a contact."""
    if state.requester is None:
        return None
    return NewMessage(
        message_id_of(case_id, nth, kind), case_id, nth, kind, state.requester, number=state.number, due=due
    )


class Outbound:
    """The effects of follow-up: a message is queued in the transaction that decides it, a reminder with the sending.

    `reminder` is how long before the end of the time to answer a reminder is due, or None for none.
    """

    def __init__(self, reminder: timedelta | None, clock: Callable[[], datetime] = utc_now) -> None:
        self._reminder = reminder
        self._clock = clock

    async def effects(self, connection: AsyncConnection, decided: Sequence[Decided]) -> None:
        """Write what follows from these events."""
        now = self._clock()
        ended: dict[UUID, int] = {}
        new: dict[UUID, list[NewMessage]] = defaultdict(list)
        for one in decided:
            assert isinstance(one.state, Followup)
            if (nth := _ends(one.event)) is not None:
                ended[one.case_id] = nth
                new.pop(one.case_id, None)
            following = self._following(one.case_id, one.event, one.state, now)
            if following is not None:
                new[one.case_id].append(following)
        await store.cancel(connection, ended.items(), now)
        await store.queue(connection, [one for some in new.values() for one in some], now)

    def _following(self, case_id: UUID, event: Event, state: Followup, now: datetime) -> NewMessage | None:
        """The message that follows from an event, unless the citizen wants none."""
        if state.opted_out:
            return None
        match event:
            case SurveyRequested(round=nth, medium="sms"):
                return message(MessageKind.SURVEY, case_id, nth, state, now)
            case SurveySent(round=nth, answer_by=answer_by) if answer_by is not None and self._reminder is not None:
                due = answer_by - self._reminder
                # A window shorter than the reminder's lead needs none.
                return message(MessageKind.REMINDER, case_id, nth, state, due) if due > now else None
            case SurveyUnclear(round=nth):
                return message(MessageKind.CLARIFICATION, case_id, nth, state, now)
        return None


def _ends(event: Event) -> int | None:
    """The round up to which nothing that is still queued about the case shall go out after this event."""
    match event:
        case (
            SurveyUndeliverable(round=nth)
            | SurveyUnclear(round=nth)
            | SurveyReferred(round=nth)
            | SurveyOptedOut(round=nth)
            | SurveyAnswered(round=nth)
            | CaseSettled(rounds=nth)
        ):
            return nth
    return None
