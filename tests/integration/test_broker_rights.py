"""What each broker user may do, on a real broker: its own events, its own queues, and nothing else."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity
from pamqp.common import FieldTable, FieldValue

from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.settlement import RETRY_DELAYS
from libs.chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    POLICY_MARKER,
    PROBE_EXCHANGE,
    REPLAY_EXCHANGE,
    SHARED_EXCHANGES,
    WORK_QUEUES,
    WorkQueue,
    all_queues,
    queues_of,
    retry_exchange_of,
)
from libs.contracts.errors import ErrorCode
from libs.contracts.events import EVENTS, Event
from libs.contracts.producers import PRODUCERS
from libs.contracts.results import AnswerStatus
from tests.conftest import run_apart
from tests.contract.wire.examples import EXAMPLES
from tools.broker import BrokerNode
from tools.broker.rights import CONSOLE, DECLARER, PRIVATE_BINDINGS, REPLICA, SENDER, SERVICES

CONSUMERS = tuple(service for service in SERVICES if service != CONSOLE)
RETRY_EXCHANGES = tuple(dict.fromkeys(retry_exchange_of(work.name) for work in WORK_QUEUES))
EVERY_EXCHANGE = ("", *SHARED_EXCHANGES, *RETRY_EXCHANGES)
RESULTS = (*AnswerStatus, *ErrorCode)


@pytest.fixture(scope="module")
def urls(broker: BrokerNode, unused_vhosts: Iterator[str]) -> dict[str, str]:
    """The AMQP URL of each user on a vhost where everything is declared."""
    urls = run_apart(broker.add_users(next(unused_vhosts).rpartition("/")[2]))
    run_apart(declare_everything(urls[DECLARER]))
    return urls


@dataclass(frozen=True, slots=True)
class User:
    """One broker user's connection; whatever is refused closes its channel, so each request gets one of its own."""

    connection: aio_pika.abc.AbstractConnection

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        channel = await self.connection.channel(on_return_raises=False)
        yield channel
        if not channel.is_closed:
            await channel.close()

    async def may_publish(self, exchange: str, key: str) -> bool:
        """Whether the broker takes a message with this key. It is empty: no consumer is there to read it."""
        async with self.channel() as channel:
            target = channel.default_exchange if not exchange else await channel.get_exchange(exchange, ensure=False)
            return await allowed(target.publish(aio_pika.Message(b""), key, timeout=10))

    async def may_get(self, queue: str) -> bool:
        async with self.channel() as channel:
            found = await channel.get_queue(queue, ensure=False)
            return await allowed(found.get(no_ack=False, fail=False, timeout=10))

    async def may_declare(self, queue: str, **arguments: FieldValue) -> bool:
        async with self.channel() as channel:
            given: FieldTable = {"x-queue-type": "quorum", **arguments}
            return await allowed(channel.declare_queue(queue, durable=True, arguments=given, timeout=10))

    async def may_delete(self, queue: str) -> bool:
        async with self.channel() as channel:
            return await allowed(channel.queue_delete(queue, if_unused=False, timeout=10))

    async def may_declare_exchange(self, name: str) -> bool:
        async with self.channel() as channel:
            return await allowed(channel.declare_exchange(name, "direct", durable=True, timeout=10))

    async def may_bind(self, exchange: str, key: str) -> bool:
        """Whether an exclusive queue of this user may be bound."""
        async with self.channel() as channel:
            queue = await channel.declare_queue(f"private.{uuid4().hex}", exclusive=True, timeout=10)
            return await allowed(queue.bind(exchange, key, timeout=10))


async def allowed(request: object) -> bool:
    try:
        await request  # type: ignore[misc]  # an awaitable of whatever kind
    except ChannelAccessRefused:
        return False
    return True


@asynccontextmanager
async def user(urls: dict[str, str], name: str) -> AsyncIterator[User]:
    async with await aio_pika.connect(urls[name]) as connection:
        yield User(connection)


@pytest.mark.parametrize("name", [*SERVICES, DECLARER])
async def test_a_user_may_publish_its_own_events_and_no_other(urls: dict[str, str], name: str) -> None:
    own = PRODUCERS.get(name, ())

    async with user(urls, name) as each:
        taken = [event for event in EXAMPLES if await each.may_publish(EXCHANGE, key_of(event))]

    assert {type(event) for event in taken} == set(own)


def key_of(event: Event) -> str:
    """The key of the example; the example of a result says `sent`, which has a test of its own."""
    return event.routing_key.replace(".sent", ".ok") if event.name == "webhook.answered" else event.routing_key


@pytest.mark.parametrize("name", SERVICES)
async def test_sender_alone_may_say_that_a_message_was_sent(urls: dict[str, str], name: str) -> None:
    async with user(urls, name) as each:
        said = {code.value for code in RESULTS if await each.may_publish(EXCHANGE, f"result.ingress-1.{code.value}")}

    every = {code.value for code in RESULTS}
    assert said == {"sender": every, "policy": every - {"sent"}, "ingress": every - {"sent"}}.get(name, set())


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("key", ["", "#", "message.approved.x", "x.message.approved", "result.a.b.sent", "result.sent"])
async def test_a_key_that_only_looks_like_an_event_is_refused(urls: dict[str, str], name: str, key: str) -> None:
    async with user(urls, name) as each:
        assert not await each.may_publish(EXCHANGE, key)


