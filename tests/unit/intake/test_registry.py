"""The channel registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.intake.channels.registry import ChannelRegistry, RegistryError


def test_the_registry_of_the_example_city() -> None:
    registry = ChannelRegistry.load()
    assert len(registry) == 1_132
    assert [family.code for family in registry.families] == [
        "hotline-12345",
        "proposals",
        "media-hotline",
        "letters-visits",
        "phone-9600110",
        "website",
        "weibo",
        "wechat",
        "open311",
        "mobile-app",
        "police-station",
        "community",
    ]
    channel = registry.get("wechat-0012")
    assert channel is not None
    assert (channel.family, channel.name) == ("wechat", "微信公众号 0012")
    assert registry.get("wechat-9999") is None


def load(tmp_path: Path, text: str) -> ChannelRegistry:
    file = tmp_path / "channels.yaml"
    file.write_text(text, encoding="utf-8")
    return ChannelRegistry.load(file)


def test_channels_have_names_of_their_own(tmp_path: Path) -> None:
    registry = load(tmp_path, "families: [{code: letters, name: 信访, channels: 2, names: {2: 局长信箱}}]")
    assert [(channel.id, channel.name) for channel in registry.channels.values()] == [
        ("letters-0001", "信访 0001"),
        ("letters-0002", "局长信箱"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("families: [", "not YAML"),
        ("families: []", "at families"),
        ("families: [{code: A B, name: x, channels: 1}]", "at families.0.code"),
        ("families: [{code: a, name: x, channels: 0}]", "at families.0.channels"),
        ("families: [{code: a, name: x, channels: 10000}]", "at families.0.channels"),
        ("families: [{code: a, name: x, channels: 1, names: {2: y}}]", "names has the number 2"),
        ("families: [{code: a, name: x, channels: 1}, {code: a, name: y, channels: 1}]", "the family a is there twice"),
        ("families: [{code: a, name: x, channels: 1, chanels: 2}]", "chanels"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RegistryError, match=told):
        load(tmp_path, text)


def test_a_missing_file_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="MINSHENG_CHANNELS_FILE"):
        ChannelRegistry.load(tmp_path / "none.yaml")
