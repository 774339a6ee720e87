"""Restrictions: what a provider forbids a number, a business account, a template, a country or a customer to receive.

The rule: an account has at most one restriction of a kind for a subject, and times decide, not the order of arrival.
A provider repeats its notices for days and out of order, so a notice counts only if it is newer than the last one and
not older than the last lift. WhatsApp's times have whole seconds; all comparisons use whole seconds.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

from libs.store.outbox import OutboxEvent


@unique
class RestrictionScope(StrEnum):
    """What a restriction is about; the functions below make the key of each (`of_number` …)."""

    NUMBER = "number"
    WABA = "waba"
    TEMPLATE = "template"
    PAIR = "pair"
    CUSTOMER = "customer"
    COUNTRY = "country"


@unique
class RestrictionKind(StrEnum):
    """Why messages are forbidden, and with it what is forbidden (`libs.store.restriction_effects`)."""

    ACCOUNT = "account"
    """WhatsApp disabled or locked the business account (368, 131031, `account_update`): nothing is sent."""
    PAYMENT = "payment"
    """The business account cannot pay (131042, 131044): nothing is sent."""
    COUNTRY = "country"
    """The business account may not write to customers of a country (130497)."""
    IDENTITY = "identity_changed"
    """The customer's identity changed and nobody confirmed it (137000): nothing is sent to them."""
    UNREACHABLE = "unreachable"
    """The customer cannot be reached on WhatsApp (131026): nothing is sent to them."""
    SPAM = "spam"
    """Customers reported the number (131048): neither call events nor templates are sent."""
    TEMPLATES = "templates"
    """The business account may send no templates (131064)."""
    TEMPLATE_REST = "template_rest"
    """The customer got enough templates for now (131049): they get no template from this number."""
    TEMPLATE = "template"
    """WhatsApp paused, disabled or does not know a template in one language (132001, 132007, 132015, 132016)."""
    TEMPLATE_LIMIT = "template_limit"
    """How many customers may get templates within 24 hours (`business_capability_update`): `detail["limit"]`."""
    CREDENTIALS = "credentials"
    """WhatsApp refuses the number's token (190 and others); a probe ends it."""
    REGISTRATION = "registration"
    """The number is not registered or not set up (133010, 131037, 131045); answered as `credentials`."""


KINDS: Final[Mapping[RestrictionScope, tuple[RestrictionKind, ...]]] = {
    RestrictionScope.NUMBER: (RestrictionKind.SPAM, RestrictionKind.CREDENTIALS, RestrictionKind.REGISTRATION),
    RestrictionScope.WABA: (
        RestrictionKind.ACCOUNT,
        RestrictionKind.PAYMENT,
        RestrictionKind.TEMPLATES,
        RestrictionKind.TEMPLATE_LIMIT,
    ),
    RestrictionScope.TEMPLATE: (RestrictionKind.TEMPLATE,),
    RestrictionScope.PAIR: (RestrictionKind.TEMPLATE_REST, RestrictionKind.IDENTITY),
    RestrictionScope.CUSTOMER: (RestrictionKind.UNREACHABLE,),
    RestrictionScope.COUNTRY: (RestrictionKind.COUNTRY,),
}
"""The kinds that each scope has."""
PERSONAL: Final = frozenset({RestrictionScope.PAIR, RestrictionScope.CUSTOMER})
"""Scopes whose key contains a customer key."""
PROVIDER: Final = "provider"
"""`Restriction.by` of a restriction that the provider's answer or notice led to."""
LIFTS_KEPT: Final = timedelta(days=30)
"""How long a lifted or expired restriction is remembered; Meta repeats its webhooks for 7 days."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a restriction is about: a scope and a key. Make it with the functions below; no key holds a phone number."""

    scope: RestrictionScope
    key: str
    customer_key: str | None = None
    number_id: str | None = None


def of_number(number_id: str) -> Subject:
    """A number of the gateway."""
    return Subject(RestrictionScope.NUMBER, number_id, number_id=number_id)


def of_business_account(owner: str) -> Subject:
    """A WhatsApp business account. `owner` is its id, or the number's id while that is unknown."""
    return Subject(RestrictionScope.WABA, owner)


def of_template(owner: str, name: str, language: str) -> Subject:
    """A template in one language (`en_US`; Meta's notices write `en-US` too); `owner` as for `of_business_account`."""
    return Subject(RestrictionScope.TEMPLATE, f"{owner}:{name}:{language.replace('-', '_')}")


def of_country(owner: str, region: str) -> Subject:
    """Customers of a region (`SA`); `owner` as for `of_business_account`."""
    return Subject(RestrictionScope.COUNTRY, f"{owner}:{region}")


def of_pair(number_id: str, customer_key: str) -> Subject:
    """A number and a customer."""
    return Subject(RestrictionScope.PAIR, f"{number_id}:{customer_key}", customer_key, number_id)


