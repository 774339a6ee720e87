"""`RefusedMessage`, and the suppression and the pause that a provider's refusal leads to. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.contracts.events import MessageApproved, NumberPaused, SuppressionAdded
from libs.contracts.identity import masked
from libs.contracts.send_rates import bucket_key
from libs.providers.errors import Effect, Scope
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.statuses import TrackedMessage

PROVIDER = "provider"
PAUSING = frozenset({Effect.PAUSE_NUMBER, Effect.PAUSE_ACCOUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMessage:
    """The refused message, the code of the refusal, and its time (WhatsApp's, or the event's)."""

    event_id: UUID
    account_id: str | None
    integration_id: str | None
    number_id: str
    customer_key: str
    customer: str | None = field(repr=False)
    message_id: str | None
    code: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPause:
    """A request to pause a number, with the event to publish when it is paused."""

    id: UUID
    at: datetime
    event: NumberPaused


def refused_message_from(
    message: MessageApproved | TrackedMessage,
    *,
    code: int | None,
    at: datetime,
    customer: str | None,
    message_id: str | None = None,
) -> RefusedMessage:
    """The refusal with `code` of an approved or sent message."""
    return RefusedMessage(
        event_id=UUID(str(message.event_id)),
        account_id=message.account_id,
        integration_id=message.integration_id,
        number_id=message.number_id,
        customer_key=message.customer_key,
        customer=customer,
        message_id=message_id,
        code=code,
        at=at,
    )


def bucket_of(scope: Scope, message: MessageApproved | RefusedMessage) -> str:
    """The key of the rate bucket that a throttle of `scope` applies to."""
    account_id, number_id, customer_key = message.account_id or "", message.number_id, message.customer_key
    return bucket_key(scope.value, account_id=account_id, number_id=number_id, customer_key=customer_key)


def marketing_suppression_from(refused: RefusedMessage) -> Suppression:
    """The suppression of a customer who opted out of this business's marketing at WhatsApp (131050)."""
    return Suppression(
        id=f"sup_{uuid5(refused.event_id, f'marketing:{refused.customer_key}').hex}",
        account_id=refused.account_id or "",
        customer_key=refused.customer_key,
        masked_phone=masked(refused.customer) if refused.customer else "",
        kind=SuppressionKind.MARKETING,
        source=PROVIDER,
        reason=None,
        actor=None,
        since=refused.at,
        evidence=_evidence_from(refused),
    )


def suppression_added_from(refused: RefusedMessage, standing: Suppression) -> SuppressionAdded:
    """The event of a suppression that a refusal caused."""
    return SuppressionAdded(
        account_id=refused.account_id,
        integration_id=refused.integration_id,
        suppression_id=standing.id,
        kind=standing.kind.value,
        source=PROVIDER,
        number_id=refused.number_id,
        customer=refused.customer,
        customer_key=refused.customer_key,
        evidence=_evidence_from(refused),
    )


def number_pause_from(refused: RefusedMessage, meaning: str) -> NumberPause:
    """The pause of a number that WhatsApp restricted, alone or with its account."""
    return NumberPause(
        id=uuid5(refused.event_id, NumberPaused.name),
        at=refused.at,
        event=NumberPaused(
            account_id=refused.account_id, number_id=refused.number_id, reason=meaning, provider_code=refused.code
        ),
    )


def _evidence_from(refused: RefusedMessage) -> dict[str, Any]:
    fields = {"message_id": refused.message_id, "at": refused.at.isoformat(), "provider_code": refused.code}
    return {name: value for name, value in fields.items() if value is not None}
