"""Officers: one step after the other, each in its time."""

from __future__ import annotations

import statistics

import pytest

from services.simulator.domain.casework import Step, Work, next_work
from tests.unit.simulator.city import example_script

NOTES = example_script().officers


@pytest.mark.parametrize(
    ("state", "counted", "step"),
    [
        ("assigned", 1, Step.ACCEPT),
        ("accepted", 1, Step.CONTACT),
        ("contacted", 1, Step.RESOLVE),
        ("reopened", 2, Step.CONTACT),
        ("reopened", 3, Step.UNDERSTOOD),
        ("reopened", 4, Step.UNDERSTOOD),
    ],
)
def test_each_state_has_its_step(state: str, counted: int, step: Step) -> None:
    work = next_work(1, "a", state, counted, NOTES, neglect=0)
    assert work is not None
    assert work.step is step


@pytest.mark.parametrize("state", ["opened", "resolved", "closed", "something-new"])
def test_elsewhere_it_is_not_the_officers_turn(state: str) -> None:
    assert next_work(1, "a", state, 1, NOTES, neglect=1) is None


def test_what_is_said_fits_the_step() -> None:
    def content(state: str, counted: int) -> dict[str, str | bool]:
        work = next_work(1, "a", state, counted, NOTES, neglect=0)
        assert work is not None
        return work.content

    assert content("assigned", 1) == {}
    assert set(content("accepted", 1)) == {"method"}
    assert content("contacted", 1)["result"] in NOTES.results
    assert content("contacted", 2)["result"] in NOTES.rectifications
    assert content("reopened", 3)["note"] in NOTES.understood
    assert isinstance(content("reopened", 3)["visit"], bool)


def test_officers_who_start_anew_go_on_as_they_would_have() -> None:
    first, again, other = (next_work(seed, "a", "assigned", 1, NOTES, neglect=0.5) for seed in (1, 1, 2))
    assert first == again != other


def works(neglect: float) -> list[Work]:
    made = (next_work(1, str(n), "assigned", 1, NOTES, neglect=neglect) for n in range(4_000))
    return [work for work in made if work is not None]


def test_delays_scatter_around_their_median_and_few_cases_are_neglected() -> None:
    drawn = works(0.01)
    assert statistics.median(work.after for work in drawn) == pytest.approx(1_500, rel=0.1)
    assert 0.004 < sum(work.neglected for work in drawn) / len(drawn) < 0.018
    assert max(work.after for work in drawn) > 5 * min(work.after for work in drawn)
    assert not any(work.neglected for work in works(0))
