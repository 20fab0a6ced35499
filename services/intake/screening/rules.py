"""Rules as data beside the learned screen. They can only add flags: nothing that one says takes a flag away."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from services.intake.screening.text import sentences
from shared.folding import fold_words

DEFAULT_FILE = Path(__file__).parents[3] / "deploy" / "urgency.yaml"


class RulesError(ValueError):
    """A file of rules that can't be used. The message names the place and says what to write."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if text != fold_words(text):
        # Texts are folded before they are matched, so this could never be found.
        raise ValueError(f"must be written as texts are matched, simplified and half-width: {fold_words(text)!r}")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class Rule(BaseModel):
    """Flags a sentence in which one of `find` and, where there are any, one of `also` occurs, and none of `unless`.

    `longest`: only in texts of at most so many characters, folded. In a letter the same words are rhetoric.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    find: list[Pattern] = Field(min_length=1)
    also: list[Pattern] = []
    unless: list[Pattern] = []
    longest: int | None = Field(default=None, ge=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float | None = Field(default=None, gt=0, lt=1)
    rules: list[Rule] = []


@dataclass(frozen=True, slots=True)
class _Compiled:
    name: str
    find: re.Pattern[str]
    also: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    longest: float


class Rules:
    """The rules of one file, compiled. `threshold` is the bureau's own for the learned screen, if it gives one."""

    def __init__(self, rules: list[Rule], threshold: float | None, version: str) -> None:
        self.threshold = threshold
        self.version = version
        self._rules = [
            _Compiled(
                rule.name,
                _any(rule.find),
                _any(rule.also) if rule.also else None,
                _any(rule.unless) if rule.unless else None,
                math.inf if rule.longest is None else rule.longest,
            )
            for rule in rules
        ]

    def find(self, text: str) -> str | None:
        """The name of the first rule that a prepared text meets, or None."""
        parts: list[str] | None = None
        for rule in self._rules:
            # Most texts hold nothing of a rule anywhere, and then nobody needs the sentences.
            if len(text) > rule.longest or rule.find.search(text) is None:
                continue
            if parts is None:
                parts = [text[start:end] for start, end in sentences(text)]
            for part in parts:
                if (
                    rule.find.search(part)
                    and (rule.also is None or rule.also.search(part))
                    and (rule.unless is None or not rule.unless.search(part))
                ):
                    return rule.name
        return None


def load(path: Path = DEFAULT_FILE) -> Rules:
    """The rules of a file. Raises `RulesError`."""
    try:
        content = path.read_bytes()
        told: Any = yaml.safe_load(content) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RulesError(f"{path} can't be read as YAML: {error}") from error
    try:
        file = _File.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RulesError(f"{path}: {place}: {first['msg']}") from None
    names = [rule.name for rule in file.rules]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RulesError(f"{path}: two rules are called {twice}; events name the rule, so give each a name of its own.")
    return Rules(file.rules, file.threshold, hashlib.sha256(content).hexdigest()[:8])


def _any(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
