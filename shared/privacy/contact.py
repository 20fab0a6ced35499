"""Phone numbers in one spelling: E.164, `+8613812345678`."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers


def _chinese_mobile() -> re.Pattern[str]:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("CN")
    assert metadata is not None
    assert metadata.mobile is not None
    return re.compile(str(metadata.mobile.national_number_pattern), re.ASCII)


# By the library's own data; nearly every citizen's number has this form, and the general way costs 30 times as much.
_CHINESE_MOBILE = _chinese_mobile()

MAX_INPUT = 64
"""No way of writing a phone number is longer, in characters."""


# phonenumbers knows "ext" and "#", but not how extensions are written in Chinese.
_EXTENSION = re.compile(r"\s*[,，]?\s*(?:转|转接|分机号?|内线)[\s:：]*\d{1,6}\s*$")


class ContactError(ValueError):
    """Not a phone number that can be called. The message says what to write instead, and doesn't show the number."""


def normalise_phone(number: str, region: str = "CN") -> str:
    """The number in E.164. Full-width digits, blanks, dashes and extensions are understood; the extension is dropped.

    `region` is the country of numbers without a country code (ISO 3166). A landline needs its area code: without one,
    nobody can tell the city. Raises `ContactError`.
    """
    if region == "CN" and _CHINESE_MOBILE.fullmatch(number):
        return f"+86{number}"
    if len(number) > MAX_INPUT:
        raise ContactError(f"A phone number has at most {MAX_INPUT} characters.")
    try:
        parsed = phonenumbers.parse(_EXTENSION.sub("", unicodedata.normalize("NFKC", number)), region)
    except phonenumbers.NumberParseException:
        raise ContactError(_remedy("This is not a phone number.")) from None
    if not phonenumbers.is_valid_number(parsed):
        possible = phonenumbers.is_possible_number_with_reason(parsed)
        if possible == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            raise ContactError(_remedy("The area code is missing."))
        if possible == phonenumbers.ValidationResult.TOO_SHORT:
            raise ContactError(_remedy("The phone number is too short."))
        if possible == phonenumbers.ValidationResult.TOO_LONG:
            raise ContactError(_remedy("The phone number is too long."))
        raise ContactError(_remedy("No such phone number is in use."))
    e164: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164


def is_mobile(e164: str) -> bool:
    """Whether a normalised number can be a mobile one, and so receive an SMS."""
    kind = phonenumbers.number_type(phonenumbers.parse(e164, None))
    return kind in {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def masked(e164: str) -> str:
    """The number as it may be shown to somebody who has to recognise but not call it: `138****5678`."""
    national = str(phonenumbers.national_significant_number(phonenumbers.parse(e164, None)))
    return f"{national[:3]}****{national[-4:]}" if len(national) > 8 else f"****{national[-2:]}"


def _remedy(reason: str) -> str:
    return (
        f"{reason} Write a mobile number (11 digits), a landline with its area code (0755 2345 6789), or any "
        "number with its country code (+86 …)."
    )
