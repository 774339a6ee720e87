"""For 20 mobiles of every region, no spelling of one person ever reaches another."""

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat

from libs.contracts.phone_numbers import candidates, canonical, choose, read_phone
from tests.unit.contracts.phone_numbers.mobiles import REGIONS, e164, international_prefix_of, mobiles_of

COUNT = 20


def certain_spellings(number: PhoneNumber) -> Iterator[str]:
    """Spellings that name the country, so that they mean the same everywhere."""
    plus = e164(number)
    yield plus
    yield f"+{'.'.join(plus[1:])}"
    yield f"({plus[:3]}) {plus[3:]}"
    yield phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    yield phonenumbers.format_number(number, PhoneNumberFormat.RFC3966)
    yield f"tel:{plus};ext=2"
    yield f'"Kim" <sip:{plus}@pbx.example>'
    yield f"%2B{plus[1:]}"


def spellings_at_home(number: PhoneNumber, region: str) -> Iterator[str]:
    """Spellings within the number's own region whose first digits name the country, or are the trunk prefix."""
    yield f"00{e164(number)[1:]}"
    if (prefix := international_prefix_of(region)) is not None:
        yield prefix + e164(number)[1:]
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    if national[0] == "0":
        yield national


def bare_spellings(number: PhoneNumber) -> Iterator[str | int]:
    """Digits alone, with the country code and without."""
    national = phonenumbers.national_significant_number(number)
    yield f"{number.country_code}{national}"
    yield national
    yield phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    yield int(f"{number.country_code}{national}")
    yield f"sip:{number.country_code}{national}@pbx.example"


@pytest.fixture(scope="module")
def people() -> dict[str, list[PhoneNumber]]:
    return {region: mobiles_of(region, COUNT) for region in REGIONS}


def test_there_are_mobiles_of_every_region(people: dict[str, list[PhoneNumber]]) -> None:
    assert [region for region, numbers in people.items() if not numbers] == ["TA"], "Tristan da Cunha has none"
    assert sum(map(len, people.values())) > 0.95 * COUNT * len(REGIONS)


def test_a_spelling_that_names_its_country_means_the_same_person_everywhere(
    people: dict[str, list[PhoneNumber]],
) -> None:
    chance = random.Random(7)
    for number in (number for numbers in people.values() for number in numbers):
        for spelling in certain_spellings(number):
            reading = read_phone(spelling, region=chance.choice(REGIONS))

            assert reading is not None, spelling
            assert (reading.e164, reading.is_ambiguous) == (canonical(e164(number)), False), spelling


def test_a_spelling_with_a_prefix_means_the_same_person_at_home(people: dict[str, list[PhoneNumber]]) -> None:
    for region, numbers in people.items():
        for spelling, number in ((spelling, n) for n in numbers for spelling in spellings_at_home(n, region)):
            reading = read_phone(spelling, region=region)

            assert reading is not None, (region, spelling)
            assert (reading.e164, reading.is_ambiguous) == (canonical(e164(number)), False), (region, spelling)


def test_digits_alone_never_become_another_subscriber_of_the_own_region(people: dict[str, list[PhoneNumber]]) -> None:
    for region, numbers in people.items():
        for spelling, number in ((spelling, n) for n in numbers for spelling in bare_spellings(n)):
            expected = canonical(e164(number))
            found = candidates(spelling, region=region)
            unknown, recognised = choose(found), choose(found, {expected})

            assert unknown is not None, (region, spelling)
            assert unknown.e164 == expected, (region, spelling)
            assert recognised is not None
            assert (recognised.e164, recognised.is_ambiguous) == (expected, False), (region, spelling)


def test_two_prefixes_never_reach_another_without_a_warning(people: dict[str, list[PhoneNumber]]) -> None:
    chance = random.Random(9)
    for number in (number for numbers in people.values() for number in numbers):
        region = chance.choice(REGIONS)
        prefix = chance.choice(["00", international_prefix_of(region) or "00"])
        found = candidates(prefix + e164(number)[1:], region=region)
        reading = choose(found)

        assert reading is not None
        assert reading.e164 == canonical(e164(number)) or reading.is_ambiguous, (region, prefix, e164(number))
        assert canonical(e164(number)) in {each.e164 for each in (reading, *found.to_look_up)}
