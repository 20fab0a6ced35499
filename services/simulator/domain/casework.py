"""How officers work through a case: what comes next, and how long they take for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.simulator.domain.matters import OfficerNotes
from services.simulator.domain.randomness import around, split
from shared.events.words import ContactMethod

UNDERSTANDING_ROUND = 3
"""From this round on, a dissatisfied citizen gets a visit and an explanation instead of one more rectification."""

_MEDIANS = {"accept": 1_500.0, "contact": 5_400.0, "resolve": 28_800.0, "understood": 14_400.0}
"""Seconds that half of all officers don't exceed."""
_METHODS = (ContactMethod.PHONE, ContactMethod.PHONE, ContactMethod.PHONE, ContactMethod.VISIT, ContactMethod.MESSAGE)


class Step(StrEnum):
    """What an officer does next."""

    ACCEPT = "accept"
    CONTACT = "contact"
    RESOLVE = "resolve"
    UNDERSTOOD = "understood"


@dataclass(frozen=True, slots=True)
class Work:
    """The next step in a case, `after` seconds, and what the officer says with it."""

    step: Step
    after: float
    content: dict[str, str | bool]
    neglected: bool
    """The officer lets the case lie until its deadline has passed."""


def next_work(
    seed: int,
    case_id: str,
    state: str,
    round: int,  # noqa: A002
    notes: OfficerNotes,
    *,
    neglect: float,
) -> Work | None:
    """What is to be done in a case in `state` and round `round` (from 1); None where it isn't the officer's turn.

    `neglect` is the share of steps (0 to 1) that are left until the case's deadline has passed.

    Drawn for (case, state, round) alone: officers who start anew go on as they would have.
    """
    rng = split(seed, "casework", case_id, state, round)
    step = _step(state, round)
    if step is None:
        return None
    content: dict[str, str | bool] = {}
    if step is Step.CONTACT:
        content = {"method": rng.choice(_METHODS).value}
    elif step is Step.RESOLVE:
        content = {"result": rng.choice(notes.rectifications if round > 1 else notes.results)}
    elif step is Step.UNDERSTOOD:
        content = {"visit": rng.random() < 0.7, "note": rng.choice(notes.understood)}
    neglected = step in (Step.ACCEPT, Step.RESOLVE) and rng.random() < neglect
    return Work(step, around(rng, _MEDIANS[step.value]), content, neglected)


def _step(state: str, round: int) -> Step | None:  # noqa: A002
    match state:
        case "assigned":
            return Step.ACCEPT
        case "accepted":
            return Step.CONTACT
        case "contacted":
            return Step.RESOLVE
        case "reopened":
            return Step.UNDERSTOOD if round >= UNDERSTANDING_ROUND else Step.CONTACT
        case _:
            return None
