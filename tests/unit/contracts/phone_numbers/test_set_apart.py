"""Digits that stand apart from a number never make it another person's."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat

from libs.contracts.phone_numbers import NumberFormat, NumberSource, canonical, read_phone
from libs.contracts.phone_numbers.set_apart import (
    Doubt,
    Shorter,
    ends_in_lone_digit,
    shorter_numbers,
    without_decimals,
)
from tests.unit.contracts.phone_numbers.mobiles import REGIONS, e164, mobiles_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+491711234567.0", "+491711234567"),
        ("01711234567.00", "01711234567"),
        ("491711234567.000", "491711234567.000"),
        ("491711234567.5", "491711234567.5"),
        ("0171.1234567.0", "0171.1234567.0"),
        ("0171 1234567.0", "0171 1234567.0"),
    ],
)
def test_decimals_of_a_number_in_digits_are_dropped(text: str, expected: str) -> None:
    assert without_decimals(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1711234567.5", True),
        ("171 1234567 . 5", True),
        ("0171/1234567/8", True),
        ("1711234567 (2)", True),
        ("1711234567[2]", True),
        ("1711234567~8", True),
        ("030 123456-0", False),
        ("1.7.1.1.2.3.4.5.6.7", False),
        ("06.12.34.56.78", False),
        ("(0)171 1234567", False),
    ],
)
def test_one_last_digit_behind_a_sign_is_no_part_of_the_number(text: str, expected: bool) -> None:  # noqa: FBT001
    assert ends_in_lone_digit(text) is expected


@pytest.mark.parametrize(
    ("text", "has_plus", "expected"),
    [
        pytest.param("43 664 123 45 67", True, [], id="as many digits as in the group before"),
        pytest.param("06/12/34/56/78", False, [("06123456", Doubt.MOBILE_AT_HOME)], id="pairs between slashes"),
        pytest.param("030/123456/57", False, ["030123456", "030123456"], id="another ending"),
        pytest.param("030/12 34 56/57", False, ["030123456", ("030123456", Doubt.MOBILE)], id="with spaces"),
        pytest.param("436641234567 (12)", True, ["436641234567"], id="a count in brackets"),
        pytest.param("436641234567.000", True, ["436641234567"], id="three decimals"),
        pytest.param("436641234567-12", True, [("436641234567", Doubt.MOBILE)], id="direct dialling"),
        pytest.param("62 812-345-678 123", True, [("62812345678", Doubt.MOBILE)], id="behind another sign"),
        pytest.param("923 123 456 123", False, [("923123456", Doubt.MOBILE_AT_HOME)], id="no plus"),
        pytest.param(
            "2. 171 12 34 56 78",
            False,
            [
                ("2171123456", Doubt.MOBILE_AT_HOME),
                "17112345678",
                ("171123456", Doubt.MOBILE_AT_HOME),
            ],
            id="the number of a line",
        ),
        pytest.param(
            "2 0171 1234567",
            False,
            [("20171", Doubt.MOBILE_AT_HOME), "01711234567", ("0171", Doubt.MOBILE)],
            id="the same before a trunk zero",
        ),
    ],
)
def test_the_number_without_what_stands_apart_is_known(
    text: str,
    has_plus: bool,  # noqa: FBT001
    expected: list[str | tuple[str, Doubt]],
) -> None:
    shorter = [Shorter(each) if isinstance(each, str) else Shorter(*each) for each in expected]

    assert list(shorter_numbers(text, has_plus=has_plus)) == shorter


@pytest.mark.parametrize(
    ("value", "region"),
    [
        pytest.param("+491711234567.5", "DE", id="a decimal"),
        pytest.param("491711234567.50", "DE", id="two decimals"),
        pytest.param("+436641234567.000", "AT", id="three decimals"),
        pytest.param("+491711234567 (2)", "DE", id="a count in brackets"),
        pytest.param("+436641234567 [12]", "AT", id="a larger count"),
        pytest.param("0171/1234567/8", "DE", id="another last digit"),
        pytest.param("030/123456/57", "DE", id="another ending of a landline"),
        pytest.param("+43 1 53123 / 53124", "AT", id="two landlines"),
        pytest.param("+491711234567-1", "DE", id="the first of several of a name"),
        pytest.param("+43 664 1234567-12", "AT", id="direct dialling behind a mobile"),
        pytest.param("0812 3456 7890 1", "ID", id="one digit behind a space"),
        pytest.param("2. 0171 1234567", "DE", id="the number of a line"),
        pytest.param("(2) 0171 1234567", "DE", id="the same in brackets"),
        pytest.param("2 0171 1234567", "DE", id="the same before a trunk zero"),
        pytest.param("2. 312 345/5678", "AD", id="the same, and another ending"),
        pytest.param("7 - 43664123456", "AT", id="the same before a dash"),
        pytest.param("923 123 456 123", "AO", id="digits that make it a foreigner's"),
        pytest.param("whatsapp:+49171 1234567 2", "DE", id="in an address of WhatsApp"),
    ],
)
@pytest.mark.parametrize("number_format", NumberFormat)
def test_a_number_that_may_be_another_persons_is_refused(value: str, region: str, number_format: NumberFormat) -> None:
    assert read_phone(value, region=region, number_format=number_format) is None


def test_a_source_of_whatsapps_digits_is_no_exception() -> None:
    assert read_phone("49171 1234567 2", region="DE", source=NumberSource.WHATSAPP) is None


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        pytest.param("+491711234567.0", "DE", "+491711234567", id="a decimal of a spreadsheet"),
        pytest.param("01711234567.00", "DE", "+491711234567", id="two decimals of a spreadsheet"),
        pytest.param("030 901820-0", "DE", "+49309018200", id="direct dialling"),
        pytest.param("+49 30 901820-12", "DE", "+493090182012", id="direct dialling with two digits"),
        pytest.param("0664/1234567", "AT", "+436641234567", id="a slash behind the area code"),
        pytest.param("0664/123/45/67", "AT", "+436641234567", id="slashes throughout"),
        pytest.param("01 71 12 34 56 7", "DE", "+491711234567", id="a digit that pairs leave over"),
        pytest.param("+4.9.1.7.1.1.2.3.4.5.6.7", "SA", "+491711234567", id="dots between all digits"),
        pytest.param("0812-345-678-901", "ID", "+62812345678901", id="groups of the same length"),
        pytest.param("1 (415) 555-0132", "US", "+14155550132", id="a trunk prefix of one digit"),
        pytest.param("1. 415 555 0132", "US", "+14155550132", id="a line whose number changes nothing"),
        pytest.param("(8) 916 123-45-67", "RU", "+79161234567", id="a trunk prefix in brackets"),
        pytest.param("2 010 1234 5678", "EG", "+201012345678", id="Egypt's country code, cut in two"),
        pytest.param("7 1123456", "SO", "+25271123456", id="an area code of one digit"),
    ],
)
def test_signs_within_a_number_do_not_make_it_doubtful(value: str, region: str, expected: str) -> None:
    reading = read_phone(value, region=region)

    assert reading is not None
    assert (reading.e164, reading.is_ambiguous) == (expected, False)


ENDS = [".0", ".00", ".5", ".50", " (2)", "(0)", " [12]", " (123)", "/8", " / 8", "/57", "/5678", "-2", "-0", " - 5"]
ENDS += [" 2", "\t4", " 12", "-12", "-1234", "~8", "·3", ". 3", ";ext=12", " ext. 12", " x12", "#", ",0", " +1", "@lid"]
BEGINNINGS = [
    "2. ",
    "(2) ",
    "2) ",
    "2/",
    "[3] ",
    "7 - ",
    "1. ",
    "9.",
    "4]",
    "(8)",
    "'",
    '="',
    "tel:",
    "9+",
    "*31#",
]
LINKS = ["https://wa.me/{}", "whatsapp:+{}", "+{}@s.whatsapp.net", "callto:+{}", "+00{}", "++{}", '"+{}"', "+{}.0"]
PEOPLE = {region: numbers for region in REGIONS if (numbers := mobiles_of(region, 3))}


def spellings_of(number: PhoneNumber) -> list[str]:
    """Spellings that mean the number within its region."""
    phone = e164(number)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    digits = "".join(filter(str.isdigit, national))
    return [phone, f"00{phone[1:]}", international, international.replace(" ", "."), national, digits, phone[1:]]


@st.composite
def people(draw: st.DrawFn) -> tuple[PhoneNumber, str]:
    region = draw(st.sampled_from(sorted(PEOPLE)))
    return draw(st.sampled_from(PEOPLE[region])), region


@given(person=people(), form=st.integers(0, 6), beginning=st.sampled_from(["", *BEGINNINGS]), end=st.sampled_from(ENDS))
def test_whatever_stands_around_a_mobile_it_is_read_as_itself_or_not_at_all(
    person: tuple[PhoneNumber, str], form: int, beginning: str, end: str
) -> None:
    number, region = person
    spelling = spellings_of(number)[form]

    for decorated in (f"{spelling}{end}", f"{beginning}{spelling}", f"{beginning}{spelling}{end}"):
        reading = read_phone(decorated, region=region)
        assert reading is None or reading.e164 == canonical(e164(number)), decorated


@given(person=people(), link=st.sampled_from(LINKS), region=st.sampled_from(REGIONS))
def test_decoration_that_is_certain_is_taken_off(person: tuple[PhoneNumber, str], link: str, region: str) -> None:
    phone = e164(person[0])

    reading = read_phone(link.format(phone[1:]), region=region)

    assert reading is not None
    assert reading.e164 == canonical(phone) or reading.is_ambiguous
