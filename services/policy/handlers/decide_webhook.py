"""`DecideWebhook`: gathers the facts, applies the rules and publishes the decision about a webhook."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from libs.chassis.clock import Clock, Monotonic, utc_now
from libs.chassis.subscriptions import Received
from libs.contracts.decisions import Decision
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookReceived
from libs.store.decisions import CoolingDown, Decisions, Position, Proposal, QuotaExhausted, StandingDecision
from libs.store.delivery_order import DeliveryOrder
from services.policy import metrics
from services.policy.domain.decisions import MESSAGING, cooldown_end, cooldown_of, decide, quota_refusal
from services.policy.domain.facts import Facts
from services.policy.domain.limits import budget_of
from services.policy.handlers.decision_events import event_from_decision
from services.policy.handlers.gather_facts import GatherFacts
from services.policy.handlers.template_limits import TemplateLimits
from services.policy.rules import rules_for


@dataclass(frozen=True, slots=True)
class DecideWebhook:
    """Ends every webhook with an approval or with its final answer."""

    gather_facts: GatherFacts
    decisions: Decisions
    delivery_order: DeliveryOrder
    template_limits: TemplateLimits
    monotonic: Monotonic
    clock: Clock = utc_now

    async def __call__(self, received: Received[WebhookReceived]) -> MessageApproved | WebhookAnswered:
        """Decide one webhook. Safe to repeat: the first decision stands, and its events have the same ids."""
        started = self.monotonic()
        facts = await self.gather_facts(received)
        standing = await self._standing_decision(received, facts)

        metrics.DECISION_SECONDS.observe(self.monotonic() - started)
        metrics.DECISIONS.labels(str(standing.decision.code or "approved")).inc()
        event = event_from_decision(received, facts, standing.decision)
        if not isinstance(event, MessageApproved):
            return event
        await self.template_limits.count(facts)
        return await self._enqueued(event, standing, facts.stored.finished)

    async def _enqueued(
        self, approved: MessageApproved, standing: StandingDecision, finished: Collection[str]
    ) -> MessageApproved:
        """The message with the event before it; messages to one customer are delivered in their order.

        One whose message was `finished` when the facts were read is not named: there is nothing to wait for.
        """
        after = standing.after
        if not standing.fresh:  # the store has put a fresh approval in the order
            after = await self.delivery_order.enqueue(
                number_id=approved.number_id,
                customer_key=approved.customer_key,
                event_id=str(approved.event_id),
                now=approved.received_at,
            )
        is_behind = after is not None and after not in finished
        return approved.model_copy(update={"after": UUID(after)}) if is_behind else approved

    async def _standing_decision(self, received: Received[WebhookReceived], facts: Facts) -> StandingDecision:
        """The decision that stands: an earlier one, or that of the rules once it is stored."""
        if facts.stored.decision is not None:
            return StandingDecision(facts.stored.decision, fresh=False)
        decision = decide(received.event, facts, rules_for(received.event))
        if facts.event_type not in MESSAGING:
            return StandingDecision(decision, fresh=False)  # nothing is sent, so a repetition changes nothing
        return await self._decided(received, facts, decision)

    async def _decided(self, received: Received[WebhookReceived], facts: Facts, decision: Decision) -> StandingDecision:
        proposal = Proposal(
            event_id=str(received.id),
            decision=decision,
            budget=budget_of(facts.account, facts.period) if decision.approved else None,
            now=received.at,
            clock=self.clock(),
            cooldown=cooldown_of(received.event, facts) if decision.approved else None,
            position=Position(number_id=facts.integration.instance_id, customer_key=facts.customer_key),
            order_end=facts.stored.order_ends.get(facts.customer_key),
        )
        result = await self.decisions.decide(proposal)
        if isinstance(result, QuotaExhausted):
            return await self._decided(received, facts, quota_refusal(decision, facts, result))
        if isinstance(result, CoolingDown):
            return await self._decided(received, facts, cooldown_end(decision, facts, result))
        return result