def of_customer(customer_key: str) -> Subject:
    """A customer, for all numbers of the account."""
    return Subject(RestrictionScope.CUSTOMER, customer_key, customer_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """One restriction of one account. Raises ValueError for a kind that the subject's scope does not have."""

    id: str
    """What operators see; `restriction_id` derives it from the event that led to the restriction."""
    account_id: str
    subject: Subject
    kind: RestrictionKind
    cause: str
    """The provider's code (`131048`) or the topic and event of its notice, as text."""
    since: datetime
    """When it began, by the clock of whoever reported it."""
    until: datetime | None = None
    """When it ends by itself; None: when it is lifted."""
    by: str = PROVIDER
    """`provider`, or the operator who made it."""
    probe_at: datetime | None = None
    """From when on one message may be sent to find out whether it still stands; None: never."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Further plain values for operators, such as the event of the notice; nothing personal."""
    reported_at: datetime | None = None
    """When the provider last said so; None in a restriction to add: `since`."""

    def __post_init__(self) -> None:
        """Check the kind."""
        if self.kind not in KINDS[self.subject.scope]:
            raise ValueError(f"a {self.subject.scope} has no restriction of kind {self.kind}")

    @property
    def slot(self) -> str:
        """The key under which it is stored: one restriction per account, subject and kind."""
        return slot_of(self.account_id, self.subject, self.kind)

    def stands_at(self, now: datetime) -> bool:
        """Whether it has not ended by itself."""
        return self.until is None or self.until > now


@dataclass(frozen=True, slots=True)
class Added:
    """The restriction that stands after `add`, if any, and whether it began with this call (its events are written)."""

    standing: Restriction | None
    fresh: bool


EventsOf = Callable[[Restriction], Sequence[OutboxEvent]]
"""Makes the events about a restriction from the row that is stored."""


class Restrictions(Protocol):
    """Adds and ends restrictions. Each method writes its events in the same step."""

    async def add(self, restriction: Restriction, events: Sequence[OutboxEvent]) -> Added:
        """Restrict a subject, with `events` in the same step.

        Safe to repeat and in any order of arrival: a notice that is not newer than the last one of the same subject
        and kind, or that is older than the last lift, changes nothing. A newer notice replaces cause, end, probe and
        detail of a restriction that stands; its id, `since` and `by` remain, and no event is written.
        """

    async def lift(
        self, account_id: str, subject: Subject, kind: RestrictionKind, *, at: datetime, events: EventsOf
    ) -> Restriction | None:
        """End a restriction as of `at`, with `events` in the same step; None if none stands or a newer notice came.

        The lift is remembered for 30 days even if nothing stands, so that an older notice that arrives late, or again,
        has no effect.
        """

    async def claim_probe(self, restriction: Restriction, *, now: datetime, next_at: datetime) -> bool:
        """Take the right to send one message while the restriction stands, and set the next probe to `next_at`.

        Of any number of claimants one gets True; False before `probe_at`, or when the restriction ended. A `probe_at`
        after `next_at` is due: the clock was set back.
        """


class StandingRestrictions(Protocol):
    """Reads restrictions that stand: neither lifted nor ended by themselves."""

    async def standing(self, account_id: str, subjects: Collection[Subject], now: datetime) -> Sequence[Restriction]:
        """Those of these subjects, of every kind. One indexed read."""

    async def get(self, restriction_id: str, now: datetime) -> Restriction | None:
        """The one with this id."""

    async def page(
        self,
        *,
        account_id: str | None,
        scope: RestrictionScope | None,
        after: str | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Restriction]:
        """Those of an account or of all, in the order of their ids."""


class RestrictionCounts(Protocol):
    """Counts restrictions for the metric."""

    async def count(self, now: datetime) -> Mapping[tuple[RestrictionScope, str], int]:
        """How many stand, by scope and cause."""


def slot_of(account_id: str, subject: Subject, kind: RestrictionKind) -> str:
    """The key under which the restriction of a subject and kind is stored."""
    return f"{account_id}:{subject.scope}:{subject.key}:{kind}"


def slots_of(account_id: str, subjects: Collection[Subject]) -> list[str]:
    """The keys of all restrictions that these subjects may have, as `slot_of` makes them."""
    starts = [(f"{account_id}:{each.scope}:{each.key}:", KINDS[each.scope]) for each in subjects]
    return [f"{start}{kind}" for start, kinds in starts for kind in kinds]


def restriction_id(cause: UUID, account_id: str, subject: Subject, kind: RestrictionKind) -> str:
    """The id of the restriction to which the event `cause` leads; a repetition of the event gets the same id."""
    return f"res_{uuid5(cause, slot_of(account_id, subject, kind)).hex}"


def whole_second(micros: int) -> int:
    """The time in microseconds without its fraction of a second: the precision at which notices are compared."""
    return micros - micros % 1_000_000
