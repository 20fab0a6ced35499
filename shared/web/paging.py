"""Lists by cursor: a page says where the next one begins, so that new rows never shift or repeat old ones."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, Field

from shared.web.problems import Problem

T = TypeVar("T")
Row = TypeVar("Row")
CursorPart: TypeAlias = datetime | UUID | int | str

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR = 512
_INT64 = 2**63

Limit: TypeAlias = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of one page")]
"""A query parameter; its default is `DEFAULT_LIMIT`."""
Cursor: TypeAlias = Annotated[
    str | None, Query(max_length=MAX_CURSOR, description="`next` of the page before; without it, the first page")
]


class Page(BaseModel, Generic[T]):
    """One page of a list, and the cursor of the next one; `next` is null on the last page."""

    items: list[T]
    next: str | None = Field(default=None, description="Give it as `cursor` to get the next page")


def encode_cursor(*parts: CursorPart) -> str:
    """A cursor that stands behind a row: its sort keys and its id, which makes the order total.

    It is opaque to callers but not secret: no part may be personal data. Raises `ValueError` for a naive time.
    """
    for part in parts:
        if isinstance(part, datetime) and part.tzinfo is None:
            raise ValueError("A time in a cursor needs a time zone.")
    plain = [part.isoformat() if isinstance(part, datetime) else str(part) for part in parts]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type[CursorPart]) -> tuple[CursorPart, ...]:
    """The parts of a cursor, of the kinds given. Raises `Problem` 400 for anything that is not such a cursor.

    A caller can make any cursor that has the form: the query must treat its parts as what a caller may choose.
    """
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError("too long")
        plain = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(plain, list) or len(plain) != len(kinds) or not all(isinstance(part, str) for part in plain):
            raise ValueError("not the parts asked for")
        return tuple(_part(part, kind) for part, kind in zip(plain, kinds, strict=True))
    except (ValueError, OverflowError, binascii.Error):
        raise Problem(
            400,
            "invalid-cursor",
            "Invalid cursor",
            "Use the `next` of a page of this same list as `cursor`, or none to begin with the first page.",
        ) from None


def _part(text: str, kind: type[CursorPart]) -> CursorPart:
    if kind is datetime:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or moment.utcoffset() is None:
            raise ValueError("naive time")
        moment.astimezone(UTC)
        return moment
    if kind is int:
        number = int(text)
        if not -_INT64 <= number < _INT64:
            raise ValueError("outside of bigint")
        return number
    if kind is UUID:
        return UUID(text)
    if "\x00" in text:
        # PostgreSQL has no such text.
        raise ValueError("zero byte")
    return text


def page_of(rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[CursorPart, ...]]) -> Page[Row]:
    """The page made of rows that were read with `LIMIT limit + 1`: the one too many tells that there is a next page."""
    shown = list(rows[:limit])
    following = encode_cursor(*key(shown[-1])) if len(rows) > limit and shown else None
    return Page[Row].model_construct(items=shown, next=following)
