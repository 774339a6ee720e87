"""Opening and closing connections and channels, with a broker that may be away at any time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aio_pika
import aiormq
from aio_pika import Channel
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractRobustChannel, AbstractRobustConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import ChannelPreconditionFailed

from libs.chassis import metrics
from libs.chassis.amqp.connection_faults import connection_fault
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.amqp.transports import HEARTBEAT, Channels, SilentLinks
from libs.chassis.amqp.wire_decoders import tolerate_unreadable_properties
from libs.chassis.backoff import backoff
from libs.chassis.telemetry import logger
from libs.contracts.connection_urls import amqp_node_urls

log = logger(__name__)
T = TypeVar("T")
C = TypeVar("C", bound=AbstractChannel)
RECONNECT_INTERVAL = 1
CONNECT_TIMEOUT = 5
STEP_TIMEOUT = 30.0
"""Seconds for one step of `retry_until_connected`; on a dead link it would hang until that is noticed."""
CONNECT_PAUSES = (0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds between tries to connect; the last repeats."""


async def connection_to(url: str, name: str, *, heartbeat: int = HEARTBEAT) -> AbstractRobustConnection:
    """Connect once, to any of the nodes that the URL names; from then on the library restores the connection.

    Raises one of FAULTS.
    """
    tolerate_unreadable_properties()
    connection = aio_pika.RobustConnection(
        make_url(amqp_node_urls(url)[0], heartbeat=heartbeat, reconnect_interval=RECONNECT_INTERVAL),
        client_properties={"connection_name": name},
    )
    links = SilentLinks(url, channels=lambda: _channels_of(connection))
    connection.kwargs["transport_factory"] = links  # the library hands it to each transport that it makes
    try:
        await connection.connect(timeout=CONNECT_TIMEOUT)
    except BaseException:
        # Otherwise the library's task keeps connecting and ignores the cancellation that stops the process.
        await connection.close()
        raise
    return connection


def _channels_of(connection: AbstractConnection) -> Channels:
    transport = connection.transport
    return {} if transport is None else transport.connection.channels


async def reach(url: str) -> None:
    """Connect and disconnect once; raises one of FAULTS. The library does not tell why it cannot reconnect."""
    connection = await aiormq.connect(amqp_node_urls(url)[0], transport_factory=SilentLinks(url))
    await connection.close()


async def retry_until_connected(step: Callable[[], Awaitable[T]]) -> T:
    """Retry `step` until the broker can be reached. Raises when a queue exists with other arguments."""
    pauses = backoff(*CONNECT_PAUSES)
    while True:
        try:
            async with time_limit(STEP_TIMEOUT):
                return await step()
        except ChannelPreconditionFailed:
            raise
        except FAULTS as error:
            metrics.DEPENDENCY_UP.labels("broker").set(0)
            log.warning("broker not reachable, will retry", cause=connection_fault(error))
        await asyncio.sleep(next(pauses))


async def robust_channel(connection: AbstractRobustConnection) -> AbstractRobustChannel:
    """A channel without publisher confirms. The library reopens it after each reconnect while you hold a reference."""
    return await open_channel(connection.channel(publisher_confirms=False))


@asynccontextmanager
async def plain_channel(connection: AbstractConnection) -> AsyncGenerator[AbstractChannel, None]:
    """A channel that the library does not reopen, for requests that the broker may refuse by closing it."""
    channel = Channel(connection, publisher_confirms=False)
    try:
        yield await open_channel(channel)
    finally:
        await close_quietly(channel)


async def open_channel(channel: C) -> C:
    """Open a channel; one that cannot be opened is closed, or the library would reopen it at the next reconnect."""
    try:
        await channel.initialize(timeout=CONNECT_TIMEOUT)
    except BaseException:
        await close_quietly(channel)
        raise
    return channel


async def close_quietly(closable: AbstractChannel | AbstractRobustConnection, seconds: float = 5.0) -> None:
    """Close a channel or connection; one that is gone already, or does not close in `seconds`, is no error."""
    try:
        async with time_limit(seconds):
            await closable.close()
    except FAULTS as error:
        log.info("already closed", failure=type(error).__name__)


async def force_reconnect(connection: AbstractRobustConnection, seconds: float = 5.0) -> None:
    """Close the connection's transport, so that the library connects and restores everything again."""
    transport = connection.transport
    if transport is None:
        return  # it is connecting
    try:
        async with time_limit(seconds):
            await transport.connection.close(ConnectionError("stuck"))
    except FAULTS as error:
        log.info("already disconnected", failure=type(error).__name__)
