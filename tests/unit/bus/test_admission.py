"""What of a batch may be applied: repeated, fresh, held; for any order in which events can arrive."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.admission import Blocked, Record, admit
from shared.bus.envelope import Identity, UndecodableError, decode, headers_of
from shared.bus.handlers import utc_now
from shared.events.case import CaseAccepted

CASES = [UUID(int=n) for n in (1, 2, 3)]
SOURCES = ["/minsheng/intake", "/minsheng/routing"]
NOW = utc_now()
VALUE = CaseAccepted(officer="o-1", accepted_at=NOW).encode()


def record(case: UUID, sequence: int, source: str = SOURCES[0], *, bad: bool = False) -> Record:
    headers = headers_of(
        source=source, type=CaseAccepted.TYPE, case_id=case, sequence=sequence, time=NOW, traceparent=None
    )
    received = error = None
    try:
        received = decode("t", 0, sequence, headers, b"{}" if bad else VALUE, str(case).encode())
    except UndecodableError as undecodable:
        error = undecodable
    return Record("t", 0, sequence, str(case).encode(), VALUE, tuple(headers), received, error)


def sequences(records: list[Record]) -> list[tuple[UUID | None, str | None, int | None]]:
    return [(r.identity.case_id, r.identity.source, r.identity.sequence) for r in records]


def test_a_repeated_event_is_skipped_and_a_hole_held() -> None:
    case = CASES[0]
    verdict = admit([record(case, 1), record(case, 2), record(case, 2), record(case, 4), record(case, 5)], {}, {})
    assert sequences(verdict.fresh) == [(case, SOURCES[0], 1), (case, SOURCES[0], 2)]
    assert verdict.repeated == 1
    assert [(held.record.identity.sequence, held.state) for held in verdict.held] == [(4, "gap"), (5, "waiting")]


def test_a_bad_event_holds_its_case_from_every_source_and_no_other() -> None:
    verdict = admit([record(CASES[0], 1, bad=True), record(CASES[0], 1, SOURCES[1]), record(CASES[1], 1)], {}, {})
    assert sequences(verdict.fresh) == [(CASES[1], SOURCES[0], 1)]
    assert [(held.state, held.reason) for held in verdict.held] == [
        ("failed", "wrong-schema"),
        ("waiting", "case-waits"),
    ]


def test_only_the_missing_event_fills_a_hole() -> None:
    case = CASES[0]
    blocked = {case: Blocked(gaps=frozenset({SOURCES[0]}))}
    verdict = admit([record(case, 5), record(case, 3), record(case, 1, SOURCES[1])], {(case, SOURCES[0]): 2}, blocked)
    assert sequences(verdict.fresh) == [(case, SOURCES[0], 3)]
    assert verdict.filled == {case}
    assert len(verdict.held) == 2


def test_a_record_that_names_no_case_is_set_aside_alone() -> None:
    error = UndecodableError("not-a-cloudevent", "no headers", Identity())
    nameless = Record("t", 0, 0, None, b"?", (), None, error)
    verdict = admit([nameless, record(CASES[0], 1)], {}, {})
    assert [held.state for held in verdict.held] == ["failed"]
    assert len(verdict.fresh) == 1


arrivals = st.lists(
    st.tuples(st.sampled_from(CASES), st.sampled_from(SOURCES), st.integers(1, 6), st.booleans()), max_size=40
)


@given(arrivals, arrivals)
def test_whatever_arrives_is_applied_in_order_once_or_held(
    first: list[tuple[UUID, str, int, bool]], second: list[tuple[UUID, str, int, bool]]
) -> None:
    cursors: dict[tuple[UUID, str], int] = {}
    blocked: dict[UUID, Blocked] = {}
    for batch in (first, second):
        records = [record(case, sequence, source, bad=bad) for case, source, sequence, bad in batch]
        verdict = admit(records, cursors, blocked)
        assert len(verdict.fresh) + verdict.repeated + len(verdict.held) == len(records)
        for applied in verdict.fresh:
            identity = applied.identity
            assert identity.case_id is not None
            assert identity.source is not None
            key = (identity.case_id, identity.source)
            # Next in line, always: none skipped, none twice.
            assert identity.sequence == cursors.get(key, 0) + 1
            cursors[key] = identity.sequence
        for held in verdict.held:
            case_id = held.record.identity.case_id
            assert case_id is not None
            known = blocked.get(case_id, Blocked())
            source = frozenset({held.record.identity.source or ""}) if held.state == "gap" else frozenset()
            blocked[case_id] = Blocked(known.failed or held.state == "failed", known.gaps | source)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ce_specversion": b"0.3"}, "not-a-cloudevent"),
        ({"ce_type": b"minsheng.case.vanished.v1"}, "unknown-type"),
        ({"ce_subject": b"not-a-uuid"}, "bad-attributes"),
        ({"ce_sequence": b"zero"}, "bad-attributes"),
        ({"ce_sequence": b"0"}, "bad-attributes"),
        ({"ce_time": b"yesterday"}, "bad-attributes"),
        ({"ce_time": b"2026-11-24T00:00:00"}, "bad-attributes"),
    ],
)
def test_what_is_not_an_event_says_why(change: dict[str, bytes], reason: str) -> None:
    headers = headers_of(
        source=SOURCES[0], type=CaseAccepted.TYPE, case_id=CASES[0], sequence=1, time=NOW, traceparent=None
    )
    with pytest.raises(UndecodableError) as raised:
        decode("t", 0, 0, [(name, change.get(name, value)) for name, value in headers], VALUE, str(CASES[0]).encode())
    assert raised.value.reason == reason


def test_a_wrong_schema_is_told_without_its_values() -> None:
    headers = headers_of(
        source=SOURCES[0], type=CaseAccepted.TYPE, case_id=CASES[0], sequence=1, time=NOW, traceparent=None
    )
    with pytest.raises(UndecodableError) as raised:
        decode("t", 0, 0, headers, b'{"officer": 13900000001, "accepted_at": "x"}', str(CASES[0]).encode())
    assert "officer" in raised.value.detail
    assert "13900000001" not in str(raised.value)


def test_an_event_survives_its_envelope() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = headers_of(
        source=SOURCES[1], type=CaseAccepted.TYPE, case_id=CASES[1], sequence=7, time=NOW, traceparent=trace
    )
    received = decode("t", 3, 9, headers, VALUE, str(CASES[1]).encode())
    assert (received.source, received.case_id, received.sequence, received.time) == (SOURCES[1], CASES[1], 7, NOW)
    assert (received.partition, received.offset, received.traceparent) == (3, 9, trace)
    assert received.event == CaseAccepted(officer="o-1", accepted_at=NOW)
