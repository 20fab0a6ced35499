"""What the command line says to operators, in Chinese where the machine speaks Chinese, else in English."""

from __future__ import annotations

import os
from dataclasses import dataclass

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def is_chinese() -> bool:
    """Whether messages are to be Chinese: the first of LC_ALL, LC_MESSAGES and LANG that is set says so."""
    locale = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return locale.lower().startswith("zh")


@dataclass(frozen=True, slots=True)
class Text:
    """One message in both languages, with the same `{names}` to be filled in."""

    english: str
    chinese: str

    def of(self, **values: object) -> str:
        """The message in the machine's language."""
        return (self.chinese if is_chinese() else self.english).format(**values)
