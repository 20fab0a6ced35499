"""What decided events mean for the citizen's phone: messages to be sent, and messages not to be sent any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup import store
from services.followup.domain.followup import Followup
from services.followup.domain.messages import MessageKind, message_id_of
from services.followup.store import NewMessage
from shared.bus.handlers import Decided, utc_now
from shared.events.followup import CaseSettled, SurveyAnswered, SurveyRequested, SurveySent, SurveyUndeliverable


def message(kind: MessageKind, case_id: UUID, nth: int, state: Followup, due: datetime) -> NewMessage | None:
    """A message to the requester of a case about its `nth` round; None where nobody left a contact."""
    if state.requester is None:
        return None
    return NewMessage(
        message_id_of(case_id, nth, kind), case_id, nth, kind, state.requester, number=state.number, due=due
    )


class Outbound:
    """The effects of follow-up: a survey is queued in the transaction that decides it, and a reminder with its sending.

    `reminder` is how long before the end of the time to answer a reminder is due, or None for none.
    """

    def __init__(self, reminder: timedelta | None, clock: Callable[[], datetime] = utc_now) -> None:
        self._reminder = reminder
        self._clock = clock

    async def effects(self, connection: AsyncConnection, decided: Sequence[Decided]) -> None:
        """Write what follows from these events."""
        now = self._clock()
        done: dict[UUID, int] = {}
        new: list[NewMessage | None] = []
        for one in decided:
            assert isinstance(one.state, Followup)
            match one.event:
                case SurveyRequested(round=nth):
                    new.append(message(MessageKind.SURVEY, one.case_id, nth, one.state, now))
                case SurveySent(round=nth, answer_by=answer_by) if answer_by is not None and self._reminder is not None:
                    due = answer_by - self._reminder
                    # A window shorter than the reminder's lead needs none.
                    if due > now:
                        new.append(message(MessageKind.REMINDER, one.case_id, nth, one.state, due))
                case SurveyUndeliverable(round=nth) | SurveyAnswered(round=nth) | CaseSettled(rounds=nth):
                    done[one.case_id] = nth
        await store.queue(connection, [one for one in new if one is not None], now)
        await store.cancel(connection, done.items(), now)
