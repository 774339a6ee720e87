"""Customer links: which customer keys are one customer, and the sealed addresses that a key alone does not tell.

The rule: one key of a customer is the main key. Windows, suppressions, cooldowns and the delivery order of the customer
are under the main key; an opt-out and a window are under the other keys too. A key without a row stands for itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol


@unique
class Relation(StrEnum):
    """What a key is to the customer's main key."""

    MAIN = "main"
    USER_ID = "user_id"
    """The key of the customer's user id. A customer has at most one: the one that WhatsApp showed last."""
    ALIAS = "alias"
    """The key of another phone number by which WhatsApp finds the same account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLink:
    """What is stored of one customer key."""

    customer_key: str
    main_key: str
    relation: Relation
    contact: str | None = field(default=None, repr=False)
    """The customer's addresses (`libs.store.contacts`), sealed; the owner is `customer_key`."""
    contact_at: datetime | None = None
    """WhatsApp's time of these addresses."""


class CustomerLinks(Protocol):
    """Joins the keys of one customer."""

    async def find(self, account_id: str, customer_keys: Collection[str]) -> Sequence[CustomerLink]:
        """The rows of these keys and of every key that has the same main key; nothing for keys without a row."""

    async def join(self, account_id: str, key: str, main_key: str, relation: Relation, at: datetime) -> bool:
        """Make `main_key` (or the key that stands for it) the main key of `key`, because WhatsApp showed so at `at`.

        False, and nothing changes, when WhatsApp showed otherwise after `at`. A user id that the customer had before is
        detached, with its contact. Keys that had `key` as their main key follow it. Safe to repeat: a process that dies
        in between is finished by the repetition.
        """

    async def leave(self, account_id: str, alias: str, at: datetime) -> None:
        """The number is an account of its own, as WhatsApp showed at `at`: it is no alias any more and has no contact.

        Nothing happens to a key that is no alias, or one that became it after `at`.
        """

    async def keep_contact(self, account_id: str, customer_key: str, contact: str, at: datetime) -> None:
        """Keep a key's sealed contact, unless a newer one is kept."""

    async def rekey(self, account_id: str, former_key: str, customer_key: str) -> bool:
        """Move everything under a key that is no longer made (windows, suppressions, lifts, links) to its successor.

        Of two windows the later one stands, of two suppressions of a kind the successor's. Cooldowns and positions in
        the delivery order stay: they end within a day. False when there is nothing to move. Safe to repeat.
        """
