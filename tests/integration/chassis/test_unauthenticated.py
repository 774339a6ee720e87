"""Who has a service's broker password and not its keys has no event handled or recorded: of any class, on any way."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from libs.chassis.amqp import Broker
from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.amqp.envelope import MAC, REASON, message_from
from libs.chassis.clock import utc_now
from libs.chassis.subscriptions import DeadLettered, MessageMetadata, Received, on
from libs.chassis.topology import DEAD_LETTER_EXCHANGE, EXCHANGE, RECORDS, WEBHOOKS
from libs.contracts.events import Event, WebhookReceived
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS
from tests.conftest import run_apart
from tests.contract.wire.examples import EXAMPLES
from tests.event_keys import authentic, event_keys
from tests.integration.chassis.world import answer, dead_letters, eventually, outside, webhook
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER

PUBLISHED = [
    (service, example)
    for service, events in PRODUCERS.items()
    for example in EXAMPLES
    if type(example) in events and not (service != "sender" and example.routing_key.endswith(".sent"))
]
"""Every service with an example of each event that its broker user may publish."""


@pytest.fixture(scope="module")
def admin_url(unused_vhosts: Iterator[str]) -> str:
    return next(unused_vhosts)


@pytest.fixture(scope="module")
def urls(broker: BrokerNode, admin_url: str) -> dict[str, str]:
    urls = run_apart(broker.add_users(admin_url.rpartition("/")[2]))
    run_apart(declare_everything(urls[DECLARER]))
    return urls


@dataclass
class Heard:
    """The ids of what was handled or recorded, and the dead letters that were stored."""

    ids: list[UUID] = field(default_factory=list)
    letters: dict[str, DeadLettered] = field(default_factory=dict)

    async def record(self, batch: Sequence[Received[Event]]) -> None:
        self.ids.extend(received.id for received in batch)

    async def handle(self, received: Received[WebhookReceived]) -> None:
        self.ids.append(received.id)

    async def store(self, letter: DeadLettered) -> None:
        self.letters[letter.id] = letter

    def letter_of(self, event_id: UUID, queue: str) -> DeadLettered | None:
        found = [x for x in self.letters.values() if (x.message_id, x.queue) == (str(event_id), queue)]
        return max(found, key=lambda letter: letter.died_at, default=None)


def unsigned(event: Event, event_id: UUID) -> aio_pika.Message:
    return message_from(event, MessageMetadata(id=event_id, at=utc_now()), "replica-1")


def forgeries(event: Event, service: str) -> dict[UUID, aio_pika.Message]:
    """An event as somebody without the keys of `service` can publish it."""
    messages = [unsigned(event, uuid4()) for _ in range(3)]
    thief = next(name for name in PRODUCERS if type(event) not in PRODUCERS[name])
    stolen = authentic(event, uuid4(), service=thief)
    renamed = authentic(event, uuid4(), service=thief)
    renamed.headers[MAC] = str(renamed.headers[MAC]).replace(f"1:{thief}:", f"1:{service}:", 1)
    altered = authentic(event, uuid4(), service=service)
    altered.body += b" "
    messages[1].headers[MAC] = "1:ingress:k1:audit=" + "A" * 22
    messages[2].headers[MAC] = authentic(event, uuid4(), service=service).headers[MAC]  # of another event
    return {UUID(str(message.message_id)): message for message in (*messages, stolen, renamed, altered)}


@asynccontextmanager
async def the_record(urls: dict[str, str]) -> AsyncIterator[Heard]:
    heard = Heard()
    keys = event_keys("audit")
    async with Broker.connected("audit-1", urls["audit"], keys=keys, service="audit") as audit:
        await audit.consume_in_batches(RECORDS, heard.record)
        yield heard


async def test_no_class_of_event_is_recorded_without_its_producers_keys(urls: dict[str, str], admin_url: str) -> None:
    forged: set[UUID] = set()
    true: set[UUID] = set()
    async with the_record(urls) as heard:
        for service, event in PUBLISHED:
            async with outside(urls[service]) as channel:
                exchange = await channel.get_exchange(EXCHANGE, ensure=False)
                made = forgeries(event, service)
                for message in (*made.values(), authentic(event, event_id := uuid4(), service=service)):
                    await exchange.publish(message, event.routing_key)
                forged |= set(made)
                true.add(event_id)
        letters = await dead_letters(admin_url, RECORDS, count=len(forged), seconds=60)
        await eventually(lambda: true <= set(heard.ids))

    assert {UUID(str(letter.message_id)) for letter in letters} == forged
    assert {letter.headers[REASON] for letter in letters} == {"unauthenticated"}
    assert set(heard.ids) == true
    assert {type(event) for _, event in PUBLISHED} == {type(e) for e in EXAMPLES} - set(DEAD_LETTERS_ONLY)


async def test_a_forged_answer_reaches_no_caller(urls: dict[str, str]) -> None:
    heard: list[UUID] = []

    async def hear(received: Received[Event]) -> None:
        heard.append(received.id)

    true = uuid4()
    async with (
        Broker.connected("ingress-1", urls["ingress"], keys=event_keys("ingress"), service="ingress") as ingress,
        outside(urls["policy"]) as channel,
    ):
        await ingress.subscribe_exclusive("replies", ["result.ingress-1.#"], hear)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        event = answer(uuid4())
        for message in (*forgeries(event, "policy").values(), authentic(event, true, service="policy")):
            await exchange.publish(message, event.routing_key)
        await eventually(lambda: heard)

    assert heard == [true]


async def published(channel: AbstractChannel, exchange: str, key: str, message: aio_pika.Message) -> None:
    await (await channel.get_exchange(exchange, ensure=False)).publish(message, key)


async def test_what_comes_by_the_retry_exchange_or_by_a_replay_is_checked_too(urls: dict[str, str]) -> None:
    heard, by_retry, by_replay = Heard(), uuid4(), uuid4()
    async with (
        Broker.connected("policy-1", urls["policy"], keys=event_keys("policy"), service="policy") as policy,
        Broker.connected("console-1", urls["console"], keys=event_keys("console"), service="console") as console,
        outside(urls["policy"]) as channel,
        outside(urls["console"]) as replays,
    ):
        await policy.consume(WEBHOOKS, (on(WebhookReceived, heard.handle),), prefetch=5)
        await published(channel, "policy.retry", WEBHOOKS.name, unsigned(webhook(), by_retry))
        await published(replays, "gateway.replay", WEBHOOKS.name, unsigned(webhook(), by_replay))
        await console.consume_dead_letters(heard.store)

        for event_id in (by_retry, by_replay):
            await eventually(partial(heard.letter_of, event_id, WEBHOOKS.name))

    letters = [heard.letter_of(event_id, WEBHOOKS.name) for event_id in (by_retry, by_replay)]
    assert [(letter.reason, letter.replayable) for letter in letters if letter] == [("unauthenticated", False)] * 2
    assert not {by_retry, by_replay} & set(heard.ids)


async def test_an_authentic_dead_letter_is_handled_after_its_replay_and_an_altered_one_is_not(
    urls: dict[str, str],
) -> None:
    heard, event_id, planted = Heard(), uuid4(), uuid4()
    async with (
        Broker.connected("policy-1", urls["policy"], keys=event_keys("policy"), service="policy") as policy,
        Broker.connected("console-1", urls["console"], keys=event_keys("console"), service="console") as console,
        outside(urls["policy"]) as channel,
    ):
        await console.consume_dead_letters(heard.store)
        await published(channel, DEAD_LETTER_EXCHANGE, WEBHOOKS.name, authentic(webhook(), event_id))
        await published(channel, DEAD_LETTER_EXCHANGE, WEBHOOKS.name, unsigned(webhook(), planted))
        await eventually(lambda: heard.letter_of(event_id, WEBHOOKS.name))
        await eventually(lambda: heard.letter_of(planted, WEBHOOKS.name))
        letter, other = heard.letter_of(event_id, WEBHOOKS.name), heard.letter_of(planted, WEBHOOKS.name)
        assert letter is not None
        assert other is not None
        assert (letter.replayable, other.replayable) == (True, False)
        heard.letters.clear()

        await policy.consume(WEBHOOKS, (on(WebhookReceived, heard.handle),), prefetch=5)
        altered = json.loads(letter.serialized) | {"message_id": str(changed := uuid4())}
        await console.replay(letter.queue, json.dumps(altered))
        await console.replay(letter.queue, letter.serialized)
        await eventually(lambda: heard.ids)
        await eventually(lambda: heard.letter_of(changed, WEBHOOKS.name))

    again = heard.letter_of(changed, WEBHOOKS.name)
    assert again is not None
    assert (again.reason, again.replayable) == ("unauthenticated", True)
    assert event_id in heard.ids
    assert changed not in heard.ids
