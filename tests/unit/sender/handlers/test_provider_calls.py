"""A number whose circuit is open spares the provider, and one probe finds out when it can send again."""

import asyncio
from typing import Any
from uuid import UUID

from libs.contracts.errors import ErrorCode
from libs.providers.outcomes import NotSent
from services.sender.domain.circuit_breaker import BreakerLimits
from services.sender.domain.retry_delays import RetryLimits
from tests.unit.sender.gateway import Gateway, approved


async def test_a_circuit_that_opened_spares_the_provider_and_then_probes_once() -> None:
    gateway = Gateway.answering(
        *[NotSent("connect_failed")] * 4,
        limits=RetryLimits(attempts=1),
        breaker=BreakerLimits(calls=4, open_s=2.0),
    )
    deliver = gateway.process()

    def messages(*numbers: int) -> list[Any]:
        return [deliver(approved(event_id=UUID(int=n), customer_key=f"c{n}")) for n in numbers]

    for message in messages(1, 2, 3, 4):
        await message
    stopped = await messages(5)[0]
    gateway.world.elapsed += 2.0
    gateway.provider.gate = asyncio.Event()
    probing = [asyncio.ensure_future(m) for m in messages(6, 7, 8)]
    while len(gateway.provider.offered) < 5 or sum(task.done() for task in probing) < 2:
        await asyncio.sleep(0)
    gateway.provider.gate.set()

    results = await asyncio.gather(*probing)

    assert (stopped.code, stopped.details["reason"]) == (ErrorCode.GATEWAY_SEND_FAILED, "circuit_open")
    assert sorted(r.code.value for r in results) == ["gateway_send_failed", "gateway_send_failed", "sent"]
    assert len(gateway.provider.offered) == 5
