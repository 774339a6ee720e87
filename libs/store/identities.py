"""Identities: which phone and which business-scoped user id belong to one customer, as WhatsApp shows them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """The customer keys of one customer; the keys of the request come first."""

    keys: tuple[str, ...]
    merged: bool = True
    """False until `Identities.mark_merged`: suppressions and windows of one key do not hold for the other yet."""


class Identities(Protocol):
    """Links between customer keys. A key has at most one partner: the last one it was seen with, by WhatsApp's time."""

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """With one key: look up its partner. With two: link them, because WhatsApp showed them together at `at`.

        Two keys are not linked if one of them was seen with another partner after `at`. Safe to repeat.
        """

    async def mark_merged(self, account_id: str, keys: Sequence[str]) -> None:
        """Store that everything of one key now holds for both. Valid until the link changes."""
