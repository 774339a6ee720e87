"""The stored form of a forward, and the events of its end."""

from datetime import datetime

from libs.chassis.subscriptions import Received
from libs.contracts.events import ForwardDelivered, ForwardFailed, ForwardRequested
from libs.contracts.identity import masked
from libs.store.forwards import Attempt, Forward

Request = Received[ForwardRequested]


def forward_from(received: Request, now: datetime, *, customer_key: str | None) -> Forward:
    """The stored form of a forward: without its content, and with the phone masked; without a key, about nobody."""
    event = received.event
    return Forward(
        id=str(received.id),
        account_id=event.account_id,
        integration_id=event.integration_id or "",
        kind=event.kind.value,
        event_id=str(event.event_id),
        masked_phone=masked(event.customer) if event.customer and customer_key else None,
        customer_key=customer_key,
        requested_at=received.at,
        updated_at=now,
    )


def failed_from(received: Request, reason: str, attempt: Attempt | None) -> ForwardFailed:
    """The event that a forward was given up or cancelled; `attempt` is None unless one was made just now."""
    event = received.event
    return ForwardFailed(
        account_id=event.account_id,
        integration_id=event.integration_id,
        event_id=event.event_id,
        forward_id=received.id,
        kind=event.kind,
        attempts=received.attempt if attempt is not None else received.attempt - 1,
        reason=reason,
        status=attempt.status if attempt is not None else None,
    )


def delivered_from(received: Request, status: int, tries: int) -> ForwardDelivered:
    """The event that a forward was accepted."""
    event = received.event
    return ForwardDelivered(
        account_id=event.account_id,
        integration_id=event.integration_id,
        event_id=event.event_id,
        forward_id=received.id,
        kind=event.kind,
        attempts=tries,
        status=status,
    )
