"""Dead letters survive lost connections, and a broker that would drop them is found out."""

import aio_pika
import pytest

from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_POLICY,
    FORWARDS,
    POLICY_MARKER,
    WEBHOOKS,
    all_queues,
)
from tests.integration.chassis.declaring import LIKE_RABBITMQ_4, gauge, has, service, vhost_of
from tests.integration.chassis.world import (
    SHORT,
    depth,
    eventually,
    outside,
    stays_empty,
)
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER

FLAPS = 40
"""Twice as many as cost a letter on RabbitMQ 4."""


async def flap(url: str, queue: str, times: int) -> None:
    """Take every message of a queue and lose the connection, again and again."""
    for _ in range(times):
        connection = await aio_pika.connect(url)
        channel = await connection.channel()
        found = await channel.get_queue(queue, ensure=False)
        while await found.get(no_ack=False, fail=False) is not None:
            pass
        await connection.close()


@pytest.mark.parametrize("flaps", [FLAPS, pytest.param(1_000, marks=pytest.mark.long)])
async def test_dead_letters_survive_lost_connections_because_of_the_policy(
    broker: BrokerNode, vhost: str, urls: dict[str, str], flaps: int
) -> None:
    await broker.rabbitmqctl(LIKE_RABBITMQ_4[0], "-p", vhost_of(vhost), *LIKE_RABBITMQ_4[1:])
    await declare_everything(urls[DECLARER])
    async with outside(vhost) as channel:
        dead = await channel.get_exchange(DEAD_LETTER_EXCHANGE)
        for work in (WEBHOOKS, FORWARDS):
            await dead.publish(aio_pika.Message(b"letter"), work.name)

        await flap(urls["console"], WEBHOOKS.dead_letter_queue, flaps)
        await eventually(lambda: depth(channel, WEBHOOKS.dead_letter_queue))
        await broker.rabbitmqctl("clear_policy", "-p", vhost_of(vhost), str(DEAD_LETTER_POLICY["name"]))
        await flap(urls["console"], FORWARDS.dead_letter_queue, FLAPS)

        assert await stays_empty(channel, FORWARDS.dead_letter_queue, seconds=1.0), "the policy is what kept the other"


async def test_a_missing_policy_is_found_out_by_what_the_broker_does(
    broker: BrokerNode, vhost: str, urls: dict[str, str]
) -> None:
    vhost_name, name = vhost_of(vhost), str(DEAD_LETTER_POLICY["name"])
    await broker.rabbitmqctl(LIKE_RABBITMQ_4[0], "-p", vhost_name, *LIKE_RABBITMQ_4[1:])
    assert (await declare_everything(urls[DECLARER], delays=SHORT)).dead_letters_survive

    await broker.rabbitmqctl("clear_policy", "-p", vhost_name, name)
    declared = await declare_everything(urls[DECLARER], delays=SHORT)

    assert not declared.dead_letters_survive
    assert not await has(vhost, POLICY_MARKER)
    async with service("policy", urls["policy"]) as policy:
        assert gauge("gateway_dead_letter_policy_missing") == 1
        assert await policy.healthy(), "a warning, not an outage"

        await broker.add_users(vhost_name)  # imports the policy again
        assert (await declare_everything(urls[DECLARER], delays=SHORT)).dead_letters_survive
        await eventually(lambda: gauge("gateway_dead_letter_policy_missing") == 0)


async def test_the_policy_is_in_the_broker_where_everybody_sees_it(
    broker: BrokerNode, vhost: str, urls: dict[str, str]
) -> None:
    await declare_everything(urls[DECLARER])

    listed = await broker.rabbitmqctl("list_queues", "-p", vhost_of(vhost), "--no-table-headers", "name", "policy")

    under = dict(line.split("\t") for line in listed.splitlines())
    limited = {queue for queue, policy in under.items() if policy == DEAD_LETTER_POLICY["name"]}
    assert '{"delivery-limit":1000000}' in await broker.rabbitmqctl("list_policies", "-p", vhost_of(vhost))
    assert limited == {queue.name for queue in all_queues() if queue.name.endswith(".dead")}
