from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.console.domain.reading import STALE_AFTER, Freshness, Reading, Trouble

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_nothing_tried_yet_is_loading() -> None:
    assert Reading[int]().freshness(NOW) is Freshness.LOADING


def test_a_first_failure_leaves_nothing_to_show() -> None:
    reading = Reading[int]().failed(Trouble.UNREACHABLE)
    assert reading.freshness(NOW) is Freshness.ABSENT


def test_one_failure_after_a_value_is_no_news_until_the_value_is_old() -> None:
    reading = Reading[int]().succeeded(5, NOW).failed(Trouble.FAILING)
    assert reading.value == 5
    assert reading.freshness(NOW + STALE_AFTER) is Freshness.FRESH
    assert reading.freshness(NOW + STALE_AFTER + timedelta(milliseconds=1)) is Freshness.STALE


def test_a_value_that_nobody_renewed_is_stale_without_any_failure() -> None:
    assert Reading[int]().succeeded(5, NOW).freshness(NOW + timedelta(minutes=1)) is Freshness.STALE


def test_success_clears_the_trouble() -> None:
    assert Reading[int]().failed(Trouble.FAILING).succeeded(1, NOW).trouble is None


@pytest.mark.parametrize("trouble", [Trouble.FORBIDDEN, Trouble.UNAUTHORISED])
def test_what_is_refused_is_not_shown_from_memory(trouble: Trouble) -> None:
    refused = Reading[int]().succeeded(5, NOW).failed(trouble)
    assert (refused.value, refused.freshness(NOW)) == (None, Freshness.DENIED)
