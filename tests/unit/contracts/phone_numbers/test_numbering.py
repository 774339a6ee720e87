"""What the numbering plans say about digits, one question at a time."""

import random
import time
import timeit
from collections.abc import Callable, Iterator

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.phone_numbers.canonical import canonical
from libs.contracts.phone_numbers.numbering import (
    dialled_readings,
    international_reading,
    is_mobile,
    is_mobile_of_region,
    is_region,
    is_valid,
    national_reading,
    region_of,
    whatsapp_reading,
)
from tests.cpu_time import a_small_heap


@pytest.mark.parametrize(
    ("code", "expected"), [("SA", True), ("sa", False), ("ZZ", False), ("001", False), ("", False)]
)
def test_a_region_is_one_that_has_a_plan(code: str, expected: bool) -> None:  # noqa: FBT001
    assert is_region(code) is expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("966512345678", "+966512345678"),
        ("4901713920012", "+491713920012"),
        ("551187654321", "+5511987654321"),
        ("15550109999", None),
        ("0512345678", None),
        ("", None),
    ],
)
def test_digits_with_a_country_are_valid_in_their_present_day_form(digits: str, expected: str | None) -> None:
    assert international_reading(digits) == expected


@pytest.mark.parametrize(
    ("digits", "region", "expected"),
    [
        ("00966512345678", "ZZ", ["+966512345678"]),
        ("011966512345678", "US", ["+966512345678"]),
        ("011551187654321", "US", ["+5511987654321"]),
        ("00251914438088", "KR", ["+251914438088", "+51914438088"]),
        ("0512345678", "SA", []),
        ("966512345678", "US", []),
    ],
)
def test_digits_behind_an_international_prefix_are_read_in_every_way(
    digits: str, region: str, expected: list[str]
) -> None:
    assert dialled_readings(digits, region) == expected


@pytest.mark.parametrize(
    ("digits", "region", "expected"),
    [
        ("0512345678", "SA", "+966512345678"),
        ("011966512345678", "US", None),
        ("51234", "FK", "+50051234"),
        ("2345", "LU", None),
        ("312345", "AD", "+376312345"),
        ("101234", "DE", None),
        ("301234", "DE", None),
        ("401234", "FI", None),
        ("81234", "ZA", None),
        ("0512345678", "ZZ", None),
        ("", "SA", None),
    ],
)
def test_a_national_number_is_one_of_the_regions_plan(digits: str, region: str, expected: str | None) -> None:
    assert national_reading(digits, region) == expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("15550109999", "+15550109999"),
        ("5215512345678", "+525512345678"),
        ("2901234", None),
        ("210123456789", None),
        ("9" * 16, None),
        ("", None),
    ],
)
def test_whatsapps_digits_need_a_country_and_no_plan(digits: str, expected: str | None) -> None:
    assert whatsapp_reading(digits) == expected


@pytest.mark.parametrize(
    ("digits", "region", "expected"),
    [
        ("491713920012", "DE", True),
        ("33612345678", "DE", False),
        ("966512345", "SA", False),
        ("491713920012", "ZZ", False),
    ],
)
def test_a_mobile_of_a_region_has_its_code_and_the_length_of_mobiles(
    digits: str,
    region: str,
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_mobile_of_region(digits, region) is expected


@pytest.mark.parametrize(
    ("phone", "valid", "mobile"),
    [
        ("+491711234567", True, True),
        ("+4930901820", True, False),
        ("+14155550132", True, True),
        ("+15550109999", False, False),
    ],
)
def test_a_plan_says_whether_a_number_is_a_mobile(phone: str, valid: bool, mobile: bool) -> None:  # noqa: FBT001
    assert (is_valid(phone), is_mobile(phone)) == (valid, mobile)


@given(
    code=st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    rest=st.text("0123456789", min_size=3, max_size=14),
)
def test_the_region_is_that_of_the_plan_whether_or_not_its_code_has_others(code: int, rest: str) -> None:
    phone = f"+{code}{rest}"[:16].ljust(8, "0")
    number = phonenumbers.parse(phone, None)
    planned = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(code)

    assert region_of(phone) == (planned if is_region(planned) else None)


@pytest.mark.parametrize(
    ("phone", "expected"),
    [("+966512345678", "SA"), ("+12025550123", "US"), ("+18095550123", "DO"), ("+80012345678", None), (None, None)],
)
def test_a_region_is_known_by_its_code_or_by_its_plan(phone: str | None, expected: str | None) -> None:
    assert region_of(phone) == expected


def as_the_library_reads(digits: str) -> str | None:
    """The reading by the library alone, without what is taken from it here."""
    try:
        number = phonenumbers.parse(f"+{digits}", None, keep_raw_input=True)
        phone = canonical(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    except (phonenumbers.NumberParseException, ValueError):
        return None
    return phone if phonenumbers.is_valid_number(phonenumbers.parse(phone, None)) else None


def digits_of_every_plan() -> Iterator[str]:
    """Examples of every kind of number of every region, behind every prefix that a plan may take off, and changed."""
    chance = random.Random(0)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        own = (metadata and metadata.national_prefix) or "0"
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            national = phonenumbers.national_significant_number(example)
            yield from (f"{example.country_code}{prefix}{national}" for prefix in ("", own, "0", "1", "8", "15"))
            changed = chance.randrange(len(national))
            yield f"{example.country_code}{national[:changed]}{chance.randrange(10)}{national[changed + 1 :]}"
            yield f"{example.country_code}{national[: chance.randrange(1, len(national))]}"


def test_numbers_of_every_plan_are_read_as_the_library_reads_them() -> None:
    found = {digits: international_reading(digits) for digits in digits_of_every_plan()}

    assert [each for each, phone in found.items() if phone != as_the_library_reads(each)] == []
    assert sum(phone is not None for phone in found.values()) > 1_000


@given(code=st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)), rest=st.from_regex(r"\A[0-9]{0,13}\Z"))
def test_any_digits_behind_a_country_code_are_read_as_the_library_reads_them(code: int, rest: str) -> None:
    assert international_reading(f"{code}{rest}") == as_the_library_reads(f"{code}{rest}")


def seconds_for(read: Callable[[str], str | None], numbers: Iterator[str]) -> float:
    return min(timeit.repeat(lambda: read(next(numbers)), number=50, repeat=20, timer=time.thread_time))


def test_a_plain_mobile_is_read_without_the_librarys_search_for_signs_and_kinds() -> None:
    mobiles = (f"9665{number:08}" for number in range(10_000))
    with a_small_heap():
        librarys = seconds_for(as_the_library_reads, mobiles)
        ours = seconds_for(international_reading, mobiles)

    assert ours < librarys / 2
