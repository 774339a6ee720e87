"""Valid mobile numbers of every region, made by changing the last digits of the numbering plan's own example."""

import random
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
TRIES = 400
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def mobiles_of(region: str, count: int) -> list[PhoneNumber]:
    """As many different mobiles, the same in every run; fewer where the plan is small, none where it has none."""
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        return []
    found = {e164(example): example}
    for number in _changed(example, random.Random(region)):
        if len(found) == count:
            break
        if phonenumbers.is_valid_number_for_region(number, region) and phonenumbers.number_type(number) in MOBILE:
            found[e164(number)] = number
    return list(found.values())


def e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def international_prefix_of(region: str) -> str | None:
    """What the region dials before a country code; None where that depends on the carrier."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    prefix = (metadata.preferred_international_prefix or metadata.international_prefix or "").replace("~", "")
    return prefix if prefix.isdigit() else None


def _changed(example: PhoneNumber, chance: random.Random) -> Iterator[PhoneNumber]:
    digits = phonenumbers.national_significant_number(example)
    for _ in range(TRIES):
        kept = chance.randint(1, len(digits) - 3)
        ending = "".join(chance.choices("0123456789", k=len(digits) - kept))
        try:
            yield phonenumbers.parse(f"+{example.country_code}{digits[:kept]}{ending}")
        except phonenumbers.NumberParseException:
            continue
