"""Times as strangers write them: ISO 8601 with an offset, and nothing that only looks like a time.

Taken is the profile of RFC 3339, with what is common beside it: a blank for the `T`, no seconds, a comma before the
fraction, and offsets `+0800` and `+08`. Numbers are refused, also in a text: nobody can tell seconds from milliseconds.
So are dates alone, week dates, the basic form without dashes, the hour 24 and leap seconds, which no calendar here has.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Times outside of these are a broken clock, and some of them can't be written in another time zone."""

_FORM = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?P<offset>[Zz]|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?",
    re.ASCII,
)
_EXAMPLE = "2026-11-24T08:30:00+08:00"


def read_instant(value: object) -> datetime:
    """The moment of a text. Raises `PydanticCustomError`, which pydantic reports for the field."""
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", f"Write the time as ISO 8601 with offset, {_EXAMPLE}")
    form = _FORM.fullmatch(value)
    if form is None:
        raise PydanticCustomError("datetime_parsing", f"This is no time of ISO 8601 with offset, such as {_EXAMPLE}")
    if form["offset"] is None:
        raise PydanticCustomError("timezone_aware", f"The time has no offset; write it like {_EXAMPLE}")
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        raise PydanticCustomError("datetime_parsing", f"There is no such time; write it like {_EXAMPLE}") from None
    if not EARLIEST <= moment < LATEST:
        raise PydanticCustomError("datetime_range", "The year must be 1900 to 2199")
    return moment


Instant: TypeAlias = Annotated[
    datetime,
    BeforeValidator(read_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [_EXAMPLE]}),
]
"""A pydantic type for times that come from outside; the offset is kept as it was written."""
