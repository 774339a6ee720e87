"""Which phone and which business-scoped user id are one customer of an account, as WhatsApp shows them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys that a customer is known by, those asked for first.

    `merged` is False until somebody says that what held for one of them holds for all.
    """

    keys: tuple[str, ...]
    merged: bool = True


class Identities(Protocol):
    """Who is who. A key has one partner at most: the one that it was last seen with, by WhatsApp's clock."""

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """One key: whom it is known as. Two: they were seen together at `at`, so they are one customer from now on.

        A pair that is older than what is known of either changes nothing, and is no link. Repeating it is harmless.
        """
        ...

    async def merged(self, account_id: str, keys: Sequence[str]) -> None:
        """What held for one of the two keys holds for both; not asked for again until the link changes."""
        ...
