"""`Cancellations`: what an erasure or an opt-out has cancelled while it waited."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from libs.contracts.decisions import CONFIRMATION
from libs.contracts.events import MessageApproved
from libs.store.conversations import SuppressionKind
from libs.store.do_not_contact import DoNotContact, Standing
from libs.store.erased_customers import ErasedCustomers, cancels
from services.sender.domain.results import Result


@dataclass(frozen=True, slots=True)
class Cancellations:
    """Looks before each call: what waited may have been cancelled since it was requested.

    An erased customer is found by the marker that the erasure leaves. What is requested after the erasure is new, and
    is not cancelled.
    """

    erased_customers: ErasedCustomers
    do_not_contact: DoNotContact

    async def by_erasure(
        self, account_id: str | None, *values: str | None, key: str | None = None, times: tuple[datetime, ...]
    ) -> bool:
        """Whether the customer with these phones and user ids (or this key) was erased after any of `times`."""
        keys = self._keys(account_id, *values, key=key)
        return bool(keys) and cancels(await self.erased_customers.erased_at(account_id or "", keys), *times)

    async def erased(self, approved: MessageApproved) -> bool:
        """Whether the customer was erased after the message was requested."""
        values, key = (approved.customer, approved.customer_user_id), approved.customer_key
        return await self.by_erasure(approved.account_id, *values, key=key, times=(approved.received_at,))

    async def erased_during(self, approved: MessageApproved, result: Result) -> bool:
        """Whether the customer was erased until the result was written: what that write said, or else another look."""
        return await self.erased(approved) if result.erased is None else result.erased

    def names(self, approved: MessageApproved) -> list[str]:
        """The names under which the message's customer may be marked as erased."""
        return self.do_not_contact.names_of_erased(self._keys_of(approved))

    async def suppressions(
        self, approved: MessageApproved, first: Callable[[Collection[str]], Awaitable[Standing]]
    ) -> Collection[SuppressionKind]:
        """What stands against sending the message; `first` is as for `DoNotContact.standing`, and always called.

        The confirmation of an opt-out goes to a customer who has opted out. A suppression of marketing stops marketing
        alone, which policy alone knows.
        """
        keys = [] if approved.event_type == CONFIRMATION else [approved.customer_key]
        standing = await self.do_not_contact.standing(approved.account_id or "", keys, first=first)
        return standing.kinds - {SuppressionKind.MARKETING}

    def _keys_of(self, approved: MessageApproved) -> set[str]:
        values = (approved.customer, approved.customer_user_id)
        return self._keys(approved.account_id, *values, key=approved.customer_key)

    def _keys(self, account_id: str | None, *values: str | None, key: str | None) -> set[str]:
        """The keys of a customer with these phones and user ids, and this key."""
        made = [self.do_not_contact.pseudonyms.customer_key(account_id or "", value) for value in values if value]
        return {*made, *([key] if key else [])}
