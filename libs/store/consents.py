"""Consents: the evidence that customers agreed to get messages, and when they took it back.

The rule: the order in which consents and withdrawals arrive does not matter. A consent counts while no withdrawal of
its scope is as late as it is; times are compared in whole seconds, and a tie goes to the withdrawal. A consent never
ends a suppression (`libs.store.conversations`): both must allow a message.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, unique
from typing import Final, Protocol

from libs.store.conversations import whole_seconds
from libs.store.instants import micros_from
from libs.store.outbox import OutboxEvent

KEPT: Final = 100
"""Consents that are kept for a customer key, the latest ones; the record has all of them."""


@unique
class ConsentScope(StrEnum):
    """What a customer agreed to: every message, one purpose (`libs.contracts.decisions.Purpose`), or marketing."""

    ALL = "all"
    SUPPORT = "support"
    OPERATIONAL = "operational"
    TRANSACTIONAL = "transactional"
    INTERNAL_TEAM = "internal_team"
    AUTHENTICATION = "authentication"
    MARKETING = "marketing"


@unique
class ConsentSource(StrEnum):
    """How the evidence, or its withdrawal, came."""

    KEYWORD = "keyword"
    """The customer wrote START, or STOP."""
    OPERATOR = "operator"
    IMPORT = "import"
    WEB_FORM = "web_form"
    PROVIDER = "provider"
    """WhatsApp told a preference of the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The evidence of one consent, under one key of the customer."""

    id: str
    """Stands in records and receipts, which outlive an erasure: never derived from anything about the customer."""
    fingerprint: str
    """The same for a repetition, and under every key of the customer; it is erased with the customer."""
    account_id: str
    customer_key: str
    masked_phone: str
    scope: ConsentScope
    source: ConsentSource
    wording_version: str | None
    """Which wording the customer agreed to; None where nobody knows."""
    at: datetime
    evidence_hash: str | None = None
    """The SHA-256 of the evidence, which is kept elsewhere; None without one."""
    origin: str | None = None
    """Where the customer agreed, as who recorded it calls it: a form, a till, a list."""
    actor: str | None = None
    import_id: str | None = None
    recorded_at: datetime

    def under(self, customer_key: str) -> "Consent":
        """The same consent under another key of the customer."""
        return replace(self, customer_key=customer_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """The latest time at which a customer took back consents of one scope (`all`: of every scope)."""

    account_id: str
    customer_key: str
    scope: ConsentScope
    at: datetime
    source: ConsentSource
    actor: str | None = None

    def under(self, customer_key: str) -> "Withdrawal":
        """The same withdrawal under another key of the customer."""
        return replace(self, customer_key=customer_key)


@dataclass(frozen=True, slots=True)
class CustomerConsents:
    """What is stored about one customer's consents, under any of their keys."""

    consents: tuple[Consent, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()

    def standing(self, purpose: str) -> Consent | None:
        """The latest consent that covers messages of this purpose and has not been withdrawn."""
        covering = {ConsentScope.ALL.value, purpose}
        ended = max((_second(each.at) for each in self.withdrawals if each.scope in covering), default=-1)
        found = [each for each in self.consents if each.scope in covering and _second(each.at) > ended]
        return max(found, key=lambda each: (each.at, each.id), default=None)

    def is_standing(self, consent: Consent) -> bool:
        """Whether a consent is not withdrawn."""
        covering = {ConsentScope.ALL, consent.scope}
        return all(_second(each.at) < _second(consent.at) for each in self.withdrawals if each.scope in covering)


NO_CONSENTS: Final = CustomerConsents()


class ImportedRows(Protocol):
    """The rows of imports that were applied, each as its customer key and fingerprint; erased with the customer."""

    async def known(self, account_id: str, rows: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Which of these rows were applied before, read in one round trip."""

    async def mark(self, account_id: str, rows: Collection[tuple[str, str]]) -> None:
        """Store that these rows are applied. Safe to repeat."""


class Consents(Protocol):
    """The ledger of consents."""

    async def record(self, consents: Sequence[Consent], events: Sequence[OutboxEvent] = ()) -> Collection[str]:
        """Store consents; returns the ids of those that are new under at least one of their keys.

        Safe to repeat: a customer key has each fingerprint once, with the id that it came with first.

        `events` are written in the same step as the first that is new, and not at all when none is.
        Of a customer key the latest `KEPT` are kept.
        """

    async def withdraw(self, withdrawals: Sequence[Withdrawal], events: Sequence[OutboxEvent] = ()) -> None:
        """Store withdrawals; one that is not later than the stored one changes nothing. Safe to repeat.

        `events` are written in the same step as the first that is new, and not at all when none is.
        """

    async def of_customer(self, account_id: str, customer_keys: Collection[str]) -> CustomerConsents:
        """What is stored under these keys: each consent once, the latest first."""

    async def copy(self, account_id: str, origins: Collection[str], targets: Collection[str]) -> None:
        """Give each of `targets` the consents and the withdrawals of each of `origins`. Safe to repeat."""

    async def page(self, *, account_id: str, after: str | None, limit: int) -> Sequence[Consent]:
        """Consents of an account in the order of id and customer key; `after` is `id` + `:` + `customer_key`."""


def merged(found: Sequence[CustomerConsents]) -> CustomerConsents:
    """What several keys of one customer hold: each consent once, the latest first, and the last withdrawals."""
    consents = {each.fingerprint: each for part in found for each in part.consents}
    withdrawals: dict[ConsentScope, Withdrawal] = {}
    for each in (withdrawal for part in found for withdrawal in part.withdrawals):
        known = withdrawals.get(each.scope)
        if known is None or known.at < each.at:
            withdrawals[each.scope] = each
    ordered = sorted(consents.values(), key=lambda each: (each.at, each.id), reverse=True)
    return CustomerConsents(tuple(ordered), tuple(withdrawals.values()))


def _second(at: datetime) -> int:
    return whole_seconds(micros_from(at))
