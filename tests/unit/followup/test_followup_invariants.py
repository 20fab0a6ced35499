"""Whatever happens in whatever order: rounds count up, a round has one answer, what is settled is settled once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.followup.domain import followup
from services.followup.domain.followup import NO_PHONE, OPEN, Followup, Stage, evolve
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.events.followup import (
    CaseSettled,
    RectificationOpened,
    SurveyAnswered,
    SurveyRequested,
)
from shared.events.words import Satisfaction
from tests.unit.followup.stories import MESSAGE, POLICY, START, at, resolution

Step = Callable[[Followup | None, Moment], Decision[Followup] | None]


def on_state(work: Callable[[Followup, Moment], Decision[Followup]]) -> Step:
    return lambda state, moment: None if state is None else work(state, moment)


rounds = st.integers(1, 4)
steps = st.one_of(
    st.builds(
        lambda number, requester: (
            lambda state, moment: followup.resolved(state, resolution(number, requester=requester), moment, POLICY)
        ),
        rounds,
        st.sampled_from(["sealed", "sealed", "sealed", None]),
    ),
    st.builds(lambda n: on_state(lambda s, m: followup.sent(s, m, POLICY, nth=n, message_id=MESSAGE)), rounds),
    st.builds(
        lambda n: on_state(lambda s, m: followup.delivered(s, m, POLICY, nth=n, message_id=MESSAGE, at=m.now)),
        rounds,
    ),
    st.builds(
        lambda n, reason: on_state(lambda s, m: followup.undeliverable(s, m, POLICY, nth=n, reason=reason)),
        rounds,
        st.sampled_from([NO_PHONE, "expired"]),
    ),
    st.builds(
        lambda n, level: on_state(
            lambda s, m: followup.answered(s, m, POLICY, nth=n, level=level, comment=None, medium="phone", at=m.now)
        ),
        st.one_of(st.none(), rounds),
        st.sampled_from(list(Satisfaction)),
    ),
    st.just(on_state(lambda s, m: followup.understood(s, m, by="officer-1", visit=False, note=None))),
    st.just(on_state(lambda s, m: followup.wake(s, m, POLICY))),
)
pauses = st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=4), timedelta(days=40)])


def check(events: list[Event]) -> None:
    asked = [event.round for event in events if isinstance(event, SurveyRequested)]
    assert asked == list(range(1, len(asked) + 1))
    answered = [event.round for event in events if isinstance(event, SurveyAnswered)]
    assert len(answered) == len(set(answered))
    assert set(answered) <= set(asked)
    settled = False
    for event in events:
        if isinstance(event, RectificationOpened):
            settled = False
        elif isinstance(event, CaseSettled):
            assert not settled
            settled = True
        else:
            assert not (settled and isinstance(event, SurveyRequested))


@settings(max_examples=400)
@given(st.lists(st.tuples(steps, pauses), max_size=30))
def test_any_story_keeps_its_order(story: list[tuple[Step, timedelta]]) -> None:
    state: Followup | None = None
    events: list[Event] = []
    now = START
    for step, pause in story:
        now += pause
        decision = step(state, Moment(at().case_id, now))
        if decision is None:
            continue
        if decision.refusal is not None:
            assert decision.events == ()
            assert decision.state == state
            continue
        if decision.events and state is not None:
            assert decision.state is not None
            # What the case told comes from outside; all else is the fold of the events and nothing besides.
            told = state.model_copy(
                update={name: getattr(decision.state, name) for name in ("unit", "number", "requester", "resolution")}
            )
            for event in decision.events:
                told = evolve(told, event)
            assert told == decision.state
        if not decision.events:
            assert decision.state == state
        state = decision.state
        events.extend(decision.events)
        check(events)
        if state is not None:
            # An open round can't be forgotten: time alone ends it.
            assert (state.wake_at is not None) == (state.stage in OPEN)
            assert (state.settlement is not None) == (state.stage is Stage.SETTLED)


@given(st.integers(1, 3), st.sampled_from([None, *Satisfaction]))
def test_time_alone_always_ends_a_follow_up(deliveries: int, late: Satisfaction | None) -> None:
    state = followup.resolved(None, resolution(), at(), POLICY).state
    assert state is not None
    if deliveries > 1:
        state = followup.sent(state, at(), POLICY, nth=1, message_id=MESSAGE).state or state
    if deliveries > 2:
        state = followup.undeliverable(state, at(), POLICY, nth=1, reason="expired").state or state
    for _ in range(3):
        if state.wake_at is not None:
            state = followup.wake(state, Moment(at().case_id, state.wake_at), POLICY).state or state
    assert state.stage is Stage.SETTLED
