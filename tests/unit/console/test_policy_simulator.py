"""The console asks policy for a simulated decision, and each call gets its own answer or none."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.decisions import Decision
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event, SimulationAnswered, SimulationRequested, WebhookPayload
from services.console.adapters.policy_simulator import BrokerSimulator
from services.console.ports import SimulationQuestion

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
QUESTION = SimulationQuestion(
    account_id="acc_1", integration_id="int_1", actor="admin", payload=WebhookPayload(event_type="test")
)


@dataclass
class Published:
    """A publisher that keeps what it publishes."""

    requests: dict[UUID, SimulationRequested] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002 -- as the port
        assert isinstance(event, SimulationRequested)
        assert at is None
        self.requests[id] = event
        self.changed.set()

    async def until(self, count: int) -> list[UUID]:
        """The ids of the requests once there are `count`."""
        async with asyncio.timeout(5):
            while len(self.requests) < count:
                self.changed.clear()
                await self.changed.wait()
        return list(self.requests)


def simulator(publisher: Published, seconds: float = 5.0) -> BrokerSimulator:
    """A simulator whose ids count from 1."""
    ids = iter(range(1, 100))
    return BrokerSimulator(
        publisher=publisher, replica="console-1", new_id=lambda: UUID(int=next(ids)), seconds=seconds
    )


def answer_to(simulation_id: UUID, score: int) -> Received[Event]:
    """Policy's answer, recognised by its score."""
    decision = Decision(risk_score=score)
    event = SimulationAnswered(simulation_id=simulation_id, reply_to="console-1", decision=decision)
    return Received(event=event, id=UUID(int=99), at=NOW)


async def test_each_call_gets_its_own_answer_in_any_order() -> None:
    publisher = Published()
    ask = simulator(publisher)
    calls = [asyncio.create_task(ask(QUESTION)) for _ in range(2)]

    first, second = await publisher.until(2)
    await ask.receive(answer_to(second, 2))
    await ask.receive(answer_to(second, 3))
    await ask.receive(answer_to(first, 1))
    answers = await asyncio.gather(*calls)

    assert [answer.decision.risk_score for answer in answers] == [1, 2]
    assert {request.reply_to for request in publisher.requests.values()} == {"console-1"}
    assert ask.routing_key == "simulation.answered.console-1"


async def test_without_an_answer_the_gateway_is_unavailable_and_a_late_one_does_no_harm() -> None:
    publisher = Published()
    ask = simulator(publisher, seconds=0.01)

    with pytest.raises(GatewayError) as unavailable:
        await ask(QUESTION)
    (late,) = publisher.requests
    await ask.receive(answer_to(late, 1))

    assert unavailable.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert unavailable.value.details["unavailable"] == "policy"
