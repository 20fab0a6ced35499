"""Case numbers that a citizen can read out on the phone: `261124-0004217-8`.

The day of receipt (YYMMDD), a serial number of seven digits, and a check digit after Damm, which finds every single
wrong digit and every swap of two neighbours. Source: H. M. Damm, Total anti-symmetrische Quasigruppen, Marburg 2004.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

SERIALS = 10_000_000
"""Serial numbers count modulo this: so many requests a day can be told apart."""

_QUASIGROUP = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_SEPARATORS = re.compile(r"[\s\-_.·‐-―−]+")
_DIGITS = re.compile(r"[0-9]{14}", re.ASCII)
MAX_INPUT = 64


class CaseNumberError(ValueError):
    """Not a case number. The message says what to do."""


def check_digit(digits: str) -> int:
    """The Damm check digit of a string of ASCII digits; 0 when the last digit already is the right one."""
    interim = 0
    for digit in digits:
        interim = _QUASIGROUP[interim][ord(digit) - 48]
    return interim


def case_number(day: date, serial: int) -> str:
    """The number of the request that was the `serial`-th, received on `day` of the bureau's calendar."""
    digits = f"{day:%y%m%d}{serial % SERIALS:07d}"
    return f"{digits[:6]}-{digits[6:]}-{check_digit(digits)}"


def parse_case_number(text: str) -> str:
    """The number in its written form, from whatever a person typed: blanks, dashes or none, full-width digits.

    Raises `CaseNumberError` when digits are missing or the check digit doesn't fit.
    """
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text[: MAX_INPUT + 1]))
    if not _DIGITS.fullmatch(digits):
        raise CaseNumberError("A case number has 14 digits, such as 261124-0004217-8. Compare it with your receipt.")
    if check_digit(digits) != 0:
        raise CaseNumberError("At least one digit of this case number is wrong. Compare it with your receipt.")
    return f"{digits[:6]}-{digits[6:13]}-{digits[13]}"
