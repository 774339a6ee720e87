"""The layer beneath the AMQP library at a real broker, and the library alone where the layer does not fit it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aio_pika
import pytest
import structlog
import uvloop

from libs.chassis.amqp import Broker
from libs.chassis.amqp.connections import connection_to, force_reconnect, robust_channel
from libs.chassis.amqp.consumer_handle import ConsumerHandle
from libs.chassis.amqp.wire import habits
from libs.chassis.amqp.wire.confirmed_channel import ConfirmedChannel, LibrarysChannel
from libs.chassis.amqp.wire.delivered_message import DeliveredMessage
from libs.chassis.subscriptions import Received, on
from libs.chassis.topology import WEBHOOKS
from libs.contracts.events import WebhookReceived
from tests.integration.chassis.test_connection_faults import tls_server
from tests.integration.chassis.world import broker_at, eventually, outside, stays_empty, webhook

LONG = 400_000
"""Bytes of a body that needs several frames."""


class Arrivals:
    """Keeps deliveries as they come."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def take(self, batch: Any) -> None:
        self.found += batch


async def test_the_layer_serves_what_the_chassis_opens_also_after_a_reconnect(vhost: str) -> None:
    connection, arrivals, handle = await connection_to(vhost, "tester"), Arrivals(), ConsumerHandle()
    channel = await robust_channel(connection)
    queue = await channel.declare_queue("q", durable=True)
    await handle.start(queue, arrivals.take, no_ack=True)

    async with outside(vhost) as other:
        await other.default_exchange.publish(aio_pika.Message(b"1"), "q")
        await eventually(lambda: len(arrivals.found) == 1)
        await force_reconnect(connection)
        await eventually(handle.is_consuming)
        await other.default_exchange.publish(aio_pika.Message(b"2" * LONG), "q")
        await eventually(lambda: len(arrivals.found) == 2)
    await connection.close()

    assert all(isinstance(each, DeliveredMessage) for each in arrivals.found)
    assert arrivals.found[1].body == b"2" * LONG


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def delivered_by_tls(vhost: str, folder: Path) -> Any:
    """A delivery of several frames that came through TLS, which ends in front of the broker."""
    parts = urlsplit(vhost)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pipe(reader, to_broker), pipe(from_broker, writer), return_exceptions=True)

    async with tls_server(folder, "localhost", serve) as port:
        url = f"amqps://{parts.username}:{parts.password}@localhost:{port}{parts.path}?cafile={folder}/cert.pem"
        connection, arrivals, handle = await connection_to(url, "tester"), Arrivals(), ConsumerHandle()
        channel = await robust_channel(connection)
        queue = await channel.declare_queue("q", durable=True)
        await handle.start(queue, arrivals.take, no_ack=True)
        await channel.default_exchange.publish(aio_pika.Message(b"t" * LONG), "q")
        await eventually(lambda: arrivals.found)
        await connection.close()
    return arrivals.found[0]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_the_layer_serves_a_connection_by_tls(
    vhost: str, tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        found = runner.run(delivered_by_tls(vhost, tmp_path))

    assert isinstance(found, DeliveredMessage)
    assert found.body == b"t" * LONG


async def publishes_and_consumes(broker: Broker) -> None:
    """Events that are handled once they were retried, and a publish that no queue wants."""
    handled: list[tuple[UUID, int]] = []

    async def handle(received: Received[WebhookReceived]) -> None:
        if received.attempt == 1:
            raise ValueError
        handled.append((received.id, received.attempt))

    await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=2)
    ids = [uuid4() for _ in range(20)]
    await asyncio.gather(*(broker.publish(webhook(), id=id_) for id_ in ids))
    await eventually(lambda: {id_ for id_, _ in handled} == set(ids))
    assert await broker.publisher.accepts_publishes()  # its probe is returned
    assert sorted(handled) == sorted((id_, 2) for id_ in ids)


@pytest.mark.parametrize("fits", [True, False], ids=["layer", "library alone"])
async def test_events_are_published_retried_and_acknowledged_with_the_layer_and_without(
    vhost: str, monkeypatch: pytest.MonkeyPatch, *, fits: bool
) -> None:
    habits.logged.clear()
    if not fits:
        monkeypatch.setattr(habits, "missing_habit", lambda *_: "a habit of another release")

    with structlog.testing.capture_logs() as lines:
        async with broker_at(vhost) as broker, outside(vhost) as channel:
            await publishes_and_consumes(broker)
            kind = type(broker.publisher._confirmed)
            await broker.drain(5)
            assert await stays_empty(channel, WEBHOOKS.name)

    told = [line for line in lines if "missing" in line]
    assert kind is (ConfirmedChannel if fits else LibrarysChannel)
    assert len(told) == (0 if fits else 1)
