"""Phone numbers in one spelling: E.164, `+8613812345678`, and what stands beside them.

A number is read only from what can mean nothing else. Letters are no digits (`139OOOO0001`), an extension is kept
beside its number (`021-23456789-801`, the privacy numbers of delivery and ride platforms), and a text that is something
else (`不方便透露`, a number without its area code) is left for a person to read.
Sources: ITU-T E.164, and RFC 3966 for `;ext=`.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from shared.folding import is_visible


def _chinese_mobile() -> re.Pattern[str]:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("CN")
    assert metadata is not None
    assert metadata.mobile is not None
    return re.compile(str(metadata.mobile.national_number_pattern), re.ASCII)


# By the library's own data; nearly every citizen's number has this form, and the general way costs 30 times as much.
_CHINESE_MOBILE = _chinese_mobile()

MAX_INPUT = 64
"""No way of writing a phone number is longer, in characters."""

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣ー", "-") | {"﹢": "+"})
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\ufe00-\ufe0f\ufeff]")
_LABEL = re.compile(
    r"^(?:我的?|本人)?(?:(?:联系)?(?:手机|电话|固话|座机)(?:号码?)?|联系方式|tel(?:ephone)?|phone|mobile|cell)\s*[:.：]?\s*(?=[+(\d])",
    re.IGNORECASE,
)
_REMARK = re.compile(r"(?<=\d)\s*[(,]?\s*(?:微信同号|同微信|手机同微信|本人|手机)\s*\)?$")
_NUMBER = re.compile(r"\+?\s*(?:\(\+?\d{1,5}\)|\d)(?:[\s.\-·]{0,3}(?:\(\d{1,5}\)|\d))*", re.ASCII)
_MARKED = re.compile(
    r"^(?P<number>.*?[\d)])\s*[,;]?\s*[-]?\s*"
    r"(?:转(?:接|拨)?(?:分机)?号?|分机号?码?|内线|按|;?\s*ext(?:ension|n)?\.?|x|\#|,)\s*[:=：.]?\s*(?P<extension>\d{1,8})\s*\#?$",
    re.IGNORECASE | re.ASCII,
)
_DASHED = re.compile(r"^(?P<number>.*[\d)])\s?-\s?(?P<extension>\d{1,6})$", re.ASCII)
_SEVERAL = re.compile(r"\s*(?:[/、,;|\n]|或者?|和|及|以及)\s*|\s+")
_SEPARATORS = re.compile(r"[\s().\-·/]+")
_LOOKALIKES = str.maketrans(
    {
        letter: digit
        for digit, letters in {
            "0": "OoQDОоΟο",
            "1": "IiLlІіΙι",
            "2": "Zz",
            "3": "Зз",
            "5": "Ss",
            "6": "Gb",
            "8": "B",
            "9": "gq",
        }.items()
        for letter in letters
    }
)
_LONGEST_READ = 256
"""Characters of a text in which numbers are looked for."""
_MOST_NUMBERS = 4


class Unread(StrEnum):
    """Why a text is not, or not only, one number that can be called."""

    NOT_A_NUMBER = "not-a-number"
    SEVERAL = "several-numbers"


class PhoneReading(NamedTuple):
    """What a text in a field for a phone number says: `number` in E.164, `extension` in digits, what is left `unread`.

    A text of several numbers has its first one as `number`, and is itself `unread`, so that none is lost.
    """

    number: str | None
    extension: str | None = None
    unread: str | None = None
    why: Unread | None = None

    @property
    def line(self) -> str | None:
        """What tells this line from others, for a pseudonym: behind one number each extension is somebody else."""
        return self.number if self.extension is None else f"{self.number};ext={self.extension}"


class ContactError(ValueError):
    """Not a phone number that can be called. The message says what to write instead, and doesn't show the number."""


class MisspeltNumberError(ContactError):
    """A phone number in which letters stand for digits: whoever wrote it can mend it, and nobody else."""


def read_phone(text: str, region: str = "CN") -> PhoneReading:
    """What a text says that stands where a phone number was asked for; all `None` where nobody can see anything.

    `region` is the country of numbers without a country code (ISO 3166). Raises `MisspeltNumberError` where letters, or
    digits of several scripts, are mixed into a number.
    """
    if region == "CN" and _CHINESE_MOBILE.fullmatch(text):
        return PhoneReading(f"+86{text}")
    unread = text.strip()
    if len(text) > _LONGEST_READ:
        return PhoneReading(None, None, unread, Unread.NOT_A_NUMBER)
    plain = _plain(text)
    if len(plain) <= MAX_INPUT:
        found = _one(plain, region)
        if found is not None:
            return found
    parts = [part for part in _SEVERAL.split(plain) if part]
    if any(_is_misspelt(part, region) for part in (plain, *parts)):
        raise MisspeltNumberError(_remedy("Letters are no digits."))
    read = [_one(part, region) for part in parts]
    if 2 <= len(parts) <= _MOST_NUMBERS and read[0] is not None and all(read):
        return PhoneReading(read[0].number, read[0].extension, unread, Unread.SEVERAL)
    return PhoneReading(None, None, unread, Unread.NOT_A_NUMBER) if is_visible(text) else PhoneReading(None)


