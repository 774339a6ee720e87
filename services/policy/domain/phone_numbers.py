"""Reads phone numbers to E.164. An ambiguous value is not a phone number; nothing here raises."""

import re
import unicodedata
from collections.abc import Iterable

import phonenumbers

_MAX_INPUT = 64
"""Longest text: E.164 has 15 digits; the rest allows for spacing, brackets and a `tel:` prefix."""

_MAX_NUMBER = 10**15 - 1
"""The largest number of 15 digits, E.164's limit (ITU-T E.164 §6)."""

_INTERNATIONAL = range(10, 16)
"""Numbers of digits that may be an international number without its plus, when invalid in the region."""

_SCHEME = re.compile(r"(?:tel|whatsapp):", re.IGNORECASE)
_WRITTEN_PHONE = re.compile(r"\+?[\d\s()./\-]{3,}")


def e164_from(value: object, region: str) -> str | None:
    """The phone in E.164 (`+966512345678`), read with the region (ISO 3166 alpha-2) where no country is given.

    None when it is not a phone number of the public network: a type other than text or whole number, letters
    (`anonymous`, a phone with an extension), a PBX extension, a number outside every numbering plan. `00` counts as
    the plus. Digits that are invalid in the region are read as an international number without its plus.
    """
    written = _written_phone(value)
    if written is None:
        return None
    region = region.strip().upper()
    phone = _valid(written, region)
    if phone is None and written[0] != "+":
        digits = re.sub(r"\D", "", written)
        if digits[:1] not in {"", "0"} and len(digits) in _INTERNATIONAL:
            phone = _valid(f"+{digits}", region)
    return phone


def first_usable_phone(candidates: Iterable[object], region: str) -> str | None:
    """The first candidate that is a phone number, as E.164; None when there is none."""
    return next((phone for value in candidates if (phone := e164_from(value, region)) is not None), None)


def _written_phone(value: object) -> str | None:
    """The value as digits with usual separators and an optional plus; None if it is not written as a phone number."""
    if isinstance(value, int):
        value = str(value) if 0 < value <= _MAX_NUMBER else None  # `True` becomes a word, which is not a phone
    if not isinstance(value, str) or len(value) > _MAX_INPUT:
        return None
    text = _SCHEME.sub("", "".join(map(_plain, value)).strip(), count=1).strip()
    if _WRITTEN_PHONE.fullmatch(text) is None:
        return None
    return re.sub(r"\A[\s(]*00", "+", text)


def _plain(character: str) -> str:
    """A digit, dash or plus of any script as ASCII; direction marks, which are often pasted along, are dropped."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    if category == "Cf":
        return ""
    return "+" if character == "＋" else character


def _valid(written: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
