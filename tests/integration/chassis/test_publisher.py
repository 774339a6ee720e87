"""Publishing: confirmed, or gateway_unavailable in time; never a hang, never a cancellation that nobody asked for."""

import asyncio
import time
from uuid import uuid4

import pytest
from aiormq.abc import AbstractChannel
from pamqp.common import FieldTable

from libs.chassis.subscriptions import MessageMetadata
from libs.chassis.topology import EXCHANGE, RECORDS, WEBHOOKS
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import WebhookReceived
from tests.e2e import scenarios
from tests.integration.chassis.world import broker_at, depth, eventually, outside, publish_patiently, webhook
from tests.proxy import Direction, Proxy
from tools.broker import BrokerNode


async def test_a_confirmed_event_is_in_every_queue_that_wants_it(vhost: str) -> None:
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.publish(webhook(), id=uuid4())

        assert await depth(channel, WEBHOOKS.name) == 1
        assert await depth(channel, RECORDS.name) == 1


async def test_an_event_that_no_queue_takes_is_refused_and_the_next_one_is_taken(vhost: str) -> None:
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        audit = await channel.get_queue(RECORDS.name)
        await audit.unbind(EXCHANGE, "#")
        policy = await channel.get_queue(WEBHOOKS.name)
        await policy.unbind(EXCHANGE, WebhookReceived.binding)

        with pytest.raises(GatewayError) as refused:
            await broker.publish(webhook(), id=uuid4())
        await policy.bind(EXCHANGE, WebhookReceived.binding)
        await broker.publish(webhook(), id=uuid4())
        arrived = await depth(channel, WEBHOOKS.name)

        scenarios.report("11 unroutable", passed=arrived == 1, refused=1, arrived=arrived)
        assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE
        assert arrived == 1


async def test_a_full_queue_refuses_instead_of_dropping(vhost: str) -> None:
    full: FieldTable = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        queue = await channel.declare_queue("small", durable=True, arguments=full)
        await queue.bind(EXCHANGE, "#")

        async def refused() -> bool:
            try:
                await broker.publish(webhook(), id=uuid4())
            except GatewayError as failure:
                return failure.code is ErrorCode.GATEWAY_UNAVAILABLE
            return False

        assert await eventually(refused)


async def test_after_a_refusal_it_publishes_on_another_channel(broker: BrokerNode, vhost: str) -> None:
    """RabbitMQ 3.10 may refuse on one channel what it takes on another, once the leader of a queue was killed."""
    full: FieldTable = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
    async with broker_at(vhost) as publishing, outside(vhost) as channel:
        queue = await channel.declare_queue("small", durable=True, arguments=full)
        await queue.bind(EXCHANGE, "#")
        before = await confirming_channels(broker, vhost)

        async def refused() -> bool:
            try:
                await publishing.publish(webhook(), id=uuid4())
            except GatewayError:
                return True
            return False

        await eventually(refused)

        async def another() -> bool:
            now = await confirming_channels(broker, vhost)
            return len(now) == len(before) and now != before  # the old one is closed

        await eventually(another, seconds=30)
        await queue.purge()
        await publish_patiently(publishing, webhook())

        assert await publishing.healthy()


async def confirming_channels(node: BrokerNode, url: str) -> set[str]:
    """The broker's processes for the channels of a vhost that confirm."""
    listed = await node.rabbitmqctl("list_channels", "--no-table-headers", "pid", "vhost", "confirm")
    rows = [line.split("\t") for line in listed.splitlines()]
    return {pid for pid, vhost, confirms in rows if vhost == url.rpartition("/")[2] and confirms == "true"}


async def test_with_the_broker_away_a_publish_fails_at_once(vhost: str, proxy: Proxy) -> None:
    async with broker_at(proxy.url(vhost)) as broker:
        await proxy.refuse()
        await eventually(lambda: proxy.connections == 0)
        begun = time.monotonic()

        with pytest.raises(GatewayError) as failed:
            await broker.publish(webhook(), id=uuid4())

        assert failed.value.code is ErrorCode.GATEWAY_UNAVAILABLE
        assert time.monotonic() - begun < 1.9
        await proxy.heal()
        await publish_patiently(broker, webhook())


@pytest.mark.parametrize(
    "direction",
    [
        pytest.param(Direction.BOTH, id="when nothing comes through"),
        pytest.param(Direction.TO_CLIENT, id="when the broker hears us and we do not hear it"),
        pytest.param(Direction.TO_SERVER, id="when we hear the broker and it does not hear us"),
    ],
)
async def test_on_a_silent_line_a_publish_fails_within_its_time_limit(
    vhost: str, proxy: Proxy, direction: Direction
) -> None:
    async with broker_at(proxy.url(vhost)) as broker:
        proxy.black_hole(direction)
        begun = time.monotonic()

        with pytest.raises(GatewayError) as failed:
            await broker.publish(webhook(), id=uuid4(), timeout=0.5)

        assert failed.value.code is ErrorCode.GATEWAY_UNAVAILABLE
        assert 0.4 < time.monotonic() - begun < 1.5
        assert not await broker.healthy()
        await proxy.heal()
        await eventually(broker.healthy)


async def test_a_line_cut_during_publishes_fails_them_and_cancels_nobody(vhost: str, proxy: Proxy) -> None:
    async with broker_at(proxy.url(vhost)) as broker:
        proxy.black_hole(Direction.TO_CLIENT)
        publishing = [asyncio.create_task(broker.publish(webhook(), id=uuid4())) for _ in range(20)]
        await asyncio.sleep(0.05)

        proxy.reset()
        outcomes = await asyncio.gather(*publishing, return_exceptions=True)

        assert {type(outcome) for outcome in outcomes} == {GatewayError}


async def test_a_caller_that_is_cancelled_stays_cancelled(vhost: str, proxy: Proxy) -> None:
    async with broker_at(proxy.url(vhost)) as broker:
        proxy.black_hole()
        publishing = asyncio.create_task(broker.publish(webhook(), id=uuid4()))
        await asyncio.sleep(0.05)

        publishing.cancel()

        with pytest.raises(asyncio.CancelledError):
            await publishing
        await proxy.heal()


async def test_a_cancellation_by_the_library_becomes_an_outage(vhost: str) -> None:
    async with broker_at(vhost) as broker:
        publisher = broker.publisher

        async def cancelled() -> AbstractChannel:  # as the library may do when a connection dies
            raise asyncio.CancelledError

        publisher._confirmed = None
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(publisher._channel, "get_underlay_channel", cancelled)
            with pytest.raises(GatewayError) as failed:
                await publisher.publish(webhook(), MessageMetadata(id=uuid4(), at=broker._clock()))

        assert failed.value.code is ErrorCode.GATEWAY_UNAVAILABLE
