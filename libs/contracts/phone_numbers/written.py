"""What is written where a phone number is expected, reduced to digits: addresses, marks and spacing are taken off.

Text that is not written like one number (words, extensions, two numbers) is refused.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from libs.contracts.phone_numbers.addresses import Form, unwrapped
from libs.contracts.phone_numbers.set_apart import Shorter, ends_in_lone_digit, shorter_numbers, without_decimals

LONGEST: Final = 64
"""Characters of a number: E.164 has 15 digits; the rest allows for spacing, brackets and direction marks."""

_LONGEST_ADDRESS = 512
"""Characters of an address: a display name and SIP parameters may stand around the number."""
_LARGEST = 10**15 - 1
"""The largest number of 15 digits, E.164's limit (ITU-T E.164, section 6)."""

_NUMBER = re.compile(r"[\s(\[]*(\+{0,2})([\d\s()\[\]./·~-]{3,})")

_NOT_A_DIGIT = re.compile(r"\D")

_LOST_PLUS = re.compile(r" [1-9][\d\s().-]{5,}", re.ASCII)

_LOOKALIKES = str.maketrans("−ー•‧․∼～", "--····~")
_FULL_WIDTH = range(0xFF01, 0xFF5F)
"""Copies of ASCII's printable characters as wide as an ideograph; each lies 0xFEE0 above its original."""


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """The digits of a number as they were written; `has_plus` tells whether a plus stood before them.

    `shorter` are the numbers that stand there instead if one of them is a number by itself.
    """

    digits: str = field(repr=False)
    has_plus: bool
    form: Form
    shorter: tuple[Shorter, ...] = ()


def written_number(value: object) -> WrittenNumber | None:
    """Read text, or a whole number of a JSON body. None for all that is not written as one number. Never raises."""
    if isinstance(value, int):
        value = str(value) if 0 < value <= _LARGEST else None  # `True` becomes a word, and a word is no number
    if not isinstance(value, str) or len(value) > _LONGEST_ADDRESS:
        return None
    text, form = unwrapped(_plain(value))
    match = _NUMBER.fullmatch(without_decimals(text)) if len(text) <= LONGEST else None
    if match is None:
        return None
    pluses, number = match.groups()
    if number.isdecimal():
        return WrittenNumber(number, _is_plus(pluses, number), form)
    if ends_in_lone_digit(number):
        return None
    digits = _NOT_A_DIGIT.sub("", number)
    has_plus = _is_plus(pluses, digits)
    return WrittenNumber(digits, has_plus, form, shorter_numbers(number, has_plus=has_plus))


def _is_plus(pluses: str, digits: str) -> bool:
    """Behind `+00` stands what stands behind `00`: a program put its plus before a number that needed none."""
    return bool(pluses) and not digits.startswith("00")


def with_lost_plus(text: str) -> str:
    """A value of a query whose plus was not percent-encoded, so that it arrived as a space, with the plus."""
    return f"+{text[1:]}" if _LOST_PLUS.fullmatch(text) else text


def _plain(text: str) -> str:
    """The text without percent-encoding, with ASCII's digits, dashes and signs, and without invisible marks."""
    decoded = unquote(text) if "%" in text else text
    if decoded.isascii():
        return decoded.strip()
    return "".join(map(_plain_character, decoded)).translate(_LOOKALIKES).strip()


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    if category == "Cf":  # direction marks, zero-width spaces and soft hyphens are pasted along with a number
        return ""
    return chr(ord(character) - 0xFEE0) if ord(character) in _FULL_WIDTH else character
