"""`ConsentLedger`: records opt-in evidence and withdrawals of a customer under all of their keys, and tells of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid5

from libs.chassis.clock import Clock
from libs.contracts.events import ConsentRecorded, ConsentWithdrawn
from libs.contracts.identity import masked
from libs.store.consents import Consent, Consents, ConsentScope, ConsentSource, Withdrawal
from libs.store.erased_customers import ErasedCustomers, cancels
from services.policy.domain.consent_changes import ConsentChange


@dataclass(frozen=True, slots=True)
class ConsentLedger:
    """Safe to repeat: a consent's id is derived from its cause, and withdrawals only grow."""

    consents: Consents
    erased_customers: ErasedCustomers
    clock: Clock

    async def agree(
        self,
        change: ConsentChange,
        keys: Sequence[str],
        *,
        source: ConsentSource,
        scope: ConsentScope = ConsentScope.ALL,
        wording_version: str | None,
        evidence_hash: str | None,
    ) -> Sequence[ConsentRecorded]:
        """Record that the customer agreed; nothing for what was said before the customer was erased."""
        account_id = change.account_id or ""
        if cancels(await self.erased_customers.erased_at(account_id, keys), change.at):
            return ()
        id_ = f"con_{uuid5(change.event_id, 'consent').hex}"
        consent = Consent(
            id=id_,
            fingerprint=id_,
            account_id=account_id,
            customer_key=keys[0],
            masked_phone=masked(change.contact.phone) if change.contact.phone else "",
            scope=scope,
            source=source,
            wording_version=wording_version,
            at=change.at,
            evidence_hash=evidence_hash,
            recorded_at=self.clock(),
        )
        await self.consents.record([consent.under(key) for key in keys])
        return (
            ConsentRecorded(
                account_id=account_id,
                consent_id=consent.id,
                scope=consent.scope.value,
                source=source.value,
                wording_version=wording_version,
                evidence_hash=evidence_hash,
                at=change.at,
                customer=change.contact.phone,
                customer_user_id=change.contact.user_id,
                customer_key=keys[0],
                number_id=change.number_id or None,
            ),
        )

    async def withdraw(
        self, change: ConsentChange, keys: Sequence[str], *, source: ConsentSource, scope: ConsentScope
    ) -> Sequence[ConsentWithdrawn]:
        """Take back the consents of a scope; tells of it when there were any."""
        account_id = change.account_id or ""
        each = [
            Withdrawal(account_id=account_id, customer_key=key, scope=scope, at=change.at, source=source)
            for key in keys
        ]
        await self.consents.withdraw(each)
        stored = await self.consents.of_customer(account_id, keys)
        ended = [one for one in stored.consents if scope in {ConsentScope.ALL, one.scope} and one.at <= change.at]
        if not ended:
            return ()
        return (
            ConsentWithdrawn(
                account_id=account_id,
                scope=scope.value,
                source=source.value,
                at=change.at,
                customer=change.contact.phone,
                customer_user_id=change.contact.user_id,
                customer_key=keys[0],
                number_id=change.number_id or None,
            ),
        )


def digest_of(evidence: Mapping[str, str]) -> str:
    """The SHA-256 of evidence: its values by name, in the order of the names."""
    return hashlib.sha256("\n".join(f"{name}={evidence[name]}" for name in sorted(evidence)).encode()).hexdigest()
