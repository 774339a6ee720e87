"""`HoldIdentity`: stops messages to a customer whose user id changed without a link to the previous one."""

from dataclasses import dataclass
from uuid import UUID

from libs.chassis.telemetry import logger
from libs.contracts.events import WhatsAppIdentityChanged
from libs.store.customers import Customers
from libs.store.restriction_events import added_events
from libs.store.restrictions import Restrictions
from services.policy.domain.identity_changes import identity_restriction, is_linked, only_the_previous_user_id
from services.policy.handlers.customer_identities import CustomerIdentities

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class HoldIdentity:
    """Adds the restriction in one step with its event, which the outbox publishes.

    Safe to repeat: the restriction's id and times come from the change, and a repetition after a lift is too old.
    """

    customers: Customers
    customer_identities: CustomerIdentities
    restrictions: Restrictions

    async def __call__(self, changed: WhatsAppIdentityChanged, cause: UUID) -> None:
        """Restrict the number and the customer that the event `cause` reports, unless the change names a known one."""
        account, keys_of = changed.account_id or "", self.customer_identities.keys
        previous = keys_of(account, only_the_previous_user_id(changed))
        known = bool(previous) and bool(await self.customers.known(account, previous))
        if is_linked(changed, previous_is_known=known):
            return
        # The phone first: it is the main key of the customer with the new user id.
        key = keys_of(account, changed.new_customer, changed.customer, changed.new_customer_user_id)[0]
        restriction = identity_restriction(changed, key, cause)
        added = await self.restrictions.add(restriction, added_events(restriction, cause))
        if added.fresh:
            log.error("restricted by whatsapp", restriction_id=restriction.id, cause=restriction.cause)
