"""Whatever happens in whatever order: rounds count up, a round has one answer, what is settled is settled once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.followup.domain import followup
from services.followup.domain.state import NO_PHONE, OPEN, Followup, Origin, Stage, evolve
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
        lambda number, requester, family: (
            lambda state, moment: followup.resolved(
                state, resolution(number, requester=requester), moment, POLICY, Origin(f"{family}-0001", family)
            )
        ),
        rounds,
        st.sampled_from(["sealed", "sealed", "sealed", None]),
        st.sampled_from(["website", "wechat"]),
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
    st.builds(
        lambda n, again: on_state(lambda s, m: followup.unclear(s, m, POLICY, nth=n, asked_again=again, at=m.now)),
        rounds,
        st.booleans(),
    ),
    st.builds(lambda n: on_state(lambda s, m: followup.opted_out(s, m, POLICY, nth=n, at=m.now)), rounds),
    st.just(
        on_state(
            lambda s, m: followup.recorded(
                s, m, POLICY, level=Satisfaction.DISSATISFIED, comment=None, medium="phone", by="op-1"
            )
        )
    ),
    st.just(on_state(lambda s, m: followup.given_up(s, m, by="op-1"))),
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
                update={
                    name: getattr(decision.state, name)
                    for name in ("unit", "number", "requester", "resolution", "channel", "family")
                }
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
            # An open round can't be forgotten: time alone ends it, unless only its channel leads to the citizen.
            waits = state.stage is Stage.PHONE_DESK and state.desk_reason == NO_PHONE
            if state.stage in OPEN:
                assert (state.wake_at is None) == waits
            # A settled case may wait for what was meant, or be on the desk because of that: it stays settled.
            assert (state.settlement is not None) == (state.settled_at is not None)
            if state.settlement is not None:
                assert state.stage in (Stage.SETTLED, Stage.PHONE_DESK)
                assert state.stage is Stage.SETTLED or not state.is_answered
            else:
                assert state.stage is not Stage.SETTLED
            assert (state.desk_reason is not None) == (state.stage is Stage.PHONE_DESK)
            # Waking at the time that was set leads somewhere: nothing is looked at for ever.
            if state.wake_at is not None:
                woken = followup.wake(state, Moment(at().case_id, state.wake_at), POLICY).state
                assert woken is not None
                assert woken.wake_at is None or woken.wake_at > state.wake_at


@given(st.integers(1, 4), st.sampled_from([None, *Satisfaction]))
def test_time_alone_always_ends_a_follow_up(deliveries: int, late: Satisfaction | None) -> None:
    state = followup.resolved(None, resolution(), at(), POLICY).state
    assert state is not None
    if deliveries > 1:
        state = followup.sent(state, at(), POLICY, nth=1, message_id=MESSAGE).state or state
    if deliveries > 2:
        state = followup.undeliverable(state, at(), POLICY, nth=1, reason="expired").state or state
    if deliveries > 3:
        state = followup.unclear(state, at(), POLICY, nth=1, asked_again=False, at=START).state or state
    for _ in range(3):
        if state.wake_at is not None:
            state = followup.wake(state, Moment(at().case_id, state.wake_at), POLICY).state or state
    assert state.stage is Stage.SETTLED
