"""Channels identify themselves with a key that is derived from their id: nothing to store, nothing to look up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from shared.privacy.keys import KeyRing
from shared.web.problems import Problem

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


_header = APIKeyHeader(
    name=HEADER, auto_error=False, description="The channel's key; `minsheng token --channel` prints it."
)


async def channel_scope(request: Request, key: str | None = Depends(_header)) -> ChannelScope:
    """A FastAPI dependency: what the caller's channel key is good for; 401 without a good one.

    Needs `app.state.channel_ring`, see `shared.web.app`.
    """
    ring: KeyRing = request.app.state.channel_ring
    scope = read_channel_key(ring, key) if key else None
    if scope is None:
        reason = "The channel key is not good." if key else f"This needs a channel key in the header `{HEADER}`."
        raise Problem(
            401,
            "channel-key-needed",
            "Unknown channel",
            f"{reason} Ask the bureau for the key of your channel.",
            headers={"WWW-Authenticate": f'ChannelKey realm="minsheng", header="{HEADER}"'},
        )
    return scope


def wrong_channel(scope: ChannelScope, channel: str) -> Problem:
    """The 403 for a good key that is used for a channel it is not good for."""
    return Problem(
        403,
        "other-channel",
        "Not this channel's key",
        f"The key is good for {scope.scope} and not for {channel}. Use the key of that channel or of its family.",
    )
