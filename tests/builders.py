"""Values for tests: everything is fine unless the case says otherwise."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.contracts.decisions import Decision
from libs.contracts.events import Event, WebhookPayload, WebhookReceived, WhatsAppMessageReceived
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Account, Integration, Number
from libs.store.conversations import Conversation, SuppressionKind
from libs.store.decisions import StoredFacts, Usage
from libs.store.restrictions import KINDS, Restriction, Subject, of_number
from libs.store.sealer import Sealer, SealingKey

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVENT_ID = UUID("01234567-89ab-4cde-8f01-23456789abcd")
PHONE = "+966512345678"
KEY = b"k" * 32
PSEUDONYMS = Pseudonyms(KEY)
SEALER = Sealer([SealingKey("k1", KEY)])
TIMES = {"created_at": NOON, "updated_at": NOON}


def an_account(**changes: Any) -> Account:
    """A starter account in Riyadh."""
    known: dict[str, Any] = {
        "id": "acc_1",
        "name": "Acme",
        "business_name": "Acme Clinic",
        "timezone": "Asia/Riyadh",
        "default_region": "SA",
    }
    return Account(**TIMES, **(known | changes))


def a_number(**changes: Any) -> Number:
    """Its WhatsApp number."""
    known: dict[str, Any] = {
        "id": "num_1",
        "account_id": "acc_1",
        "phone_number_id": "1000000000001",
        "sealed_token": "sealed",
    }
    return Number(**TIMES, **(known | changes))


def an_integration(**changes: Any) -> Integration:
    """Its 3CX system, everything switched on."""
    known: dict[str, Any] = {"id": "int_1", "account_id": "acc_1", "instance_id": "num_1"}
    return Integration(**TIMES, **(known | changes))


def a_restriction(subject: Subject | None = None, **changes: Any) -> Restriction:
    """A restriction of the account's number, since ten minutes."""
    subject = subject or of_number("num_1")
    known: dict[str, Any] = {
        "id": "res_1",
        "account_id": "acc_1",
        "kind": KINDS[subject.scope][0],
        "cause": "131048",
        "since": NOON - timedelta(minutes=10),
    }
    return Restriction(subject=subject, **(known | changes))


def a_webhook(**payload: Any) -> WebhookReceived:
    """An agent's reply."""
    known: dict[str, Any] = {
        "event_type": "outbound_message",
        "to": PHONE,
        "text": "Your order has arrived.",
        "message_purpose": "support",
    }
    return WebhookReceived(
        account_id="acc_1", integration_id="int_1", reply_to="ingress-1", payload=WebhookPayload(**(known | payload))
    )


def a_customers_message(**changes: Any) -> WhatsAppMessageReceived:
    """A customer says hello."""
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "number_id": "num_1",
        "message_id": "wamid.1",
        "customer": PHONE,
        "type": "text",
        "text": "Hello",
        "sent_at": NOON,
    }
    return WhatsAppMessageReceived(**(known | changes))


def received(event: Any, *, id: UUID = EVENT_ID, at: datetime = NOON, **changes: Any) -> Received[Any]:  # noqa: A002
    """An event with its metadata."""
    assert isinstance(event, Event)
    return Received(event=event, id=id, at=at, **changes)


def stored(
    *,
    wrote: timedelta | None = timedelta(hours=-1),
    closed: timedelta | None = None,
    suppressed: frozenset[SuppressionKind] = frozenset(),
    decision: Decision | None = None,
    restrictions: Sequence[Restriction] = (),
    now: datetime = NOON,
    **usage: Any,
) -> StoredFacts:
    """What the store knows: the customer wrote an hour ago, nothing is used up."""
    return StoredFacts(
        conversation=Conversation(
            last_inbound_at=None if wrote is None else now + wrote, closed_at=None if closed is None else now + closed
        ),
        suppressed=suppressed,
        usage=Usage(**usage),
        decision=decision,
        restrictions=tuple(restrictions),
    )
