"""Digits that stand apart from a number and may be no part of it.

At the end: decimals of a spreadsheet, a count, an extension, the ending of a second number (`030 123456/57`). At the
beginning: the number of a line in a list (`2. 0171 …`). To take them as digits of the number names another person
wherever numbers vary in length. Whether the rest is a number by itself is for the numbering plans to say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

_DECIMALS = re.compile(r"(\+?\d+)\.0{1,2}")
"""What programs make of a number in digits: `491711234567.0`."""
_LONE_DIGIT = re.compile(r".*(?:\d\d\s*[./·~]\s*\d\D*|\d\D*[(\[]\s*\d\s*[)\]]\s*)", re.DOTALL)
"""One last digit behind a dot or a slash, or in brackets. Digits that all have dots between them are none of it."""
_LAST_GROUPS = re.compile(r"(?:.*\d(?=\D))?(\D*)(\d+)(\D+)(\d+)(\D*)", re.DOTALL)
_LINE_NUMBER = re.compile(r"[\s(\[]*[1-9](?:(?=\D+0)|\D*(?:[)\]./·]|\s-\s))\D*(\d.*)", re.DOTALL)
"""One first digit that a bracket, a dot, a slash or a dash follows, or a trunk zero."""

_UNDIVIDED = 6
"""Digits of a group that may be a whole number; behind a shorter one the number usually goes on."""
_ADDED = 2
"""Digits that are fewer than in the group before, where that is short; numbers end in as many as their last groups."""
_IN_SLASHES = 3
"""Digits between slashes that divide a number and not two numbers: `06/12/34/56/78`."""


class Doubt(Enum):
    """Which number without the digits that stand apart makes it doubtful that they are part of the number."""

    ANY = auto()
    MOBILE = auto()
    """Landlines go on where the digits stand: direct dialling (`030 123456-0`), which no mobile has."""
    MOBILE_AT_HOME = auto()
    """The same, and with the digits the number is of another country, though nothing before it says so."""


@dataclass(frozen=True, slots=True)
class Shorter:
    """The number without the digits that stand apart."""

    digits: str = field(repr=False)
    doubt: Doubt = Doubt.ANY


def without_decimals(text: str) -> str:
    """The text without `.0` or `.00` behind nothing but digits."""
    match = _DECIMALS.fullmatch(text)
    return text if match is None else match[1]


def ends_in_lone_digit(text: str) -> bool:
    """True when the last digit is certainly no part of the number."""
    return _LONE_DIGIT.fullmatch(text) is not None


def shorter_numbers(text: str, *, has_plus: bool) -> tuple[Shorter, ...]:
    """What the number is if the digits that stand apart are no part of it; `text` is what follows the plus."""
    if not has_plus and (line := _LINE_NUMBER.fullmatch(text)) is not None:
        return (*_without_end(text, has_plus=False), Shorter(_digits(line[1])), *_without_end(line[1], has_plus=False))
    return tuple(_without_end(text, has_plus=has_plus))


def _without_end(text: str, *, has_plus: bool) -> Iterator[Shorter]:
    digits = _digits(text)
    *_, before, last = ["", *map(_digits, re.split("[/~]", text))]
    if before and not len(before) <= len(last) <= _IN_SLASHES:
        yield Shorter(digits.removesuffix(last))
    groups = _LAST_GROUPS.fullmatch(text)
    doubt = None if groups is None else _doubt_behind(groups, has_plus=has_plus)
    if groups is not None and doubt is not None:
        yield Shorter(digits.removesuffix(groups[4]), doubt)


def _doubt_behind(groups: re.Match[str], *, has_plus: bool) -> Doubt | None:
    """What makes the last group doubtful, by its length and by what stands around it."""
    previous, before, between, last, after = groups.groups()
    sign = re.sub(r"[\s-]", "", between + after)
    is_bracketed = any(bracket in between for bracket in "([") and any(bracket in after for bracket in ")]")
    is_fewer, is_long = len(last) < len(before), len(before) >= _UNDIVIDED
    if is_bracketed or (sign and is_fewer and is_long):
        return Doubt.ANY
    if is_fewer and (is_long or len(last) <= _ADDED):
        return Doubt.MOBILE
    if between != previous:
        return Doubt.MOBILE
    return None if has_plus else Doubt.MOBILE_AT_HOME


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
