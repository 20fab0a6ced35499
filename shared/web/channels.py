"""Channels identify themselves with a key that is derived from their id: nothing to store, nothing to look up."""

from __future__ import annotations

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from shared.privacy.keys import KeyRing
from shared.web.channel_keys import HEADER, ChannelScope, channel_key, read_channel_key
from shared.web.problems import Problem

__all__ = ["HEADER", "ChannelScope", "channel_key", "channel_scope", "read_channel_key", "wrong_channel"]

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
