"""Contact books: a provider's list of the phone numbers behind the user ids that wrote to a number."""

from dataclasses import dataclass
from typing import Protocol

from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused
from libs.providers.outgoing import NumberCredentials


@dataclass(frozen=True, slots=True)
class EntryDeleted:
    """The provider confirmed that the book has no entry with the user id any more."""


DeletionOutcome = EntryDeleted | Refused | OutcomeUnknown | NotSent
"""What a deletion comes to. It may be repeated whatever the outcome is."""


class ContactBooks(Protocol):
    """Deletes entries of numbers' contact books."""

    async def delete(self, number: NumberCredentials, user_id: str) -> DeletionOutcome:
        """Delete one entry: one call in bounded time. Raises nothing but cancellation."""
        ...
