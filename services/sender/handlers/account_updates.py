"""`HandleAccountUpdate` handles WhatsAppAccountUpdated: it applies what WhatsApp tells about accounts and templates."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.chassis.telemetry import logger
from libs.contracts.events import WhatsAppAccountUpdated
from libs.store.accounts import BusinessAccounts, Number
from libs.store.restriction_events import added_events, lifted_events
from libs.store.restrictions import (
    PROVIDER,
    Restriction,
    RestrictionKind,
    Restrictions,
    of_business_account,
    restriction_id,
)
from libs.store.templates import Templates
from services.sender import metrics
from services.sender.domain.account_updates import (
    FLAGGED,
    KNOWN_WORDS,
    Lifts,
    RaisesThroughput,
    Restricts,
    cause_of,
    changes_in,
    word_of,
)
from services.sender.domain.refusals import number_paused_from
from services.sender.ports import Throughputs

log = logger(__name__)
TEMPLATE_TOPICS = ("message_template_", "template_")
"""How the topics of notices about templates begin (Meta, webhooks of a business account)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleAccountUpdate:
    """Safe to repeat and in any order: a restriction has the id and the time of its notice, and times decide.

    WhatsApp repeats its notices for days and out of order, so one that is not newer than the last changes nothing.
    """

    restrictions: Restrictions
    business_accounts: BusinessAccounts
    templates: Templates
    throughputs: Throughputs

    async def __call__(self, received: Received[WhatsAppAccountUpdated]) -> None:
        """Apply one notice to the account that it is written to."""
        event, word = received.event, word_of(received.event)
        changes = changes_in(event) if event.account_id is not None else []
        if event.topic.startswith(TEMPLATE_TOPICS):
            await self._ask_for_templates(event, received.at)
        label = word if word in KNOWN_WORDS else "other"
        metrics.ACCOUNT_UPDATES.labels(event.topic, label, "applied" if changes else "none").inc()
        if word == FLAGGED:
            log.error("whatsapp flagged a number", account_id=event.account_id)
        numbers = await self._numbers(event) if changes else []
        at = event.at or received.at
        for change in changes:
            match change:
                case Restricts():
                    await self._restrict(event, change, numbers, at=at, cause=received.id)
                case Lifts():
                    await self._lift(event, change, numbers, at=at, cause=received.id)
                case RaisesThroughput():
                    for number in numbers:
                        await self.throughputs.raise_to_providers(number, cause=received.id, at=at)

    async def _ask_for_templates(self, event: WhatsAppAccountUpdated, at: datetime) -> None:
        """A template changed: read them all again, with the credentials of any number of the business account."""
        numbers = await self.business_accounts.numbers_of(event.business_account_id)
        if numbers:
            await self.templates.request(event.business_account_id, numbers[0].id, at)

    async def _numbers(self, event: WhatsAppAccountUpdated) -> list[Number]:
        """The account's numbers in the business account."""
        found = await self.business_accounts.numbers_of(event.business_account_id)
        return [number for number in found if number.account_id == event.account_id]

    async def _restrict(
        self, event: WhatsAppAccountUpdated, change: Restricts, numbers: list[Number], *, at: datetime, cause: UUID
    ) -> None:
        account_id, word = event.account_id or "", word_of(event)
        restriction = Restriction(
            id=restriction_id(cause, account_id, change.subject, change.kind),
            account_id=account_id,
            subject=change.subject,
            kind=change.kind,
            cause=cause_of(event),
            since=at,
            until=change.until,
            detail={"event": word} if change.limit is None else {"limit": change.limit},
        )
        paused = numbers if change.kind is RestrictionKind.ACCOUNT else []
        told = [
            number_paused_from(cause, account_id=account_id, number_id=each.id, reason=word, code=None, at=at)
            for each in paused
        ]
        added = await self.restrictions.add(restriction, [*added_events(restriction, cause), *told])
        if added.fresh:
            metrics.RESTRICTIONS_ADDED.labels(change.subject.scope.value, change.kind.value).inc()
            metrics.NUMBERS_PAUSED.inc(len(paused))
            log.error("restricted by whatsapp", restriction_id=restriction.id, cause=restriction.cause)

    async def _lift(
        self, event: WhatsAppAccountUpdated, change: Lifts, numbers: list[Number], *, at: datetime, cause: UUID
    ) -> None:
        """Lift it, also where it was stored under a number, because the business account was unknown then."""
        subjects = [change.subject]
        if change.kind is RestrictionKind.ACCOUNT:
            subjects += [of_business_account(number.id) for number in numbers]
        events = lifted_events(cause, at=at, by=PROVIDER)
        for subject in subjects:
            await self.restrictions.lift(event.account_id or "", subject, change.kind, at=at, events=events)
