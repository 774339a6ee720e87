"""Chats in 3CX: the pseudo numbers of customers without a phone, and the last refusal in each chat.

The rule: both are of one integration and one customer, and an erasure of the customer deletes them.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

PSEUDO_PREFIX: Final = "+999"
"""A country code that the ITU has assigned to nobody, so that no pseudo number is anybody's phone."""
PSEUDO_DIGITS: Final = 11
REFUSALS_KEPT_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoCustomer:
    """The customer behind a pseudo number."""

    account_id: str
    customer_key: str
    contact: str = field(repr=False)
    """The customer's addresses (`libs.store.contacts`), sealed; the owner is `customer_key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRefusal:
    """Why a message was refused, or failed later; without any phone number and text."""

    event_id: str
    code: str
    at: datetime
    details: dict[str, Any] = field(default_factory=dict)


class PseudoNumbers(Protocol):
    """The numbers under which 3CX knows customers without a phone number."""

    async def number_of(self, integration_id: str, customer: PseudoCustomer, *, proposed: str) -> str | None:
        """The customer's number: the one that was given first, however many callers propose one.

        None when `proposed` is another customer's: call again with another one.
        """

    async def numbers_of(self, account_id: str, customer_keys: Collection[str]) -> Sequence[tuple[str, str]]:
        """The numbers of the customer with these keys, each with the integration that knows it, in order."""

    async def customer_of(self, integration_id: str, number: str) -> PseudoCustomer | None:
        """The customer whom the integration knows by this number; None when it is nobody's, or was erased."""


class ChatRefusals(Protocol):
    """The last refusal in each chat, kept for 30 days."""

    async def keep(self, integration_id: str, account_id: str, customer_key: str, refusal: ChatRefusal) -> None:
        """Keep the refusal, unless a later one is kept. Safe to repeat."""

    async def last(self, integration_id: str, customer_key: str) -> ChatRefusal | None:
        """The last refusal."""


def random_pseudo_number() -> str:
    """`+999` and eleven random digits."""
    return f"{PSEUDO_PREFIX}{secrets.randbelow(10**PSEUDO_DIGITS):0{PSEUDO_DIGITS}}"


def is_pseudo_number(number: str) -> bool:
    """True for what has the form of a pseudo number."""
    return number.startswith(PSEUDO_PREFIX) and len(number) == len(PSEUDO_PREFIX) + PSEUDO_DIGITS
