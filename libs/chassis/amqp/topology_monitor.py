"""`TopologyMonitor`: declares a process' own topology again at an interval, and sees what others have not declared."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractRobustConnection
from aiormq.exceptions import ChannelAccessRefused

from libs.chassis import metrics
from libs.chassis.amqp.connections import force_reconnect, retry_until_connected
from libs.chassis.amqp.declarations import declare_on_new_channel, exist, missing_from
from libs.chassis.amqp.faults import FAULTS, time_limit
from libs.chassis.periodic import periodic
from libs.chassis.telemetry import logger
from libs.chassis.topology import POLICY_MARKER, Topology

log = logger(__name__)
CHECK_TIMEOUT = 20.0
"""Seconds for one check."""
TIMEOUTS_UNTIL_STUCK = 2
"""Checks in a row that time out. After one the broker may be slow; after two the connection is stuck. The library can
reconnect and restore nothing when a broker dies twice within seconds."""
CHECK_INTERVAL = 15.0
"""Seconds between two checks; a reconnect causes a check at once."""
START_INTERVAL = 1.0
"""Seconds between two checks while a service starts and something is missing."""
NO_PERMISSION = "permission to declare"
"""Stands for the own objects when the broker user may not declare them."""


class TopologyMonitor:
    """Restores own queues and bindings that were deleted, and replaces a connection that is stuck.

    `missing` holds the names of what others have to declare (`gateway declare`); a service is unready while it is not
    empty.
    """

    def __init__(
        self,
        connection: AbstractRobustConnection,
        topology: Topology,
        *,
        interval: float = CHECK_INTERVAL,
        timeout: float = CHECK_TIMEOUT,
    ) -> None:
        self._connection = connection
        self._topology = topology
        self._interval = interval
        self._timeout = timeout
        self._wanted = asyncio.Event()
        self._timeouts = 0
        self._policy_missing = False
        self.missing: frozenset[str] = frozenset()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Check at the interval while the block runs."""
        self._connection.reconnect_callbacks.add(self._reconnected)
        async with periodic("topology", self.check, self._interval, wake=self._wanted, delayed=True):
            yield

    async def wait_until_complete(self) -> None:
        """Return once the own topology is declared and nothing is missing.

        Raises ChannelPreconditionFailed when a queue exists with other arguments.
        """
        await retry_until_connected(self._check)
        while self.missing:
            await asyncio.sleep(START_INTERVAL)
            await retry_until_connected(self._check)

    def check_soon(self) -> None:
        """Check at once: something suggests that an exchange or a queue is missing."""
        self._wanted.set()

    async def check(self) -> None:
        """Declare the own topology once and look for the rest; an unreachable broker is no error."""
        try:
            async with time_limit(self._timeout):
                await self._check()
            self._timeouts = 0
        except TimeoutError:
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_UNTIL_STUCK:
                self._timeouts = 0
                log.warning("broker connection is stuck, reconnecting")
                await force_reconnect(self._connection)
        except FAULTS as error:
            log.info("topology not declared, broker unavailable", failure=type(error).__name__)

    async def _check(self) -> None:
        missing = await missing_from(self._connection, self._topology)
        if not missing:  # nothing can be bound to an exchange that is missing
            try:
                await declare_on_new_channel(self._connection, self._topology)
            except ChannelAccessRefused:
                missing = frozenset({NO_PERMISSION})
        self._note(missing)
        if self._topology.needed_exchanges:
            self._note_policy(missing=not await exist(self._connection, (POLICY_MARKER,)))

    def _note(self, missing: frozenset[str]) -> None:
        if missing != self.missing:
            if missing:
                log.warning("topology incomplete, run `gateway declare`", missing=sorted(missing))
            else:
                log.info("topology complete")
        self.missing = missing
        metrics.TOPOLOGY_MISSING.set(len(missing))

    def _note_policy(self, *, missing: bool) -> None:
        if missing and not self._policy_missing:
            log.warning("the broker drops dead letters after some lost connections, run `gateway declare`")
        self._policy_missing = missing
        metrics.DEAD_LETTER_POLICY_MISSING.set(missing)

    def _reconnected(self, *_: object) -> None:
        metrics.RECONNECTS.inc()
        log.info("broker connection restored")
        self._wanted.set()
