"""Texts folded for matching: what reads the same is the same, however it was typed. Nobody is shown a folded text.

Compatibility forms become plain (NFKC: full width, circled and keycap digits), traditional characters simplified (by
OpenCC's table of characters), radicals the characters that they look like, and letters small; what can't be seen is
left out, so that joiners, fillers and marks hide no word. Words that are looked for are folded in the same way.

Sources: UAX #15 (normalisation), UAX #44 `EquivalentUnifiedIdeograph` and `Default_Ignorable_Code_Point` (Unicode 15),
UTR #36 (invisible and bidirectional controls).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

# PDF files and some input methods give radicals for the characters that they look like; NFKC knows half of them.
_RADICALS = str.maketrans(
    "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞"
    "⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲㇆㇏㇐㇑㇒㇓㇔㇕㇖㇗㇘㇙㇚㇛㇜㇝㇞㇟㇠㇡",
    "厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑𫜹忄心扌攵旡日月歺民氵氺灬爫爫丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦页风飞食𩙿"
    "飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀𠃌乀一丨丿丿丶𠃍乛𠃊𠃎𠄌亅𡿨𠃋乀𠃑乚乙𠄎",
)
# OpenCC's simplified standard keeps these apart where a whole word decides; in matching one form serves for both.
_ONE_FORM = str.maketrans("著妳祢牠祂乾喫", "着你你它它干吃")
# Not of the categories that are left out, and yet nothing is seen: fillers of Hangul, Khmer and Braille, and a note.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800\U0001d159\ufffc")
# Format characters, marks on letters (struck through, enclosed), controls, halves of a pair, private use.
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Cc", "Cs", "Co"})
_LINE_ENDS = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_BLANK_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}]) +(?=[{_HAN}])")
_BLANKS = re.compile(r" {2,}")
_AROUND_LINE_ENDS = re.compile(r" *\n[ \n]*")


class _Folds(dict[int, str]):
    """How each character folds, worked out when it is first met: a text then folds in one pass in C."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        self[code] = folded
        return folded


@cache
def _simplified() -> Any:
    import opencc  # with its dictionaries, only where a text is folded

    return opencc.OpenCC("t2s")


def _folded(character: str) -> str:
    if character in _LINE_ENDS:
        return "\n"
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    if character in _BLANK_LETTERS or unicodedata.category(character) in _UNSEEN:
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    if plain != character:
        return "".join(_folded(one) for one in plain)
    simplified: str = _simplified().convert(character.translate(_RADICALS))
    return simplified.translate(_ONE_FORM).casefold()


_FOLDS = _Folds()


def fold(text: str) -> str:
    """The text for matching: single blanks, one `\\n` for any run of line ends, trimmed.

    Blanks stay, since some readers need them: see `fold_words`.
    """
    folded = unicodedata.normalize("NFC", text).translate(_FOLDS)
    return _AROUND_LINE_ENDS.sub("\n", _BLANKS.sub(" ", folded)).strip()


def fold_words(text: str) -> str:
    """As `fold`, without blanks between Chinese characters, which hide words as joiners do: `救 命` is `救命`."""
    return _BLANK_BETWEEN_HAN.sub("", fold(text))


def fold_in_place(text: str) -> tuple[str, list[int]]:
    """The folded text, untrimmed and with every blank, and for each of its characters the index in `text`.

    For readers that take the rest of a text as it was written once they have found something at its beginning.
    """
    folded: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        for one in _FOLDS[ord(character)]:
            folded.append(one)
            origins.append(index)
    return "".join(folded), origins


def is_visible(text: str) -> bool:
    """Whether there is anything in the text that a person can see."""
    return bool(fold(text))
