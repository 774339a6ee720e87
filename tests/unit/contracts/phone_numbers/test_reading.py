"""A number is read by what stands before it, by who wrote it, or by whom the account knows, in this order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.phone_numbers import (
    Candidates,
    NumberFormat,
    NumberSource,
    PhoneReading,
    Reading,
    candidates,
    choose,
    first_choice,
    read_phone,
)

PLUS, PREFIX, WHATSAPP = PhoneReading.PLUS, PhoneReading.PREFIX, PhoneReading.WHATSAPP
NATIONAL, AMBIGUOUS = PhoneReading.NATIONAL, PhoneReading.AMBIGUOUS

MOBILE_IN_DIGITS = "491713920012"
MOBILE = "+491713920012"
SAME_DIGITS_AT_HOME = "+49491713920012"
"""A landline of Leer, area code 0491: what the mobile's digits mean when they are dialled within Germany."""
FRENCH_IN_DIGITS, FRENCH, FRENCH_AT_HOME = "33612345678", "+33612345678", "+4933612345678"
UNLISTED_IN_DIGITS, UNLISTED, UNLISTED_AT_HOME = "33639980012", "+33639980012", "+4933639980012"
"""A French number that the plan does not list, though WhatsApp has it; and a valid German number, too."""


@pytest.mark.parametrize(
    ("value", "region", "expected", "reading"),
    [
        pytest.param("+966512345678", "DE", "+966512345678", PLUS, id="a plus"),
        pytest.param("+491713920012", "", "+491713920012", PLUS, id="a plus needs no region"),
        pytest.param("+49 (0)171 3920012", "SA", MOBILE, PLUS, id="a plus and the trunk zero in brackets"),
        pytest.param("%2B966512360012", "SA", "+966512360012", PLUS, id="an encoded plus"),
        pytest.param("tel:+966512360012;ext=2", "SA", "+966512360012", PLUS, id="a tel address with an extension"),
        pytest.param('"Kim" <sip:+966512360012@h>', "SA", "+966512360012", PLUS, id="a name and a SIP address"),
        pytest.param("00966512345678", "US", "+966512345678", PREFIX, id="two zeros, where dialling says 011 too"),
        pytest.param("011966512345678", "US", "+966512345678", PREFIX, id="011 in the United States"),
        pytest.param("810966512345678", "RU", "+966512345678", PREFIX, id="810 in Russia"),
        pytest.param("0011966512345678", "AU", "+966512345678", PREFIX, id="0011 in Australia"),
        pytest.param("00116586730171", "AU", "+6586730171", PREFIX, id="0011 before digits that look American"),
        pytest.param("010966512345678", "JP", "+966512345678", PREFIX, id="010 in Japan"),
        pytest.param("tel:00966512345678", "DE", "+966512345678", PREFIX, id="two zeros in an address"),
        pytest.param("0512345678", "SA", "+966512345678", NATIONAL, id="a trunk zero"),
        pytest.param("8 912 345 67 89", "RU", "+79123456789", NATIONAL, id="a trunk eight"),
        pytest.param("512345678", "SA", "+966512345678", NATIONAL, id="no trunk prefix"),
        pytest.param(512345678, "SA", "+966512345678", NATIONAL, id="a JSON number that lost its zero"),
        pytest.param("0512345678", " sa ", "+966512345678", NATIONAL, id="the region in any case"),
        pytest.param("sip:0512345678@pbx.example", "SA", "+966512345678", NATIONAL, id="a SIP address from at home"),
        pytest.param("011 15 2345-6789", "AR", "+5491123456789", NATIONAL, id="15 before an Argentine mobile"),
        pytest.param(966512345678, "SA", "+966512345678", WHATSAPP, id="a JSON number with the country"),
        pytest.param("966512345678", "US", "+966512345678", WHATSAPP, id="digits that no plan at home has"),
        pytest.param("sip:491713920012@h", "DE", MOBILE, WHATSAPP, id="a SIP address of the own country's mobile"),
        pytest.param("551187654321", "BR", "+5511987654321", WHATSAPP, id="WhatsApp's form without the ninth digit"),
        pytest.param("+551187654321", "BR", "+5511987654321", PLUS, id="the same with a plus"),
        pytest.param("(11) 8765-4321", "BR", "+5511987654321", NATIONAL, id="the same at home"),
        pytest.param("5215512345678", "MX", "+525512345678", WHATSAPP, id="Mexico's 1"),
        pytest.param("+541123456789", "AR", "+5491123456789", PLUS, id="Argentina without the 9"),
        pytest.param("07 07 07 07", "CI", "+2250707070707", NATIONAL, id="eight digits of Ivory Coast"),
        pytest.param("whatsapp:+966512345678", "DE", "+966512345678", WHATSAPP, id="a whatsapp address"),
        pytest.param("966512345678@s.whatsapp.net", "DE", "+966512345678", WHATSAPP, id="a JID"),
    ],
)
def test_most_numbers_need_no_customer_to_be_known(
    value: object, region: str, expected: str, reading: PhoneReading
) -> None:
    assert read_phone(value, region=region) == Reading(expected, reading, wa_id=_wa_id(expected, value))


