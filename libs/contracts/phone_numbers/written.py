"""What is written where a phone number is expected, reduced to digits: addresses, marks and spacing are taken off.

Text that is not written like one number (words, extensions, two numbers) is refused.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

LONGEST: Final = 64
"""Characters of a number: E.164 has 15 digits; the rest allows for spacing, brackets and direction marks."""

_LONGEST_ADDRESS = 512
"""Characters of an address: a display name and SIP parameters may stand around the number."""
_LARGEST = 10**15 - 1
"""The largest number of 15 digits, E.164's limit (ITU-T E.164, section 6)."""

_NAME_ADDRESS = re.compile(r".*<([^<>]*)>[^<>]*", re.DOTALL)
"""`"Name" <address>;parameters` (RFC 3261, section 20.10)."""
_URI = re.compile(r"(tel|sips?|whatsapp):(.*)", re.IGNORECASE | re.DOTALL)
_JID = re.compile(r"(\d+)(?::\d+)?@(?:s\.whatsapp\.net|c\.us)", re.ASCII)
"""WhatsApp's own address of a phone, with the number of a linked device or without."""
_CONTEXT = re.compile(r";phone-context=(\+\d{1,3})(?=;|\Z)", re.IGNORECASE | re.ASCII)
"""The country that a `tel:` number without a plus belongs to (RFC 3966, section 5.1.4)."""
_NUMBER = re.compile(r"[\s(\[]*(\+?)([\d\s()\[\]./·~-]{3,})")

_NOT_A_DIGIT = re.compile(r"\D")

_LOST_PLUS = re.compile(r" [1-9][\d\s().-]{5,}", re.ASCII)

_LOOKALIKES = str.maketrans("−ー•‧․∼～", "--····~")
_FULL_WIDTH = range(0xFF01, 0xFF5F)
"""Copies of ASCII's printable characters as wide as an ideograph; each lies 0xFEE0 above its original."""


class Form(Enum):
    """Around what the number was written."""

    PLAIN = auto()
    ADDRESS = auto()
    """A telephone or SIP address: `tel:`, `sip:`, `sips:`."""
    WHATSAPP = auto()
    """An address of WhatsApp: `whatsapp:`, or a JID."""


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """The digits of a number as they were written; `has_plus` tells whether a plus stood before them."""

    digits: str = field(repr=False)
    has_plus: bool
    form: Form


def written_number(value: object) -> WrittenNumber | None:
    """Read text, or a whole number of a JSON body. None for all that is not written as one number. Never raises."""
    if isinstance(value, int):
        value = str(value) if 0 < value <= _LARGEST else None  # `True` becomes a word, and a word is no number
    if not isinstance(value, str) or len(value) > _LONGEST_ADDRESS:
        return None
    text, form = _unwrapped(_plain(value))
    match = _NUMBER.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        return None
    digits = match[2] if match[2].isdecimal() else _NOT_A_DIGIT.sub("", match[2])
    return WrittenNumber(digits, bool(match[1]), form)


def with_lost_plus(text: str) -> str:
    """A value of a query whose plus was not percent-encoded, so that it arrived as a space, with the plus."""
    return f"+{text[1:]}" if _LOST_PLUS.fullmatch(text) else text


def _unwrapped(text: str) -> tuple[str, Form]:
    """The number inside an address, and what kind of address that was."""
    if ">" in text and (named := _NAME_ADDRESS.fullmatch(text)) is not None:
        text = named[1].strip()
    if (jid := _JID.fullmatch(text)) is not None:
        return jid[1], Form.WHATSAPP
    if (uri := _URI.fullmatch(text)) is None:
        return text, Form.PLAIN
    scheme, rest = uri[1].lower(), uri[2].strip()
    if scheme == "whatsapp":
        return rest, Form.WHATSAPP
    context = _CONTEXT.search(rest)
    user = re.split("[;@]", rest, maxsplit=1)[0] if scheme == "tel" else re.split("[;:]", rest.split("@")[0])[0]
    return (f"{context[1]}{user}" if context and "+" not in user else user), Form.ADDRESS


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
