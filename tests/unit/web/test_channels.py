from __future__ import annotations

import httpx
import pytest
from fastapi import Depends, FastAPI
from hypothesis import given
from hypothesis import strategies as st

from shared.privacy.keys import KeyRing
from shared.web import problems
from shared.web.auth import ChannelScope, channel_key, channel_scope, read_channel_key, wrong_channel

OLD = KeyRing({"old": b"o" * 32}, "old")
RING = KeyRing({"new": b"n" * 32, "old": b"o" * 32}, "new")
_CODES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}(/\*)?", fullmatch=True)


@given(_CODES)
def test_a_key_is_good_for_the_scope_it_was_made_for(scope: str) -> None:
    key = channel_key(RING, scope)
    assert key.startswith("ch_")
    assert read_channel_key(RING, key) == ChannelScope(scope)


@given(_CODES, _CODES)
def test_a_key_cannot_be_turned_into_that_of_another_channel(one: str, two: str) -> None:
    key = channel_key(RING, one)
    forged = f"ch_{two}_{key[-32:]}"
    assert (read_channel_key(RING, forged) is not None) == (one == two)


def test_keys_made_before_a_rotation_are_good_until_the_master_is_dropped() -> None:
    before = channel_key(OLD, "wechat-0012")
    assert read_channel_key(RING, before) == ChannelScope("wechat-0012")
    assert channel_key(RING, "wechat-0012") != before
    assert read_channel_key(KeyRing({"new": b"n" * 32}, "new"), before) is None


@pytest.mark.parametrize(
    "key", ["", "ch_", "nonsense", "ch_wechat_", f"ch_wechat_{'A' * 32}", f"CH_wechat_{'A' * 32}", f"ch__{'A' * 32}"]
)
def test_anything_else_is_no_key(key: str) -> None:
    assert read_channel_key(RING, key) is None


def test_a_key_with_something_behind_it_is_no_key() -> None:
    assert read_channel_key(RING, channel_key(RING, "wechat") + "\n") is None


@pytest.mark.parametrize("scope", ["", "*", "/*", "Wechat", "wechat/", "wechat/0012", "a" * 65, "微信"])
def test_a_scope_of_another_form_gets_no_key(scope: str) -> None:
    with pytest.raises(ValueError, match="neither a channel id"):
        channel_key(RING, scope)


def test_a_scope_is_one_channel_or_one_family() -> None:
    assert ChannelScope("wechat-0012").allows("wechat-0012", "wechat")
    assert not ChannelScope("wechat-0012").allows("wechat-0013", "wechat")
    assert not ChannelScope("wechat").allows("wechat-0012", "wechat")
    assert ChannelScope("wechat/*").allows("wechat-0012", "wechat")
    assert not ChannelScope("wechat/*").allows("weibo-0001", "weibo")


async def test_the_door_for_channels() -> None:
    app = FastAPI()
    app.state.channel_ring = RING
    problems.install(app)

    @app.get("/{channel}")
    async def door(channel: str, scope: ChannelScope = Depends(channel_scope)) -> str:
        if not scope.allows(channel, "wechat"):
            raise wrong_channel(scope, channel)
        return scope.scope

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        good = {"X-Channel-Key": channel_key(RING, "wechat-0012")}
        assert (await client.get("/wechat-0012", headers=good)).json() == "wechat-0012"
        other = await client.get("/wechat-0013", headers=good)
        assert other.status_code == 403
        assert "wechat-0013" in other.json()["detail"]
        for headers in ({}, {"X-Channel-Key": "ch_wechat-0012_wrong"}):
            answer = await client.get("/wechat-0012", headers=headers)
            assert answer.status_code == 401
            assert "X-Channel-Key" in answer.headers["www-authenticate"]