def _wa_id(expected: str, value: object) -> str | None:
    """WhatsApp's digits, where the value is an address of WhatsApp."""
    return expected[1:] if "whatsapp" in str(value) else None


@pytest.mark.parametrize(
    ("value", "region"),
    [
        pytest.param("anonymous", "SA", id="a withheld caller"),
        pytest.param("101", "SA", id="an extension"),
        pytest.param("sip:101@pbx.example", "SA", id="an extension in an address"),
        pytest.param(8001, "SA", id="an extension as a number"),
        pytest.param("2345", "LU", id="an extension where lines have four digits"),
        pytest.param("999", "SA", id="an emergency number"),
        pytest.param("+9665123456789999", "SA", id="too many digits"),
        pytest.param("0512345678", "ZZ", id="a national number of nowhere"),
        pytest.param("6834000", "SA", id="digits without a plus, too few to name a country"),
        pytest.param("123456789010005@lid", "SA", id="a hidden id of WhatsApp"),
    ],
)
def test_what_leaves_doubt_is_no_phone(value: object, region: str) -> None:
    assert candidates(value, region=region) == Candidates()


@pytest.mark.parametrize(
    ("digits", "known", "expected", "reading"),
    [
        pytest.param(MOBILE_IN_DIGITS, {MOBILE}, MOBILE, WHATSAPP, id="the mobile is known"),
        pytest.param(
            MOBILE_IN_DIGITS, {SAME_DIGITS_AT_HOME}, SAME_DIGITS_AT_HOME, NATIONAL, id="the landline is known"
        ),
        pytest.param(MOBILE_IN_DIGITS, set(), MOBILE, AMBIGUOUS, id="neither is known, own country and mobile"),
        pytest.param(MOBILE_IN_DIGITS, {MOBILE, SAME_DIGITS_AT_HOME}, MOBILE, AMBIGUOUS, id="both are known"),
        pytest.param(FRENCH_IN_DIGITS, {FRENCH}, FRENCH, WHATSAPP, id="the foreigner is known"),
        pytest.param(FRENCH_IN_DIGITS, set(), FRENCH_AT_HOME, AMBIGUOUS, id="neither is known, another country"),
        pytest.param(UNLISTED_IN_DIGITS, {UNLISTED}, UNLISTED, WHATSAPP, id="known from WhatsApp alone"),
        pytest.param(UNLISTED_IN_DIGITS, set(), UNLISTED_AT_HOME, NATIONAL, id="neither is known, one is valid"),
    ],
)
def test_of_two_readings_the_known_one_wins(digits: str, known: set[str], expected: str, reading: PhoneReading) -> None:
    found = candidates(digits, region="DE")
    chosen = choose(found, known)

    assert [each.phone_reading for each in found.to_look_up] == [WHATSAPP, NATIONAL]
    assert chosen is not None
    assert (chosen.e164, chosen.phone_reading, chosen.is_ambiguous) == (expected, reading, reading is AMBIGUOUS)


