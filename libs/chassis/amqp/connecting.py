"""Making connections and channels, however long the broker is away: services and broker start in any order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue, AbstractRobustChannel, AbstractRobustConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import ChannelPreconditionFailed

from libs.chassis.amqp.faults import FAULTS, cancelled_only_when_asked
from libs.chassis.telemetry import logger

log = logger(__name__)
T = TypeVar("T")
C = TypeVar("C", bound=AbstractChannel)
HEARTBEAT = 10
"""Seconds. A dead link is noticed after three and a bit of them; under 5 s gives false alarms."""
RECONNECT_INTERVAL = 1
CONNECT_TIMEOUT = 5
STEP_TIMEOUT = 30.0
"""Seconds for one step of starting, such as declaring everything; a dead link would hang it for three heartbeats."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0


async def connection_to(url: str, name: str, *, heartbeat: int = HEARTBEAT) -> AbstractRobustConnection:
    """One attempt to connect; from then on the library keeps the connection up. Raises one of FAULTS."""
    connection = aio_pika.RobustConnection(
        make_url(url, heartbeat=heartbeat, reconnect_interval=RECONNECT_INTERVAL),
        client_properties={"connection_name": name},
    )
    try:
        await connection.connect(timeout=CONNECT_TIMEOUT)
    except BaseException:
        # Left alone, the library's task would go on connecting and ignore the cancellation that ends a process.
        await connection.close()
        raise
    return connection


async def persistently(step: Callable[[], Awaitable[T]]) -> T:
    """Take a step of starting until the broker is there for it. A queue declared otherwise by others is an error."""
    pause = _FIRST_PAUSE
    while True:
        try:
            with cancelled_only_when_asked():
                async with asyncio.timeout(STEP_TIMEOUT):
                    return await step()
        except ChannelPreconditionFailed:
            raise
        except FAULTS as error:
            log.warning("broker not reachable yet", failure=type(error).__name__)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def robust_channel(connection: AbstractRobustConnection) -> AbstractRobustChannel:
    """A channel without confirms that the library opens again after each reconnect, as long as somebody holds it."""
    return await opened(connection.channel(publisher_confirms=False))


async def opened(channel: C) -> C:
    """Open a channel. One that cannot be opened is let go of, or the library would open it at the next reconnect."""
    try:
        await channel.initialize(timeout=CONNECT_TIMEOUT)
    except BaseException:
        await let_go(channel)
        raise
    return channel


async def let_go(thing: AbstractChannel | AbstractRobustConnection, seconds: float = 5.0) -> None:
    """Close a channel or connection that may be gone already."""
    try:
        with cancelled_only_when_asked():
            async with asyncio.timeout(seconds):
                await thing.close()
    except FAULTS as error:
        log.info("was gone before it was closed", failure=type(error).__name__)


async def begin_anew(connection: AbstractRobustConnection, seconds: float = 5.0) -> None:
    """Drop the connection's transport, so that the library connects and restores everything once more."""
    transport = connection.transport
    if transport is None:
        return  # it is connecting
    try:
        with cancelled_only_when_asked():
            async with asyncio.timeout(seconds):
                await transport.connection.close(ConnectionError("stuck"))
    except FAULTS as error:
        log.info("was gone before it was dropped", failure=type(error).__name__)


async def end_consumer(queue: AbstractQueue | None, tag: str) -> None:
    """Take nothing more from a queue; without a connection there is no consumer left to end."""
    if queue is None:
        return
    try:
        with cancelled_only_when_asked():
            async with asyncio.timeout(2):
                await queue.cancel(tag)
    except FAULTS as error:
        log.info("consumer was gone before it was ended", failure=type(error).__name__)


async def consumes(queue: AbstractQueue | None, tag: str) -> bool:
    """True while the broker delivers to this consumer, as far as we were told."""
    if queue is None or queue.channel.is_closed:
        return False
    channel = await queue.channel.get_underlay_channel()
    return tag in getattr(channel, "consumers", ())
