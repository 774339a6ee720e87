import asyncio
from typing import Any, cast

from libs.chassis.amqp.keeping import STUCK_LOOKS, Keeper


class StuckChannel:
    """Opens never."""

    async def initialize(self, timeout: float) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class StuckConnection:
    """Looks connected and opens no channel; `looks` at its first drop are kept."""

    def __init__(self) -> None:
        self.reconnect_callbacks: set[Any] = set()
        self.looks = 0
        self.dropped_after: list[int] = []
        self.transport = self.connection = self

    def channel(self, **_: Any) -> StuckChannel:
        self.looks += 1
        return StuckChannel()

    async def close(self, error: BaseException) -> None:
        self.dropped_after.append(self.looks)


async def test_a_connection_on_which_nothing_can_be_declared_twice_in_a_row_is_dropped() -> None:
    connection = StuckConnection()
    keeper = Keeper(cast("Any", connection), interval=0.01, patience=0.02)

    keeper.start()
    async with asyncio.timeout(10):
        while not connection.dropped_after:
            await asyncio.sleep(0.005)
    await keeper.stop()

    assert connection.dropped_after[0] == STUCK_LOOKS
