from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import tracing
from shared.telemetry.tracing import carried, child, current_traceparent, span, spans, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-00"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    shutdown = tracing.export_to(SimpleSpanProcessor(exporter), "test", ratio=0.0)
    yield exporter
    shutdown()


@pytest.mark.parametrize("parent", [SAMPLED, UNSAMPLED])
def test_a_child_keeps_trace_and_sampling_and_has_a_span_id_of_its_own(parent: str) -> None:
    version, trace, span_id, flags = child(parent).split("-")
    assert (version, trace, flags) == ("00", TRACE, parent[-2:])
    assert span_id != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"{SAMPLED}-more",
        f"{SAMPLED}\n",
    ],
)
def test_without_a_valid_parent_a_new_trace_begins(malformed: str | None) -> None:
    assert trace_id(malformed) is None
    begun = child(malformed)
    assert trace_id(begun) not in {None, TRACE}
    assert begun.endswith("-00"), "nothing is sampled while nothing is exported"


def test_a_later_version_of_the_standard_is_read_as_far_as_it_is_known() -> None:
    assert trace_id(f"01-{TRACE}-00f067aa0ba902b7-01-more") == TRACE


def test_the_current_traceparent_is_that_of_the_innermost_span() -> None:
    assert current_traceparent() is None
    with span("outer", SAMPLED) as outer:
        assert current_traceparent() == outer
        with span("inner", outer) as inner:
            assert current_traceparent() == inner != outer
        assert current_traceparent() == outer
    assert current_traceparent() is None


def test_sampled_spans_are_exported_with_their_parent(exported: InMemorySpanExporter) -> None:
    with span("intake", SAMPLED, attributes={"route": "/v1/requests"}) as outer, span("store", outer) as inner:
        assert trace_id(inner) == TRACE
    store, intake = exported.get_finished_spans()
    assert intake.parent is not None
    assert intake.parent.span_id == 0x00F067AA0BA902B7
    assert intake.context.trace_id == int(TRACE, 16)
    assert intake.attributes == {"route": "/v1/requests"}
    assert store.parent is not None
    assert store.parent.span_id == intake.context.span_id
    assert outer == f"00-{TRACE}-{intake.context.span_id:016x}-01"


def test_unsampled_spans_are_not_exported(exported: InMemorySpanExporter) -> None:
    with span("intake", UNSAMPLED):
        pass
    assert exported.get_finished_spans() == ()


def test_a_failed_span_tells_the_kind_of_failure_but_not_its_text(exported: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="13812345678"), span("intake", SAMPLED):
        raise ValueError("13812345678")
    (failed,) = exported.get_finished_spans()
    assert failed.status.description == "ValueError"
    assert "13812345678" not in failed.to_json()


def test_an_event_names_the_exported_span_that_told_it(exported: InMemorySpanExporter) -> None:
    with span("decide", SAMPLED) as told:
        assert carried(told) == told
    (decided,) = exported.get_finished_spans()
    assert carried(told).split("-")[2] == f"{decided.context.span_id:016x}"


@pytest.mark.parametrize("parent", [UNSAMPLED, "nonsense", None])
def test_other_events_have_a_span_id_of_their_own(exported: InMemorySpanExporter, parent: str | None) -> None:
    assert carried(parent) != parent
    assert (trace_id(carried(parent)) == TRACE) == (parent == UNSAMPLED)


def test_nothing_is_carried_over_where_nothing_is_exported() -> None:
    assert carried(SAMPLED) != SAMPLED
    assert trace_id(carried(SAMPLED)) == TRACE


def test_a_batch_has_a_span_for_each_sampled_event(exported: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="13812345678"), spans([("a", SAMPLED), ("b", UNSAMPLED), ("c", None)]):
        raise ValueError("13812345678")
    (only,) = exported.get_finished_spans()
    assert only.name == "a"
    assert only.parent is not None
    assert only.parent.span_id == 0x00F067AA0BA902B7
    assert only.status.description == "ValueError"
    assert "13812345678" not in only.to_json()
