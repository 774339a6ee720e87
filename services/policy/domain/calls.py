"""WhatsApp calls: which open the window, which are notified, and which were missed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookPayload, WebhookReceived, WhatsAppCallReceived
from libs.store.accounts import Integration
from services.policy.domain.decisions import WINDOW

BY_CUSTOMER: Final = "USER_INITIATED"
BEGAN: Final = "connect"
ENDED: Final = "terminate"
ANSWERED: Final = "COMPLETED"
"""The status of a call that ended after somebody had answered it (Meta, Calling API, `terminate` webhook)."""
MAX_AHEAD: Final = timedelta(minutes=5)
"""How far WhatsApp's clock may be ahead of the gateway's."""
DIALECT: Final = "whatsapp"
"""The `dialect` of a missed call that WhatsApp told, not a phone system."""


def is_by_customer(call: WhatsAppCallReceived) -> bool:
    """True when the customer called the business."""
    return call.direction == BY_CUSTOMER


def is_current(call: WhatsAppCallReceived, now: datetime) -> bool:
    """True unless the call's time is more than five minutes ahead, or so old that its window would be closed."""
    return now - WINDOW < call.at <= now + MAX_AHEAD


def opens_window(call: WhatsAppCallReceived, now: datetime) -> bool:
    """True when the customer called: a call opens the window as a message does (Meta, "Send messages")."""
    return is_by_customer(call) and call.event == BEGAN and is_current(call, now)


def was_missed(call: WhatsAppCallReceived, now: datetime) -> bool:
    """True when the customer's call ended and nobody had answered it."""
    ended = call.event == ENDED and call.status is not None and call.status != ANSWERED
    return is_by_customer(call) and ended and is_current(call, now)


def missed_call_from(
    call: WhatsAppCallReceived, integrations: Iterable[Integration], *, reply_to: str
) -> WebhookReceived | None:
    """The missed call as a 3CX system would tell it, for the first integration with a template for missed calls.

    It is decided like any missed call, so both tellings of one call share the integration's cooldown.
    """
    wanted = sorted((each for each in integrations if _answers_missed_calls(each)), key=lambda each: each.id)
    if not wanted:
        return None
    return WebhookReceived(
        account_id=call.account_id,
        integration_id=wanted[0].id,
        reply_to=reply_to,
        dialect=DIALECT,
        payload=WebhookPayload(
            event_type=EventType.MISSED_CALL,
            caller=call.customer,
            user_id=None if call.customer else call.customer_user_id,
            call_time=call.at.isoformat(),
            direction="inbound",
            answered=False,
        ),
        call_events_only=True,
    )


def _answers_missed_calls(integration: Integration) -> bool:
    template = integration.templates.get(EventType.MISSED_CALL)
    switched_on = integration.enabled and integration.call_events_enabled
    return switched_on and template is not None and template.enabled and bool(template.text.strip())
