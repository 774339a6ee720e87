"""`RefusedMessage`, and the suppression and the pause that a provider's refusal leads to. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.contracts.events import MessageApproved, NumberPaused, SuppressionAdded
from libs.contracts.identity import masked
from libs.contracts.send_rates import bucket_key
from libs.providers.errors import Classification, Effect, Scope
from libs.providers.outcomes import Refused
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.outbox import OutboxEvent
from libs.store.statuses import TrackedMessage

PROVIDER = "provider"
PAUSING = frozenset({Effect.PAUSE_NUMBER, Effect.PAUSE_ACCOUNT, Effect.PAYMENT_REQUIRED})
"""Effects that are also told as `number.paused`, of each number that they stop."""
SUPPRESSING = {
    Effect.SUPPRESS_MARKETING: SuppressionKind.MARKETING,
    Effect.SUPPRESS_PROVIDER_BLOCK: SuppressionKind.PROVIDER_BLOCK,
}
"""The kind of suppression that an effect leads to."""
TemplateName = tuple[str, str]
"""A template's name and language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMessage:
    """The refused message, what the refusal means, and its time (WhatsApp's, or ours for a call)."""

    event_id: UUID
    account_id: str | None
    integration_id: str | None
    number_id: str
    customer_key: str
    customer: str | None = field(repr=False)
    customer_user_id: str | None = field(default=None, repr=False)
    message_id: str | None
    template: TemplateName | None = None
    """The template that was sent; None when it was a text."""
    code: int | None
    cause: str
    classification: Classification
    at: datetime


def refused_message_from(
    message: MessageApproved | TrackedMessage,
    refused: Refused,
    classification: Classification,
    *,
    at: datetime,
    customer: str | None,
    customer_user_id: str | None = None,
    template: TemplateName | None = None,
    message_id: str | None = None,
) -> RefusedMessage:
    """The refusal of an approved or sent message."""
    return RefusedMessage(
        event_id=UUID(str(message.event_id)),
        account_id=message.account_id,
        integration_id=message.integration_id,
        number_id=message.number_id,
        customer_key=message.customer_key,
        customer=customer,
        customer_user_id=customer_user_id,
        message_id=message_id,
        template=template,
        code=refused.code,
        cause=cause_of(refused),
        classification=classification,
        at=at,
    )


def cause_of(refused: Refused) -> str:
    """The cause of a refusal in one word: the provider's code, else our name for the reason, else the HTTP status."""
    if refused.code is not None:
        return str(refused.code)
    return refused.reason or f"http_{refused.http_status}"


def bucket_of(scope: Scope, message: MessageApproved | RefusedMessage, business_account_id: str | None) -> str:
    """The key of the rate bucket that a throttle of `scope` applies to."""
    return bucket_key(
        scope.value,
        number_id=message.number_id,
        customer_key=message.customer_key,
        business_account_id=business_account_id,
    )


def suppression_from(refused: RefusedMessage, kind: SuppressionKind) -> Suppression:
    """The suppression of a customer to whom WhatsApp no longer delivers messages of this kind (131050, 130403)."""
    return Suppression(
        id=f"sup_{uuid5(refused.event_id, f'{kind.value}:{refused.customer_key}').hex}",
        account_id=refused.account_id or "",
        customer_key=refused.customer_key,
        masked_phone=masked(refused.customer) if refused.customer else "",
        kind=kind,
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


def number_paused_from(
    cause: UUID, *, account_id: str, number_id: str, reason: str, code: int | None, at: datetime
) -> OutboxEvent:
    """The event of a number that WhatsApp restricted, alone or with its account, in the outbox's form."""
    event = NumberPaused(account_id=account_id, number_id=number_id, reason=reason, provider_code=code)
    event_id = uuid5(cause, f"{event.name}:{number_id}")
    return OutboxEvent(str(event_id), event.name, event.model_dump_json(exclude_none=True).encode(), at.timestamp())


def _evidence_from(refused: RefusedMessage) -> dict[str, Any]:
    fields = {"message_id": refused.message_id, "at": refused.at.isoformat(), "provider_code": refused.code}
    return {name: value for name, value in fields.items() if value is not None}
