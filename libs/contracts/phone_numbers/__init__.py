"""Phone numbers: how any spelling is read, and the one canonical E.164 form of each person's number."""

from libs.contracts.phone_numbers.canonical import canonical, spellings
from libs.contracts.phone_numbers.numbering import is_region, region_of
from libs.contracts.phone_numbers.reading import (
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
from libs.contracts.phone_numbers.written import LONGEST, with_lost_plus

__all__ = [
    "LONGEST",
    "Candidates",
    "NumberFormat",
    "NumberSource",
    "PhoneReading",
    "Reading",
    "candidates",
    "canonical",
    "choose",
    "first_choice",
    "is_region",
    "read_phone",
    "region_of",
    "spellings",
    "with_lost_plus",
]
