"""Which person a phone number means: every way to read it, and the choice between two that are both valid.

Reading takes two steps, because only the store knows whom an account knows: `candidates` names the numbers to look
up, `choose` takes what was found. Numbers with one certain reading need no look-up. The order of readings:

1. With a plus, `00` or the region's own international prefix, in an address or not: international.
2. Digits of a source that writes them internationally: international.
3. Other digits: as an international and as a national number. The one that the account knows wins; where it knows
   neither or both, the valid one; where both are valid, the one that the integration's `number_format` says.

A number that is another one without digits that stand apart from it is no phone: `0171 1234567 (2)`.

WhatsApp has numbers that no plan lists. One that the account knows from WhatsApp is a phone in every spelling.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum

from libs.contracts.phone_numbers import numbering
from libs.contracts.phone_numbers.addresses import Form
from libs.contracts.phone_numbers.set_apart import Doubt
from libs.contracts.phone_numbers.written import WrittenNumber, written_number

_SHORTEST_WITHOUT_PLUS = 8
"""Digits of the shortest mobiles with their country code (Saint Helena: 290 and 5)."""


class PhoneReading(StrEnum):
    """How a number was read; it stands in the record."""

    PLUS = "plus"
    PREFIX = "prefix"
    """`00`, or the region's own international prefix."""
    WHATSAPP = "whatsapp"
    """Digits with their country code but without a plus, as WhatsApp writes them."""
    NATIONAL = "national"
    AMBIGUOUS = "ambiguous"
    """Both readings were valid, and neither a known customer nor an explicit `number_format` decided."""


class NumberFormat(StrEnum):
    """How an integration writes digits without a plus."""

    AUTO = "auto"
    INTERNATIONAL = "international"
    NATIONAL = "national"


class NumberSource(StrEnum):
    """Who wrote the number."""

    WHATSAPP = "whatsapp"
    """WhatsApp, or a provider in its words (`wa_id`, `from`, a JID): always international, valid in a plan or not."""
    INTERNATIONAL = "international"
    """A system that writes the country code always."""
    ANY = "any"
    """Anybody else: a PBX, an operator, an imported file."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A phone as one reading has it: canonical E.164, and WhatsApp's own digits where WhatsApp wrote them."""

    e164: str = field(repr=False)
    phone_reading: PhoneReading
    wa_id: str | None = field(default=None, repr=False)

    @property
    def is_ambiguous(self) -> bool:
        """True when it may be another person's number: send nothing to it but replies in an open window."""
        return self.phone_reading is PhoneReading.AMBIGUOUS


@dataclass(frozen=True, slots=True)
class Candidates:
    """What `choose` chooses from: readings to look up, and the reading that holds when not exactly one is known."""

    to_look_up: tuple[Reading, ...] = ()
    otherwise: Reading | None = None

    @property
    def all(self) -> Sequence[Reading]:
        """Every reading."""
        return self.to_look_up if self.otherwise is None else (*self.to_look_up, self.otherwise)


def candidates(
    value: object,
    *,
    region: str,
    source: NumberSource = NumberSource.ANY,
    number_format: NumberFormat = NumberFormat.AUTO,
) -> Candidates:
    """All readings of text or a JSON number in an account's region (ISO 3166-1 alpha-2, in any case).

    Empty when it is no phone. Never raises.
    """
    written = written_number(value)
    if written is None:
        return Candidates()
    found = _readings(written, region, source, number_format)
    if written.shorter and _may_be_shorter(written, found, region, source, number_format):
        return Candidates()
    return found


def choose(found: Candidates, known: AbstractSet[str] = frozenset()) -> Reading | None:
    """The reading that holds, given which of `found.to_look_up` (by `e164`) the account knows; None: no phone."""
    recognised = [reading for reading in found.to_look_up if reading.e164 in known]
    return recognised[0] if len(recognised) == 1 else found.otherwise


def first_choice(found: Iterable[Candidates], known: AbstractSet[str] = frozenset()) -> Reading | None:
    """The reading of the first of several values that is a phone; None when none is."""
    return next((reading for each in found if (reading := choose(each, known)) is not None), None)


def read_phone(
    value: object,
    *,
    region: str,
    source: NumberSource = NumberSource.ANY,
    number_format: NumberFormat = NumberFormat.AUTO,
    known: AbstractSet[str] = frozenset(),
) -> Reading | None:
    """Both steps at once, for callers that have what the account knows at hand, or ask for nobody."""
    return choose(candidates(value, region=region, source=source, number_format=number_format), known)


