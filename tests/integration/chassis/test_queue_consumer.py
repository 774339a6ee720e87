"""Work queues: each delivery is handled, its follow-up published, then acknowledged, whatever fails in between."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from libs.chassis.amqp.envelope import ATTEMPT, REASON
from libs.chassis.settlement import NotFoundYet, RetryLater
from libs.chassis.spans import span
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import DELIVERY_LIMIT, MESSAGES, WEBHOOKS
from libs.chassis.trace_context import trace_headers
from libs.contracts.errors import ErrorCode, GatewayError, unavailable
from libs.contracts.events import Event, MessageApproved, WebhookAnswered, WebhookReceived, answer_id
from tests.integration.chassis.world import (
    USUAL,
    answer,
    broker_at,
    dead_letters,
    depth,
    eventually,
    outside,
    stays_empty,
    webhook,
)
from tests.proxy import Proxy


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

    works = (*USUAL, MESSAGES)
    async with broker_at(vhost, "policy", works=works) as policy, broker_at(vhost, "sender", works=works) as sender:
        await policy.consume(WEBHOOKS, (on(WebhookReceived, judge),), prefetch=5)
        await sender.consume(MESSAGES, (on(MessageApproved, send),), prefetch=5)
        with span("request"):
            expected = trace_id()
            await policy.publish(webhook(), id=uuid4())

        await eventually(lambda: len(traces) == 2)

    assert traces == [expected, expected]
