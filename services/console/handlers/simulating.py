"""What would be decided: asked of policy, whose rules and facts it is; console decides nothing itself."""

from dataclasses import dataclass

from libs.store.accounts import Directory
from services.console.domain.principals import invalid
from services.console.domain.simulating import SimulationAsked, payload_of, shown
from services.console.handlers.calling import Answer, Call
from services.console.ports import Question, Simulates


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulate:
    """The call `/policy/simulate`."""

    directory: Directory
    ask: Simulates

    async def __call__(self, call: Call[None, SimulationAsked]) -> Answer:
        """Ask and show. Raises GatewayError(gateway_unavailable) when policy does not answer in time."""
        integration = await self.directory.integration(call.body.integration_id)
        if integration is None or not call.principal.sees(integration.account_id):
            raise invalid("integration_id", "is unknown")
        question = Question(
            account_id=integration.account_id,
            integration_id=integration.id,
            actor=call.principal.actor,
            payload=payload_of(call.body.event),
        )
        answer = await self.ask(question)
        return Answer(shown(str(answer.simulation_id), answer.decision))