@pytest.mark.parametrize("name", [*SERVICES, DECLARER])
async def test_a_user_publishes_to_its_own_exchanges_and_never_to_the_default_one(
    urls: dict[str, str], name: str
) -> None:
    expected = {DEAD_LETTER_EXCHANGE, PROBE_EXCHANGE, f"{name}.retry"} if name in CONSUMERS else set()
    if name == CONSOLE:
        expected = {REPLAY_EXCHANGE, PROBE_EXCHANGE}
    elif name == DECLARER:
        expected = {*EVERY_EXCHANGE} - {"", EXCHANGE}

    async with user(urls, name) as each:
        taken = {
            exchange
            for exchange in EVERY_EXCHANGE
            if exchange != EXCHANGE and await each.may_publish(exchange, "policy.webhooks")
        }

    assert taken == expected


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_reads_its_own_queues_and_console_the_dead_letters(urls: dict[str, str], name: str) -> None:
    expected = {queue.name for work in WORK_QUEUES if work.service == name for queue in queues_of(work)}
    if name == CONSOLE:
        expected = {work.dead_letter_queue for work in WORK_QUEUES}

    async with user(urls, name) as each:
        read = {queue.name for queue in all_queues() if await each.may_get(queue.name)}

    assert read == expected


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_declares_its_own_queues_alone(urls: dict[str, str], name: str) -> None:
    async with user(urls, name) as each:
        declared = {
            queue.name
            for queue in all_queues()
            if await each.may_declare(queue.name, **{k: v for k, v in queue.arguments.items() if k != "x-queue-type"})
        }
        exchanges = {
            exchange
            for exchange in (*SHARED_EXCHANGES, POLICY_MARKER, *RETRY_EXCHANGES)
            if exchange != EXCHANGE and await each.may_declare_exchange(exchange)
        }

    assert declared == {queue.name for work in WORK_QUEUES if work.service == name for queue in queues_of(work)}
    assert exchanges == ({f"{name}.retry"} if name in CONSUMERS else set())


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_cannot_delete_what_is_not_its_own(urls: dict[str, str], name: str) -> None:
    others = [queue.name for queue in all_queues() if queue.name.partition(".")[0] != name]

    async with user(urls, name) as each:
        assert [queue for queue in others if await each.may_delete(queue)] == []


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_listens_to_what_it_handles_and_not_to_everything(urls: dict[str, str], name: str) -> None:
    own = {key.replace(REPLICA, "replica-1") for key in PRIVATE_BINDINGS[name]}
    own |= {key for work in WORK_QUEUES if work.service == name for key in work.bindings}
    others = {key for work in WORK_QUEUES for key in work.bindings} | {"#", "*.*", "result.#", "result.*.sent"}

    async with user(urls, name) as each:
        heard = {key for key in own | others if await each.may_bind(EXCHANGE, key)}

    assert heard == own


async def test_an_exclusive_queue_of_one_service_is_closed_to_the_others(urls: dict[str, str]) -> None:
    async with user(urls, "ingress") as ingress, user(urls, "policy") as policy, ingress.channel() as channel:
        queue = await channel.declare_queue(f"private.{uuid4().hex}", exclusive=True)

        with pytest.raises(aio_pika.exceptions.AMQPError, match="RESOURCE_LOCKED"):
            await policy.may_get(queue.name)


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
async def test_a_delivery_waits_and_comes_back_with_its_services_own_user(
    urls: dict[str, str], work: WorkQueue
) -> None:
    shortest = work.wait_queue(RETRY_DELAYS.distinct[0])
    async with user(urls, work.service) as each, each.channel() as channel:
        queue = await channel.get_queue(work.name, ensure=False)
        await queue.purge()
        exchange = await channel.get_exchange(retry_exchange_of(work.name), ensure=False)

        await exchange.publish(aio_pika.Message(b"waits"), shortest)
        iterator = queue.iterator(timeout=15)
        async for message in iterator:
            await message.ack()
            break
        await iterator.close()

    assert (message.body, message.routing_key) == (b"waits", work.name)


async def test_looking_for_what_others_declare_needs_no_right(urls: dict[str, str]) -> None:
    async with user(urls, CONSOLE) as each, each.channel() as channel:
        await channel.declare_exchange(DEAD_LETTER_EXCHANGE, passive=True)
        await channel.declare_queue("policy.webhooks", passive=True)

        with pytest.raises(ChannelNotFoundEntity):
            await channel.declare_exchange("gateway.nowhere", passive=True)


async def test_every_user_of_the_gateway_is_limited(broker: BrokerNode) -> None:
    listed = json.loads(await broker.rabbitmqctl("list_users", "--formatter", "json"))
    tags = {each["user"]: each["tags"] for each in listed}

    assert {name: tags[name] for name in (*SERVICES, DECLARER)} == {name: [] for name in SERVICES} | {
        DECLARER: ["policymaker"]
    }
    assert SENDER in SERVICES
    assert set(EVENTS) == {type(example) for example in EXAMPLES}
