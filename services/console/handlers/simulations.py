"""The operation `/policy/simulate`: policy makes the decision, with its own rules and facts; console only asks."""

from dataclasses import dataclass, field
from typing import Final

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import SimulationAnswered
from libs.store.accounts import Directory, Integration
from services.console.domain.refusals import invalid
from services.console.domain.simulations import SimulationRequest, payload_from, simulation_view_from
from services.console.handlers.calls import Answer, Call
from services.console.handlers.simulation_limits import SimulationLimits
from services.console.ports import SimulateWebhook, SimulationQuestion

POLICY: Final = "policy"
"""What is unavailable when policy did not answer in time: it has the question all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateDecision:
    """Shows the decision that policy would make about a webhook."""

    directory: Directory
    simulate: SimulateWebhook
    limits: SimulationLimits = field(default_factory=SimulationLimits)

    async def __call__(self, call: Call[None, SimulationRequest]) -> Answer:
        """Simulate one webhook.

        Raises GatewayError: too_many_requests above the limits, gateway_unavailable when policy does not answer. A call
        counts once policy may have the question, and not when the store or the broker is away.
        """
        actor, account_id = call.principal.actor, None
        self.limits.admit_token(actor)
        try:
            integration = await self.directory.integration(call.body.integration_id)
            if integration is None or not call.principal.can_see(integration.account_id):
                raise invalid("integration_id", "is unknown")
            self.limits.admit_account(integration.account_id)
            account_id = integration.account_id
            answer = await self._answer(call, integration)
        except GatewayError as error:
            if error.code is ErrorCode.GATEWAY_UNAVAILABLE and error.details.get("unavailable") != POLICY:
                self.limits.refund(actor, account_id)
            raise
        return Answer(simulation_view_from(str(answer.simulation_id), answer.decision))

    async def _answer(self, call: Call[None, SimulationRequest], integration: Integration) -> SimulationAnswered:
        question = SimulationQuestion(
            account_id=integration.account_id,
            integration_id=integration.id,
            actor=call.principal.actor,
            payload=payload_from(call.body.event),
        )
        return await self.simulate(question)
