"""Parses phone numbers that operators enter into E.164, by the same rules as numbers in the account's webhooks."""

import re
from typing import Final

import phonenumbers

from services.console.domain.refusals import invalid

MAX_LENGTH: Final = 64  # libphonenumber reads 250; no phone with its decoration is that long

_WITHOUT_PLUS: Final = re.compile(r"[1-9]\d{9,14}", re.ASCII)


def is_region(code: str) -> bool:
    """True for a region that libphonenumber knows, such as `SA` (ISO 3166-1 alpha-2, upper case)."""
    return code in phonenumbers.SUPPORTED_REGIONS


def e164_from(text: str, region: str) -> str | None:
    """The number in E.164 form; None when it is no valid phone number. A national number is one of the `region`.

    Digits that are no valid national number are read as an international number without its plus; a plus that was not
    percent-encoded in a query is lost, too.
    """
    if len(text) > MAX_LENGTH:
        return None
    phone = _valid(text, region)
    if phone is None and _WITHOUT_PLUS.fullmatch(text.strip()):
        phone = _valid(f"+{text.strip()}", region)
    return phone


def phone_in_field(text: str, region: str) -> str:
    """The E.164 form of the field `phone`. Raises GatewayError(invalid_request)."""
    phone = e164_from(text, region)
    if phone is None:
        raise invalid("phone", "must be a valid phone number, in E.164 or national form")
    return phone


def _valid(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
