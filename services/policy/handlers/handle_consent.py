"""`HandleConsent`: records the opt-in that a customer gave in an integration's web form."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.chassis.subscriptions import Received
from libs.contracts.events import ConsentRecorded, ConsentSubmitted
from libs.store.consents import ConsentScope, ConsentSource
from libs.store.contacts import Contact
from libs.store.conversations import SuppressionKind
from services.policy.domain.consent_changes import ConsentChange
from services.policy.handlers.consent_ledger import ConsentLedger
from services.policy.handlers.customer_identities import CustomerIdentities


@dataclass(frozen=True, slots=True)
class HandleConsent:
    """It lifts nothing: whoever opted out stays so until their START."""

    customer_identities: CustomerIdentities
    ledger: ConsentLedger

    async def __call__(self, received: Received[ConsentSubmitted]) -> Sequence[ConsentRecorded]:
        """Record one submission. Safe to repeat: its consent's id is derived from the event's."""
        submitted, identities = received.event, self.customer_identities
        account_id = submitted.account_id or ""
        await identities.move_former(account_id, submitted.customer)
        named = identities.keys(account_id, submitted.customer, submitted.customer_user_id)
        if not named:
            return ()
        change = ConsentChange(
            event_id=received.id,
            account_id=account_id,
            number_id="",
            contact=Contact(phone=submitted.customer, user_id=submitted.customer_user_id),
            at=submitted.at,
            kind=SuppressionKind.OPT_OUT,
            source=ConsentSource.WEB_FORM.value,
            evidence={},
        )
        return await self.ledger.agree(
            change,
            await identities.known_keys(account_id, named[0], submitted.at),
            source=ConsentSource.WEB_FORM,
            scope=ConsentScope(submitted.scope),
            wording_version=submitted.wording_version,
            evidence_hash=submitted.evidence_hash,
        )
