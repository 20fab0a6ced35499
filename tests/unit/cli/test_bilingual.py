"""Messages to operators in both languages, all of them."""

from __future__ import annotations

import importlib
import pkgutil
import re
import string
from collections.abc import Iterator

import pytest

import services.cli
import services.importer
import services.simulator
import shared
from shared.bilingual import Text, is_chinese

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def texts() -> Iterator[tuple[str, Text]]:
    for package in (services.cli, services.importer, services.simulator, shared):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Text):
                    yield f"{module.name}.{name}", value


def fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def names(text: str) -> list[str]:
    """What stands in a message as it is typed: options, variables, commands."""
    return sorted(re.findall(r"--[a-z-]+|MINSHENG_[A-Z_]+|`minsheng [a-z-]+", text))


ALL = dict(texts())


@pytest.mark.parametrize("name", ALL)
def test_a_message_says_the_same_in_both_languages(name: str) -> None:
    text = ALL[name]
    assert CHINESE.search(text.chinese)
    assert not CHINESE.search(text.english)
    assert fields(text.english) == fields(text.chinese)
    assert names(text.english) == names(text.chinese)


def test_there_are_messages() -> None:
    assert len(ALL) > 20


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_MESSAGES": "zh_CN"}, True),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "ZH_tw.UTF-8"}, True),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN.UTF-8"}, False),
        ({"LC_MESSAGES": "en_GB", "LANG": "zh_CN"}, False),
    ],
)
def test_the_language_is_the_machines(
    environment: dict[str, str], chinese: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_chinese() is chinese
    assert Text("two {n}", "二 {n}").of(n=2) == ("二 2" if chinese else "two 2")
