"""Work queues that accounts share: a backlog of one account never keeps another's deliveries waiting."""

import asyncio
import time
from collections import Counter
from uuid import UUID, uuid4

import aio_pika

from libs.chassis import metrics
from libs.chassis.amqp import Broker
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import WEBHOOKS
from libs.contracts.events import WebhookReceived
from tests.event_keys import signed
from tests.integration.chassis.world import (
    broker_at,
    dead_letters,
    eventually,
    outside,
    publish_patiently,
    stays_empty,
    webhook,
)


def of_account(account_id: str) -> WebhookReceived:
    return webhook().model_copy(update={"account_id": account_id})


async def publish_all(broker: Broker, account_id: str, ids: list[UUID]) -> None:
    for start in range(0, len(ids), 50):
        events = [publish_patiently(broker, of_account(account_id), id_) for id_ in ids[start : start + 50]]
        await asyncio.gather(*events)


def deferred() -> float:
    value: float = metrics.ACCOUNT_DEFERRED.labels(WEBHOOKS.name)._value.get()
    return value


async def test_another_accounts_deliveries_come_through_a_backlog_and_none_is_lost(vhost: str) -> None:
    handled: list[tuple[str, UUID, int]] = []
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def handle(received: Received[WebhookReceived]) -> None:
        account = received.event.account_id or ""
        running[account] += 1
        most[account] = max(most[account], running[account])
        await asyncio.sleep(0.02)
        running[account] -= 1
        handled.append((account, received.id, received.attempt))

    ids = {"b": [uuid4() for _ in range(21)], "a": [uuid4() for _ in range(600)]}
    before = deferred()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await publish_patiently(broker, of_account("b"), ids["b"][0])
        await publish_all(broker, "a", ids["a"])
        await publish_all(broker, "b", ids["b"][1:])

        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=8, account_share=4)
        await eventually(lambda: len({id_ for _, id_, _ in handled}) == 621, seconds=60)
        await broker.drain(5)

        assert await stays_empty(channel, WEBHOOKS.name)

    last_of_b = max(place for place, (account, *_) in enumerate(handled) if account == "b")
    assert len({id_ for account, id_, _ in handled[:last_of_b] if account == "a"}) < 300
    assert most["a"] <= 4
    assert {attempt for *_, attempt in handled} == {1}
    assert deferred() > before


async def test_an_account_alone_is_never_put_behind(vhost: str) -> None:
    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    ids = [uuid4() for _ in range(300)]
    before = deferred()
    async with broker_at(vhost) as broker:
        await publish_all(broker, "a", ids)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=8, account_share=4)
        await eventually(lambda: len(set(handled)) == 300)

    assert deferred() == before


def busy(seconds: float) -> None:
    """Use that much CPU time, as a hostile text does."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_a_step_of_another_account_waits_for_one_long_step_and_not_for_one_of_each_delivery(vhost: str) -> None:
    steps = finished = 0
    waited_for: list[int] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        nonlocal steps, finished
        for _ in range(5):
            before = steps
            await asyncio.sleep(0)
            if received.event.account_id == "b":
                waited_for.append(steps - before)
            else:
                steps += 1
                busy(0.003)
        finished += 1

    async with broker_at(vhost) as broker:
        await publish_patiently(broker, of_account("b"))
        await publish_all(broker, "a", [uuid4() for _ in range(80)])
        await broker.consume(
            WEBHOOKS, (on(WebhookReceived, handle),), prefetch=16, account_share=8, account_loop_seconds=0.004
        )
        await eventually(lambda: finished > 40, seconds=30)
        waited_for.clear()
        await publish_all(broker, "b", [uuid4() for _ in range(8)])
        await eventually(lambda: finished == 89, seconds=60)

    assert len(waited_for) == 40
    assert max(waited_for) <= 2


async def test_the_order_of_an_account_survives_being_parked(vhost: str) -> None:
    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        await asyncio.sleep(0.01)
        if received.event.account_id == "a":
            handled.append(received.id)

    ids = [uuid4() for _ in range(200)]
    async with broker_at(vhost) as broker:
        await publish_patiently(broker, of_account("b"))
        for id_ in ids:
            await publish_patiently(broker, of_account("a"), id_)
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=2, account_share=1)
        await eventually(lambda: len(set(handled)) == 200, seconds=60)

    assert list(dict.fromkeys(handled)) == ids


async def test_what_is_parked_when_the_consumer_stops_goes_to_another_one(vhost: str) -> None:
    began, release = list[UUID](), asyncio.Event()

    async def handle_slowly(received: Received[WebhookReceived]) -> None:
        began.append(received.id)
        await release.wait()

    handled: list[UUID] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    ids = [uuid4() for _ in range(20)]
    async with broker_at(vhost) as first, broker_at(vhost, "second") as second:
        await first.consume(WEBHOOKS, (on(WebhookReceived, handle_slowly),), prefetch=8, account_share=4)
        await publish_all(first, "a", ids)
        await eventually(lambda: len(began) == 7)
        draining = asyncio.create_task(first.drain(5))
        await eventually(lambda: not first._consumers.each)
        release.set()
        await second.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=8, account_share=4)
        await draining
        await eventually(lambda: {*began, *handled} == set(ids))

    assert len(began) == 7


async def test_a_message_that_cannot_be_read_is_a_dead_letter_of_nobodys_share(vhost: str) -> None:
    async def handle(_: Received[WebhookReceived]) -> None:
        raise AssertionError("not called")

    async with broker_at(vhost) as broker, outside(vhost) as channel:
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=2, account_share=1)
        await channel.default_exchange.publish(
            signed(aio_pika.Message(b"{", message_id="m", headers={"x-account": 7})), WEBHOOKS.name
        )

        (letter,) = await dead_letters(vhost, WEBHOOKS)

    assert str(letter.headers["x-reason"]).startswith("unreadable")
