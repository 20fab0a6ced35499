"""Keys from configuration: several at a time, so that they can be rotated without an interruption."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping

KEY_BYTES = 32
"""Length of every key: 256 bits, for AES-256-GCM and HMAC-SHA256 alike."""
_KID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class KeyRingError(ValueError):
    """A key ring can't be read from its text. The message names the setting, never a key."""


def check_kid(kid: str) -> None:
    """Raises `KeyRingError` for a text that can't be a key's id."""
    if not _KID.fullmatch(kid):
        raise KeyRingError(f"The key id {kid!r} is not 1 to 32 letters, digits, '-' or '_'.")


class KeyRing:
    """Keys of 32 bytes by key id: new data takes the `current` one, old data is read with whichever made it.

    To rotate: put a new key behind the old ones and restart all services, so that each can read what it will make; then
    put it first and restart them again; drop an old key once nothing made with it has to be read any more.
    """

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for kid, key in keys.items():
            check_kid(kid)
            if len(key) != KEY_BYTES:
                raise KeyRingError(f"The key {kid!r} has {len(key)} bytes instead of {KEY_BYTES}.")
        if current not in keys:
            raise KeyRingError(f"The current key {current!r} is not in the ring.")
        self._keys = dict(keys)
        self.current = current

    @classmethod
    def parse(cls, text: str, setting: str = "the key ring") -> KeyRing:
        """Read `kid1:base64,kid2:base64` (32 bytes each, the first is the current one).

        Raises `KeyRingError`, which names `setting` and how to make keys.
        """
        keys: dict[str, bytes] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            kid, colon, encoded = part.partition(":")
            try:
                if not colon:
                    raise KeyRingError("An entry has no ':' between key id and key.")
                if kid in keys:
                    raise KeyRingError(f"The key id {kid!r} is there twice.")
                keys[kid] = base64.b64decode(encoded.strip().replace("-", "+").replace("_", "/"), validate=True)
                cls({kid: keys[kid]}, kid)
            except (KeyRingError, binascii.Error) as error:
                reason = str(error) if isinstance(error, KeyRingError) else f"The key {kid!r} is not base64."
                raise KeyRingError(
                    f"{setting} can't be read. {reason} It is a list 'id:base64 of {KEY_BYTES} bytes,...' with the "
                    "current key first; `minsheng keys` prints a new one."
                ) from None
        if not keys:
            raise KeyRingError(f"{setting} holds no key; `minsheng keys` prints a new one.")
        return cls(keys, next(iter(keys)))

    @property
    def current_key(self) -> bytes:
        """The key that new data takes."""
        return self._keys[self.current]

    @property
    def kids(self) -> tuple[str, ...]:
        """The ids of all keys."""
        return tuple(self._keys)

    def get(self, kid: str) -> bytes | None:
        """The key of this id, or None where the ring has none."""
        return self._keys.get(kid)

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, kids={list(self._keys)!r})"


def new_key(kid: str) -> str:
    """A fresh random key as an entry of a key ring's text, `kid:base64`. Raises `KeyRingError` for a bad id."""
    check_kid(kid)
    return f"{kid}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"
