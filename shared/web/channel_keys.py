"""The keys of channels, derived from their ids: nothing to store. Without any web framework, for the command line."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from shared.privacy.keys import KeyRing

HEADER = "X-Channel-Key"
_SCOPE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(?:/\*)?", re.ASCII)
_MAC_BYTES = 24
_MAC_CHARS = 32
_FORM = re.compile(rf"ch_(?P<scope>{_SCOPE.pattern})_(?P<mac>[A-Za-z0-9_-]{{{_MAC_CHARS}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChannelScope:
    """What a channel key is good for: one channel (`wechat-0012`), or all of a family (`12345-hotline/*`)."""

    scope: str

    def allows(self, channel: str, family: str) -> bool:
        """Whether a request may be brought in as from `channel`, which belongs to `family`."""
        return self.scope in {channel, f"{family}/*"}


def channel_key(ring: KeyRing, scope: str) -> str:
    """The key of a channel or, with `family/*`, of a whole family. Raises `ValueError` for another form of scope."""
    if not _SCOPE.fullmatch(scope):
        raise ValueError(f"{scope!r} is neither a channel id (wechat-0012) nor a family (12345-hotline/*).")
    return f"ch_{scope}_{_mac(ring.current_key, scope)}"


def read_channel_key(ring: KeyRing, key: str) -> ChannelScope | None:
    """What a key is good for, or None when it was not made with any key of the ring."""
    match = _FORM.fullmatch(key)
    if match is None:
        return None
    scope, given = match["scope"], match["mac"]
    # All keys are tried, so that the time taken doesn't tell which one fits.
    fits = [hmac.compare_digest(_mac(master, scope), given) for kid in ring.kids if (master := ring.get(kid))]
    return ChannelScope(scope) if any(fits) else None


def _mac(master: bytes, scope: str) -> str:
    digest = hmac.digest(master, b"minsheng-channel\x00" + scope.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:_MAC_BYTES]).decode()
