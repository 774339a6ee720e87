"""After an outage everything is back without anybody's help: consumers, reply queues, deleted queues, readiness."""

import asyncio
import gc
import time
from uuid import UUID, uuid4

import pytest

from libs.chassis.amqp.connections import force_reconnect
from libs.chassis.amqp.transports import HEARTBEAT
from libs.chassis.replies import Replies
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import RECORDS, WEBHOOKS
from libs.contracts.events import WebhookAnswered, WebhookReceived
from tests.e2e import scenarios
from tests.integration.chassis.world import answer, broker_at, depth, eventually, outside, publish_patiently, webhook
from tests.proxy import Proxy


async def ok(received: Received[WebhookReceived]) -> WebhookAnswered:
    return answer(received.id)


async def test_consumers_and_reply_queue_are_restored_also_when_memory_was_cleaned_during_the_outage(
    vhost: str, proxy: Proxy
) -> None:
    replies, losses = Replies(), list[str]()
    async with broker_at(proxy.url(vhost)) as broker:
        await broker.subscribe_exclusive(
            "replies", ["result.ingress-1.*"], replies.deliver, on_reconnect=lambda: losses.append("lost")
        )
        await broker.consume(WEBHOOKS, (on(WebhookReceived, ok),), prefetch=5)

        await proxy.refuse()
        await eventually(lambda: proxy.connections == 0)
        for _ in range(3):
            gc.collect()
        unready = await broker.healthy()
        await proxy.heal()
        begun = time.monotonic()
        await eventually(broker.healthy, seconds=30)
        restored_s = round(time.monotonic() - begun, 2)
        event_id = uuid4()
        expected = replies.expect(event_id)
        await publish_patiently(broker, webhook(), event_id)
        answered = (await asyncio.wait_for(expected, 20)).event_id == event_id

        scenarios.report("9 consumers collected in an outage", passed=answered and not unready, restored_s=restored_s)
        assert not unready
        assert answered
        assert losses == ["lost"]


async def test_the_reply_queue_is_back_although_the_broker_still_believes_in_the_old_connection(
    vhost: str, proxy: Proxy
) -> None:
    replies, losses = Replies(), list[str]()
    async with broker_at(proxy.url(vhost)) as broker:
        await broker.subscribe_exclusive(
            "replies", ["result.ingress-1.*"], replies.deliver, on_reconnect=lambda: losses.append("lost")
        )
        await broker.consume(WEBHOOKS, (on(WebhookReceived, ok),), prefetch=1)

        proxy.reset(server_notices=False)

        # Heard again, and not after the three heartbeats that the broker believes in the old connection.
        await eventually(lambda: losses, seconds=2 * HEARTBEAT)
        assert await eventually(broker.healthy)


async def test_a_connection_that_is_stuck_is_made_anew_and_everything_restored(vhost: str) -> None:
    replies, losses = Replies(), list[int]()
    async with broker_at(vhost) as broker:
        await broker.subscribe_exclusive(
            "replies", ["result.ingress-1.*"], replies.deliver, on_reconnect=lambda: losses.append(1)
        )
        await broker.consume(WEBHOOKS, (on(WebhookReceived, ok),), prefetch=5)

        await force_reconnect(broker._consuming)

        await eventually(lambda: losses)
        await eventually(broker.healthy)
        expected = replies.expect(event_id := uuid4())
        await publish_patiently(broker, webhook(), event_id)
        assert (await asyncio.wait_for(expected, 20)).event_id == event_id


async def test_a_silent_line_is_noticed_by_heartbeats_and_consumers_come_back(vhost: str, proxy: Proxy) -> None:
    heartbeat, heard = 1, list[UUID]()

    async def hear(received: Received[WebhookReceived]) -> None:
        heard.append(received.id)

    async with broker_at(vhost, "publisher") as publisher, broker_at(proxy.url(vhost), heartbeat=heartbeat) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, hear),), prefetch=5)
        begun = time.monotonic()

        proxy.black_hole()
        await eventually(lambda: not broker._consuming.connected.is_set(), seconds=20)
        noticed = time.monotonic() - begun
        event_id = await publish_patiently(publisher, webhook())
        await proxy.heal()
        await eventually(lambda: event_id in heard)

        assert noticed <= (heartbeat + 1) * 3 + 2


@pytest.mark.parametrize("work", [pytest.param(WEBHOOKS, id="consumed here"), pytest.param(RECORDS, id="not consumed")])
async def test_a_deleted_queue_comes_back_with_its_arguments_and_bindings(vhost: str, work: object) -> None:
    heard: list[UUID] = []

    async def hear(received: Received[WebhookReceived]) -> None:
        heard.append(received.id)

    async with broker_at(vhost, check_interval=0.5) as broker, outside(vhost) as channel:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, hear),), prefetch=5)
        await channel.queue_delete(work.name)  # type: ignore[attr-defined]  # a WorkQueue

        async def back() -> bool:
            async with outside(vhost) as other:
                try:
                    return await depth(other, work.name) >= 0  # type: ignore[attr-defined]  # a WorkQueue
                except Exception:  # noqa: BLE001 -- not there yet
                    return False

        await eventually(back, seconds=30)
        await eventually(broker.healthy, seconds=30)

        async def reached() -> bool:
            """Both queues get an event; the bindings come a moment after the queue."""
            await publish_patiently(broker, webhook())
            return bool(heard) and await depth(channel, RECORDS.name) >= 1

        await eventually(reached, seconds=30)
        async with broker_at(vhost, "another"):
            pass  # declares the same arguments, or would be refused


async def test_a_fresh_broker_gets_everything_declared_at_reconnect(vhost: str, proxy: Proxy) -> None:
    async with broker_at(proxy.url(vhost)) as broker, outside(vhost) as channel:
        for queue in (WEBHOOKS, RECORDS):
            await channel.queue_delete(queue.name)
            await channel.queue_delete(queue.dead_letter_queue)

        proxy.reset()

        async def declared() -> bool:
            async with outside(vhost) as other:
                try:
                    return await depth(other, RECORDS.dead_letter_queue) == 0
                except Exception:  # noqa: BLE001 -- not there yet
                    return False

        await eventually(declared, seconds=30)
        await publish_patiently(broker, webhook())


async def test_many_cuts_leave_no_task_behind(vhost: str, proxy: Proxy) -> None:
    async with broker_at(proxy.url(vhost)) as broker:
        losses = list[int]()
        await broker.subscribe_exclusive(
            "replies", ["result.ingress-1.*"], Replies().deliver, on_reconnect=lambda: losses.append(1)
        )
        await broker.consume(WEBHOOKS, (on(WebhookReceived, ok),), prefetch=5)
        await broker.healthy()
        before = len(asyncio.all_tasks())

        for cut in range(1, 4):
            proxy.reset()
            await eventually(lambda cut=cut: len(losses) >= cut)  # type: ignore[misc]  # bound at once
            await eventually(broker.healthy)

        await eventually(lambda: len(asyncio.all_tasks()) <= before)


async def test_two_services_at_once_declare_everything_from_nothing(vhost: str) -> None:
    async def start(name: str) -> None:
        async with broker_at(vhost, name) as broker:
            await broker.publish(webhook(), id=uuid4())

    await asyncio.gather(*(start(f"service-{number}") for number in range(4)))

    async with outside(vhost) as channel:
        assert await depth(channel, WEBHOOKS.name) == 4
        assert await depth(channel, RECORDS.name) == 4
