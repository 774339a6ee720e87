"""Nobody gets around the broker's permissions: an event that came by a detour is a dead letter, not an event."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp.common import FieldTable
from structlog.testing import capture_logs

from libs.chassis.amqp import Broker
from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import EXCHANGE, MESSAGES, RECORDS, WorkQueue
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event, MessageApproved, WebhookAnswered
from libs.contracts.results import AnswerStatus
from tests.conftest import run_apart
from tests.event_keys import authentic, event_keys
from tests.integration.chassis.world import dead_letters, eventually, outside, publish_patiently, webhook
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
APPROVED = MessageApproved(
    event_id=uuid4(),
    event_type="outbound_message",
    reply_to="ingress-1",
    number_id="num_1",
    customer="+966500000000",
    customer_key="0a1b",
    text="forged",
    purpose="support",
    received_at=NOW,
)


@pytest.fixture(scope="module")
def admin_url(unused_vhosts: Iterator[str]) -> str:
    return next(unused_vhosts)


@pytest.fixture(scope="module")
def urls(broker: BrokerNode, admin_url: str) -> dict[str, str]:
    urls = run_apart(broker.add_users(admin_url.rpartition("/")[2]))
    run_apart(declare_everything(urls[DECLARER]))
    return urls


def forged(event: Event, event_id: UUID) -> aio_pika.Message:
    return authentic(event, event_id, "policy-1", service="policy")


async def dead_letter_of(admin_url: str, work: WorkQueue, event_id: UUID) -> AbstractIncomingMessage:
    """Wait for the dead letter of one event."""
    while True:
        for letter in await dead_letters(admin_url, work):
            if letter.message_id == str(event_id):
                return letter


@asynccontextmanager
async def sender_listens(urls: dict[str, str]) -> AsyncIterator[list[UUID]]:
    heard: list[UUID] = []

    async def hear(received: Received[MessageApproved]) -> None:
        heard.append(received.id)

    async with Broker.connected("sender-1", urls["sender"], keys=event_keys("sender"), service="sender") as broker:
        await broker.consume(MESSAGES, (on(MessageApproved, hear),), prefetch=5)
        yield heard


async def bound_to_the_events_exchange(channel: AbstractChannel, message: aio_pika.Message) -> None:
    own = await channel.declare_exchange("ingress.detour", "topic", auto_delete=True)
    events = await channel.get_exchange(EXCHANGE, ensure=False)
    await events.bind(own, "#")
    await own.publish(message, MessageApproved.binding)


async def as_what_an_exchange_could_not_route(channel: AbstractChannel, message: aio_pika.Message) -> None:
    own = await channel.declare_exchange("ingress.dead-end", "topic", arguments={"alternate-exchange": EXCHANGE})
    await own.publish(message, MessageApproved.binding)


async def as_a_dead_letter_of_an_own_queue(channel: AbstractChannel, message: aio_pika.Message) -> None:
    arguments: FieldTable = {
        "x-message-ttl": 0,
        "x-dead-letter-exchange": EXCHANGE,
        "x-dead-letter-routing-key": MessageApproved.binding,
    }
    queue = await channel.declare_queue("ingress.trap", arguments=arguments)
    await queue.bind("ingress.retry", "trap")
    await (await channel.get_exchange("ingress.retry", ensure=False)).publish(message, "trap")


@pytest.mark.parametrize(
    "detour",
    [bound_to_the_events_exchange, as_what_an_exchange_could_not_route, as_a_dead_letter_of_an_own_queue],
    ids=lambda detour: detour.__name__,
)
async def test_an_approval_that_came_by_a_detour_is_not_sent(
    urls: dict[str, str], admin_url: str, detour: Callable[[AbstractChannel, aio_pika.Message], Awaitable[None]]
) -> None:
    event_id = uuid4()
    async with sender_listens(urls) as heard, outside(urls["ingress"]) as channel:
        await detour(channel, forged(APPROVED, event_id))

        letter = await dead_letter_of(admin_url, MESSAGES, event_id)

    assert heard == []
    assert "routing key" in str(letter.headers["x-reason"])


async def test_a_result_that_says_sent_under_another_key_is_not_recorded(urls: dict[str, str], admin_url: str) -> None:
    recorded: list[UUID] = []

    async def record(batch: list[Received[Event]]) -> None:
        recorded.extend(received.id for received in batch)

    sent, true = uuid4(), uuid4()
    answer = WebhookAnswered(event_id=uuid4(), reply_to="ingress-1", code=AnswerStatus.SENT)
    async with (
        Broker.connected("audit-1", urls["audit"], keys=event_keys("audit"), service="audit") as audit,
        outside(urls["policy"]) as channel,
    ):
        await audit.consume_in_batches(RECORDS, record)  # type: ignore[arg-type]  # a list is a sequence
        events = await channel.get_exchange(EXCHANGE, ensure=False)
        await events.publish(forged(answer, sent), "result.ingress-1.ok")
        await events.publish(forged(answer.model_copy(update={"code": AnswerStatus.OK}), true), "result.ingress-1.ok")

        await dead_letter_of(admin_url, RECORDS, sent)
        await eventually(lambda: true in recorded)

    assert sent not in recorded


async def test_what_a_service_lets_wait_in_its_own_exchange_reaches_nobody_elses_queue(
    urls: dict[str, str], admin_url: str
) -> None:
    """Bound on to the events exchange, a retry exchange would fill audit's queue, which takes every key."""
    recorded: list[UUID] = []

    async def record(batch: list[Received[Event]]) -> None:
        recorded.extend(received.id for received in batch)

    event_id = uuid4()
    async with (
        Broker.connected("audit-1", urls["audit"], keys=event_keys("audit"), service="audit") as audit,
        outside(urls["sender"]) as channel,
    ):
        await audit.consume_in_batches(RECORDS, record)  # type: ignore[arg-type]  # a list is a sequence
        retry = await channel.get_exchange("sender.retry", ensure=False)
        events = await channel.get_exchange(EXCHANGE, ensure=False)
        await events.bind(retry, MESSAGES.name)
        await retry.publish(forged(APPROVED, event_id), MESSAGES.name)

        await dead_letter_of(admin_url, RECORDS, event_id)
        await events.unbind(retry, MESSAGES.name)

    assert event_id not in recorded


async def test_an_event_that_the_user_may_not_publish_is_told_and_the_next_one_goes_out(urls: dict[str, str]) -> None:
    """As with an event that an upgrade brought, before its permissions were imported."""
    async with Broker.connected("ingress-1", urls["ingress"], keys=event_keys("ingress"), service="ingress") as broker:
        with capture_logs() as lines:
            with pytest.raises(GatewayError) as refused:
                await broker.publish(APPROVED, id=uuid4())
            await eventually(broker.healthy)
            await publish_patiently(broker, webhook())

    (line,) = [line for line in lines if line["event"] == "the broker user may not publish this"]
    assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert "message.approved" in line["refusal"]
    assert "forged" not in str(line)
