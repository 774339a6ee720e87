"""Policy, asked over the broker: the request names this replica, and the answer comes to its own queue."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from libs.chassis.clock import NewId
from libs.chassis.consuming import Received
from libs.contracts.errors import unavailable
from libs.contracts.events import Event, SimulationAnswered, SimulationRequested
from services.console.ports import Publisher, Question

SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSimulations:
    """`Simulates`."""

    publisher: Publisher
    instance: str
    new_id: NewId
    seconds: float = SECONDS
    _waiting: dict[UUID, asyncio.Future[SimulationAnswered]] = field(default_factory=dict)

    @property
    def binding(self) -> str:
        """What this replica's queue binds to hear its answers."""
        return f"{SimulationAnswered.name}.{self.instance}"

    async def __call__(self, question: Question) -> SimulationAnswered:
        """As `Simulates`."""
        simulation_id = self.new_id()
        asked = SimulationRequested(
            account_id=question.account_id,
            integration_id=question.integration_id,
            reply_to=self.instance,
            actor=question.actor,
            payload=question.payload,
        )
        answer: asyncio.Future[SimulationAnswered] = asyncio.get_running_loop().create_future()
        self._waiting[simulation_id] = answer
        try:
            async with asyncio.timeout(self.seconds):
                await self.publisher.publish(asked, id=simulation_id)
                return await answer
        except TimeoutError:
            raise unavailable("policy") from None
        finally:
            del self._waiting[simulation_id]

    async def heard(self, received: Received[Event]) -> None:
        """An answer came; nobody waiting for it any more is no error."""
        event = received.event
        if isinstance(event, SimulationAnswered):
            waiting = self._waiting.get(event.simulation_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(event)