@pytest.mark.parametrize(
    ("number_format", "known", "expected", "reading"),
    [
        pytest.param(NumberFormat.NATIONAL, set(), SAME_DIGITS_AT_HOME, NATIONAL, id="national"),
        pytest.param(NumberFormat.NATIONAL, {MOBILE}, MOBILE, WHATSAPP, id="national, and the mobile is known"),
        pytest.param(NumberFormat.INTERNATIONAL, set(), MOBILE, WHATSAPP, id="international"),
        pytest.param(
            NumberFormat.INTERNATIONAL, {SAME_DIGITS_AT_HOME}, MOBILE, WHATSAPP, id="international is certain"
        ),
    ],
)
def test_an_explicit_number_format_is_not_ambiguous(
    number_format: NumberFormat, known: set[str], expected: str, reading: PhoneReading
) -> None:
    chosen = read_phone(MOBILE_IN_DIGITS, region="DE", number_format=number_format, known=known)

    assert chosen == Reading(expected, reading)


def test_a_national_number_is_read_where_the_format_says_international() -> None:
    chosen = read_phone("01713920012", region="DE", number_format=NumberFormat.INTERNATIONAL)

    assert chosen == Reading(MOBILE, NATIONAL)


def test_a_source_that_writes_internationally_leaves_no_choice() -> None:
    chosen = read_phone(FRENCH_IN_DIGITS, region="DE", source=NumberSource.INTERNATIONAL)

    assert chosen == Reading(FRENCH, WHATSAPP)


def test_two_prefixes_that_both_fit_are_looked_up() -> None:
    found = candidates("00251914438088", region="KR")

    assert [reading.e164 for reading in found.to_look_up] == ["+251914438088", "+51914438088"]
    assert choose(found) == Reading("+251914438088", AMBIGUOUS)
    assert choose(found, {"+51914438088"}) == Reading("+51914438088", PREFIX)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        pytest.param("491713920012", MOBILE, id="where the digits are a landline of the region too"),
        pytest.param("551187654321", "+5511987654321", id="in a former form"),
        pytest.param("15550109999", "+15550109999", id="that no numbering plan has"),
    ],
)
def test_whatsapps_digits_are_always_accepted(digits: str, expected: str) -> None:
    chosen = read_phone(digits, region="DE", source=NumberSource.WHATSAPP)

    assert chosen == Reading(expected, WHATSAPP, digits)


@pytest.mark.parametrize("digits", ["0512345678", "1234567", "9" * 16, "210123456789"])
def test_what_cannot_be_whatsapps_digits_is_refused(digits: str) -> None:
    assert read_phone(digits, region="SA", source=NumberSource.WHATSAPP) is None


@pytest.mark.parametrize("written", ["+1 555 010 9999", "15550109999", "0015550109999", "tel:+15550109999"])
def test_a_number_that_no_plan_has_is_a_phone_when_the_account_knows_it(written: str) -> None:
    found = candidates(written, region="SA")

    assert choose(found) is None
    chosen = choose(found, {"+15550109999"})
    assert chosen is not None
    assert chosen.e164 == "+15550109999"


def test_the_first_of_several_values_that_is_a_phone_is_taken() -> None:
    values = [None, "anonymous", "101", "0512345679", "0512345678"]

    chosen = first_choice(candidates(value, region="SA") for value in values)

    assert chosen == Reading("+966512345679", NATIONAL)
    assert first_choice([]) is None


def test_a_phone_is_not_shown_where_a_reading_is_printed() -> None:
    found = candidates(MOBILE_IN_DIGITS, region="DE")

    assert "1713920012" not in repr(found)
    assert "1713920012" not in repr(read_phone(MOBILE_IN_DIGITS, region="DE", source=NumberSource.WHATSAPP))


@given(
    value=st.text(st.characters(), max_size=80)
    | st.text("0123456789+-() ٠١٢٣:;@<>%", max_size=40)
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.lists(st.integers(), max_size=2),
    region=st.sampled_from(["SA", "DE", "US", "CN", "", "ZZ", "001", "deutschland"]) | st.text(max_size=4),
    source=st.sampled_from(NumberSource),
    number_format=st.sampled_from(NumberFormat),
)
def test_whatever_comes_is_a_phone_or_nothing(
    value: object, region: str, source: NumberSource, number_format: NumberFormat
) -> None:
    chosen = read_phone(value, region=region, source=source, number_format=number_format)

    assert chosen is None or (chosen.e164[0] == "+" and chosen.e164[1:].isascii() and chosen.e164[1:].isdigit())
    assert chosen is None or len(chosen.e164) <= 16
