"""What the numbering plans say about digits. The plans come from libphonenumber; results are canonical E.164."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from libs.contracts.phone_numbers.canonical import REMEMBERED, canonical

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PLAUSIBLE = range(8, 16)
"""Lengths of WhatsApp's digits: the shortest mobiles have 5 digits after a country code of 3 (Saint Helena)."""
_LONGEST_EXTENSION: Final = 5
"""Digits of a PBX extension (3CX Admin Manual: extensions have 2 to 5 digits)."""


def is_region(code: str) -> bool:
    """True for a region that has a numbering plan here, such as `SA` (ISO 3166-1 alpha-2, upper case)."""
    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(REMEMBERED)
def region_of(phone: str | None) -> str | None:
    """The region of a number in E.164, such as `SA`; None for None and for a code that belongs to no region.

    A number that no plan has, but WhatsApp knows, is in the main region of its country calling code.
    """
    if phone is None:
        return None
    if (alone := _region_of_code(phone)) is not None:
        return alone
    number = _parsed(phone, None)
    if number is None:
        return None
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if is_region(region) else None


def _region_of_code(phone: str) -> str | None:
    """The region of a number in E.164 whose country calling code is that of one region alone, without its plan."""
    if _E164.fullmatch(phone) is None:
        return None
    for length in (1, 2, 3):  # no code begins with another one
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(phone[1 : 1 + length]))
        if regions is not None:
            return regions[0] if len(regions) == 1 and is_region(regions[0]) else None
    return None


@lru_cache(REMEMBERED)
def international_reading(digits: str) -> str | None:
    """The number that digits mean which begin with a country calling code; None when no plan has it."""
    number = _parsed(f"+{digits}", None)
    return None if number is None else _valid_e164(number)


def dialled_readings(digits: str, region: str) -> list[str]:
    """The numbers that digits mean which begin with `00` or with the region's own international prefix.

    There are two, that of `00` first, where both are valid: `002 51 …` is Peru to a Korean telephone, and Ethiopia
    (`+251 …`) to those who write `00` for the plus.
    """
    number = _parsed(digits, region)
    is_own = number is not None and number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD
    own = _valid_e164(number) if number is not None and is_own else None
    usual = international_reading(digits[2:]) if digits.startswith("00") else None
    if own is not None and usual is not None and usual != canonical(digits[2:]):
        usual = None  # valid without some of its digits only: `0011 65 …` is Singapore, and not 1 165 … without a 1
    return list(dict.fromkeys(phone for phone in (usual, own) if phone is not None))


def national_reading(digits: str, region: str) -> str | None:
    """The number that digits mean when they are dialled within the region; None when its plan has no such number.

    Digits as few as a PBX extension has are none, except where mobiles are that short.
    """
    number = _parsed(digits, region)
    if number is None or number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return None
    if len(digits) <= _LONGEST_EXTENSION and not _is_mobile_length(len(digits), region):
        return None
    return _valid_e164(number)


def whatsapp_reading(digits: str) -> str | None:
    """The number that WhatsApp's digits mean, valid in a plan or not; None when they cannot be WhatsApp's."""
    known_code = any(int(digits[:length] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for length in (1, 2, 3))
    if len(digits) not in _PLAUSIBLE or digits[0] == "0" or not known_code:
        return None
    return canonical(digits)


def is_mobile_of_region(digits: str, region: str) -> bool:
    """True when the digits begin with the region's calling code and the rest is as long as mobiles there are."""
    code = str(phonenumbers.country_code_for_region(region))
    if code == "0" or not digits.startswith(code):
        return False
    number = _parsed(f"+{digits}", None)
    return number is not None and phonenumbers.is_possible_number_for_type(number, PhoneNumberType.MOBILE)


def _is_mobile_length(length: int, region: str) -> bool:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    mobile = metadata.mobile if metadata else None
    return mobile is not None and length in mobile.possible_length


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _valid_e164(number: PhoneNumber) -> str | None:
    """The canonical form of the number, when that is valid; one of a former plan is as good as its successor."""
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    try:
        phone = canonical(written)
    except ValueError:
        return None
    present = number if phone == written else _parsed(phone, None)
    return phone if present is not None and phonenumbers.is_valid_number(present) else None
