"""The operations under `/consents`: opt-in evidence is recorded and taken back; neither adds nor ends a suppression."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID, uuid5

from libs.contracts.consents import EARLIEST
from libs.contracts.errors import GatewayError, OperatorCode
from libs.contracts.events import ConsentRecorded, ConsentWithdrawn
from libs.store.accounts import Account, Directory
from libs.store.consents import Consent, Consents, ConsentSource, Withdrawal
from services.console.domain.consents import (
    ConsentQuery,
    ConsentRequest,
    WithdrawalRequest,
    consent_view_from,
    consents_view_from,
    evidence_hash_of,
    identity_of,
    withdrawal_view_from,
)
from services.console.domain.refusals import invalid
from services.console.handlers.accounts import account_in_field
from services.console.handlers.calls import Answer, Call, created
from services.console.handlers.changes import Changes
from services.console.handlers.customer_lookup import CustomerLookup, NamedCustomer
from services.console.handlers.earlier_erasures import Claim, EarlierErasures
from services.console.handlers.linked_keys import LinkedKeys

CONSENTS_NAMESPACE: Final = UUID("6b1c5c1e-6f2d-5a53-9c0b-0f8f4f7c1a58")
"""The UUID namespace of fingerprints: the same evidence has one, however often and by whichever way it comes."""
TOLERANCE: Final = timedelta(minutes=5)
"""How far a time may lie in the future: clocks differ."""


@dataclass(frozen=True, slots=True)
class WithdrawConsents:
    """Takes back a customer's consents, under every key of theirs, with the event in the outbox."""

    store: Consents
    changes: Changes
    linked_keys: LinkedKeys

    async def __call__(self, withdrawal: Withdrawal, customer: NamedCustomer, reason: str | None) -> tuple[str, ...]:
        """The customer's keys. Safe to repeat: withdrawals only grow."""
        keys = (customer.key, *await self.linked_keys(withdrawal.account_id, customer.key))
        event = ConsentWithdrawn(
            account_id=withdrawal.account_id,
            scope=withdrawal.scope.value,
            source=withdrawal.source.value,
            at=withdrawal.at,
            customer_key=customer.key,
            masked_phone=customer.masked_phone,
            actor=withdrawal.actor,
            reason=reason,
        )
        stored = [self.changes.outbox_event(event, self.changes.clock())]
        await self.store.withdraw([withdrawal.under(key) for key in keys], stored)
        return keys


@dataclass(frozen=True, slots=True)
class ConsentRecords:
    """Records, shows and takes back consents."""

    store: Consents
    directory: Directory
    changes: Changes
    customer: CustomerLookup
    linked_keys: LinkedKeys
    withdraw_consents: WithdrawConsents
    earlier_erasures: EarlierErasures

    async def create(self, call: Call[None, ConsentRequest]) -> Answer:
        """Record an opt-in; the same one again is answered with 200: its fingerprint is derived from it.

        Raises GatewayError(customer_erased) for one that would bring an erased customer back.
        """
        request, now = call.body, self.changes.clock()
        require_past("at", request.at, now)
        account = await account_in_field(self.directory, call.principal, request.account_id)
        customer = await self.customer(account, request.phone, request.user_id, certain=True)
        consent = self._consent_from(request, account, customer, actor=call.principal.actor, now=now)
        keys = (customer.key, *await self.linked_keys(account.id, customer.key))
        if any(await self.earlier_erasures.concern(account.id, [Claim(customer, keys, request.at)])):
            raise GatewayError(OperatorCode.CUSTOMER_ERASED)
        event = self.changes.outbox_event(recorded_event(consent), now)
        new = await self.store.record([consent.under(key) for key in keys], [event])
        await self.changes.publish_outbox()
        stored = await self.store.of_customer(account.id, keys)
        kept = next((each for each in stored.consents if each.fingerprint == consent.fingerprint), consent)
        view = consent_view_from(kept, withdrawn=not stored.is_standing(kept))
        return created(view) if new else Answer(view, HTTPStatus.OK)

    async def withdraw(self, call: Call[None, WithdrawalRequest]) -> Answer:
        """Take back the consents of a scope; answers with the withdrawal that stands. Safe to repeat."""
        request, now = call.body, self.changes.clock()
        at = request.at or now
        require_past("at", at, now)
        account = await account_in_field(self.directory, call.principal, request.account_id)
        customer = await self.customer(account, request.phone, request.user_id)
        withdrawal = Withdrawal(
            account_id=account.id,
            customer_key=customer.key,
            scope=request.scope,
            at=at,
            source=ConsentSource.OPERATOR,
            actor=call.principal.actor,
        )
        keys = await self.withdraw_consents(withdrawal, customer, request.reason)
        await self.changes.publish_outbox()
        stored = await self.store.of_customer(account.id, keys)
        standing = next((one for one in stored.withdrawals if one.scope is request.scope), withdrawal)
        return Answer(withdrawal_view_from(standing))

    async def of_customer(self, call: Call[ConsentQuery, None]) -> Answer:
        """The consents of one customer."""
        query = call.query
        account = await account_in_field(self.directory, call.principal, query.account_id)
        customer = await self.customer(account, query.phone, query.user_id)
        keys = (customer.key, *await self.linked_keys(account.id, customer.key))
        return Answer(consents_view_from(await self.store.of_customer(account.id, keys)))

    def _consent_from(
        self, request: ConsentRequest, account: Account, customer: NamedCustomer, *, actor: str, now: datetime
    ) -> Consent:
        digest = evidence_hash_of(request.evidence, request.evidence_sha256)
        words = (request.wording_version, request.origin, digest)
        name = identity_of(account.id, customer.key, request.scope, request.at, *words)
        return Consent(
            id=self.changes.id_for("con"),
            fingerprint=uuid5(CONSENTS_NAMESPACE, name).hex,
            account_id=account.id,
            customer_key=customer.key,
            masked_phone=customer.masked_phone,
            scope=request.scope,
            source=ConsentSource.OPERATOR,
            wording_version=request.wording_version,
            at=request.at,
            evidence_hash=digest,
            origin=request.origin,
            actor=actor,
            recorded_at=now,
        )


def require_past(field: str, at: datetime, now: datetime) -> None:
    """Refuse a time in the future: it would outlive every withdrawal. And one before `EARLIEST`, which is a mistake.

    Raises GatewayError(invalid_request).
    """
    if at < EARLIEST:
        raise invalid(field, "must not be before 1970")
    if at > now + TOLERANCE:
        raise invalid(field, "must not be in the future")


def recorded_event(consent: Consent) -> ConsentRecorded:
    """The event of a consent that an operator recorded."""
    return ConsentRecorded(
        account_id=consent.account_id,
        consent_id=consent.id,
        scope=consent.scope.value,
        source=consent.source.value,
        wording_version=consent.wording_version,
        evidence_hash=consent.evidence_hash,
        at=consent.at,
        customer_key=consent.customer_key,
        masked_phone=consent.masked_phone,
        actor=consent.actor,
    )
