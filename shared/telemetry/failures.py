"""What may be told of an exception: where it happened and of which kind, without the data that it was about.

The text of an exception often quotes the data at fault: pydantic shows inputs, PostgreSQL the failing row, SQLAlchemy
the parameters of the statement.
"""

from __future__ import annotations

import traceback
from types import TracebackType

from pydantic import ValidationError

from shared.privacy.redaction import redact

MAX_MESSAGE = 300
MAX_FRAMES = 15
MAX_CHAIN = 6


def message(error: BaseException) -> str:
    """One line about an exception, fit for logs and `/readyz`: no personal data, at most 300 characters."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['type']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        )[:MAX_MESSAGE]
    # Database errors are told by code and place. `orig` is SQLAlchemy's way to the driver's error, whose cause is
    # asyncpg's own, which alone knows table and constraint.
    database = _database_error(error)
    if database is not None:
        named = {name: getattr(database, f"{name}_name", None) for name in ("table", "column", "constraint")}
        told = " ".join(f"{name}={value}" for name, value in named.items() if value)
        return f"{type(database).__name__} sqlstate={getattr(database, 'sqlstate', None)} {told}".strip()
    return redact(str(error)).replace("\n", " ")[:MAX_MESSAGE]


def _database_error(error: BaseException) -> BaseException | None:
    original = getattr(error, "orig", None)
    if isinstance(original, BaseException):
        return original.__cause__ or original
    return error if getattr(error, "sqlstate", None) is not None else None


def describe(error: BaseException) -> list[dict[str, object]]:
    """An exception and its causes, outermost first: type, message and the last frames (`file:line function`)."""
    chain: list[dict[str, object]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(chain) < MAX_CHAIN:
        seen.add(id(current))
        entry: dict[str, object] = {
            "type": f"{type(current).__module__}.{type(current).__qualname__}",
            "message": message(current),
            "frames": _frames(current.__traceback__),
        }
        if isinstance(current, BaseExceptionGroup):
            entry["group"] = [message(one) for one in current.exceptions[:MAX_CHAIN]]
        chain.append(entry)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def _frames(trace: TracebackType | None) -> list[str]:
    # Walking the code objects alone never touches the values of local variables.
    frames = traceback.extract_tb(trace)[-MAX_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
