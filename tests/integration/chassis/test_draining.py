"""A consumer handles no more at once than its prefetch, and draining finishes that and begins nothing."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import WEBHOOKS
from libs.contracts.events import WebhookAnswered, WebhookReceived
from tests.integration.chassis.world import (
    answer,
    broker_at,
    comes_to,
    eventually,
    outside,
    publish_patiently,
    webhook,
)
from tests.proxy import Proxy


async def test_no_more_than_the_prefetch_is_in_hand(vhost: str) -> None:
    running, most, finish = 0, 0, asyncio.Event()

    async def handle(_: Received[WebhookReceived]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await finish.wait()
        running -= 1

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        for _ in range(12):
            await broker.publish(webhook(), id=uuid4())
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=4)
        await eventually(lambda: running == 4)

        finish.set()
        await broker.drain(5)

        assert most == 4
        assert await comes_to(channel, WEBHOOKS.name, 12 - 4)


async def test_draining_finishes_what_is_in_hand_and_begins_nothing(vhost: str) -> None:
    begun, done = list[UUID](), list[UUID]()

    async def handle(received: Received[WebhookReceived]) -> WebhookAnswered:
        begun.append(received.id)
        await asyncio.sleep(0.2)
        done.append(received.id)
        return answer(received.id)

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        for _ in range(50):
            await broker.publish(webhook(), id=uuid4())
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=8)
        await eventually(lambda: begun)

        await broker.drain(5)

        assert sorted(begun) == sorted(done)
        assert await comes_to(channel, WEBHOOKS.name, 50 - len(done))


async def test_no_work_is_begun_once_draining_has_begun(vhost: str, proxy: Proxy) -> None:
    begun, done = 0, 0

    async def handle(_: Received[WebhookReceived]) -> None:
        nonlocal begun, done
        begun += 1
        await asyncio.sleep(0.05)
        done += 1

    async with broker_at(proxy.url(vhost)) as broker, broker_at(vhost, "publisher") as publisher:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1000)
        proxy.latency = 0.2  # so that deliveries are under way while the consumer is being ended
        consumer: Any = broker._consumers.each[0]
        published = 0

        async def publish() -> None:
            nonlocal published
            while not consumer._stopping:
                await publish_patiently(publisher, webhook())
                published += 1

        publishing = [asyncio.create_task(publish()) for _ in range(20)]
        await eventually(lambda: begun)
        draining = asyncio.create_task(broker.drain(5))
        while not consumer._stopping:
            await asyncio.sleep(0)
        arrived, published_by_then = done + consumer.in_flight, published
        await draining
        await asyncio.gather(*publishing)

    assert arrived < published_by_then
    assert begun == done
    assert begun <= arrived


async def test_draining_while_the_line_is_dead_ends_in_time(vhost: str, proxy: Proxy) -> None:
    began = asyncio.Event()

    async def handle(received: Received[WebhookReceived]) -> WebhookAnswered:
        began.set()
        return answer(received.id)

    async with broker_at(vhost, "publisher") as publisher, broker_at(proxy.url(vhost)) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=8)
        await publisher.publish(webhook(), id=uuid4())
        await began.wait()
        proxy.black_hole()
        await publisher.publish(webhook(), id=uuid4())

        async with asyncio.timeout(12):
            await broker.drain(2)
