"""Say what would be decided: the same facts and the same rules, and nothing settled, sent or counted."""

from dataclasses import dataclass, replace

from libs.chassis.consuming import Received
from libs.contracts.decisions import Decision
from libs.contracts.events import SimulationAnswered, SimulationRequested, WebhookReceived
from services.policy.domain.deciding import cooldown_of, cooling_down, decide
from services.policy.domain.facts import Facts
from services.policy.handlers.judging import Judge
from services.policy.rules import RULES


@dataclass(frozen=True, slots=True)
class Simulate:
    """Answers an operator's question about a webhook."""

    judge: Judge

    async def __call__(self, received: Received[SimulationRequested]) -> SimulationAnswered:
        """Decide as of now. Safe to repeat: it changes nothing, and its answer has the same id."""
        asked = received.event
        webhook = WebhookReceived(
            account_id=asked.account_id,
            integration_id=asked.integration_id,
            reply_to=asked.reply_to,
            payload=asked.payload,
        )
        facts = await self.judge.gather(replace(received, event=webhook))  # type: ignore[arg-type]  # the event's type changes with it
        return SimulationAnswered(
            account_id=asked.account_id,
            integration_id=asked.integration_id,
            simulation_id=received.id,
            reply_to=asked.reply_to,
            decision=await self._decided(webhook, facts),
        )

    async def _decided(self, webhook: WebhookReceived, facts: Facts) -> Decision:
        """What would be settled now: the rules' decision, unless another event's cooldown runs."""
        decision = decide(webhook, facts, RULES)
        cooldown = cooldown_of(facts) if decision.approved else None
        found = None if cooldown is None else await self.judge.decisions.cooling_down(cooldown, facts.now)
        return decision if found is None else cooling_down(decision, found)
