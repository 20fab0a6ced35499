"""The journal: one JSON line for each posting that intake accepted, on disk before the next one is counted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson


class Journal:
    """Appends to a file; without a path it keeps nothing. Holds ids alone, no personal data."""

    def __init__(self, path: Path | None) -> None:
        """Raises `OSError` where the file can't be opened."""
        # Unbuffered: after a `kill -9` of the simulator the lines are there.
        self._file = path.open("ab", buffering=0) if path is not None else None

    def accepted(self, answer: dict[str, Any], channel: str, channel_request_id: str, origin: str) -> None:
        """Note that intake answered 202 for a request of a channel."""
        if self._file is None:
            return
        line = {
            "case_id": answer.get("case_id"),
            "number": answer.get("number"),
            "channel": channel,
            "channel_request_id": channel_request_id,
            "origin": origin,
            "repeated": answer.get("repeated"),
            "received_at": answer.get("received_at"),
            "noted_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
