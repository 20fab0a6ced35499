"""Reading records: a good one round-trips, and whatever else lies on a topic is refused, never an accident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.batch import record_of
from shared.bus.envelope import LARGEST_SEQUENCE, UndecodableError, decode, headers_of
from shared.bus.public_feed import public_record
from tests.support.ledger import request

CASE = UUID("0192f3c0-0000-7000-8000-000000000001")
EVENT = request()
EARLIEST = datetime(1970, 1, 2)  # noqa: DTZ001 - the zone is drawn
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def good(**changed: Any) -> list[tuple[str, Any]]:
    """The headers of a good record; `changed` replaces values by their names without `ce_`."""
    headers = headers_of(
        source="/minsheng/intake",
        type=EVENT.TYPE,
        case_id=CASE,
        sequence=1,
        time=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
        traceparent=TRACE,
    )
    return [(name, changed.get(name.removeprefix("ce_"), value)) for name, value in headers]


KEY = str(CASE).encode()


def read(headers: Any, value: bytes | None = EVENT.encode(), key: bytes | None = KEY) -> Any:
    return decode("minsheng.requests", 3, 17, headers, value, key)


@given(
    sequence=st.integers(1, LARGEST_SEQUENCE),
    time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]), min_value=EARLIEST),
    source=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=60),
)
def test_what_was_written_is_read(sequence: int, time: datetime, source: str) -> None:
    case = uuid4()
    headers = headers_of(source=source, type=EVENT.TYPE, case_id=case, sequence=sequence, time=time, traceparent=TRACE)
    received = read(headers, key=str(case).encode())
    assert (received.topic, received.partition, received.offset) == ("minsheng.requests", 3, 17)
    assert (received.source, received.type, received.case_id) == (source, EVENT.TYPE, case)
    assert (received.sequence, received.time, received.traceparent) == (sequence, time, TRACE)
    assert received.event == EVENT


@pytest.mark.parametrize(
    ("changed", "reason", "known"),
    [
        ({"specversion": b"0.3"}, "not-a-cloudevent", True),
        ({"specversion": None}, "not-a-cloudevent", True),
        # What the database's columns can't hold must not come as far as the database.
        ({"source": b"/minsheng/in\0take"}, "bad-attributes", False),
        ({"source": b"/" * 300}, "bad-attributes", False),
        ({"source": b"\xff"}, "bad-attributes", False),
        ({"source": None}, "bad-attributes", False),
        ({"type": b"a\0b"}, "bad-attributes", True),
        ({"type": b"minsheng.unheard.of.v1"}, "unknown-type", True),
        ({"subject": b"\xe4\xba\xba"}, "bad-attributes", False),
        ({"subject": None}, "bad-attributes", False),
        ({"sequence": b"0"}, "bad-attributes", False),
        ({"sequence": b"-1"}, "bad-attributes", False),
        ({"sequence": b"1_0"}, "bad-attributes", False),
        ({"sequence": str(LARGEST_SEQUENCE + 1).encode()}, "bad-attributes", False),
        ({"sequence": b"9" * 5_000}, "bad-attributes", False),
        ({"sequence": None}, "bad-attributes", False),
        ({"time": b"yesterday"}, "bad-attributes", True),
        ({"time": b"2026-11-24T08:30:00"}, "bad-attributes", True),
        ({"time": b"0001-01-01T00:00:00+14:00"}, "bad-attributes", True),
        ({"time": None}, "bad-attributes", True),
    ],
)
def test_bad_attributes_are_told_with_whatever_names_the_case(
    changed: dict[str, bytes | None], reason: str, known: bool
) -> None:
    with pytest.raises(UndecodableError) as refused:
        read(good(**changed))
    assert refused.value.reason == reason
    assert refused.value.identity.is_known is known


def test_a_broken_value_is_told_without_its_content() -> None:
    with pytest.raises(UndecodableError) as refused:
        read(good(), b'{"number": "13900000001", "body": 7}')
    assert refused.value.reason == "wrong-schema"
    assert "body" in refused.value.detail
    assert "13900000001" not in refused.value.detail
    with pytest.raises(UndecodableError, match="no-data"):
        read(good(), None)


@pytest.mark.parametrize("traceparent", [None, b"", b"x" * 200, b"00-\0", b"\xff"])
def test_a_trace_that_is_none_is_dropped_and_the_event_read(traceparent: bytes | None) -> None:
    assert read(good(traceparent=traceparent)).traceparent is None


@pytest.mark.parametrize("name", [name for name, _ in good() if name.startswith("ce_")])
@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("first", [True, False])
def test_an_attribute_that_stands_there_twice_is_taken_for_neither(name: str, spelt: Any, first: bool) -> None:
    again = (spelt(name), dict(good())[name])
    with pytest.raises(UndecodableError) as refused:
        read([again, *good()] if first else [*good(), again])
    assert refused.value.reason == "repeated-attribute"
    assert name in refused.value.detail
    # Where it would name the place in a case, nobody knows the place.
    assert refused.value.identity.is_known is (name not in {"ce_source", "ce_subject", "ce_sequence"})


def test_an_extension_of_somebody_elses_may_stand_there_once() -> None:
    assert read([*good(), ("ce_partitionkey", b"x"), ("X-Trace", b"1"), ("X-Trace", b"2")]).case_id == CASE
    with pytest.raises(UndecodableError, match="repeated-attribute"):
        read([*good(), ("ce_13900000001", b"x"), ("ce_13900000001", b"y")])


@pytest.mark.parametrize("key", [None, b"", b"\xff", KEY[:-1] + b"2", KEY.upper(), KEY + b" ", CASE.bytes])
def test_a_key_that_is_not_the_subject_is_no_order_of_the_case(key: bytes | None) -> None:
    with pytest.raises(UndecodableError) as refused:
        read(good(), key=key)
    assert refused.value.reason == "key-mismatch"
    assert refused.value.identity.case_id is None


def test_a_tombstone_is_no_event() -> None:
    with pytest.raises(UndecodableError, match="not-a-cloudevent"):
        read([], None)
    with pytest.raises(UndecodableError, match="not-a-cloudevent"):
        read([], None, None)


@pytest.mark.parametrize(
    "changed", [{"key": str(uuid5(CASE, "other")).encode()}, {"headers": [*good(), ("ce_subject", KEY)]}, {"key": None}]
)
def test_nobody_outside_is_told_of_what_names_two_places(changed: dict[str, Any]) -> None:
    kept = {"topic": "t", "partition": 3, "offset": 17, "key": KEY, "value": EVENT.encode(), "headers": good()}
    assert public_record(record_of(SimpleNamespace(**kept)), {"t": "public"}) is not None
    record = record_of(SimpleNamespace(**{**kept, **changed}))
    assert public_record(record, {"t": "public"}) is None
    assert record.error is not None


NAMES = st.sampled_from([name for name, _ in good()]) | st.text(max_size=20)
VALUES = st.none() | st.binary(max_size=60) | st.sampled_from([value for _, value in good()])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), st.none() | st.binary(max_size=80) | st.just(EVENT.encode()))
def test_anything_else_is_refused_and_never_an_accident(headers: Any, value: bytes | None) -> None:
    refused = None
    try:
        read(headers, value)
    except UndecodableError as error:
        refused = error
    if refused is not None:
        identity = refused.identity
        assert "\0" not in f"{refused}{identity.source}{identity.type}"
        assert identity.sequence is None or 1 <= identity.sequence <= LARGEST_SEQUENCE