def _readings(written: WrittenNumber, region: str, source: NumberSource, number_format: NumberFormat) -> Candidates:
    """What the digits mean, with all of them."""
    if source is NumberSource.WHATSAPP or written.form is Form.WHATSAPP:
        phone = numbering.whatsapp_reading(written.digits)
        return Candidates(otherwise=Reading(phone, PhoneReading.WHATSAPP, written.digits) if phone else None)
    if written.has_plus:
        return _international(written.digits, PhoneReading.PLUS)
    return _without_plus(written, region.strip().upper(), source, number_format)


def _may_be_shorter(
    written: WrittenNumber, found: Candidates, region: str, source: NumberSource, number_format: NumberFormat
) -> bool:
    """True when the number without the digits that stand apart is another person's."""
    phones = {reading.e164 for reading in found.all}
    for shorter in written.shorter:
        without = replace(written, digits=shorter.digits, shorter=())
        others = _readings(without, region, source, number_format).all
        if any(_is_doubt(other, shorter.doubt, found) for other in others if other.e164 not in phones):
            return True
    return False


def _is_doubt(other: Reading, doubt: Doubt, found: Candidates) -> bool:
    if doubt is Doubt.ANY:
        return numbering.is_valid(other.e164)
    is_only_abroad = all(reading.phone_reading is PhoneReading.WHATSAPP for reading in found.all)
    if doubt is Doubt.MOBILE_AT_HOME and not (is_only_abroad and other.phone_reading is PhoneReading.NATIONAL):
        return False
    return numbering.is_mobile(other.e164)


def _international(digits: str, phone_reading: PhoneReading) -> Candidates:
    """The one reading; a number that no plan has is a phone only if the account knows it from WhatsApp."""
    if (phone := numbering.international_reading(digits)) is not None:
        return Candidates(otherwise=Reading(phone, phone_reading))
    unlisted = numbering.whatsapp_reading(digits)
    return Candidates(to_look_up=(Reading(unlisted, phone_reading),) if unlisted else ())


def _without_plus(written: WrittenNumber, region: str, source: NumberSource, number_format: NumberFormat) -> Candidates:
    """What digits without a plus mean, by what stands before them or by who wrote them."""
    digits = written.digits
    if dialled := numbering.dialled_readings(digits, region):
        return _dialled(dialled)
    if digits.startswith("00"):
        return _international(digits[2:], PhoneReading.PREFIX)
    if (
        source is NumberSource.INTERNATIONAL
        or number_format is NumberFormat.INTERNATIONAL
        or (written.form is Form.ADDRESS and numbering.is_mobile_of_region(digits, region))
    ) and (phone := numbering.international_reading(digits)) is not None:
        return Candidates(otherwise=Reading(phone, PhoneReading.WHATSAPP))
    return _either(digits, region, number_format)


def _dialled(phones: Sequence[str]) -> Candidates:
    """A number behind an international prefix; two where two prefixes fit."""
    first, *others = (Reading(phone, PhoneReading.PREFIX) for phone in phones)
    return Candidates((first, *others), Reading(phones[0], PhoneReading.AMBIGUOUS)) if others else Candidates((), first)


def _either(digits: str, region: str, number_format: NumberFormat) -> Candidates:
    """Both readings of digits whose writer names no country, or the one that is valid."""
    home = numbering.national_reading(digits, region)
    if len(digits) < _SHORTEST_WITHOUT_PLUS:
        return Candidates(otherwise=Reading(home, PhoneReading.NATIONAL) if home else None)
    abroad = numbering.international_reading(digits)
    whatsapp = abroad or numbering.whatsapp_reading(digits)
    if home is None or home == whatsapp:
        return _international(digits, PhoneReading.WHATSAPP)
    national = Reading(home, PhoneReading.NATIONAL)
    if whatsapp is None:
        return Candidates(otherwise=national)
    both = Reading(whatsapp, PhoneReading.WHATSAPP), national
    if abroad is None or number_format is NumberFormat.NATIONAL:
        return Candidates(both, national)
    likelier = abroad if numbering.is_mobile_of_region(digits, region) else home
    return Candidates(both, Reading(likelier, PhoneReading.AMBIGUOUS))
