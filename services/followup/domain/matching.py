"""Which survey a reply answers: an SMS carries no reference, only its number and when it was written.

A reply belongs to what its number had got when it was written, whenever it arrives; of that, the last message shows
what the citizen had in mind, whatever kind of message it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from services.followup.domain.state import OPEN, Followup, Policy


@dataclass(frozen=True, slots=True)
class Got:
    """A message about the `nth` round of a case that a number got `at` that time.

    `asks_again`: what an earlier reply meant. `failed`: by what the carrier said, the number did not get it after all.
    """

    at: datetime
    case_id: UUID
    nth: int
    asks_again: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that a number had been asked about by the time of a reply, in its `nth` round at last.

    `again`: it had got the question, too, what an earlier reply meant.
    """

    case_id: UUID
    nth: int
    again: bool = False


class Correspondence:
    """What one number was written, in the order in which it got that."""

    def __init__(self, got: Iterable[Got]) -> None:
        ordered = sorted(got, key=lambda one: (one.at, one.case_id, one.nth))
        self._got = [one for one in ordered if not one.failed]
        self._failed = [one for one in ordered if one.failed]
        self._questions: dict[tuple[UUID, int], datetime] = {}
        for one in ordered:
            if one.asks_again:
                self._questions.setdefault((one.case_id, one.nth), one.at)

    def cases(self) -> set[UUID]:
        """All cases that the number was written to about."""
        return {one.case_id for one in (*self._got, *self._failed)}

    def until(self, at: datetime) -> Iterator[Asked]:
        """The surveys that the number had got by then, that of the last message first.

        Nobody answers what they haven't got: where there is nothing before a reply, the carrier's clock is slow, and
        the message that came next is meant. Last come those that failed: the carrier may be wrong about that.
        """
        seen: set[UUID] = set()
        for one in chain(_meant(self._got, at), _meant(self._failed, at)):
            if one.case_id not in seen:
                seen.add(one.case_id)
                asked_again = self._questions.get((one.case_id, one.nth))
                yield Asked(one.case_id, one.nth, asked_again is not None and asked_again <= at)


def _meant(messages: Sequence[Got], at: datetime) -> Iterator[Got]:
    before = bisect_right(messages, at, key=lambda one: one.at)
    return (messages[place] for place in range(before - 1, -1, -1)) if before else iter(messages)


def match(asked: Iterable[Asked], states: Mapping[UUID, Followup], at: datetime, policy: Policy) -> Asked | None:
    """The survey that a reply of this time answers, of those that its number had got, that of the last message first.

    That is the last whose answer is awaited; else the last that still takes a late one; else simply the last, so that
    what a citizen adds afterwards stays with the case.
    """
    late: Asked | None = None
    last: Asked | None = None
    for one in asked:
        state = states.get(one.case_id)
        if state is None:
            continue
        if state.round == one.nth:
            if state.stage in OPEN:
                return one
            if late is None and state.takes_late_answer(at, policy):
                late = one
        last = last or one
    return late or last
