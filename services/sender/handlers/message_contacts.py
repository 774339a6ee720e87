"""`MessageContacts`: the addresses of a message's recipient, sealed in the ledger until its statuses have come.

A status may name the recipient by another id than the message did, or not at all; the forward to 3CX still says who it
is. The ledger keeps an entry for 30 days, and an erasure removes the addresses from it.
"""

from dataclasses import dataclass, replace

from libs.contracts.events import MessageApproved, WhatsAppStatusReceived
from libs.store.contacts import Contact, contact_from, sealed_contact
from libs.store.sealer import Sealer
from libs.store.statuses import TrackedMessage


@dataclass(frozen=True, slots=True)
class MessageContacts:
    """Seals and opens the recipient of each message; the owner of a sealed value is the message's event."""

    sealer: Sealer

    def sealed(self, approved: MessageApproved) -> str:
        """The recipient of a message, for the ledger."""
        contact = Contact(
            phone=approved.customer or approved.linked_phone,
            wa_id=approved.customer_wa_id,
            user_id=approved.customer_user_id,
            parent_user_id=approved.customer_parent_user_id,
        )
        return sealed_contact(contact, self.sealer, owner=str(approved.event_id))

    def opened(self, message: TrackedMessage) -> Contact | None:
        """The recipient of a message; None after an erasure."""
        return contact_from(message.contact, self.sealer, owner=message.event_id)


def completed(status: WhatsAppStatusReceived, kept: Contact | None) -> WhatsAppStatusReceived:
    """The status with every name of the recipient: the number that the message was sent to, and what it shows."""
    seen = Contact(
        phone=status.customer,
        wa_id=status.customer_wa_id,
        user_id=status.customer_user_id,
        parent_user_id=status.customer_parent_user_id,
    )
    if kept is not None and kept.phone and seen.phone and kept.phone != seen.phone:
        seen = replace(seen, phone=kept.phone, wa_id=seen.wa_id or seen.phone.removeprefix("+"))
    recipient = seen.completed_by(kept)
    names = {
        "customer": recipient.phone,
        "customer_wa_id": recipient.wa_id,
        "customer_user_id": recipient.user_id,
        "customer_parent_user_id": recipient.parent_user_id,
    }
    return status.model_copy(update=names)
