from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError

from shared.telemetry import logging as telemetry
from shared.telemetry.failures import describe, message
from shared.telemetry.tracing import span


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    telemetry.configure("routing", "info", stream=stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


def _records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_of_json_with_service_level_time_and_trace(lines: io.StringIO) -> None:
    with span("x", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        structlog.get_logger("any").info("batch_applied", events=3)
    (record,) = _records(lines)
    assert record["event"] == "batch_applied"
    assert record["events"] == 3
    assert record["service"] == "routing"
    assert record["level"] == "info"
    assert record["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert record["timestamp"].endswith("Z")


def test_personal_fields_are_dropped_at_any_depth_and_named(lines: io.StringIO) -> None:
    structlog.get_logger().warning(
        "odd", phone="13812345678", event_data={"Requester": "王小明", "items": [{"body": "楼上漏水"}], "count": 1}
    )
    (record,) = _records(lines)
    assert record["event_data"] == {"items": [{}], "count": 1}
    assert record["withheld"] == ["Requester", "body", "phone"]
    assert not any(told in lines.getvalue() for told in ("13812345678", "王小明", "楼上漏水"))


def test_standard_library_loggers_speak_the_same_form_and_their_text_is_redacted(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("cannot parse %s", "tel 13812345678")
    (record,) = _records(lines)
    assert record["logger"] == "uvicorn.error"
    assert record["level"] == "warning"
    assert record["event"] == "cannot parse tel 〔电话〕"


def test_handlers_that_libraries_set_up_before_are_replaced() -> None:
    noisy = logging.getLogger("a.library.of.its.own")
    own = io.StringIO()
    noisy.addHandler(logging.StreamHandler(own))
    noisy.propagate = False
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        telemetry.configure("routing", stream=stream)
        noisy.warning("hello")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        structlog.reset_defaults()
    assert own.getvalue() == ""
    assert _records(stream)[0]["event"] == "hello"


def test_levels_below_the_configured_one_are_silent(lines: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("aiokafka").debug("quiet")
    assert lines.getvalue() == ""


def test_an_exception_is_told_with_its_causes_and_places(lines: io.StringIO) -> None:
    try:
        try:
            raise OSError("no route")
        except OSError as error:
            raise RuntimeError("relay stopped, ask 13812345678") from error
    except RuntimeError:
        structlog.get_logger().exception("relay_failed")
    (record,) = _records(lines)
    outer, cause = record["failure"]
    assert outer["type"] == "builtins.RuntimeError"
    assert outer["message"] == "relay stopped, ask 〔电话〕"
    assert cause["type"] == "builtins.OSError"
    assert outer["frames"][-1].endswith("test_an_exception_is_told_with_its_causes_and_places")


def test_a_validation_error_names_fields_and_not_their_values() -> None:
    class Person(BaseModel):
        name: int

    with pytest.raises(ValidationError) as raised:
        Person.model_validate({"name": "王小明"})
    assert message(raised.value) == "name: int_parsing"


def test_a_database_error_names_code_and_constraint_and_not_the_row() -> None:
    class UniqueViolationError(Exception):
        sqlstate = "23505"
        constraint_name = "requests_key"
        table_name = "requests"

    driver = Exception("wrapped")
    driver.__cause__ = UniqueViolationError("Key (phone)=(13812345678) of 王小明 already exists")
    error = DBAPIError("INSERT ...", {"who": "王小明"}, driver)
    assert message(error) == "UniqueViolationError sqlstate=23505 table=requests constraint=requests_key"
    assert "王小明" not in str(describe(error)[0])


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert [entry["message"] for entry in describe(first)] == ["first", "second"]


def test_what_a_library_says_again_and_again_is_told_once(lines: io.StringIO) -> None:
    for port in range(50):
        logging.getLogger("aiokafka").error("Unable connect to node at %s", port)
        structlog.get_logger().warning("consumer_waits")
    told = [record["event"] for record in _records(lines)]
    assert told.count("Unable connect to node at 0") == 1
    assert told.count("consumer_waits") == 50
    assert len(told) == 51
