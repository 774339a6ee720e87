"""`TopologyMonitor`: declares the topology again at an interval, in case the broker has lost a part of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractRobustConnection

from libs.chassis import metrics
from libs.chassis.amqp.connections import close_quietly, force_reconnect, robust_channel
from libs.chassis.amqp.declarations import declare_topology
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.periodic import periodic
from libs.chassis.settlement import RETRY_DELAYS, RetryDelays
from libs.chassis.telemetry import logger

log = logger(__name__)
CHECK_TIMEOUT = 20.0
"""Seconds for one check."""
TIMEOUTS_UNTIL_STUCK = 2
"""Checks in a row that time out. After one the broker may be slow; after two the connection is stuck. The library can
reconnect and restore nothing when a broker dies twice within seconds."""
CHECK_INTERVAL = 15.0
"""Seconds between two checks; a reconnect causes a check at once."""


async def declare_on_new_channel(connection: AbstractRobustConnection, delays: RetryDelays) -> None:
    """Declare the topology on a channel of its own, because a refused declaration closes its channel."""
    channel = await robust_channel(connection)
    try:
        await declare_topology(channel, delays)
    finally:
        await close_quietly(channel)


class TopologyMonitor:
    """Restores queues and bindings that were deleted, and replaces a connection that is stuck."""

    def __init__(
        self,
        connection: AbstractRobustConnection,
        *,
        delays: RetryDelays = RETRY_DELAYS,
        interval: float = CHECK_INTERVAL,
        timeout: float = CHECK_TIMEOUT,
    ) -> None:
        self._connection = connection
        self._delays = delays
        self._interval = interval
        self._timeout = timeout
        self._reconnected = asyncio.Event()
        self._timeouts = 0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Check at the interval while the block runs."""
        self._connection.reconnect_callbacks.add(self._check_now)
        async with periodic("topology", self.check, self._interval, wake=self._reconnected, delayed=True):
            yield

    async def check(self) -> None:
        """Declare the topology once; an unreachable broker is no error."""
        try:
            async with time_limit(self._timeout):
                await declare_on_new_channel(self._connection, self._delays)
            self._timeouts = 0
        except TimeoutError:
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_UNTIL_STUCK:
                self._timeouts = 0
                log.warning("broker connection is stuck, reconnecting")
                await force_reconnect(self._connection)
        except FAULTS as error:
            log.info("topology not declared, broker unavailable", failure=type(error).__name__)

    def _check_now(self, *_: object) -> None:
        metrics.RECONNECTS.inc()
        log.info("broker connection restored")
        self._reconnected.set()
