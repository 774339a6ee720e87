"""When a change of a customer's user id may mean another person, and the restriction that follows. Pure."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from libs.contracts.events import WhatsAppIdentityChanged
from libs.store.restrictions import Restriction, RestrictionKind, of_pair, restriction_id

CAUSE: Final = "user_changed_user_id"
"""The type of WhatsApp's `system` message (Meta's webhook reference); `Restriction.cause`."""
HELD_FOR: Final = timedelta(days=30)
"""As for WhatsApp's error 137000."""


def only_the_previous_user_id(changed: WhatsAppIdentityChanged) -> str | None:
    """The previous user id, if the change names the customer's former self by nothing else."""
    return None if changed.customer else changed.customer_user_id


def is_linked(changed: WhatsAppIdentityChanged, *, previous_is_known: bool) -> bool:
    """Whether the change says whose new user id it is.

    A change of the number names the old number. A new user id is linked by the previous one: with the phone, or alone
    if the account knows it. A phone whose user id is new, without a previous one, may have a new owner.
    """
    if changed.new_customer_user_id is None or (changed.customer and changed.new_customer):
        return True
    if changed.customer_user_id is None:
        return False
    return changed.customer is not None or previous_is_known


def adds_phone(changed: WhatsAppIdentityChanged) -> bool:
    """Whether a customer who is known by user id gets a phone number: the same person, who keeps the window."""
    names = (changed.customer, changed.new_customer_user_id)
    return names == (None, None) and None not in (changed.customer_user_id, changed.new_customer)


def identity_restriction(changed: WhatsAppIdentityChanged, customer_key: str, cause: UUID) -> Restriction:
    """Nothing is sent from the number to the customer until an operator lifts it, or for `HELD_FOR`."""
    account_id, subject = changed.account_id or "", of_pair(changed.number_id, customer_key)
    return Restriction(
        id=restriction_id(cause, account_id, subject, RestrictionKind.IDENTITY),
        account_id=account_id,
        subject=subject,
        kind=RestrictionKind.IDENTITY,
        cause=CAUSE,
        since=changed.at,
        until=changed.at + HELD_FOR,
        detail={"reason": RestrictionKind.IDENTITY.value, "event_id": str(cause)},
    )
