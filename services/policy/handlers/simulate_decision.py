"""`SimulateDecision`: shows what would be decided for a webhook; nothing is stored, sent or counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from libs.chassis.subscriptions import Received
from libs.contracts.events import SimulationAnswered, SimulationRequested, WebhookReceived
from libs.store.decisions import Decisions
from services.policy.domain.decisions import cooldown_end, cooldown_of, decide
from services.policy.handlers.gather_facts import GatherFacts
from services.policy.rules import RULES

LONGEST_WAIT: Final = 1.0
"""Seconds that a simulation waits for real webhooks. Under constant load one is made in this time, and console waits
for 5 s."""
_LOOK: Final = 0.01


@dataclass(frozen=True, slots=True)
class SimulateDecision:
    """Applies the same rules to the same facts as `DecideWebhook`, when no real webhook is being decided."""

    gather_facts: GatherFacts
    decisions: Decisions
    messages_in_flight: Callable[[], int] = field(default=lambda: 0)
    """How many real webhooks this process is deciding."""
    longest_wait: float = LONGEST_WAIT

    async def __call__(self, received: Received[SimulationRequested]) -> SimulationAnswered:
        """Decide as of now. Safe to repeat: it changes nothing, and its answer has the same id."""
        await self._wait_for_messages()
        requested = received.event
        webhook = WebhookReceived(
            account_id=requested.account_id,
            integration_id=requested.integration_id,
            reply_to=requested.reply_to,
            payload=requested.payload,
        )
        facts = await self.gather_facts(replace(received, event=webhook))  # type: ignore[arg-type]  # the event's type changes with it
        decision = decide(webhook, facts, RULES)
        cooldown = cooldown_of(webhook, facts) if decision.approved else None
        running = None if cooldown is None else await self.decisions.cooling_down(cooldown, facts.now)
        return SimulationAnswered(
            account_id=requested.account_id,
            integration_id=requested.integration_id,
            simulation_id=received.id,
            reply_to=requested.reply_to,
            decision=decision if running is None else cooldown_end(decision, facts, running),
        )

    async def _wait_for_messages(self) -> None:
        """Let the webhooks that are being decided go first."""
        for _ in range(int(self.longest_wait / _LOOK)):
            if not self.messages_in_flight():
                return
            await asyncio.sleep(_LOOK)
