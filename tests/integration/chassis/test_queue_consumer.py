"""Work queues: each delivery is handled, its follow-up published, then acknowledged, whatever fails in between."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest

from libs.chassis.amqp.envelope import AT, ATTEMPT, REASON, VERSION
from libs.chassis.settlement import NotFoundYet, RetryLater
from libs.chassis.spans import span
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import DELIVERY_LIMIT, EXCHANGE, MESSAGES, WEBHOOKS
from libs.chassis.trace_context import trace_headers
from libs.contracts.errors import ErrorCode, GatewayError, unavailable
from libs.contracts.events import Event, MessageApproved, WebhookAnswered, WebhookReceived, answer_id
from tests.event_keys import signed
from tests.integration.chassis.world import (
    SHORT,
    answer,
    broker_at,
    comes_to,
    dead_letters,
    depth,
    eventually,
    outside,
    publish_patiently,
    stays_empty,
    webhook,
)
from tests.proxy import Proxy

AT_NOW = 1_760_000_000_000_000


def message(body: bytes, **changes: object) -> aio_pika.Message:
    given = {"type": WebhookReceived.name, "message_id": str(uuid4()), "headers": {AT: AT_NOW, VERSION: 1}} | changes
    return signed(aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, **given))  # type: ignore[arg-type]


async def test_what_a_handler_says_is_published_and_the_delivery_acknowledged(vhost: str) -> None:
    async def reply(received: Received[WebhookReceived]) -> WebhookAnswered:
        return answer(received.id)

    heard: list[Received[Event]] = []

    async def hear(received: Received[Event]) -> None:
        heard.append(received)

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.subscribe_exclusive("replies", ["result.ingress-1.*"], hear)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, reply),), prefetch=10)
        event_id = uuid4()

        await broker.publish(webhook(), id=event_id)
        await eventually(lambda: heard)
        await broker.drain(5)

        assert heard[0].event == answer(event_id)
        assert heard[0].id == answer_id(event_id)
        assert heard[0].correlation_id == str(event_id)
        assert await stays_empty(channel, WEBHOOKS.name)


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


async def test_a_handler_that_always_fails_gets_four_tries_and_then_the_event_is_dead_lettered(vhost: str) -> None:
    poison, attempts, handled = uuid4(), list[int](), set[UUID]()

    async def handle(received: Received[WebhookReceived]) -> None:
        if received.id == poison:
            attempts.append(received.attempt)
            raise KeyError("+966501234567")
        handled.add(received.id)

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        good = [uuid4() for _ in range(20)]
        for event_id in [*good[:10], poison, *good[10:]]:
            await broker.publish(webhook(), id=event_id)

        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert attempts == [1, 2, 3, 4]
        assert dead_letter.headers[REASON] == "failed 4 times: KeyError"
        assert dead_letter.message_id == str(poison)
        assert handled == set(good)


async def test_what_a_handler_says_that_cannot_be_sent_counts_as_its_failure(vhost: str) -> None:
    async def reply(received: Received[WebhookReceived]) -> WebhookAnswered:
        return answer(received.id, reply_to="x" * 300)

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, reply),), prefetch=1)
        await broker.publish(webhook(), id=uuid4())

        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert dead_letter.headers[REASON] == "failed 4 times: ValueError"


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(unavailable("store"), id="the store is away"),
        pytest.param(RetryLater("somebody else has it"), id="the handler wants it later"),
    ],
)
async def test_an_event_waits_as_long_as_its_handler_cannot_work_and_its_tries_are_not_used_up(
    vhost: str, reason: Exception
) -> None:
    attempts: list[int] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        attempts.append(received.attempt)
        if len(attempts) <= 6:
            raise reason

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)

        await broker.publish(webhook(), id=uuid4())
        await eventually(lambda: len(attempts) == 7)
        await broker.drain(5)

        assert attempts == [1] * 7
        assert await stays_empty(channel, WEBHOOKS.name)
        assert await depth(channel, WEBHOOKS.dead_letter_queue) == 0


async def test_an_event_that_names_what_does_not_exist_is_a_dead_letter_once_no_store_lags_as_long(vhost: str) -> None:
    waited: list[object] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        waited.append(received.waiting_since)
        raise NotFoundYet("integration does not exist", longest=timedelta(seconds=0.6))

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        await broker.publish(webhook(), id=uuid4())

        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert dead_letter.headers[REASON] == "integration does not exist"
        assert dead_letter.headers[ATTEMPT] == 1
        assert waited[0] is None
        assert 3 <= len(waited) <= 5


async def test_another_code_of_ours_uses_up_tries(vhost: str) -> None:
    async def handle(_: Received[WebhookReceived]) -> None:
        raise GatewayError(ErrorCode.GATEWAY_SEND_FAILED)

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        await broker.publish(webhook(), id=uuid4())

        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert dead_letter.headers[ATTEMPT] == 4


async def test_an_unrequested_cancellation_inside_a_handler_is_a_failure_like_any_other(vhost: str) -> None:
    async def handle(_: Received[WebhookReceived]) -> None:
        raise asyncio.CancelledError

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1)
        await broker.publish(webhook(), id=uuid4())

        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert dead_letter.headers[REASON] == "failed 4 times: ConnectionLost"


async def test_a_handler_is_not_cancelled_by_a_cut_line_and_its_word_is_published_once_for_all(
    vhost: str, proxy: Proxy
) -> None:
    begun, finish = list[UUID](), asyncio.Event()
    ended: list[str] = []
    said: list[Received[Event]] = []

    async def handle(received: Received[WebhookReceived]) -> WebhookAnswered:
        begun.append(received.id)
        try:
            await finish.wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("done")
        return answer(received.id)

    async def hear(received: Received[Event]) -> None:
        said.append(received)

    async with broker_at(vhost, "consumer") as consumer, broker_at(proxy.url(vhost)) as broker:
        await consumer.subscribe_exclusive("replies", ["result.#"], hear)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        event_id = uuid4()
        await consumer.publish(webhook(), id=event_id)
        await eventually(lambda: begun)

        proxy.reset()
        await eventually(lambda: len(begun) == 2)
        finish.set()
        await eventually(lambda: len(said) == 2)

        assert begun == [event_id, event_id]
        assert ended == ["done", "done"]
        assert {received.id for received in said} == {answer_id(event_id)}
        await broker.drain(5)
    async with outside(vhost) as channel:
        assert await stays_empty(channel, WEBHOOKS.name)


async def test_a_failed_try_whose_line_is_cut_is_not_copied_to_a_waiting_queue_as_well(
    vhost: str, proxy: Proxy
) -> None:
    finish, attempts = asyncio.Event(), list[int]()

    async def handle(received: Received[WebhookReceived]) -> None:
        attempts.append(received.attempt)
        if len(attempts) == 1:
            await finish.wait()
            raise KeyError

    async with broker_at(vhost, "publisher") as publisher, broker_at(proxy.url(vhost)) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=5)
        await publisher.publish(webhook(), id=uuid4())
        await eventually(lambda: attempts)

        proxy.reset()
        await eventually(lambda: len(attempts) == 2)
        finish.set()
        await asyncio.sleep(0.5)  # longer than the wait of a first try: a copy would be back by now

        assert attempts == [1, 1]


async def test_a_delivery_is_settled_even_when_settling_itself_has_a_defect(vhost: str) -> None:
    deliveries = 0

    async def handle(_: Received[WebhookReceived]) -> None:
        nonlocal deliveries
        deliveries += 1
        raise KeyError

    async with broker_at(vhost) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1)
        broker._consumers.each[0]._retries = None  # type: ignore[attr-defined]  # a defect
        await broker.publish(webhook(), id=uuid4())

        (dead_letter,) = await dead_letters(vhost, WEBHOOKS)

        assert deliveries == DELIVERY_LIMIT + 1
        assert dead_letter.headers["x-death"][0]["reason"] == "delivery_limit"  # type: ignore[index,call-overload]


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


async def test_a_stuck_handler_has_failed_in_time_and_the_event_is_tried_again(vhost: str) -> None:
    attempts: list[int] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        attempts.append(received.attempt)
        if received.attempt == 1:
            await asyncio.Event().wait()

    async with broker_at(vhost, handle_limit=0.2) as broker:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=1)

        await broker.publish(webhook(), id=uuid4())

        await eventually(lambda: attempts == [1, 2])


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


def trace_id() -> str:
    return trace_headers()["traceparent"].split("-")[1]


async def test_one_trace_passes_from_service_to_service(vhost: str) -> None:
    traces: list[str] = []

    async def judge(received: Received[WebhookReceived]) -> MessageApproved:
        traces.append(trace_id())
        return MessageApproved(
            event_id=received.id,
            event_type="outbound_message",
            reply_to="ingress-1",
            number_id="num-1",
            customer="+966501234567",
            customer_key="k",
            text="hello",
            purpose="support",
            received_at=received.at,
        )

    async def send(_: Received[MessageApproved]) -> None:
        traces.append(trace_id())

    async with broker_at(vhost, "policy") as policy, broker_at(vhost, "sender") as sender:
        await policy.consume(WEBHOOKS, (on(WebhookReceived, judge),), prefetch=5)
        await sender.consume(MESSAGES, (on(MessageApproved, send),), prefetch=5)
        with span("request"):
            expected = trace_id()
            await policy.publish(webhook(), id=uuid4())

        await eventually(lambda: len(traces) == 2)

    assert traces == [expected, expected]
