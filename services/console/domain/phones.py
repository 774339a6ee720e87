"""Reads an operator's phone number the way the account's webhooks are read: E.164, by the account's region."""

import re
from typing import Final

import phonenumbers

LONGEST: Final = 64  # libphonenumber reads 250; no phone with its decoration is that long

INTERNATIONAL: Final = re.compile(r"[1-9]\d{9,14}", re.ASCII)


def is_region(code: str) -> bool:
    """True for a region that libphonenumber knows, such as `SA` (ISO 3166-1 alpha-2, upper case)."""
    return code in phonenumbers.SUPPORTED_REGIONS


def e164_from(text: str, region: str) -> str | None:
    """The number in E.164 form; None when it is no valid phone number. National numbers are read as `region`'s.

    As in webhooks, digits that are invalid there may be an international number without its plus; so comes one whose
    plus was not percent-encoded in a query.
    """
    if len(text) > LONGEST:
        return None
    phone = _valid(text, region)
    if phone is None and INTERNATIONAL.fullmatch(text.strip()):
        phone = _valid(f"+{text.strip()}", region)
    return phone


def _valid(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
