"""Masks personal data in free text, before it leaves the bureau or is written to a log."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

_MASK = {
    "email": "〔邮箱〕",
    "resident_id": "〔证件号〕",
    "bank_card": "〔银行卡号〕",
    "phone": "〔电话〕",
    "plate": "〔车牌〕",
    "wechat": "〔微信号〕",
    "qq": "〔QQ号〕",
}

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
# People write long numbers in groups, with blanks, dashes or dots between.
_GAP = r"[\s\-·.]?"
# The look-behind keeps a long run of letters without '@' from being tried from each of its places.
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)
_ACCOUNT = re.compile(
    r"(?<![A-Za-z])(?P<label>微信号?|薇信|威信|[Vv]信|[Ww]e[Cc]hat|[Vv][Xx]|[Ww][Xx]|QQ号?|qq号?|扣扣)"
    r"(?P<between>\s*(?:[:：是为]|号[:：是为]?)?\s*)"
    r"(?P<account>[A-Za-z0-9_-]{5,20})"
)
_RESIDENT_ID = re.compile(rf"(?<!\d)(?:\d{_GAP}){{14}}(?:\d{_GAP}\d{_GAP}\d{_GAP}(?:[Xx]|\d(?![\dXx]))|\d(?![\dXx]))")
_MOBILE = re.compile(
    rf"(?<!\d)(?:(?:\+|00){_GAP}86{_GAP}|86{_GAP}|0)?1[3-9]\d{_GAP}(?:\d{{4}}{_GAP}\d{{4}}|\d{{3}}{_GAP}\d{{5}})(?!\d)"
)
_SPACED_MOBILE = re.compile(r"(?<!\d)1[\s\-·.]*[3-9](?:[\s\-·.]*\d){9}(?!\d)")
_LANDLINE = re.compile(
    r"(?<!\d)(?:(?:\+|00)86[\s-]?)?(?:[(（]0\d{2,3}[)）][\s-]?|0(?:10|2\d|[3-9]\d{2})[\s-]?)[2-8]\d{6,7}"
    r"(?:[\s-]?(?:转|ext\.?|-)\s?\d{1,6})?(?!\d)"
)
# Numbers that begin with 9 or 1 are public services (9600110, 12345), those of a subscriber begin with 2 to 8.
_SUBSCRIBER = re.compile(
    r"(?P<label>(?:电话|座机|固话|手机|联系方式|致电)\D{0,4})(?P<number>[2-8]\d{2,3}[\s-]?\d{4})(?!\d)"
)
_INTERNATIONAL = re.compile(r"\+(?!86)\d{1,3}(?:[\s\-().]?\d){6,12}(?!\d)")
_CARD = re.compile(rf"(?<!\d)(?:\d{_GAP}){{12,18}}\d(?!\d)")
_PLATE = re.compile(
    rf"(?:[{_PROVINCES}][A-HJ-NP-Za-hj-np-z][\s·.\-]?(?:[A-HJ-NP-Za-hj-np-z0-9]{{5,6}}|[A-HJ-NP-Za-hj-np-z0-9]{{4}}[学警港澳挂试超]))"
    r"(?![A-Za-z0-9])"
)

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def redact(text: str) -> str:
    """The text with phone numbers, resident ids, plates, e-mails, bank cards and chat accounts masked.

    Each is replaced by what it was (〔电话〕), so that a reader still understands the sentence. Masking again changes
    nothing. Names and addresses written out in words are not recognised: what is published must not rely on this alone.
    """
    # A mask can bare what stood right behind it (a chat account after the X of an id), so go on until nothing is found.
    # It ends: every replacement takes away at least five letters or digits and adds none.
    while (masked := _masked_once(text)) != text:
        text = masked
    return text


def _masked_once(text: str) -> str:
    text = _EMAIL.sub(_MASK["email"], text)
    text = _ACCOUNT.sub(_mask_account, text)
    text = _RESIDENT_ID.sub(_when(_is_resident_id, "resident_id"), text)
    text = _MOBILE.sub(_MASK["phone"], text)
    text = _CARD.sub(_when(_is_card, "bank_card"), text)
    text = _SPACED_MOBILE.sub(_MASK["phone"], text)
    text = _LANDLINE.sub(_MASK["phone"], text)
    text = _INTERNATIONAL.sub(_MASK["phone"], text)
    text = _SUBSCRIBER.sub(lambda match: match["label"] + _MASK["phone"], text)
    return _PLATE.sub(_MASK["plate"], text)


def _when(holds: Callable[[str], bool], kind: str) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        bare = re.sub(r"[\s\-·.]", "", match[0])
        return _MASK[kind] if holds(bare) else match[0]

    return replace


def _mask_account(match: re.Match[str]) -> str:
    kind = "qq" if match["label"][0] in "Qq扣" else "wechat"
    return match["label"] + match["between"] + _MASK[kind]


def _is_resident_id(number: str) -> bool:
    """18 characters, or the 15 digits of the first generation.

    Either the date of birth or the check character must be right: one mistyped digit doesn't make a number public.
    Source: GB 11643-1999, check character by ISO 7064 MOD 11-2.
    """
    if number[0] not in "12345689" or not number[:-1].isdigit():
        return False
    if len(number) == 15:
        return _is_date("19" + number[6:12])
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return _is_date(number[6:14]) or number[17].upper() == _CHECK[total % 11]


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return False
    return 1850 <= int(digits[:4]) <= 2150


def _is_card(number: str) -> bool:
    """A bank card: 13 to 19 digits whose last is the Luhn check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return number[0] in "3456" and total % 10 == 0
