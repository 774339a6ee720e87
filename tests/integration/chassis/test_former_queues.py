"""Wait queues of earlier releases are emptied, and removed by the second declare step."""

from collections.abc import AsyncIterator
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    FORWARDS,
    WEBHOOKS,
    WorkQueue,
)
from libs.contracts.events import WebhookReceived
from tests.event_keys import authentic
from tests.integration.chassis.declaring import has_queue, service
from tests.integration.chassis.world import (
    SHORT,
    declared_by_an_earlier_release,
    eventually,
    outside,
    webhook,
)
from tools.broker.rights import DECLARER


@pytest.fixture
async def upgraded(vhost: str, urls: dict[str, str]) -> AsyncIterator[AbstractChannel]:
    """A vhost with two work queues and their wait queues as an earlier release declared them."""
    async with outside(vhost) as channel:
        await channel.declare_exchange(EXCHANGE, "topic", durable=True)
        await channel.declare_exchange(DEAD_LETTER_EXCHANGE, "direct", durable=True)
        for work in (WEBHOOKS, FORWARDS):
            await declared_by_an_earlier_release(channel, work)
        yield channel


def former(work: WorkQueue) -> list[str]:
    return [work.former_wait_queue(delay) for delay in work.delays(SHORT)]


async def test_what_waits_in_an_old_wait_queue_arrives_and_the_queue_goes_with_the_second_run(
    upgraded: AbstractChannel, vhost: str, urls: dict[str, str]
) -> None:
    waiting, heard = uuid4(), list[object]()
    await upgraded.default_exchange.publish(authentic(webhook(), waiting), former(WEBHOOKS)[0])

    async def hear(received: Received[WebhookReceived]) -> None:
        heard.append(received.id)

    before_rollout = await declare_everything(urls[DECLARER], delays=SHORT)
    async with service("policy", urls["policy"]) as policy:
        await policy.consume(WEBHOOKS, (on(WebhookReceived, hear),), prefetch=5)
        await eventually(lambda: heard)
    after_rollout = await declare_everything(urls[DECLARER], delays=SHORT)

    assert heard == [waiting]
    assert before_rollout.removed == after_rollout.left == ()
    assert set(before_rollout.left) == set(after_rollout.removed) == {*former(WEBHOOKS), *former(FORWARDS)}
    assert not [name for name in former(WEBHOOKS) if await has_queue(vhost, name)]


async def test_an_old_wait_queue_that_is_not_empty_stays_until_it_is(
    upgraded: AbstractChannel, vhost: str, urls: dict[str, str]
) -> None:
    longest = former(FORWARDS)[-1]  # an hour
    await upgraded.default_exchange.publish(aio_pika.Message(b"waits"), longest)

    await declare_everything(urls[DECLARER], delays=SHORT)
    first = await declare_everything(urls[DECLARER], delays=SHORT)
    await (await upgraded.get_queue(longest)).purge()
    second = await declare_everything(urls[DECLARER], delays=SHORT)

    assert longest in first.left
    assert first.removed
    assert set(second.removed) == set(first.left)
    assert second.left == ()
    assert not [name for name in (*former(WEBHOOKS), *former(FORWARDS)) if await has_queue(vhost, name)]
