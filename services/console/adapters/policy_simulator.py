"""Asks policy for a simulated decision over the broker; the answer arrives on this replica's own queue."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from libs.chassis.clock import NewId
from libs.chassis.subscriptions import Received
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, SimulationAnswered, SimulationRequested
from services.console.ports import Publisher, SimulationQuestion

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSimulator:
    """`SimulateWebhook`."""

    publisher: Publisher
    replica: str
    new_id: NewId
    seconds: float = TIMEOUT_SECONDS
    _waiting: dict[UUID, asyncio.Future[SimulationAnswered]] = field(default_factory=dict)

    @property
    def routing_key(self) -> str:
        """The routing key of answers to this replica."""
        return f"{SimulationAnswered.name}.{self.replica}"

    async def __call__(self, question: SimulationQuestion) -> SimulationAnswered:
        """As `SimulateWebhook`."""
        simulation_id = self.new_id()
        request = SimulationRequested(
            account_id=question.account_id,
            integration_id=question.integration_id,
            reply_to=self.replica,
            actor=question.actor,
            payload=question.payload,
        )
        answer: asyncio.Future[SimulationAnswered] = asyncio.get_running_loop().create_future()
        self._waiting[simulation_id] = answer
        try:
            async with asyncio.timeout(self.seconds):
                await self.publisher.publish(request, id=simulation_id)
                return await answer
        except TimeoutError:
            raise unavailable("policy") from None
        finally:
            del self._waiting[simulation_id]

    async def receive(self, received: Received[Event]) -> None:
        """Hand an answer to the call that waits for it; after a timeout none does, which is no error."""
        event = received.event
        if isinstance(event, SimulationAnswered):
            waiting = self._waiting.get(event.simulation_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(event)