def normalise_phone(number: str, region: str = "CN") -> str:
    """The number in E.164. Full-width digits, blanks, dashes and extensions are understood; the extension is dropped.

    `region` is the country of numbers without a country code (ISO 3166). A landline needs its area code: without one,
    nobody can tell the city. Raises `ContactError`, also where there are several numbers.
    """
    if len(number) > MAX_INPUT:
        raise ContactError(f"A phone number has at most {MAX_INPUT} characters.")
    reading = read_phone(number, region)
    if reading.number is None or reading.why is not None:
        raise ContactError(_remedy(_reason(number, region)))
    return reading.number


def is_mobile(e164: str) -> bool:
    """Whether a normalised number can be a mobile one, and so receive an SMS."""
    kind = phonenumbers.number_type(phonenumbers.parse(e164, None))
    return kind in {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def masked(e164: str) -> str:
    """The number as it may be shown to somebody who has to recognise but not call it: `138****5678`."""
    national = str(phonenumbers.national_significant_number(phonenumbers.parse(e164, None)))
    return f"{national[:3]}****{national[-4:]}" if len(national) > 8 else f"****{national[-2:]}"


def _plain(text: str) -> str:
    """Full width, dashes and a label in front made plain; digits of one other script made ASCII by their value."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_DASHES).strip()
    if not plain.isascii():
        scripts = {ord(one) - unicodedata.digit(one) for one in plain if one.isdecimal()}
        # A digit of one script may look like another one of a second: mixed, nobody knows what was meant.
        if len(scripts) == 1:
            plain = "".join(str(unicodedata.digit(one)) if one.isdecimal() else one for one in plain)
    return _REMARK.sub("", _LABEL.sub("", plain)).strip(" -,;.。")


def _one(plain: str, region: str) -> PhoneReading | None:
    """The one number of a text, with its extension; None where there is none, or more than one way to read it."""
    marked = _MARKED.match(plain)
    if marked is not None:
        number = _number(marked["number"], region)
        if number is not None:
            return PhoneReading(number, marked["extension"])
    whole = _number(plain, region)
    dashed = _DASHED.match(plain)
    number = _number(dashed["number"], region) if dashed is not None else None
    if whole is not None:
        # `0573-8888888-8` is a number of eight digits, or one of seven with an extension.
        return PhoneReading(whole) if number is None else None
    return PhoneReading(number, dashed["extension"]) if number is not None and dashed is not None else None


def _number(text: str, region: str) -> str | None:
    """A whole text as E.164, where it is one number that is in use."""
    parsed = _parsed(text.strip(), region)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return None
    e164: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return phonenumbers.parse(("+" if "+" in text else "") + re.sub(r"\D", "", text), region)
    except phonenumbers.NumberParseException:
        return None


@lru_cache(256)
def _script(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith(("LATIN", "GREEK", "CYRILLIC"))


def _is_misspelt(plain: str, region: str) -> bool:
    """Whether this is a number with letters, or with digits of several scripts, and nothing else.

    Names of accounts begin with a letter (`wx13900000001`), numbers with a digit or with a letter that looks like one.
    """
    bare = _SEPARATORS.sub("", plain).removeprefix("+")
    if not 7 <= len(bare) <= 20 or not all(one.isdecimal() or _script(one) for one in bare):
        return False
    digits = [one for one in bare if one.isdecimal()]
    if len(digits) == len(bare):
        return not bare.isascii()
    if len(digits) >= 3 and bare[0].isdecimal():
        return True
    looks = bare.translate(_LOOKALIKES)
    return bool(digits) and looks.isdecimal() and _number(looks, region) is not None


def _reason(number: str, region: str) -> str:
    parsed = _parsed(_plain(number), region)
    if parsed is None:
        return "This is not a phone number."
    match phonenumbers.is_possible_number_with_reason(parsed):
        case phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            return "The area code is missing."
        case phonenumbers.ValidationResult.TOO_SHORT:
            return "The phone number is too short."
        case phonenumbers.ValidationResult.TOO_LONG:
            return "The phone number is too long."
        case _:
            return "No such phone number is in use."


def _remedy(reason: str) -> str:
    return (
        f"{reason} Write a mobile number (11 digits), a landline with its area code (0755 2345 6789), or any "
        "number with its country code (+86 …)."
    )
