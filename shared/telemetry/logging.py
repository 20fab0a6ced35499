"""JSON logs on stderr, one line for each record, from structlog and from the standard library alike.

Personal data has no place in a log: fields known to hold it are dropped wherever they are nested, free text is
redacted, and exceptions are told without the values they were about.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from pydantic import ValidationError
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.privacy.redaction import redact
from shared.telemetry.failures import describe
from shared.telemetry.repeats import Repeats
from shared.telemetry.tracing import current_traceparent, trace_id

PERSONAL_FIELDS = frozenset(
    {
        "address", "answer", "body", "citizen", "comment", "contact", "contacts", "content", "description", "e164",
        "email", "full_name", "id_card", "id_number", "identity", "input", "location", "mobile", "name", "note",
        "number_plate", "params", "parameters", "password", "payload", "phone", "place", "plate", "plaintext",
        "remark", "requester", "resident_id", "secret", "sms", "subject", "tel", "telephone", "text", "title", "token",
        "value", "values", "wechat",
        # Not personal, but as good as a key.
        "authorization", "cookie", "key", "keys",
    }
)  # fmt: skip
"""Names of fields whose values never reach a log, in any case of letters."""

_NOISY = ("httpx", "httpcore", "asyncio", "uvicorn.access", "faust.web", "aiokafka.conn", "alembic.runtime.migration")
_MAX_TEXT = 2_000
_TREE = re.compile(r"^\[\^-*(\w+)\]: ")
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
"""What colours a terminal, and other controls: no part of a message."""


def configure(service: str, level: str = "info", *, stream: TextIO | None = None) -> None:
    """Send every log record of this process to `stream` (stderr) as JSON, at `level` and above.

    Replaces the handlers of all loggers that libraries have set up before, so that uvicorn, aiokafka, faust and mode
    speak the same form. May be called again, e.g. with another level.
    """
    output = stream or sys.stderr
    numeric = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _named(service),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [_trace, _failure, without_personal_data, structlog.processors.JSONRenderer(_to_json)]

    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(output),
        # Caching would tie module loggers to the first configuration and its stream for good.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=["repeated"]),
                *shared,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, *last],
            use_get_message=True,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(numeric)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))
    logging.captureWarnings(True)


def not_started(error: BaseException) -> SystemExit:
    """Say why a process can't start; raise the result to end it.

    Errors of our own are written for whoever has to mend the set-up, and are told in one line; others with frames.
    """
    log = structlog.get_logger(__name__)
    if isinstance(error, ValidationError):
        places = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        )
        log.critical("service_not_started", reason=f"Settings (MINSHENG_*) can't be used: {places}.")
    elif type(error).__module__.partition(".")[0] in {"services", "shared"}:
        log.critical("service_not_started", reason=redact(str(error)))
    else:
        log.critical("service_not_started", exc_info=error)
    return SystemExit(1)


def without_personal_data(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    """A structlog processor: drops personal fields at any depth and names those it dropped under `withheld`."""
    withheld: set[str] = set()
    clean = _clean(record, withheld)
    if withheld:
        clean["withheld"] = sorted(withheld)
    return clean


def _clean(values: Mapping[str, Any], withheld: set[str]) -> MutableMapping[str, Any]:
    clean: dict[str, Any] = {}
    for name, value in values.items():
        if str(name).lower() in PERSONAL_FIELDS:
            withheld.add(str(name))
        else:
            clean[str(name)] = _clean_value(value, withheld)
    return clean


def _clean_value(value: Any, withheld: set[str]) -> Any:
    if isinstance(value, Mapping):
        return _clean(value, withheld)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean_value(one, withheld) for one in value]
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        return f"{value[:_MAX_TEXT]}…"
    return value


def _named(service: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
        record["service"] = service
        return record

    return add


def _trace(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    traced = trace_id(current_traceparent())
    if traced is not None:
        record.setdefault("trace", traced)
    return record


def _redact_event(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    # A library's message is free text, and may quote what it failed on. Faust draws its tree of services before it.
    record["event"] = redact(_TREE.sub(r"\1: ", _CONTROLS.sub("", str(record["event"]))))
    return record


def _failure(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    raised = record.pop("exc_info", None)
    if isinstance(raised, BaseException):
        error: BaseException | None = raised
    elif isinstance(raised, tuple):
        error = raised[1]
    else:
        error = sys.exc_info()[1] if raised else None
    if error is not None:
        record["failure"] = describe(error)
    return record


def _to_json(record: EventDict, **_: object) -> str:
    return orjson.dumps(record, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
