"""What codes are called: districts, units, categories and channel families, as the bureau names them.

The bureau names them in Chinese; in English a code is said as words, so that no page is of two languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.console.domain.language import Language, say
from shared.events.words import RequestKind

_FAMILIES: Mapping[str, tuple[str, str]] = {
    "hotline-12345": ("12345 热线", "12345 hotline"),
    "proposals": ("建议提案", "NPC/CPPCC proposals"),
    "media-hotline": ("媒体热线", "Media hotlines"),
    "letters-visits": ("信访", "Letters and visits"),
    "phone-9600110": ("9600110 电话", "Phone 9600110"),
    "website": ("门户网站", "Website"),
    "weibo": ("微博", "Weibo"),
    "wechat": ("微信", "WeChat"),
    "open311": ("Open311", "Open311"),
    "mobile-app": ("手机应用", "Mobile app"),
    "police-station": ("派出所窗口", "Police station"),
    "community": ("社区警务", "Community policing"),
}

_STATES: Mapping[str, tuple[str, str]] = {
    "received": ("待生成", "Received"),
    "opened": ("待分派", "Opened"),
    "assigned": ("待接单", "Assigned"),
    "accepted": ("已接单", "Accepted"),
    "contacted": ("已联系", "Contacted"),
    "resolved": ("回访中", "In survey"),
    "reopened": ("整改中", "Rectification"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names by code, in the order of the registries of routing and intake. A code without a name stands for itself.

    `undetermined` is the district of requests that name none.
    """

    districts: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    undetermined: str | None = None

    def district(self, code: str, language: Language) -> str:
        """The district's name."""
        if code == self.undetermined:
            return say(language, "undetermined")
        return _named(self.districts, code, language)

    def unit(self, code: str, language: Language) -> str:
        """The unit's name."""
        return _named(self.units, code, language)

    def category(self, code: str, language: Language) -> str:
        """The category's name."""
        return _named(self.categories, code, language)

    def family(self, code: str, language: Language) -> str:
        """The channel family's name; the registry's own where it has one."""
        if language is Language.CHINESE and code in self.families:
            return self.families[code]
        return _pair(_FAMILIES, code, language)


def state(code: str, language: Language) -> str:
    """What a case in this state waits for."""
    return _pair(_STATES, code, language)


STATE_ORDER = tuple(_STATES)
"""The states in the order of a case's way."""


def kind(code: str, language: Language) -> str:
    """The kind of a request."""
    if language is Language.ENGLISH or code not in set(RequestKind):
        return code
    return RequestKind(code).chinese


def _named(names: Mapping[str, str], code: str, language: Language) -> str:
    if language is Language.ENGLISH and code in names:
        words = code.replace("-", " ").replace("_", " ").replace(".", " ")
        return words[:1].upper() + words[1:]
    return names.get(code, code)


def _pair(names: Mapping[str, tuple[str, str]], code: str, language: Language) -> str:
    chinese, english = names.get(code, (code, code))
    return chinese if language is Language.CHINESE else english
