"""One person has one canonical number, whichever spelling WhatsApp or an address book has."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.phone_numbers import canonical, spellings
from libs.contracts.phone_numbers.canonical import spelling_rules
from tests.unit.contracts.phone_numbers.mobiles import REGIONS, e164, mobiles_of

RULES = spelling_rules()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(["551187654321", "5511987654321"], "+5511987654321", id="Brazil, São Paulo"),
        pytest.param(["555581234567", "5555981234567"], "+5555981234567", id="Brazil, an area code like the country's"),
        pytest.param(["551132654321"], "+551132654321", id="Brazil, a fixed line"),
        pytest.param(["5215512345678", "525512345678"], "+525512345678", id="Mexico"),
        pytest.param(["5491123456789", "541123456789"], "+5491123456789", id="Argentina"),
        pytest.param(["548001234567"], "+548001234567", id="Argentina, a toll-free number"),
        pytest.param(["22502345678", "2250102345678"], "+2250102345678", id="Ivory Coast, Moov"),
        pytest.param(["22545345678", "2250545345678"], "+2250545345678", id="Ivory Coast, MTN"),
        pytest.param(["22507070707", "2250707070707"], "+2250707070707", id="Ivory Coast, Orange"),
        pytest.param(["22522820000", "2252122820000"], "+2252122820000", id="Ivory Coast, a fixed line of Moov's"),
        pytest.param(["22520001234", "2252520001234"], "+2252520001234", id="Ivory Coast, a fixed line of MTN's"),
        pytest.param(["22520301234", "2252720301234"], "+2252720301234", id="Ivory Coast, a fixed line of Orange's"),
        pytest.param(["22531631234", "2252731631234"], "+2252731631234", id="Ivory Coast, upcountry"),
        pytest.param(["22580012345"], "+22580012345", id="Ivory Coast, a service number"),
        pytest.param(["22997123456", "2290197123456"], "+2290197123456", id="Benin"),
        pytest.param(["966512345678"], "+966512345678", id="a country without a rule"),
    ],
)
def test_every_spelling_has_the_same_canonical_form(written: list[str], expected: str) -> None:
    assert {canonical(form) for digits in written for form in (digits, f"+{digits}")} == {expected}


@pytest.mark.parametrize("wrong", ["", "+", "0512345678", "SA.900000004", "123456@lid", "9" * 16, "٩٦٦٥١٢٣٤٥٦٧٨"])
def test_what_is_no_international_number_has_no_canonical_form_and_is_not_told(wrong: str) -> None:
    with pytest.raises(ValueError, match="country calling code") as refused:
        canonical(wrong)

    assert not wrong or wrong not in str(refused.value) or wrong == "+"


@given(digits=st.from_regex(r"(?:54|229|55|225|52|521)?[1-9][0-9]{6,11}", fullmatch=True, alphabet="0123456789"))
def test_a_canonical_form_is_its_own_canonical_form(digits: str) -> None:
    assert canonical(canonical(digits)) == canonical(digits)


@pytest.mark.parametrize("country", sorted({rule.country for rule in spelling_rules()}))
def test_a_rule_concerns_its_own_country_alone(country: str) -> None:
    code = str(phonenumbers.country_code_for_region(country))

    for rule in spelling_rules():
        if rule.country == country:
            assert rule.pattern.pattern.startswith(code)
            assert re.match(code, rule.replacement)
            assert rule.what
            assert rule.source


def test_a_present_day_mobile_is_left_as_it_is() -> None:
    changed = {
        region for region in REGIONS for number in mobiles_of(region, 20) if canonical(e164(number)) != e164(number)
    }

    assert changed <= {"BR"}, "Brazil's plan still lists mobiles of eight digits"


def test_two_mobiles_never_become_one() -> None:
    for region in REGIONS:
        numbers = {e164(number) for number in mobiles_of(region, 20)}

        assert len({canonical(number) for number in numbers}) == len(numbers)


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        ("+5511987654321", ("551187654321",)),
        ("+525512345678", ("5215512345678",)),
        ("+5491123456789", ("541123456789",)),
        ("+2290197123456", ("22997123456",)),
        ("+2250102345678", ("22502345678",)),
        ("+2252720301234", ("22520301234",)),
        ("+551132654321", ()),
        ("+2258001234567", ()),
        ("+966512345678", ()),
    ],
)
def test_a_canonical_number_names_the_other_digits_of_its_owner(phone: str, expected: tuple[str, ...]) -> None:
    assert spellings(phone) == expected
    assert spellings(phone.removeprefix("+")) == expected


@given(digits=st.one_of([st.from_regex(rule.pattern, fullmatch=True, alphabet="0123456789") for rule in RULES]))
def test_every_spelling_that_a_rule_rewrites_is_named_by_its_canonical_number(digits: str) -> None:
    named = spellings(canonical(digits))

    assert digits in named
    assert {canonical(each) for each in named} == {canonical(digits)}
