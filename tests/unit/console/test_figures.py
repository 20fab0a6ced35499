from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.console.domain import figures
from services.console.domain.figures import FEW_ANSWERS, Counted, Live, Minute, OpenCases, Surveyed
from services.console.domain.names import STATE_ORDER

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_share_of_nothing_is_unknown_not_zero() -> None:
    assert figures.share(0, 0) is None
    assert figures.share(1, 4) == 0.25


def test_total_adds_all_rows() -> None:
    rows = [Counted(family="a", received=3, resolved=2, in_time=1, overdue=1), Counted(received=4)]
    assert figures.total(rows) == Counted(received=7, resolved=2, in_time=1, overdue=1)


def test_the_worst_unit_comes_first_and_one_with_few_answers_never() -> None:
    rows = [
        Surveyed(unit="lucky", answered=FEW_ANSWERS - 1, satisfied_count=FEW_ANSWERS - 1),
        Surveyed(unit="good", answered=FEW_ANSWERS, satisfied_count=FEW_ANSWERS - 1),
        Surveyed(unit="poor", answered=100, satisfied_count=10),
        Surveyed(unit="silent"),
        Surveyed(unit=None, answered=50, satisfied_count=50),
    ]
    assert [(rate.unit, rate.few) for rate in figures.ranking(rows)] == [
        ("poor", False),
        ("good", False),
        ("lucky", True),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 50), st.integers(0, 50))))
def test_ranking_is_in_order_whatever_comes(given_rows: list[tuple[str, int, int]]) -> None:
    rows = [Surveyed(unit=u, answered=max(a, s), satisfied_count=min(a, s)) for u, a, s in given_rows]
    ranked = figures.ranking(rows)
    assert len(ranked) == sum(row.answered > 0 for row in rows)
    enough = [rate.rate for rate in ranked if not rate.few]
    assert enough == sorted(enough)
    assert [rate.few for rate in ranked] == sorted(rate.few for rate in ranked)


def test_bars_keep_the_order_of_the_registry_with_its_zeros() -> None:
    bars = figures.bars([("b", 1), ("new", 2), ("a", 4), ("old", 0)], ["a", "none", "b"])
    assert [(bar.code, bar.count, bar.length) for bar in bars] == [
        ("a", 4, 1.0),
        ("none", 0, 0.0),
        ("b", 1, 0.25),
        ("new", 2, 0.5),
        ("old", 0, 0.0),
    ]
    assert figures.bars([("a", 0)], ["a", "b"]) == ()


def test_what_could_not_be_determined_comes_last_with_what_is_not_known_yet() -> None:
    bars = figures.bars([("all", 9), ("b", 1), (None, 2)], ["all", "a", "b"], "all")
    assert [(bar.code, bar.count) for bar in bars] == [("a", 0), ("b", 1), ("all", 11)]


def test_states_follow_the_way_of_a_case_and_unknown_ones_come_last() -> None:
    bars = figures.bars([("novel", 1), ("reopened", 0), ("opened", 4)], STATE_ORDER)
    assert [bar.code for bar in bars] == [*STATE_ORDER, "novel"]


def test_cases_that_wait_for_their_citizen_are_no_work_of_the_bureau() -> None:
    rows = [OpenCases(state=state, cases=nth) for nth, state in enumerate(STATE_ORDER, start=1)]
    assert figures.standing(rows) == (22, 6)
    assert sum(figures.standing(rows)) == sum(row.cases for row in rows)


def test_minutes_that_nobody_counted_are_unknown_and_not_zero() -> None:
    now = datetime(2026, 3, 2, 10, 20, 30, tzinfo=SHANGHAI)
    started = Live(since=now.astimezone(UTC) - timedelta(minutes=5), per_minute=())
    counted = figures.counted_from(started, now)
    assert counted == datetime(2026, 3, 2, 10, 16, tzinfo=SHANGHAI)
    minutes = figures.last_minutes((), now, counted)
    assert [requests for _, requests in minutes] == [None] * 55 + [0] * 5
    stopped = figures.last_minutes((), now, counted, now - timedelta(minutes=2))
    assert [requests for _, requests in stopped] == [None] * 55 + [0] * 3 + [None] * 2
    on_the_minute = Live(since=datetime(2026, 3, 2, 10, 15, tzinfo=SHANGHAI))
    assert figures.counted_from(on_the_minute, now) == datetime(2026, 3, 2, 10, 15, tzinfo=SHANGHAI)
    assert figures.counted_from(Live(since=now - timedelta(hours=1)), now) is None
    assert figures.counted_from(Live(), now) is None
    assert figures.counted_from(None, now) is None


def test_the_last_hour_has_sixty_minutes_and_gaps_are_zero() -> None:
    now = datetime(2026, 3, 2, 0, 20, 30, tzinfo=SHANGHAI)
    # Analytics tells minutes in UTC; the hour reaches back into yesterday.
    points = [
        Minute(minute=now.astimezone(UTC).replace(second=0), requests=7),
        Minute(minute=now.astimezone(UTC).replace(second=0) - timedelta(minutes=59), requests=3),
        Minute(minute=now.astimezone(UTC).replace(second=0) - timedelta(minutes=60), requests=99),
    ]
    minutes = figures.last_minutes(points, now)
    assert len(minutes) == 60
    assert minutes[0] == (datetime(2026, 3, 1, 23, 21, tzinfo=SHANGHAI), 3)
    assert minutes[-1] == (now.replace(second=0), 7)
    assert sum(requests or 0 for _, requests in minutes) == 10
