import asyncio
from typing import Any, cast

from libs.chassis.amqp.topology_monitor import TIMEOUTS_UNTIL_STUCK, TopologyMonitor
from libs.chassis.topology import whole_topology


class StuckChannel:
    """A channel that never opens."""

    async def initialize(self, timeout: float) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class StuckConnection:
    """A connection that opens no channel; notes after how many checks it was closed."""

    def __init__(self) -> None:
        self.reconnect_callbacks: set[Any] = set()
        self.checks = 0
        self.closed_after: list[int] = []
        self.transport = self.connection = self

    def channel(self, **_: Any) -> StuckChannel:
        self.checks += 1
        return StuckChannel()

    async def close(self, error: BaseException) -> None:
        self.closed_after.append(self.checks)


async def test_a_connection_whose_checks_time_out_twice_in_a_row_is_closed() -> None:
    connection = StuckConnection()
    monitor = TopologyMonitor(cast("Any", connection), whole_topology(), interval=0.01, timeout=0.02)

    async with monitor.running(), asyncio.timeout(10):
        while not connection.closed_after:
            await asyncio.sleep(0.005)

    assert connection.closed_after[0] == TIMEOUTS_UNTIL_STUCK
