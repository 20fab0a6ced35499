from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.console.domain import figures
from services.console.domain.figures import FEW_ANSWERS, Counted, Minute, OpenCases, Surveyed
from services.console.domain.names import STATE_ORDER

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_share_of_nothing_is_unknown_not_zero() -> None:
    assert figures.share(0, 0) is None
    assert figures.share(1, 4) == 0.25


def test_total_adds_all_rows() -> None:
    rows = [Counted(family="a", received=3, resolved=2, in_time=1, overdue=1), Counted(received=4)]
    assert figures.total(rows) == Counted(received=7, resolved=2, in_time=1, overdue=1)


def test_a_unit_with_few_answers_leads_nobody() -> None:
    rows = [
        Surveyed(unit="lucky", answered=FEW_ANSWERS - 1, satisfied_count=FEW_ANSWERS - 1),
        Surveyed(unit="good", answered=FEW_ANSWERS, satisfied_count=FEW_ANSWERS - 1),
        Surveyed(unit="poor", answered=100, satisfied_count=10),
        Surveyed(unit="silent"),
        Surveyed(unit=None, answered=50, satisfied_count=50),
    ]
    assert [(rate.unit, rate.few) for rate in figures.ranking(rows)] == [
        ("good", False),
        ("poor", False),
        ("lucky", True),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 50), st.integers(0, 50))))
def test_ranking_is_in_order_whatever_comes(given_rows: list[tuple[str, int, int]]) -> None:
    rows = [Surveyed(unit=u, answered=max(a, s), satisfied_count=min(a, s)) for u, a, s in given_rows]
    ranked = figures.ranking(rows)
    assert len(ranked) == sum(row.answered > 0 for row in rows)
    enough = [rate.rate for rate in ranked if not rate.few]
    assert enough == sorted(enough, reverse=True)
    assert [rate.few for rate in ranked] == sorted(rate.few for rate in ranked)


def test_bars_are_longest_first_and_relative_to_the_longest() -> None:
    bars = figures.bars([("small", 1), ("big", 4), (None, 9), ("none", 0)])
    assert [(bar.code, bar.length) for bar in bars] == [("big", 1.0), ("small", 0.25)]


def test_states_follow_the_way_of_a_case_and_unknown_ones_come_last() -> None:
    rows = [OpenCases(state="novel", cases=1), OpenCases(state="reopened", cases=0), OpenCases(state="opened", cases=4)]
    assert [bar.code for bar in figures.by_order(rows, STATE_ORDER)] == ["opened", "reopened", "novel"]
    assert figures.by_order([OpenCases(state="opened", cases=0)], STATE_ORDER)[0].length == 0.0


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
    assert sum(requests for _, requests in minutes) == 10
