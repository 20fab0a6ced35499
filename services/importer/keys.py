"""Which key opens which channel: given ones, or ones made from the deployment's own master keys."""

from __future__ import annotations

from collections.abc import Sequence

from services.importer import words
from shared.privacy.keys import KeyRing
from shared.web.channel_keys import channel_key

_PREFIX = "ch_"
_MAC_AND_SEPARATOR = 33


class ChannelKeys:
    """Keys by channel. Given keys come first; `ring`, the bureau's own, makes one for any other channel."""

    def __init__(self, given: Sequence[str], ring: KeyRing | None) -> None:
        """Raises `ValueError` for a text that is no channel key."""
        self._given: dict[str, str] = {}
        for key in given:
            if not key.startswith(_PREFIX) or len(key) <= len(_PREFIX) + _MAC_AND_SEPARATOR:
                raise ValueError(words.BAD_KEY.of())
            self._given[key[len(_PREFIX) : -_MAC_AND_SEPARATOR]] = key
        self._ring = ring

    def of(self, channel: str) -> str | None:
        """A key for this channel, or None where there is none."""
        # A family's channels are called after it and numbered.
        family = channel.rpartition("-")[0]
        found = self._given.get(channel) or self._given.get(f"{family}/*")
        if found is not None or self._ring is None:
            return found
        try:
            return channel_key(self._ring, channel)
        except ValueError:
            return None
