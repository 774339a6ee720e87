"""Heed what customers tell WhatsApp instead of us: that they want no marketing, and that they are somebody else now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid5

from libs.chassis.consuming import Received
from libs.contracts.events import (
    Event,
    SuppressionAdded,
    SuppressionLifted,
    WhatsAppIdentityChanged,
    WhatsAppPreferenceChanged,
)
from libs.contracts.identity import keyed_hash, masked
from libs.store.conversations import Suppression, SuppressionKind, Suppressions
from services.policy import metrics
from services.policy.handlers.knowing import Know

PROVIDER = "provider"
MARKETING = "marketing_messages"
"""The one category that WhatsApp has (Meta's `user_preferences` webhook)."""


@dataclass(frozen=True, slots=True)
class Heed:
    """Marketing alone is stopped and resumed: an opt-out by keyword is the customer's word to us, and stays."""

    suppressions: Suppressions
    know: Know
    key: bytes = field(repr=False)

    async def __call__(self, received: Received[WhatsAppPreferenceChanged]) -> Sequence[Event]:
        """Take in one preference. Safe to repeat: rows and words are named by the event."""
        told = received.event
        keys = _keys(told.account_id, (told.customer, told.customer_user_id), self.key)
        if told.category != MARKETING or not keys:
            return ()
        identity = await self.know.who(told.account_id or "", keys, told.at)
        await self.know.merge(told.account_id or "", identity)
        if told.value == "stop":
            return await self._stop(received, identity.keys)
        return await self._resume(received, identity.keys) if told.value == "resume" else ()

    async def _stop(self, received: Received[WhatsAppPreferenceChanged], keys: Sequence[str]) -> Sequence[Event]:
        told = received.event
        evidence = {"at": told.at.isoformat(), "category": told.category}
        wanted = [
            Suppression(
                id=f"sup_{uuid5(received.id, customer_key).hex}",
                account_id=told.account_id or "",
                customer_key=customer_key,
                masked_phone=masked(told.customer) if told.customer else "",
                kind=SuppressionKind.MARKETING,
                source=PROVIDER,
                reason=None,
                actor=None,
                since=told.at,
                evidence=evidence,
            )
            for customer_key in keys
        ]
        stands = [await self.suppressions.suppress(each, ()) for each in wanted]
        if [row.id for row in stands] != [row.id for row in wanted]:
            return ()
        metrics.OPT_OUTS.labels("marketing_stop").inc()
        return (
            SuppressionAdded(
                account_id=told.account_id,
                suppression_id=stands[0].id,
                kind=SuppressionKind.MARKETING,
                source=PROVIDER,
                number_id=told.number_id,
                customer=told.customer,
                customer_key=keys[0],
                evidence=evidence,
            ),
        )

    async def _resume(self, received: Received[WhatsAppPreferenceChanged], keys: Sequence[str]) -> Sequence[Event]:
        told = received.event
        rows = await self.know.lift(
            told.account_id or "", keys, SuppressionKind.MARKETING, at=told.at, word=str(received.id)
        )
        if not rows:
            return ()
        metrics.OPT_OUTS.labels("marketing_resume").inc()
        return (
            SuppressionLifted(
                account_id=told.account_id,
                suppression_id=rows[0].id,
                kind=SuppressionKind.MARKETING,
                source=PROVIDER,
                number_id=told.number_id,
                customer=told.customer,
                customer_key=keys[0],
                evidence={"at": told.at.isoformat(), "category": told.category},
            ),
        )


@dataclass(frozen=True, slots=True)
class Recognise:
    """Somebody with a new phone or user id is the customer they were: suppressions go along, windows do not."""

    know: Know
    key: bytes = field(repr=False)

    async def __call__(self, received: Received[WhatsAppIdentityChanged]) -> None:
        """Move the link to the new keys. Safe to repeat: copies and links are named by the keys alone."""
        told = received.event
        account = told.account_id or ""
        old = _keys(account, (told.customer, told.customer_user_id), self.key)
        if not old:
            return
        before = await self.know.who(account, old[:1], told.at)
        was = [*dict.fromkeys([*old, *before.keys])]
        phone = _key(account, told.new_customer or told.customer, self.key)
        user_id = _key(account, told.new_customer_user_id or told.customer_user_id, self.key)
        # Who changed one of the two keeps the other, if we know it.
        other = next((key for key in was if key not in old), None)
        new = [each for each in (phone or other, user_id or other) if each is not None]
        new = [*dict.fromkeys(new)]
        await self.know.spread(account, was, new)
        await self.know.merge(account, await self.know.who(account, new, told.at))


def _keys(account_id: str | None, known: Sequence[str | None], key: bytes) -> list[str]:
    return [keyed_hash(key, account_id or "", value) for value in known if value]


def _key(account_id: str, value: str | None, key: bytes) -> str | None:
    return keyed_hash(key, account_id, value) if value else None
