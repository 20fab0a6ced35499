"""Going on where an import was stopped."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.importer.journal import Counts, Done, Journal, JournalError, Refusal, _Ranges

IDENTITY = {"file": "abc", "channel": None}


def journal(tmp_path: Path, **changes: object) -> Journal:
    return Journal(tmp_path / "x.import", {**IDENTITY, **changes})


def test_it_remembers_rows_counts_and_refusals(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(Done((1, 2, 5), Counts(cases=2, refused=1), (Refusal(5, "m5", "no"),)))
    first.add(Done((3,), Counts(repeated=1)))
    first.close()
    again = journal(tmp_path)
    assert list(islice(again.is_done(), 7)) == [True, True, True, False, True, False, False]
    assert again.counts == Counts(cases=2, repeated=1, refused=1)
    assert (again.resumed, again.refusals) == (4, [Refusal(5, "m5", "no")])


def test_a_line_cut_off_by_a_crash_is_dropped(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(Done((1,), Counts(cases=1)))
    first.add(Done((2,), Counts(cases=1)))
    first.close()
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[:-5])
    again = journal(tmp_path)
    assert again.counts.rows == 1
    again.add(Done((2,), Counts(repeated=1)))
    again.close()
    assert journal(tmp_path).counts == Counts(cases=1, repeated=1)


def test_a_head_cut_off_by_a_crash_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "x.import").write_bytes(b'{"version"')
    assert journal(tmp_path).counts.rows == 0
    assert journal(tmp_path).counts.rows == 0


def test_the_journal_of_another_import_is_not_taken(tmp_path: Path) -> None:
    kept = journal(tmp_path)
    kept.begin(datetime(2026, 11, 24, tzinfo=UTC))
    kept.close()
    with pytest.raises(JournalError, match=r"the file's content changed since.*--restart"):
        journal(tmp_path, file="other")
    with pytest.raises(JournalError, match="the file's content, --channel changed"):
        journal(tmp_path, file="other", channel="website-0001")


def test_a_command_that_posted_nothing_stands_in_no_ones_way(tmp_path: Path) -> None:
    journal(tmp_path, channel="wrong").close()
    assert journal(tmp_path, channel="right").since is None
    journal(tmp_path, channel="right").close()


def test_it_remembers_what_was_posted_without_an_answer(tmp_path: Path) -> None:
    since = datetime(2026, 11, 24, 8, 30, 0, 1234, tzinfo=UTC)
    first = journal(tmp_path)
    first.begin(since)
    first.sending([1, 2, 3])
    first.sending([4, 5])
    first.add(Done((1, 3), Counts(cases=2), made=(77,)))
    again = journal(tmp_path)
    assert (again.since, again.unanswered, again.made) == (since, frozenset({2, 4, 5}), {77})


@given(groups=st.lists(st.lists(st.integers(1, 60), unique=True, min_size=1), max_size=12))
def test_any_order_of_groups(tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    kept = journal(folder)
    done: set[int] = set()
    for group in groups:
        fresh = tuple(row for row in group if row not in done)
        if fresh:
            done |= set(fresh)
            kept.add(Done(fresh, Counts(cases=len(fresh))))
    kept.close()
    for one in (kept, journal(folder)):
        assert [number for number, is_done in enumerate(islice(one.is_done(), 70), 1) if is_done] == sorted(done)
        assert one.counts.rows == len(done)


def test_rows_that_lie_together_take_one_range() -> None:
    ranges = _Ranges()
    for first, last in ((1, 2), (7, 8), (3, 4), (5, 6), (10, 10)):
        ranges.add(first, last)
    assert ranges.ordered() == [(1, 8), (10, 10)]
