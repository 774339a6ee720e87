"""Keeps the topology: what an operator deleted, or a fresh broker does not have, comes back with its bindings."""

import asyncio
from contextlib import suppress

from aio_pika.abc import AbstractRobustConnection

from libs.chassis import metrics
from libs.chassis.amqp.connecting import begin_anew, let_go, robust_channel
from libs.chassis.amqp.declaring import declare_topology
from libs.chassis.amqp.faults import FAULTS, cancelled_only_when_asked
from libs.chassis.settling import PAUSES, Pauses
from libs.chassis.telemetry import logger

log = logger(__name__)
STUCK_AFTER = 20.0
"""Seconds for one look at the topology."""
STUCK_LOOKS = 2
"""Looks in a row that time out: the broker is not slow then, the connection is stuck. The library has been seen to
reconnect and restore nothing when a broker died twice within seconds."""
KEEP_INTERVAL = 15.0
"""Seconds between two looks; a reconnect is looked after at once."""


async def declare_once(connection: AbstractRobustConnection, pauses: Pauses) -> None:
    """Declare everything on a channel made for it: a refused declaration closes its channel."""
    channel = await robust_channel(connection)
    try:
        await declare_topology(channel, pauses)
    finally:
        await let_go(channel)


class Keeper:
    """Declares the topology again and again on one connection until it is stopped."""

    def __init__(
        self,
        connection: AbstractRobustConnection,
        *,
        pauses: Pauses = PAUSES,
        interval: float = KEEP_INTERVAL,
        patience: float = STUCK_AFTER,
    ) -> None:
        self._connection = connection
        self._pauses = pauses
        self._interval = interval
        self._patience = patience
        self._reconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; may be called once."""
        self._connection.reconnect_callbacks.add(self._look_at_once)
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End; nothing of it runs afterwards."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _look_at_once(self, *_: object) -> None:
        metrics.RECONNECTS.inc()
        log.info("broker connection made again")
        self._reconnected.set()

    async def _keep(self) -> None:
        stuck = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._reconnected.wait()
            self._reconnected.clear()
            try:
                with cancelled_only_when_asked():
                    async with asyncio.timeout(self._patience):
                        await declare_once(self._connection, self._pauses)
                stuck = 0
            except TimeoutError:
                stuck += 1
                if stuck >= STUCK_LOOKS:
                    stuck = 0
                    log.warning("broker connection is stuck, made anew")
                    await begin_anew(self._connection)
            except FAULTS as error:
                log.info("topology not declared, broker away", failure=type(error).__name__)
