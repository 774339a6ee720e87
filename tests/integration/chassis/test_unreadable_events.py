"""What a consumer cannot read is a dead letter, at once when nobody can and later when a newer release may."""

from uuid import UUID, uuid4

import aio_pika
import pytest

from libs.chassis.amqp.envelope import AT, ATTEMPT, REASON, VERSION
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import EXCHANGE, WEBHOOKS
from libs.contracts.events import WebhookAnswered, WebhookReceived
from tests.event_keys import signed
from tests.integration.chassis.world import (
    SHORT,
    answer,
    broker_at,
    dead_letters,
    depth,
    eventually,
    outside,
    webhook,
)

AT_NOW = 1_760_000_000_000_000


def message(body: bytes, **changes: object) -> aio_pika.Message:
    given = {"type": WebhookReceived.name, "message_id": str(uuid4()), "headers": {AT: AT_NOW, VERSION: 1}} | changes
    return signed(aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, **given))  # type: ignore[arg-type]


POISON = [
    pytest.param(message(b"\x00\xff" * 400_000), "unreadable: webhook.received: body", id="a megabyte of garbage"),
    pytest.param(message(b"[" * 100_000), "unreadable: webhook.received: body", id="a deep nest"),
    pytest.param(message(b"{}"), "unreadable: webhook.received: payload, reply_to", id="fields are missing"),
    pytest.param(message(b"{}", type=None), "unreadable: no event type", id="no type at all"),
    pytest.param(
        message(b"{}", message_id="me"), "unreadable: webhook.received: message id is no UUID", id="the id is no UUID"
    ),
    pytest.param(
        message(answer(uuid4()).model_dump_json().encode(), type=WebhookAnswered.name),
        "unreadable: webhook.answered: not published with its own routing key",
        id="an event under another one's routing key",
    ),
    pytest.param(
        message(webhook().model_dump_json().encode(), headers={AT: 2**62}),
        "unreadable: time out of range",
        id="a time beyond the calendar",
    ),
]


@pytest.mark.parametrize(("poison", "reason"), POISON)
async def test_what_cannot_be_read_is_dead_lettered_at_once_and_its_neighbours_are_handled(
    vhost: str, poison: aio_pika.Message, reason: str
) -> None:
    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        exchange = await channel.get_exchange(EXCHANGE)
        good = [uuid4() for _ in range(10)]
        for event_id in good[:5]:
            await broker.publish(webhook(), id=event_id)
        await exchange.publish(poison, WebhookReceived.binding)
        for event_id in good[5:]:
            await broker.publish(webhook(), id=event_id)

        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)
        await eventually(lambda: len(handled) == len(good))

        assert dead_letter.headers[REASON] == reason
        assert dead_letter.body == poison.body
        assert sorted(handled) == sorted(good)


LATER = [
    pytest.param(message(b"{}", type="webhook.invented"), "unreadable: unknown event type", id="a later class"),
    pytest.param(
        message(b"{}", headers={AT: AT_NOW, VERSION: 99}),
        "unreadable: webhook.received: unknown version",
        id="a later version",
    ),
]


@pytest.mark.parametrize(("later", "reason"), LATER)
async def test_an_event_of_a_later_release_that_no_replica_knows_in_time_is_dead_lettered(
    vhost: str, later: aio_pika.Message, reason: str
) -> None:
    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    async with broker_at(vhost, unknown_event_seconds=0.5) as broker, outside(vhost) as channel:
        exchange = await channel.get_exchange(EXCHANGE)
        await exchange.publish(later, WebhookReceived.binding)
        await broker.publish(webhook(), id=uuid4())

        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1)
        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert dead_letter.headers[REASON] == reason
        assert dead_letter.headers[ATTEMPT] == 1
        assert len(handled) == 1


async def test_an_event_of_a_later_release_waits_and_a_replica_that_knows_it_handles_it(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        later = message(webhook().model_dump_json().encode(), headers={AT: AT_NOW, VERSION: 2})
        await (await channel.get_exchange(EXCHANGE)).publish(later, WebhookReceived.binding)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1)
        waits = WEBHOOKS.wait_queue(max(SHORT.distinct))
        await eventually(lambda: depth(channel, waits))
        assert handled == []

        monkeypatch.setattr(WebhookReceived, "version", 2)  # a replica of the later release

        await eventually(lambda: handled)
        assert handled == [UUID(str(later.message_id))]
        assert await depth(channel, WEBHOOKS.dead_letter_queue) == 0
