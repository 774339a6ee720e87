"""What the numbering plans say about digits, one question at a time."""

import pytest

from libs.contracts.phone_numbers.numbering import (
    dialled_readings,
    international_reading,
    is_mobile_of_region,
    is_region,
    national_reading,
    whatsapp_reading,
)


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
