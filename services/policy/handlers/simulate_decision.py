"""`SimulateDecision`: shows what would be decided for a webhook; nothing is stored, sent or counted."""

from dataclasses import dataclass, replace

from libs.chassis.subscriptions import Received
from libs.contracts.events import SimulationAnswered, SimulationRequested, WebhookReceived
from libs.store.decisions import Decisions
from services.policy.domain.decisions import cooldown_of, cooldown_skip, decide
from services.policy.handlers.gather_facts import GatherFacts
from services.policy.rules import RULES


@dataclass(frozen=True, slots=True)
class SimulateDecision:
    """Applies the same rules to the same facts as `DecideWebhook`."""

    gather_facts: GatherFacts
    decisions: Decisions

    async def __call__(self, received: Received[SimulationRequested]) -> SimulationAnswered:
        """Decide as of now. Safe to repeat: it changes nothing, and its answer has the same id."""
        requested = received.event
        webhook = WebhookReceived(
            account_id=requested.account_id,
            integration_id=requested.integration_id,
            reply_to=requested.reply_to,
            payload=requested.payload,
        )
        facts = await self.gather_facts(replace(received, event=webhook))  # type: ignore[arg-type]  # the event's type changes with it
        decision = decide(webhook, facts, RULES)
        cooldown = cooldown_of(facts) if decision.approved else None
        running = None if cooldown is None else await self.decisions.cooling_down(cooldown, facts.now)
        return SimulationAnswered(
            account_id=requested.account_id,
            integration_id=requested.integration_id,
            simulation_id=received.id,
            reply_to=requested.reply_to,
            decision=decision if running is None else cooldown_skip(decision, running),
        )
