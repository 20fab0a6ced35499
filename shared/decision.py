"""How domain code answers: a new state with the events that made it, or a refusal that a person can act on.

`decide(state | None, event_or_command) -> Decision`: a function without I/O, clock or randomness. The same function
serves a batch of events, an HTTP command and a timer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from shared.events.base import Event

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command can't be done, in words a person can act on. `code` is stable and part of the HTTP interface."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """The state after the decision and the events that led to it, in order; or a refusal, which changes nothing."""

    state: S | None
    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What a decision may know besides the state: whose case, and when. `now` is aware and in UTC."""

    case_id: UUID
    now: datetime


class Stateful(Protocol):
    """An aggregate's state, as the kernel sees it."""

    @property
    def wake_at(self) -> datetime | None:
        """When time alone may change this case (a clock runs out), or None."""


def refuse(state: S | None, code: str, reason: str) -> Decision[S]:
    """Nothing happens; the caller is told why."""
    return Decision(state=state, refusal=Refusal(code, reason))


def unchanged(state: S | None) -> Decision[S]:
    """Nothing happens, and that is right (a repeated or irrelevant event)."""
    return Decision(state=state)


class Decider(Generic[S]):
    """Folds the events of a decision into the state, so that a decision can't change what it doesn't report.

    `evolve(state | None, event) -> state` is the service's only way to change state.
    """

    __slots__ = ("_evolve",)

    def __init__(self, evolve: Callable[[S | None, Any], S]) -> None:
        self._evolve = evolve

    def __call__(self, state: S | None, *events: Event) -> Decision[S]:
        folded = state
        for event in events:
            folded = self._evolve(folded, event)
        return Decision(state=folded, events=events)
