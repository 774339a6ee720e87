"""Whom and what a refusal of WhatsApp's is about, beyond the one message. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.contracts.events import NumberPaused, SuppressionAdded
from libs.contracts.identity import masked
from libs.store.conversations import Suppression, SuppressionKind
from services.sender.domain.verdicts import Effect

PROVIDER = "provider"
PAUSING = frozenset({Effect.PAUSE_NUMBER, Effect.PAUSE_ACCOUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The refused message, the code it was refused with, and when (WhatsApp's time, or the event's own)."""

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
class Pause:
    """The wish to stop a number, and the event that tells of it."""

    id: UUID
    at: datetime
    event: NumberPaused


def marketing_stop_from(about: About) -> Suppression:
    """The customer told WhatsApp that they want no marketing from us (131050)."""
    return Suppression(
        id=f"sup_{uuid5(about.event_id, f'marketing:{about.customer_key}').hex}",
        account_id=about.account_id or "",
        customer_key=about.customer_key,
        masked_phone=masked(about.customer) if about.customer else "",
        kind=SuppressionKind.MARKETING,
        source=PROVIDER,
        reason=None,
        actor=None,
        since=about.at,
        evidence=_evidence(about),
    )


def stop_told_from(about: About, stands: Suppression) -> SuppressionAdded:
    """What is said of a suppression that WhatsApp made us write."""
    return SuppressionAdded(
        account_id=about.account_id,
        integration_id=about.integration_id,
        suppression_id=stands.id,
        kind=stands.kind.value,
        source=PROVIDER,
        number_id=about.number_id,
        customer=about.customer,
        customer_key=about.customer_key,
        evidence=_evidence(about),
    )


def pause_from(about: About, meaning: str) -> Pause:
    """WhatsApp restricted the number, or its whole account."""
    return Pause(
        id=uuid5(about.event_id, NumberPaused.name),
        at=about.at,
        event=NumberPaused(
            account_id=about.account_id, number_id=about.number_id, reason=meaning, provider_code=about.code
        ),
    )


def _evidence(about: About) -> dict[str, Any]:
    told = {"message_id": about.message_id, "at": about.at.isoformat(), "provider_code": about.code}
    return {name: value for name, value in told.items() if value is not None}
