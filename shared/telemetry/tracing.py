"""The trace of a request, from its HTTP call through every event that it causes, as W3C `traceparent`.

Every request and event has a `traceparent`; making one costs about a microsecond. An OpenTelemetry span is made only
where `configure` was given an OTLP endpoint and the trace is sampled.
Source: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

__all__ = [
    "SpanKind",
    "carried",
    "child",
    "configure",
    "current_traceparent",
    "export_to",
    "is_exported",
    "span",
    "spans",
    "trace_id",
]

Attribute = str | bool | int | float

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII | re.DOTALL)
_SAMPLED = 0x01
_current: ContextVar[str | None] = ContextVar("minsheng_traceparent", default=None)

# Identifiers need to be unique, not unguessable, and are made for each event.
_ids = random.Random(os.urandom(32))  # noqa: S311
os.register_at_fork(after_in_child=lambda: _ids.seed(os.urandom(32)))


class _Exporting:
    """Where spans go, and which share of new traces is sampled. Nothing of it while no endpoint is configured."""

    tracer: trace.Tracer | None = None
    ratio: float = 0.0


def _identifier(bits: int) -> int:
    # All zero is invalid by the standard.
    return _ids.getrandbits(bits) or 1


def _fields(traceparent: str | None) -> tuple[str, str, int] | None:
    """(trace id, span id, flags) of a valid traceparent."""
    if traceparent is None or (match := _FORM.fullmatch(traceparent)) is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    # Version 00 has exactly four fields; a later version may add some. Version ff and zero ids are forbidden.
    if version == "ff" or (version == "00" and rest) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return trace_id, span_id, int(flags, 16)


def current_traceparent() -> str | None:
    """The traceparent of the request or event being handled here, or None outside of any."""
    return _current.get()


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hexadecimal digits that all parts of one trace share; None for a missing or malformed traceparent."""
    fields = _fields(traceparent)
    return fields[0] if fields else None


def child(traceparent: str | None) -> str:
    """A traceparent for what is caused by `traceparent`: the same trace and sampling, an own span id.

    Without a (valid) one, a new trace begins, sampled in the configured ratio.
    """
    fields = _fields(traceparent)
    if fields is None:
        flags = _SAMPLED if _Exporting.ratio and _ids.random() < _Exporting.ratio else 0
        return f"00-{_identifier(128):032x}-{_identifier(64):016x}-{flags:02x}"
    return f"00-{fields[0]}-{_identifier(64):016x}-{fields[2] & _SAMPLED:02x}"


def carried(traceparent: str | None) -> str:
    """The traceparent of an event that is told while handling `traceparent`.

    Where the handling is exported as a span, the event names that span as its cause; else it gets an id of its own.
    """
    return traceparent if traceparent is not None and is_exported(traceparent) else child(traceparent)


def is_exported(traceparent: str | None) -> bool:
    """Whether spans of this trace leave this process."""
    return _Exporting.tracer is not None and (fields := _fields(traceparent)) is not None and bool(fields[2] & _SAMPLED)


@contextmanager
def spans(names: Iterable[tuple[str, str | None]]) -> Iterator[None]:
    """One exported span for each (name, traceparent) of a sampled trace, all as long as the block: a batch's events."""
    tracer = _Exporting.tracer
    begun = (
        []
        if tracer is None
        else [
            tracer.start_span(name, context=trace.set_span_in_context(_remote(parent)), kind=SpanKind.CONSUMER)
            for name, parent in names
            if is_exported(parent)
        ]
    )
    try:
        yield
    except BaseException as error:
        for one in begun:
            one.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        for one in begun:
            one.end()


@contextmanager
def span(
    name: str,
    parent: str | None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Attribute] | None = None,
) -> Iterator[str]:
    """Do something as part of a trace: yields its traceparent, which is the current one meanwhile.

    An exception marks the span as failed with the exception's type alone: its text may hold personal data.
    """
    own = child(parent)
    tracer = _Exporting.tracer
    if tracer is None or not own.endswith("1"):
        token = _current.set(own)
        try:
            yield own
        finally:
            _current.reset(token)
        return
    # Without a parent the new trace id of `own` would be lost to the tracer; its own root is as good.
    context = trace.set_span_in_context(_remote(parent)) if _fields(parent) else None
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=dict(attributes or {}),
        record_exception=False,
        set_status_on_exception=False,
    ) as exported:
        told = exported.get_span_context()
        own = f"00-{told.trace_id:032x}-{told.span_id:016x}-{_SAMPLED:02x}"
        token = _current.set(own)
        try:
            yield own
        except BaseException as error:
            exported.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            _current.reset(token)


def _remote(traceparent: str | None) -> NonRecordingSpan:
    fields = _fields(traceparent)
    assert fields is not None
    return NonRecordingSpan(
        SpanContext(
            int(fields[0], 16), int(fields[1], 16), is_remote=True, trace_flags=TraceFlags(fields[2] & _SAMPLED)
        )
    )


def configure(service: str, otlp_endpoint: str | None, *, ratio: float = 0.01) -> Callable[[], None]:
    """Export sampled spans of this process to an OTLP/HTTP endpoint (`http://collector:4318`); None exports nothing.

    `ratio` (0..1) of the traces that begin here are sampled; traces that began elsewhere keep their own choice.
    Returns a function that flushes and ends the export.
    """
    if otlp_endpoint is None:
        return lambda: None
    # Loaded where it is used: it takes longer to load than some services do.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    url = otlp_endpoint if urlsplit(otlp_endpoint).path.strip("/") else otlp_endpoint.rstrip("/") + "/v1/traces"
    return export_to(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)), service, ratio=ratio)


def export_to(processor: SpanProcessor, service: str, *, ratio: float) -> Callable[[], None]:
    """Hand the spans of sampled traces to `processor`. Returns a function that flushes and ends it."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    # The choice was made with the traceparent; the SDK must not choose again.
    provider = TracerProvider(resource=Resource.create({"service.name": f"minsheng-{service}"}), sampler=ALWAYS_ON)
    provider.add_span_processor(processor)
    _Exporting.tracer = provider.get_tracer("minsheng")
    _Exporting.ratio = ratio

    def shutdown() -> None:
        _Exporting.tracer = None
        _Exporting.ratio = 0.0
        provider.shutdown()

    return shutdown
