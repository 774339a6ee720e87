"""Results reach the ledger although the store is unavailable for a while, and the first one stands."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from libs.contracts.errors import GatewayError
from libs.contracts.results import AnswerStatus
from libs.providers.outcomes import Accepted, Refused
from services.sender.domain.results import unknown
from tests.unit.sender.gateway import LEASE, Gateway, approved

TAKEN = Accepted(message_id="wamid.A")


def refused(code: int | None, *, status: int = 400, retry_after: float | None = None) -> Refused:
    return Refused(code=code, http_status=status, retry_after=retry_after)


DOWN = refused(131000, status=500)


async def test_a_call_that_outlives_its_lease_ends_as_what_was_said_meanwhile() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.provider.gate = asyncio.Event()
    slow = asyncio.ensure_future(gateway.process("sender-1")(approved()))
    while not gateway.provider.offered:
        await asyncio.sleep(0)
    gateway.world.elapsed += LEASE
    meanwhile = await gateway.process("sender-2")(approved())

    gateway.provider.gate.set()

    assert await slow == meanwhile == unknown("sender_stopped")
    assert len(gateway.provider.offered) == 1
    assert gateway.decisions.released == set()


async def test_a_result_that_the_store_could_not_take_is_kept_until_it_can() -> None:
    gateway = Gateway.answering(TAKEN)
    deliver = gateway.process()
    gateway.provider.gate = asyncio.Event()
    first = asyncio.ensure_future(deliver(approved()))
    while not gateway.provider.offered:
        await asyncio.sleep(0)
    gateway.ledger.away = 5
    gateway.provider.gate.set()
    with pytest.raises(GatewayError):
        await first

    result = await deliver(approved())

    assert (result.code, result.message_id) == (AnswerStatus.SENT, "wamid.A")
    assert len(gateway.provider.offered) == 1


async def test_a_store_that_is_away_for_a_moment_is_waited_for() -> None:
    gateway = Gateway.answering(DOWN, TAKEN)
    deliver = gateway.process()
    gateway.provider.gate = asyncio.Event()
    message = asyncio.ensure_future(deliver(approved()))
    while not gateway.provider.offered:
        await asyncio.sleep(0)
    gateway.ledger.away = 3
    gateway.provider.gate.set()

    result = await message

    assert result.code is AnswerStatus.SENT


async def test_the_time_to_whatsapps_answer_is_observed_for_messages_that_it_took() -> None:
    def observed() -> float:
        return REGISTRY.get_sample_value("gateway_message_delivery_seconds_count") or 0.0

    before = observed()

    await Gateway.answering(TAKEN).process()(approved())
    taken = observed()
    await Gateway.answering(refused(131026)).process()(approved())

    assert (taken, observed()) == (before + 1, before + 1)
