"""A broker killed under load, or out of memory: what was confirmed is there, and the control without confirms loses."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from libs.chassis.amqp import Broker
from libs.chassis.replies import Replies
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import RECORDS, WEBHOOKS
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import WebhookAnswered, WebhookReceived
from tests.e2e import scenarios
from tests.integration.chassis.world import answer, broker_at, depth, eventually, outside, publish_patiently, webhook
from tools.broker import BrokerNode

PUBLISHERS = 20
LOAD_BEFORE_THE_KILL = 0.7


@asynccontextmanager
async def load(one: object) -> AsyncIterator[None]:
    """Many publishers that go on through an outage, until the block is left."""
    stop = asyncio.Event()

    async def publisher() -> None:
        while not stop.is_set():
            await one()  # type: ignore[operator]  # a coroutine function

    async with asyncio.TaskGroup() as tasks:
        for _ in range(PUBLISHERS):
            tasks.create_task(publisher())
        yield
        stop.set()


async def taken(channel: AbstractChannel, name: str) -> set[str]:
    """The ids of all messages in a queue, which is empty afterwards."""
    queue, found = await channel.get_queue(name, ensure=False), set[str]()

    async def take(message: AbstractIncomingMessage) -> None:
        found.add(message.message_id or "")

    async def all_taken() -> bool:
        before = len(found)
        await asyncio.sleep(0.3)
        return len(found) == before and await depth(channel, name) == 0

    await queue.consume(take, no_ack=True)
    await eventually(all_taken)
    return found


async def test_no_confirmed_event_is_lost_when_the_broker_is_killed_and_a_publisher_without_confirms_loses_some(
    fragile: BrokerNode,
) -> None:
    confirmed, claimed, failed = set[str](), set[str](), 0
    (url,) = await fragile.add_vhosts("kill")

    async with broker_at(url) as broker, await aio_pika.connect_robust(url, reconnect_interval=1) as careless:
        channel = await careless.channel(publisher_confirms=False)
        await channel.declare_queue("control", durable=True, arguments={"x-queue-type": "quorum"})
        await fragile.sync()

        async def with_confirms() -> None:
            nonlocal failed
            event_id = uuid4()
            try:
                await broker.publish(webhook(), id=event_id)
                confirmed.add(str(event_id))
            except GatewayError:
                failed += 1
                await asyncio.sleep(0.05)

        async def without_confirms() -> None:
            message = aio_pika.Message(b"x" * 400, message_id=str(uuid4()), delivery_mode=2)
            try:
                async with asyncio.timeout(1.5):
                    await channel.default_exchange.publish(message, "control")
                claimed.add(message.message_id or "")
            except Exception:  # noqa: BLE001 -- the naive publisher that this is about
                await asyncio.sleep(0.05)

        async with load(with_confirms), load(without_confirms):
            await asyncio.sleep(LOAD_BEFORE_THE_KILL)
            # It hangs for a moment and dies: what lies in its socket by then, a careless publisher believes to be safe.
            os.kill(fragile.pid, signal.SIGSTOP)
            await asyncio.sleep(0.3)
            fragile.kill()
            before = len(confirmed)
            await fragile.restart()
            await eventually(lambda: len(confirmed) > before)
            await eventually(broker.healthy)

        async with outside(url) as other:
            judged, recorded = await taken(other, WEBHOOKS.name), await taken(other, RECORDS.name)
            arrived = await taken(other, "control")

    lost, lost_by_control = confirmed - (judged & recorded), claimed - arrived
    figures = {"confirmed": len(confirmed), "lost": len(lost), "failed": failed}
    scenarios.report("1 broker kill -9, publishers alone", passed=not lost, **figures)
    scenarios.report(
        "2 the control without confirms",
        passed=bool(lost_by_control),
        claimed=len(claimed),
        on_reconnect=len(lost_by_control),
    )
    assert failed > 0
    assert len(confirmed) > 100
    assert confirmed - judged == set()
    assert confirmed - recorded == set()
    assert lost_by_control != set(), "the control lost nothing, so this test could not have seen a loss"


@pytest.mark.long
async def test_requests_are_answered_again_after_the_broker_was_killed(fragile: BrokerNode) -> None:
    (url,) = await fragile.add_vhosts("answers")
    replies, handled = Replies(), set[UUID]()

    async def reply(received: Received[WebhookReceived]) -> WebhookAnswered:
        handled.add(received.id)
        return answer(received.id)

    async def ask(broker: Broker) -> bool:
        event_id = uuid4()
        expected = replies.expect(event_id)
        await publish_patiently(broker, webhook(), event_id)
        return (await asyncio.wait_for(expected, 20)).event_id == event_id

    async with broker_at(url, "ingress") as ingress, broker_at(url, "policy") as policy:
        await ingress.subscribe_exclusive("replies", ["result.ingress-1.*"], replies.deliver)
        await policy.consume(WEBHOOKS, (on(WebhookReceived, reply),), prefetch=8)
        assert await ask(ingress)
        await fragile.sync()

        fragile.kill()
        await fragile.restart()
        await eventually(ingress.healthy)
        await eventually(policy.healthy)

        assert await ask(ingress)


async def test_under_a_memory_alarm_publishes_fail_in_time_consuming_goes_on_and_all_recovers(
    fragile: BrokerNode,
) -> None:
    (url,) = await fragile.add_vhosts("alarm")
    heard: list[str] = []

    async def hear(received: object) -> None:
        heard.append("one")

    async with broker_at(url) as broker, broker_at(url, "another") as another, outside(url) as channel:
        for _ in range(3):
            await another.publish(webhook(), id=uuid4())
        await fragile.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
        try:
            begun = time.monotonic()
            with pytest.raises(GatewayError) as failed:
                await broker.publish(webhook(), id=uuid4())
            took = time.monotonic() - begun
            ready = await broker.healthy()
            await broker.consume(WEBHOOKS, (on(WebhookReceived, hear),), prefetch=10)
            await eventually(lambda: len(heard) >= 3)
        finally:
            await fragile.rabbitmqctl("set_vm_memory_high_watermark", "0.4")

        assert failed.value.code is ErrorCode.GATEWAY_UNAVAILABLE
        assert took <= 2.0
        assert not ready
        await eventually(broker.healthy)
        await broker.publish(webhook(), id=uuid4())
        assert await depth(channel, WEBHOOKS.name) == 0
