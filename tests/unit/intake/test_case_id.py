"""UUIDv7 case ids."""

from __future__ import annotations

import secrets
import time
from itertools import pairwise
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.case_id import CaseIds, uuid7


def test_example_of_the_standard() -> None:
    # RFC 9562, A.6.
    assert uuid7(0x017F22E279B0, 0xCC3, 0x18C4DC0C0C07398F) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**12 - 1), st.integers(0, 2**62 - 1))
def test_version_variant_and_time(milliseconds: int, counter: int, random: int) -> None:
    made = uuid7(milliseconds, counter, random)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == milliseconds


@given(st.lists(st.integers(0, 50), min_size=2, max_size=200))
def test_ids_grow_whatever_the_clock_does(times: list[int]) -> None:
    ticks = iter(times)
    ids = CaseIds(lambda: next(ticks) * 1_000_000, secrets.randbits)
    made = [ids() for _ in times]
    assert all(earlier < later for earlier, later in pairwise(made))


def test_more_ids_than_a_millisecond_has() -> None:
    ids = CaseIds(lambda: 1_000_000_000, secrets.randbits)
    made = [ids() for _ in range(20_000)]
    assert made == sorted(set(made))
    # The time in them runs ahead no further than it must: 2,048 ids a millisecond at least.
    assert (made[-1].int >> 80) - (made[0].int >> 80) <= 20_000 / 2_048 + 1


def test_two_processes_at_the_same_moment_differ() -> None:
    moment = time.time_ns()
    first, second = (CaseIds(lambda: moment, secrets.randbits) for _ in range(2))
    assert not {first() for _ in range(1_000)} & {second() for _ in range(1_000)}
