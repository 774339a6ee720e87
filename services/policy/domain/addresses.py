"""The addresses of a customer in events, and as a `Contact`."""

from typing import Any

from libs.contracts.events import (
    ForwardRequested,
    MessageStatusUpdated,
    SuppressionEvent,
    WhatsAppCallReceived,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
)
from libs.store.contacts import Contact

CustomerEvent = (
    WhatsAppMessageReceived
    | WhatsAppCallReceived
    | WhatsAppPreferenceChanged
    | SuppressionEvent
    | MessageStatusUpdated
    | ForwardRequested
)
"""The events with every address that a customer may have."""


def contact_in(event: CustomerEvent) -> Contact:
    """The customer of an event."""
    return Contact(
        phone=event.customer,
        wa_id=event.customer_wa_id,
        user_id=event.customer_user_id,
        parent_user_id=event.customer_parent_user_id,
    )


def addresses_of(contact: Contact) -> dict[str, Any]:
    """The fields of an event that name the customer."""
    return {
        "customer": contact.phone,
        "customer_wa_id": contact.wa_id,
        "customer_user_id": contact.user_id,
        "customer_parent_user_id": contact.parent_user_id,
    }
