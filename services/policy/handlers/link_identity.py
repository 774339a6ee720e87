"""`LinkIdentity`: carries suppressions over when a customer's phone number or user id changes."""

from dataclasses import dataclass

from libs.chassis.subscriptions import Received
from libs.contracts.events import WhatsAppIdentityChanged
from services.policy.handlers.customer_identities import CustomerIdentities


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    """Copies suppressions to the customer's new keys and links these. Windows are not copied."""

    customer_identities: CustomerIdentities

    async def __call__(self, received: Received[WhatsAppIdentityChanged]) -> None:
        """Handle one change. Safe to repeat: copies and links are identified by the keys alone."""
        changed, identities = received.event, self.customer_identities
        account = changed.account_id or ""
        old = identities.keys(account, changed.customer, changed.customer_user_id)
        if not old:
            return
        before = await identities.link(account, old[:1], changed.at)
        known = [*dict.fromkeys([*old, *before.keys])]
        phone = identities.keys(account, changed.new_customer or changed.customer)
        user_id = identities.keys(account, changed.new_customer_user_id or changed.customer_user_id)
        # A customer who changes the phone number keeps the user id, and the reverse, if it is known.
        other = [key for key in known if key not in old][:1]
        new = [*dict.fromkeys([*(phone or other), *(user_id or other)])]
        await identities.copy_suppressions(account, known, new)
        await identities.merge(account, await identities.link(account, new, changed.at))
