"""`DecideWebhook`: gathers the facts, applies the rules and publishes the decision about a webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from libs.chassis.clock import Monotonic
from libs.chassis.subscriptions import Received
from libs.contracts.decisions import TEMPLATED, Decision, EventType
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookReceived
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Directory, Integration
from libs.store.conversations import Conversation
from libs.store.decisions import (
    CoolingDown,
    Decisions,
    FactsQuery,
    Position,
    Proposal,
    QuotaExhausted,
    StandingDecision,
    StoredFacts,
    Usage,
)
from libs.store.delivery_order import DeliveryOrder
from services.policy import metrics
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.decisions import MESSAGING, cooldown_of, cooldown_skip, decide, quota_refusal
from services.policy.domain.facts import Facts
from services.policy.domain.limits import budget_of, period_of
from services.policy.domain.message_templates import rendered_text
from services.policy.domain.phone_numbers import first_usable_phone
from services.policy.handlers.decision_events import event_from_decision, template_values
from services.policy.rules import RULES

NO_STORED_FACTS = StoredFacts(conversation=Conversation(), suppressed=frozenset(), usage=Usage())


@dataclass(frozen=True, slots=True)
class DecideWebhook:
    """Ends every webhook with an approval or with its final answer."""

    directory: Directory
    decisions: Decisions
    content: ContentPolicy
    pseudonyms: Pseudonyms
    monotonic: Monotonic
    delivery_order: DeliveryOrder

    async def __call__(self, received: Received[WebhookReceived]) -> MessageApproved | WebhookAnswered:
        """Decide one webhook. Safe to repeat: the first decision stands, and its events have the same ids."""
        started = self.monotonic()
        facts = await self.gather(received)
        standing = await self._standing_decision(received, facts)

        metrics.DECISION_SECONDS.observe(self.monotonic() - started)
        metrics.DECISIONS.labels(str(standing.decision.code or "approved")).inc()
        event = event_from_decision(received, facts, standing.decision)
        return await self._enqueued(event, standing) if isinstance(event, MessageApproved) else event

    async def _enqueued(self, approved: MessageApproved, standing: StandingDecision) -> MessageApproved:
        """The message with the event before it; messages to one customer are delivered in their order."""
        after = standing.after
        if not standing.fresh:  # the store has put a fresh approval in the order
            after = await self.delivery_order.enqueue(
                number_id=approved.number_id,
                customer_key=approved.customer_key,
                event_id=str(approved.event_id),
                now=approved.received_at,
            )
        return approved if after is None else approved.model_copy(update={"after": UUID(after)})

    async def gather(self, received: Received[WebhookReceived]) -> Facts:
        """Read the facts for the rules: configuration from the cache, everything else in one round trip."""
        webhook, now = received.event, received.at
        integration = await self.directory.integration(webhook.integration_id or "")
        account = await self.directory.account(webhook.account_id or "")
        if integration is None or account is None:
            # Rows are never deleted, so this read is behind the one of ingress.
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "configuration"})
        payload, period = webhook.payload, period_of(account, now)
        event_type = _event_type_from(payload.event_type)
        phone = first_usable_phone(phone_candidates(webhook, event_type), account.default_region)
        customer_key = self.pseudonyms.customer_key(account.id, phone) if phone else ""
        stored = NO_STORED_FACTS
        if event_type in MESSAGING:
            keys = (customer_key,) if customer_key else ()
            stored = await self.decisions.facts(
                FactsQuery(
                    event_id=str(received.id),
                    account_id=account.id,
                    number_id=integration.instance_id,
                    customer_keys=(*keys, *map(self.pseudonyms.do_not_contact_hash, keys)),
                    day=period.day,
                    month=period.month,
                    now=now,
                )
            )
        values = template_values(webhook.payload, phone, account, now)
        return Facts(
            rendered=_rendered(integration, event_type, values),
            now=now,
            account=account,
            integration=integration,
            number=await self.directory.number(number_id=integration.instance_id),
            event_type=event_type,
            phone=phone,
            customer_key=customer_key,
            stored=stored,
            period=period,
            content=self.content,
        )

    async def _standing_decision(self, received: Received[WebhookReceived], facts: Facts) -> StandingDecision:
        """The decision that stands: an earlier one, or that of the rules once it is stored."""
        if facts.stored.decision is not None:
            return StandingDecision(facts.stored.decision, fresh=False)
        decision = decide(received.event, facts, RULES)
        if facts.event_type not in MESSAGING:
            return StandingDecision(decision, fresh=False)  # nothing is sent, so a repetition changes nothing
        return await self._decided(received, facts, decision)

    async def _decided(self, received: Received[WebhookReceived], facts: Facts, decision: Decision) -> StandingDecision:
        proposal = Proposal(
            event_id=str(received.id),
            decision=decision,
            budget=budget_of(facts.account, facts.period) if decision.approved else None,
            now=received.at,
            cooldown=cooldown_of(facts) if decision.approved else None,
            position=Position(number_id=facts.integration.instance_id, customer_key=facts.customer_key),
        )
        result = await self.decisions.decide(proposal)
        if isinstance(result, QuotaExhausted):
            return await self._decided(received, facts, quota_refusal(decision, facts, result))
        if isinstance(result, CoolingDown):
            return await self._decided(received, facts, cooldown_skip(decision, result))
        return result


def _event_type_from(name: str | None) -> EventType | None:
    word = (name or "").strip().casefold()
    return next((event_type for event_type in EventType if event_type == word), None)


def _rendered(integration: Integration, event_type: EventType | None, values: Mapping[str, str | None]) -> str | None:
    if event_type not in TEMPLATED:
        return None
    template = integration.templates.get(event_type or "")
    return None if template is None or not template.text.strip() else rendered_text(template.text, values)


def phone_candidates(webhook: WebhookReceived, event_type: EventType | None) -> tuple[str | None, ...]:
    """The phone fields, in the order in which they are tried for this event type."""
    p = webhook.payload
    if event_type is EventType.OUTBOUND_MESSAGE:
        return (p.to, p.from_, p.customer_phone, p.caller, p.phone)
    return (p.customer_phone, p.caller, p.from_, p.phone, p.to)
