"""The operation `/policy/simulate`: policy makes the decision, with its own rules and facts; console only asks."""

from dataclasses import dataclass

from libs.store.accounts import Directory
from services.console.domain.refusals import invalid
from services.console.domain.simulations import SimulationRequest, payload_from, simulation_view_from
from services.console.handlers.calls import Answer, Call
from services.console.ports import SimulateWebhook, SimulationQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateDecision:
    """Shows the decision that policy would make about a webhook."""

    directory: Directory
    simulate: SimulateWebhook

    async def __call__(self, call: Call[None, SimulationRequest]) -> Answer:
        """Simulate one webhook. Raises GatewayError(gateway_unavailable) when policy does not answer in time."""
        integration = await self.directory.integration(call.body.integration_id)
        if integration is None or not call.principal.can_see(integration.account_id):
            raise invalid("integration_id", "is unknown")
        question = SimulationQuestion(
            account_id=integration.account_id,
            integration_id=integration.id,
            actor=call.principal.actor,
            payload=payload_from(call.body.event),
        )
        answer = await self.simulate(question)
        return Answer(simulation_view_from(str(answer.simulation_id), answer.decision))
