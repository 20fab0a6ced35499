"""The stream: the same for the same seed, and made of what the plan says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import islice, pairwise

import pytest

from services.simulator.domain.arrivals import BurstPlan
from services.simulator.domain.stream import Origin, Plan, Posting, RequestStream
from tests.unit.simulator.city import example_city, example_script, plan


def postings(count: int, of: Plan) -> list[Posting]:
    return list(islice(RequestStream(of, example_city(), example_script()), count))


@pytest.fixture(scope="module")
def many() -> list[Posting]:
    return postings(12_000, plan())


def test_the_same_seed_gives_the_same_stream() -> None:
    assert postings(500, plan(seed=11)) == postings(500, plan(seed=11))


def test_a_stream_can_be_iterated_again() -> None:
    stream = RequestStream(plan(), example_city(), example_script())
    assert list(islice(stream, 50)) == list(islice(stream, 50))


def test_another_seed_gives_another_stream() -> None:
    one, other = postings(200, plan(seed=1)), postings(200, plan(seed=2))
    assert {p.payload["body"] for p in one}.isdisjoint(p.payload["body"] for p in other if len(p.payload["body"]) > 30)
    assert {p.channel_request_id for p in one}.isdisjoint(p.channel_request_id for p in other)


def test_the_same_seed_on_another_day_repeats_no_id() -> None:
    """What was posted yesterday is no repeat of today's: ids hold the start."""
    later = replace(plan(), start=plan().start + timedelta(days=1))
    assert {p.channel_request_id for p in postings(200, plan())}.isdisjoint(
        p.channel_request_id for p in postings(200, later)
    )


def test_a_fifth_are_repeats_and_some_of_them_the_very_same(many: list[Posting]) -> None:
    origins = Counter(posting.origin for posting in many)
    assert (origins[Origin.REPEAT] + origins[Origin.REPOST]) / len(many) == pytest.approx(0.2, abs=0.015)
    assert origins[Origin.REPOST] / len(many) == pytest.approx(0.06, abs=0.01)


def test_a_repost_is_the_earlier_request_to_the_letter(many: list[Posting]) -> None:
    ids = {(posting.channel, posting.channel_request_id) for posting in many if posting.origin is not Origin.REPOST}
    assert len(ids) == sum(posting.origin is not Origin.REPOST for posting in many)
    for posting in many:
        if posting.origin is Origin.REPOST:
            assert posting.repeats is not None
            assert posting.payload == many[posting.repeats].payload


def test_a_repeat_comes_from_the_same_citizen_in_other_words_and_half_through_another_channel(
    many: list[Posting],
) -> None:
    pairs = [(p, many[p.repeats]) for p in many if p.origin is Origin.REPEAT and p.repeats is not None]
    for repeat, before in pairs:
        assert repeat.channel_request_id != before.channel_request_id
        names = [one.payload.get("requester", {}).get("name") for one in (repeat, before)]
        assert None in names or names[0] == names[1]
    assert sum(a.payload["body"] != b.payload["body"] for a, b in pairs) > 0.8 * len(pairs)
    assert sum(a.channel != b.channel for a, b in pairs) / len(pairs) == pytest.approx(0.5, abs=0.05)


def test_all_families_take_part_as_they_weigh(many: list[Posting]) -> None:
    families = Counter(posting.channel.rpartition("-")[0] for posting in many)
    assert set(families) == {family.code for family in example_city().families}
    assert families["hotline-12345"] / len(many) == pytest.approx(0.257, abs=0.02)
    assert len({p.channel for p in many}) > 700


def test_some_are_anonymous_urgent_located_and_dated(many: list[Posting]) -> None:
    anonymous = sum("requester" not in posting.payload for posting in many) / len(many)
    assert anonymous == pytest.approx(0.08, abs=0.015)
    assert 0.003 < sum(posting.urgent for posting in many) / len(many) < 0.015
    assert any("location" in posting.payload for posting in many)
    assert any("submitted_at" in posting.payload for posting in many)
    assert any(not p.payload["requester"]["phone"].isascii() for p in many if "requester" in p.payload)


def test_located_requests_lie_in_their_district(many: list[Posting]) -> None:
    areas = {district.code: district.area for district in example_city().districts}
    both = [p.payload for p in many if "location" in p.payload and "district" in p.payload]
    assert both
    for payload in both:
        area = areas[payload["district"]]
        assert area is not None
        south, west, north, east = area
        assert south <= payload["location"]["latitude"] <= north
        assert west <= payload["location"]["longitude"] <= east


def test_a_burst_is_about_one_matter_in_one_district() -> None:
    storm = replace(plan(rate=50.0), bursts=BurstPlan(every=5, shortest=20, longest=20, factor=20.0), repeats=0.0)
    themed = Counter(
        (p.payload["category"], p.payload["district"])
        for p in postings(6_000, storm)
        if "category" in p.payload and "district" in p.payload
    )
    ((_, most),) = themed.most_common(1)
    # Without a burst no pair of forty categories and six districts comes near a fifth of all.
    assert most > 0.2 * themed.total()


def test_arrival_times_grow(many: list[Posting]) -> None:
    assert all(before.at < after.at for before, after in pairwise(many))
    assert [posting.number for posting in many] == list(range(len(many)))
