"""Reads an operator's phone number the way the account's webhooks are read: E.164, by the account's region."""

from typing import Final

import phonenumbers

LONGEST: Final = 64  # libphonenumber reads 250; no phone with its decoration is that long


def is_region(code: str) -> bool:
    """True for a region that libphonenumber knows, such as `SA` (ISO 3166-1 alpha-2, upper case)."""
    return code in phonenumbers.SUPPORTED_REGIONS


def e164_from(text: str, region: str) -> str | None:
    """The number in E.164 form; None when it is no valid phone number. National numbers are read as `region`'s."""
    if len(text) > LONGEST:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
