"""`HandlePreference`: applies the marketing preference that a customer chose in WhatsApp."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.chassis.clock import Clock
from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, SuppressionAdded, SuppressionLifted, WhatsAppPreferenceChanged
from libs.store.consents import ConsentScope, ConsentSource
from libs.store.conversations import SuppressionKind, Suppressions
from services.policy import metrics
from services.policy.domain.addresses import contact_in
from services.policy.domain.consent_changes import ConsentChange
from services.policy.handlers.consent_ledger import ConsentLedger
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.customer_identities import CustomerIdentities

PROVIDER = "provider"
MARKETING = "marketing_messages"
"""The only category that WhatsApp has (Meta's `user_preferences` webhook)."""


@dataclass(frozen=True, slots=True)
class HandlePreference:
    """Adds and lifts suppressions of marketing only; an opt-out by keyword remains."""

    suppressions: Suppressions
    customer_identities: CustomerIdentities
    contacts: CustomerContacts
    clock: Clock
    ledger: ConsentLedger

    async def __call__(self, received: Received[WhatsAppPreferenceChanged]) -> Sequence[Event]:
        """Handle one preference. Safe to repeat: suppressions and lifts are identified by the event."""
        preference = received.event
        account_id = preference.account_id or ""
        await self.customer_identities.move_former(account_id, preference.customer)
        keys = self.customer_identities.keys(account_id, preference.customer, preference.customer_user_id)
        if preference.category != MARKETING or not keys:
            return ()
        identity = await self.customer_identities.link(account_id, keys, preference.at)
        await self.customer_identities.merge(account_id, identity)
        await self.contacts.keep(account_id, contact_in(preference), preference.at)
        change = _change_from(received)
        if preference.value == "stop":
            linked = [key for key in identity.keys if key not in keys]
            added = await self._suppress(change, keys, linked, received.at)
            ended = await self.ledger.withdraw(
                change, identity.keys, source=ConsentSource.PROVIDER, scope=ConsentScope.MARKETING
            )
            return (*added, *ended)
        return await self._lift(change, identity.keys) if preference.value == "resume" else ()

    async def _suppress(
        self, change: ConsentChange, keys: Sequence[str], linked: Sequence[str], at: datetime
    ) -> Sequence[Event]:
        """Suppress the keys, and the linked ones unless the request is lifted: then this is a repetition."""
        wanted = [change.suppression(key) for key in keys]
        standing = [await self.suppressions.suppress(each, ()) for each in wanted]
        if any(row.active for row in standing):
            wanted += [change.suppression(key) for key in linked]
            standing += [await self.suppressions.suppress(each, ()) for each in wanted[len(keys) :]]
        new = [row.id for row, asked in zip(standing, wanted, strict=True) if row.id == asked.id]
        if not new:
            return ()
        metrics.OPT_OUTS.labels("marketing_stop").inc()
        metrics.OPT_OUT_EFFECT_SECONDS.observe(max(0.0, (self.clock() - at).total_seconds()))
        return (change.event(SuppressionAdded, new[0], keys[0], [row.customer_key for row in wanted]),)

    async def _lift(self, change: ConsentChange, keys: Sequence[str]) -> Sequence[Event]:
        rows = await self.customer_identities.lift(
            change.account_id or "", keys, change.kind, at=change.at, deduplication_key=str(change.event_id)
        )
        if not rows:
            return ()
        metrics.OPT_OUTS.labels("marketing_resume").inc()
        return (change.event(SuppressionLifted, rows[0].id, keys[0], keys),)


def _change_from(received: Received[WhatsAppPreferenceChanged]) -> ConsentChange:
    preference = received.event
    return ConsentChange(
        event_id=received.id,
        account_id=preference.account_id,
        number_id=preference.number_id,
        contact=contact_in(preference),
        at=preference.at,
        kind=SuppressionKind.MARKETING,
        source=PROVIDER,
        evidence={"at": preference.at.isoformat(), "category": preference.category},
    )
