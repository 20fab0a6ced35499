"""What a request is about: kind, category, grade and named districts, from its words, with the words that say so.

Words are looked for as `shared.folding` folds them, and told as the bureau writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.routing.domain.lexicon import Entry, Lexicon
from shared.events.words import Grade, RequestKind
from shared.folding import fold_words

SCANNED = 4_000
"""Characters of a folded text that are looked at: what somebody wants stands in the beginning."""
_FOLDED = 2 * SCANNED
"""Characters as written that are folded for it, many of which may be invisible."""
TOLD = 10
"""Words that are told as the reason, at most."""
_STRONG = 3
_LONGEST_COUNTED = 4

_CATEGORY, _KIND, _MAJOR, _DISTRICT = "category", "kind", "major", "district"


@dataclass(frozen=True, slots=True)
class Category:
    """诉求类别. `strong` words hardly occur in other matters and count three times."""

    code: str
    name: str
    strong: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Classification:
    """What a request was taken for. `words` are those of the text that decided category and grade, in their order.

    `districts` are the codes of the districts that the text names, the most and first named first.
    """

    kind: RequestKind
    category: str
    grade: Grade
    districts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Taxonomy:
    """The bureau's words, compiled once.

    `district_names` gives the district's code for each name and alias.
    Raises `ValueError` where a word is too short or the default is no category.
    """

    def __init__(
        self,
        categories: Sequence[Category],
        *,
        default_category: str,
        kinds: Mapping[RequestKind, Sequence[str]],
        default_kind: RequestKind,
        major: Sequence[str],
        district_names: Mapping[str, str],
        ignored: Sequence[str] = (),
    ) -> None:
        self.categories = {category.code: category for category in categories}
        if default_category not in self.categories:
            raise ValueError(f"The default category {default_category!r} is not among the categories.")
        self.default_category = default_category
        self._default_kind = default_kind
        self._by_hint = {fold_words(c.name): c.code for c in categories} | {c.code: c.code for c in categories}
        self._rank = {category.code: place for place, category in enumerate(categories)}
        self._kind_rank = {kind: place for place, kind in enumerate(kinds)}
        self._districts = dict(district_names)
        self._category_weights: dict[str, list[tuple[str, int]]] = {}
        for category in categories:
            for word, factor in _once([*category.strong, *category.words], strong=len(category.strong)):
                weight = factor * min(len(fold_words(word)), _LONGEST_COUNTED)
                self._category_weights.setdefault(word, []).append((category.code, weight))
        self._kind_words: dict[str, list[RequestKind]] = {}
        for kind, telling in kinds.items():
            for word, _ in _once(telling):
                self._kind_words.setdefault(word, []).append(kind)
        self._lexicon = Lexicon(
            (
                *(Entry(_CATEGORY, word) for word in self._category_weights),
                *(Entry(_KIND, word) for word in self._kind_words),
                *(Entry(_MAJOR, word) for word, _ in _once(major)),
                *(Entry(_DISTRICT, word) for word in self._districts),
            ),
            ignored,
        )

    def classify(
        self,
        subject: str | None,
        body: str,
        *,
        kind_hint: RequestKind | None = None,
        category_hint: str | None = None,
    ) -> Classification:
        """Total: every text gets a kind and a category.

        A hint that names a category (code or name) decides it; another one counts like words of the subject.
        """
        hint = _readable(category_hint) if category_hint else ""
        hinted = self._by_hint.get(hint)
        heading = _readable(subject) if subject else ""
        if hint and hinted is None:
            heading = f"{heading}\n{hint}"
        text = f"{heading}\n{_readable(body[:_FOLDED])[:SCANNED]}"
        end_of_heading = len(heading)
        scores: dict[str, int] = {}
        kinds: dict[RequestKind, int] = {}
        districts: dict[str, int] = {}
        reasons: list[tuple[str, str]] = []
        grave: list[str] = []
        for hit in self._lexicon.find(text):
            word, role = hit.entry.word, hit.entry.role
            factor = 2 if hit.position < end_of_heading else 1
            if role == _CATEGORY:
                for code, weight in self._category_weights[word]:
                    scores[code] = scores.get(code, 0) + weight * factor
                    reasons.append((code, word))
            elif role == _KIND:
                for kind in self._kind_words[word]:
                    kinds[kind] = kinds.get(kind, 0) + factor
            elif role == _MAJOR:
                grave.append(word)
            else:
                code = self._districts[word]
                districts[code] = districts.get(code, 0) + factor
        category = hinted or self._best(scores)
        words = dict.fromkeys([*grave, *(word for code, word in reasons if code == category)])
        return Classification(
            kind=kind_hint or self._wanted(kinds),
            category=category,
            grade=Grade.MAJOR if grave else Grade.ORDINARY,
            # Sorting keeps the order of the text among equals.
            districts=tuple(sorted(districts, key=lambda code: -districts[code])),
            words=tuple(words)[:TOLD],
        )

    def districts_in(self, text: str) -> tuple[str, ...]:
        """The districts that a short text, a place for example, names; the most and first named first."""
        found: dict[str, int] = {}
        for hit in self._lexicon.find(_readable(text)):
            if hit.entry.role == _DISTRICT:
                code = self._districts[hit.entry.word]
                found[code] = found.get(code, 0) + 1
        return tuple(sorted(found, key=lambda code: -found[code]))

    def _best(self, scores: Mapping[str, int]) -> str:
        """The category with the highest score; the first in the file among equals."""
        if not scores:
            return self.default_category
        return min(scores, key=lambda code: (-scores[code], self._rank[code]))

    def _wanted(self, kinds: Mapping[RequestKind, int]) -> RequestKind:
        if not kinds:
            return self._default_kind
        return min(kinds, key=lambda kind: (-kinds[kind], self._kind_rank[kind]))


def _readable(text: str) -> str:
    """The text as words are looked for in it. A line ends within a word where a mail program or a PDF file broke it."""
    return fold_words(" ".join(text.splitlines()))


def _once(words: Sequence[str], strong: int = 0) -> list[tuple[str, int]]:
    """The words with their factors, the first `strong` of them being strong ones; of spellings that are one when
    folded, the first."""
    first: dict[str, tuple[str, int]] = {}
    for place, word in enumerate(words):
        first.setdefault(fold_words(word), (word, _STRONG if place < strong else 1))
    return list(first.values())
