"""Phones as 3CX systems write them, and everything else that stands in their place."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.phone_numbers import candidates, first_choice, read_phone

REGIONS = ["SA", "DE", "US", "GB", "TR", "PK", "IN", "BR", "IT", "ES", "FR", "EG", "AE"]


def e164_from(value: object, region: str) -> str | None:
    """The phone, read by an account that knows nobody."""
    reading = read_phone(value, region=region)
    return None if reading is None else reading.e164


@st.composite
def mobiles(draw: st.DrawFn) -> tuple[phonenumbers.PhoneNumber, str]:
    """A number that its region's numbering plan has, made from the plan's own example."""
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    digits = str(example.national_number)
    ending = draw(st.text("0123456789", min_size=3, max_size=3))
    number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=int(digits[:-3] + ending))
    return (number if phonenumbers.is_valid_number(number) else example), region


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        pytest.param("+966512345678", "DE", "+966512345678", id="international with a plus"),
        pytest.param(
            "00966512345678", "US", "+966512345678", id="two zeros are the plus, also where dialling says 011"
        ),
        pytest.param("011966512345678", "US", "+966512345678", id="the region's own international prefix"),
        pytest.param("0512345678", "SA", "+966512345678", id="national with a trunk zero"),
        pytest.param("512345678", "SA", "+966512345678", id="national without it"),
        pytest.param(512345678, "SA", "+966512345678", id="a JSON number that lost its zero"),
        pytest.param(966512345678, "SA", "+966512345678", id="a JSON number with the country"),
        pytest.param("966512345678", "US", "+966512345678", id="WhatsApp's own form without the plus"),
        pytest.param(" +966 (51) 234-5678 ", "DE", "+966512345678", id="spacing and brackets"),
        pytest.param("+966 51–234‑5678", "DE", "+966512345678", id="typographic dashes"),
        pytest.param("030/901820", "DE", "+4930901820", id="a slash after the area code"),
        pytest.param("tel:+49-30-901820", "SA", "+4930901820", id="a tel link"),
        pytest.param("callto:+49-30-901820", "SA", "+4930901820", id="a callto link"),
        pytest.param("https://wa.me/966512345678", "DE", "+966512345678", id="a link to a chat"),
        pytest.param("0512345678;ext=12", "SA", "+966512345678", id="an extension in URI form"),
        pytest.param("++966512345678", "DE", "+966512345678", id="two pluses"),
        pytest.param("+00966512345678", "DE", "+966512345678", id="a plus and two zeros"),
        pytest.param("'0512345678", "SA", "+966512345678", id="an apostrophe that keeps a zero"),
        pytest.param("whatsapp:+966512345678", "SA", "+966512345678", id="a whatsapp address"),
        pytest.param("\u202a+966 51 234 5678\u202c", "DE", "+966512345678", id="direction marks from a pasted contact"),
        pytest.param("٠٥١٢٣٤٥٦٧٨", "SA", "+966512345678", id="Arabic digits"),
        pytest.param("＋９６６５１２３４５６７８", "US", "+966512345678", id="full-width digits and plus"),
        pytest.param("0512345678", " sa ", "+966512345678", id="the region in any case"),
        pytest.param("+966512345678", "", "+966512345678", id="no region is needed after a plus"),
    ],
)
def test_a_phone_is_known_however_it_is_written(value: object, region: str, expected: str) -> None:
    assert e164_from(value, region) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("anonymous", id="a withheld caller"),
        pytest.param("Unknown", id="an unknown caller"),
        pytest.param("", id="nothing"),
        pytest.param("   ", id="only spaces"),
        pytest.param("+", id="a plus alone"),
        pytest.param("101", id="an extension"),
        pytest.param("8001", id="a four-digit extension"),
        pytest.param(8001, id="an extension as a number"),
        pytest.param("*777", id="a dial code"),
        pytest.param("999", id="an emergency number"),
        pytest.param("0512345678 ext. 12", id="a phone with an extension"),
        pytest.param("1-800-FLOWERS", id="letters for digits"),
        pytest.param("+1 555 010 9999", id="a number no plan has"),
        pytest.param("+9665123456789999", id="too many digits"),
        pytest.param("0" * 65, id="longer than any written phone"),
        pytest.param("9+966512345678", id="a digit before the plus"),
        pytest.param("+966512345678, +966512345679", id="two phones"),
        pytest.param(True, id="a boolean"),
        pytest.param(512345678.0, id="a fraction"),
        pytest.param(-512345678, id="a negative number"),
        pytest.param(10**5000, id="a number too large to write out"),
        pytest.param(None, id="null"),
        pytest.param(["0512345678"], id="a list"),
        pytest.param({"phone": "0512345678"}, id="an object"),
        pytest.param("\ud800", id="a lone surrogate"),
    ],
)
def test_what_leaves_doubt_is_no_phone(value: object) -> None:
    assert e164_from(value, "SA") is None


@given(mobile=mobiles(), form=st.sampled_from(range(4)))
def test_every_usual_way_to_write_a_number_gives_the_same_phone(
    mobile: tuple[phonenumbers.PhoneNumber, str], form: int
) -> None:
    number, region = mobile

    written = phonenumbers.format_number(number, form)

    assert e164_from(written, region) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@given(mobile=mobiles(), region=st.sampled_from(REGIONS))
def test_a_phone_that_was_normalised_stays_as_it_is_anywhere(
    mobile: tuple[phonenumbers.PhoneNumber, str], region: str
) -> None:
    phone = phonenumbers.format_number(mobile[0], phonenumbers.PhoneNumberFormat.E164)

    assert e164_from(phone, region) == e164_from("00" + phone[1:], region) == phone


@given(
    value=st.text(st.characters(), max_size=80)
    | st.text("0123456789+-() ٠١٢٣", max_size=30)
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.lists(st.integers(), max_size=2),
    region=st.sampled_from([*REGIONS, "", "ZZ", "001", "deutschland"]) | st.text(max_size=4),
)
def test_whatever_comes_is_a_phone_or_nothing(value: object, region: str) -> None:
    reading = read_phone(value, region=region)
    phone = None if reading is None else reading.e164

    assert phone is None or (phone[0] == "+" and phone[1:].isascii() and phone[1:].isdigit() and len(phone) <= 16)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["0512345678", "0512345679"], "+966512345678", id="the first phone wins"),
        pytest.param(
            [None, "", "anonymous", "101", "0512345679"], "+966512345679", id="what is no phone is passed over"
        ),
        pytest.param([None, "101"], None, id="no phone among them"),
        pytest.param([], None, id="none at all"),
    ],
)
def test_the_first_usable_phone_is_taken(values: list[object], expected: str | None) -> None:
    reading = first_choice(candidates(value, region="SA") for value in values)

    assert (None if reading is None else reading.e164) == expected
