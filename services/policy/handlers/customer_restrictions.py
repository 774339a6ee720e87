"""`CustomerRestrictions`: ends what WhatsApp reported about a customer once the customer writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.store.restriction_effects import ENDED_BY_CUSTOMER
from libs.store.restriction_events import lifted_events
from libs.store.restrictions import Restrictions, StandingRestrictions, of_customer, of_pair

CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class CustomerRestrictions:
    """Lifts restrictions in one step with their events, which the outbox publishes.

    Safe to repeat: a lifted restriction does not stand, and a lift is as old as the message.
    """

    restrictions: Restrictions
    standing: StandingRestrictions

    async def end(
        self, account_id: str, number_id: str, customer_keys: Collection[str], *, at: datetime, cause: UUID
    ) -> None:
        """The customer with these keys wrote to the number at `at`, as the event `cause` says."""
        subjects = [make for key in customer_keys for make in (of_customer(key), of_pair(number_id, key))]
        for each in await self.standing.standing(account_id, subjects, at):
            if each.kind in ENDED_BY_CUSTOMER:
                events = lifted_events(cause, at=at, by=CUSTOMER)
                await self.restrictions.lift(account_id, each.subject, each.kind, at=at, events=events)
