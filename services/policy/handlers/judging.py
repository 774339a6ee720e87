"""Judge what 3CX asks for: gather the facts, decide, say what was decided."""

from dataclasses import dataclass, field

from libs.chassis.clock import Monotonic
from libs.chassis.consuming import Received
from libs.contracts.decisions import Decision, EventType
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookReceived
from libs.contracts.identity import keyed_hash
from libs.store.accounts import Directory
from libs.store.conversations import Conversation
from libs.store.decisions import Decisions, Exhausted, Proposal, Question, StoredFacts, Usage
from services.policy import metrics
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.deciding import decide, exhausted
from services.policy.domain.facts import Facts
from services.policy.domain.limits import budget_of, period_of
from services.policy.domain.phones import first_usable_phone
from services.policy.rules import RULES

NOTHING_STORED = StoredFacts(conversation=Conversation(), suppressed=frozenset(), usage=Usage())


@dataclass(frozen=True, slots=True)
class Judge:
    """Answers every webhook with an approval or with its final word."""

    directory: Directory
    decisions: Decisions
    content: ContentPolicy
    key: bytes = field(repr=False)
    monotonic: Monotonic

    async def __call__(self, received: Received[WebhookReceived]) -> MessageApproved | WebhookAnswered:
        """Judge one webhook. Safe to repeat: what was decided first stands, and what follows has the same id."""
        begun = self.monotonic()
        facts = await self._gather(received)
        decision = await self._decision(received, facts)

        metrics.DECISION_SECONDS.observe(self.monotonic() - begun)
        metrics.DECISIONS.labels(str(decision.code or "approved")).inc()
        return said(received, facts, decision, self.key)

    async def _gather(self, received: Received[WebhookReceived]) -> Facts:
        """Everything the rules may know: configuration from the cache, the rest in one round trip."""
        webhook, now = received.event, received.at
        integration = await self.directory.integration(webhook.integration_id or "")
        account = await self.directory.account(webhook.account_id or "")
        if integration is None or account is None:
            # Rows are never deleted, so this is a store that lags behind the one that ingress read.
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "configuration"})
        payload, period = webhook.payload, period_of(account, now)
        event_type = _type_of(payload.event_type)
        phone = first_usable_phone(candidates(webhook, event_type), account.default_region)
        stored = NOTHING_STORED
        if event_type is EventType.OUTBOUND_MESSAGE:
            keys = (keyed_hash(self.key, account.id, phone),) if phone else ()
            stored = await self.decisions.facts(
                Question(
                    event_id=str(received.id),
                    account_id=account.id,
                    number_id=integration.instance_id,
                    customer_keys=keys,
                    day=period.day,
                    month=period.month,
                    now=now,
                )
            )
        return Facts(
            now=now,
            account=account,
            integration=integration,
            number=await self.directory.number(number_id=integration.instance_id),
            event_type=event_type,
            phone=phone,
            stored=stored,
            period=period,
            content=self.content,
        )

    async def _decision(self, received: Received[WebhookReceived], facts: Facts) -> Decision:
        """The decision that stands: an earlier one, or the rules' once the store has settled it."""
        if facts.stored.decision is not None:
            return Decision.model_validate_json(facts.stored.decision)
        decision = decide(received.event, facts, RULES)
        if facts.event_type is not EventType.OUTBOUND_MESSAGE:
            return decision  # nothing is sent, so repeating it can do no harm
        return await self._settled(received, facts, decision)

    async def _settled(self, received: Received[WebhookReceived], facts: Facts, decision: Decision) -> Decision:
        proposal = Proposal(
            event_id=str(received.id),
            outcome=decision.model_dump_json(exclude_defaults=True).encode(),
            budget=budget_of(facts.account, facts.period) if decision.approved else None,
            now=received.at,
        )
        settled = await self.decisions.settle(proposal)
        if isinstance(settled, Exhausted):
            return await self._settled(received, facts, exhausted(decision, facts, settled))
        return decision if settled.fresh else Decision.model_validate_json(settled.outcome)


def _type_of(told: str | None) -> EventType | None:
    try:
        return EventType((told or "").strip().casefold())
    except ValueError:
        return None


def candidates(webhook: WebhookReceived, event_type: EventType | None) -> tuple[str | None, ...]:
    """The phone fields in the order in which they are tried for this type of event."""
    p = webhook.payload
    if event_type is EventType.OUTBOUND_MESSAGE:
        return (p.to, p.from_, p.customer_phone, p.caller, p.phone)
    return (p.customer_phone, p.caller, p.from_, p.phone, p.to)


def said(
    received: Received[WebhookReceived], facts: Facts, decision: Decision, key: bytes
) -> MessageApproved | WebhookAnswered:
    """The event that tells of a decision."""
    webhook = received.event
    if not decision.approved or facts.phone is None:
        return WebhookAnswered(
            account_id=webhook.account_id,
            integration_id=webhook.integration_id,
            event_id=received.id,
            event_type=facts.event_type,
            reply_to=webhook.reply_to,
            code=decision.code or ErrorCode.MISSING_PHONE,
            reason=decision.reason,
            details=decision.details,
            purpose=webhook.payload.message_purpose,
            customer=facts.phone,
            receipt=decision.receipt,
        )
    return MessageApproved(
        account_id=webhook.account_id,
        integration_id=webhook.integration_id,
        event_id=received.id,
        event_type=facts.event_type or "",
        reply_to=webhook.reply_to,
        number_id=facts.integration.instance_id,
        customer=facts.phone,
        customer_key=keyed_hash(key, facts.account.id, facts.phone),
        text=webhook.payload.text or "",
        purpose=webhook.payload.message_purpose or "",
        conversation_id=webhook.payload.conversation_id,
        received_at=received.at,
        window_closes_at=decision.window_closes_at,
        risk_score=decision.risk_score,
        flagged=decision.flagged,
        receipt=decision.receipt,
    )
