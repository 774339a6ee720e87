"""What the numbering plans say about digits. The plans come from libphonenumber; results are canonical E.164."""

import re
from functools import cache, lru_cache
from typing import Final

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from libs.contracts.phone_numbers.canonical import REMEMBERED, canonical

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PLAUSIBLE = range(8, 16)
"""Lengths of WhatsApp's digits: the shortest mobiles have 5 digits after a country code of 3 (Saint Helena)."""
_LONGEST_INTERNAL: Final = 6
"""Digits within a PBX (3CX Admin Manual: extensions have 2 to 5 digits), and one that selects a connected PBX."""
_LONGEST_IN_SMALL_PLANS: Final = 7
"""Digits of ordinary mobiles where some may be as short as what is dialled within a PBX: Tuvalu, Andorra."""
_MOBILE_KINDS: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})

_CALLING_CODES: Final = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_PLAIN: Final = re.compile(r"[1-9][0-9]{4,11}")
"""Digits behind a calling code that the library takes as they are, but for a prefix of the country's own."""


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
    number = _international(phone[1:]) if phone.startswith("+") else _parsed(phone, None)
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
    number = _international(digits)
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

    Digits as few as are dialled within a PBX are none, except where mobiles are that short.
    """
    number = _parsed(digits, region)
    if number is None or number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return None
    if len(digits) <= _LONGEST_INTERNAL and not _is_mobile_length(len(digits), region):
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
    number = _international(digits)
    return number is not None and phonenumbers.is_possible_number_for_type(number, PhoneNumberType.MOBILE)


def is_valid(phone: str) -> bool:
    """True for a number in E.164 that its plan has."""
    return international_reading(phone.removeprefix("+")) is not None


def is_mobile(phone: str) -> bool:
    """True for a number in E.164 that is a mobile, or may be one where the plan does not tell."""
    number = _international(phone.removeprefix("+"))
    return number is not None and phonenumbers.number_type(number) in _MOBILE_KINDS


def _is_mobile_length(length: int, region: str) -> bool:
    """Whether mobiles have as many digits in a small plan. Large plans have a few of every length."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    mobile = metadata.mobile if metadata else None
    if mobile is None or mobile.example_number is None or len(mobile.example_number) > _LONGEST_IN_SMALL_PLANS:
        return False
    return length in mobile.possible_length


def _international(digits: str) -> PhoneNumber | None:
    """As the library parses `+` and these digits, without its search for other signs, extensions and prefixes.

    Digits that may begin with a prefix of the country's own, and whatever else is not plain, it parses itself.
    """
    code = next((digits[:length] for length in (1, 2, 3) if digits[:length] in _CALLING_CODES), None)
    if code is not None and _PLAIN.fullmatch(national := digits[len(code) :]) is not None:
        prefix = _national_prefix(int(code))
        if prefix is None or prefix.match(national) is None:
            return PhoneNumber(country_code=int(code), national_number=int(national))
    return _parsed(f"+{digits}", None)


@cache
def _national_prefix(code: int) -> re.Pattern[str] | None:
    """What the library takes from the beginning of a number within the country; None where there is nothing."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    prefix = metadata.national_prefix_for_parsing if metadata else None
    return re.compile(prefix) if prefix else None


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
    present = number if phone == written else _international(phone[1:])
    return phone if present is not None and (_is_mobile(present) or phonenumbers.is_valid_number(present)) else None


def _is_mobile(number: PhoneNumber) -> bool:
    """True for a mobile in the only plan of its calling code: so it is valid, and of the kind that most numbers are.

    The library asks for nine other kinds before this one.
    """
    mobiles = None if number.italian_leading_zero else _mobiles(number.country_code or 0)
    return mobiles is not None and mobiles.fullmatch(str(number.national_number)) is not None


@cache
def _mobiles(code: int) -> re.Pattern[str] | None:
    """What mobiles look like in the plan of a calling code; None where several regions share the code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(regions[0]) if len(regions) == 1 else None
    if metadata is None or (every := metadata.general_desc) is None or (mobile := metadata.mobile) is None:
        return None
    if not every.national_number_pattern or not mobile.national_number_pattern:
        return None
    lengths = {*every.possible_length}.intersection(mobile.possible_length or every.possible_length)
    length = "|".join(f".{{{each}}}" for each in sorted(lengths))
    return re.compile(
        rf"(?=(?:{length})\Z)(?=(?:{every.national_number_pattern})\Z)(?:{mobile.national_number_pattern})"
    )
