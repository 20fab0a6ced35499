"""Case ids: UUIDv7, so that the newest cases lie together in every index.

Source: RFC 9562, 5.7 and 6.2 (method 1: a counter of 12 bits in `rand_a`, and rollover into the next millisecond).
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

_COUNTER_BITS = 12
_COUNTER_END = 1 << _COUNTER_BITS
_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62


def uuid7(milliseconds: int, counter: int, random: int) -> UUID:
    """The UUIDv7 of a Unix time in milliseconds (48 bits), a counter (12 bits) and random bits (62)."""
    return UUID(int=milliseconds << 80 | _VERSION_7 | counter << 64 | _VARIANT_RFC | random)


class CaseIds:
    """Gives ids that only ever grow within this process, also when the clock is set back.

    `clock` gives Unix time in nanoseconds, `random_bits(n)` n bits that nobody can foresee: ids stand in links that
    citizens hold.
    """

    def __init__(self, clock: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._clock = clock
        self._random_bits = random_bits
        self._milliseconds = -1
        self._counter = 0

    def __call__(self) -> UUID:
        """The next id."""
        now = self._clock() // 1_000_000
        if now > self._milliseconds:
            self._milliseconds = now
            # Half of the counter's range is left for the other ids of this millisecond.
            self._counter = self._random_bits(_COUNTER_BITS - 1)
        else:
            self._counter += 1
            if self._counter == _COUNTER_END:
                self._milliseconds += 1
                self._counter = self._random_bits(_COUNTER_BITS - 1)
        return uuid7(self._milliseconds, self._counter, self._random_bits(62))
