"""What libraries log again and again: told once in a while, with how often it was said meanwhile.

While a broker is away, its client logs the same line many times a second, and what else is in the log drowns in it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

SECONDS = 30.0
_MOST_KEPT = 1_000


class Repeats(logging.Filter):
    """Lets a message of a logger through once in `seconds`; messages are the same where their templates are.

    What is let through after others were held back says how many in `repeated`.
    """

    def __init__(self, seconds: float = SECONDS, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._told: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record goes through."""
        key = (record.name, record.levelno, str(record.msg))
        now = self._clock()
        at, held = self._told.get(key, (-self._seconds, 0))
        if now - at < self._seconds:
            self._told[key] = (at, held + 1)
            return False
        if len(self._told) >= _MOST_KEPT:
            self._told.clear()
        self._told[key] = (now, 0)
        if held:
            record.repeated = held
        return True
