"""What the driver reports of its calls and its connections, as metrics: both run on the driver's own threads."""

from typing import Final

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

from libs.store.metrics import POOL_IN_USE, READ_SECONDS, WRITE_SECONDS

READS: Final = frozenset({"find", "getMore", "aggregate", "count", "distinct"})
WRITES: Final = frozenset({"insert", "update", "delete", "findAndModify", "bulkWrite"})


class MeasureCalls(CommandListener):
    """Observes the time of each read and each write at the server, the network included."""

    def started(self, event: CommandStartedEvent) -> None:
        """Nothing to measure yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Observe the call."""
        _observe(event.command_name, event.duration_micros)

    def failed(self, event: CommandFailedEvent) -> None:
        """Observe the call; `libs.store.mongo.database` counts the failure."""
        _observe(event.command_name, event.duration_micros)


class CountConnections(ConnectionPoolListener):
    """Counts the connections that calls have checked out."""

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:  # noqa: ARG002 -- the driver's shape
        """A call uses one more connection."""
        POOL_IN_USE.inc()

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:  # noqa: ARG002 -- the driver's shape
        """The call is over."""
        POOL_IN_USE.dec()

    def pool_created(self, event: PoolCreatedEvent) -> None:
        """Not counted."""

    def pool_ready(self, event: PoolReadyEvent) -> None:
        """Not counted."""

    def pool_cleared(self, event: PoolClearedEvent) -> None:
        """Not counted: connections in use are checked in all the same."""

    def pool_closed(self, event: PoolClosedEvent) -> None:
        """Not counted."""

    def connection_created(self, event: ConnectionCreatedEvent) -> None:
        """Not counted."""

    def connection_ready(self, event: ConnectionReadyEvent) -> None:
        """Not counted."""

    def connection_closed(self, event: ConnectionClosedEvent) -> None:
        """Not counted."""

    def connection_check_out_started(self, event: ConnectionCheckOutStartedEvent) -> None:
        """Not counted: the call waits and has no connection."""

    def connection_check_out_failed(self, event: ConnectionCheckOutFailedEvent) -> None:
        """Not counted."""


def _observe(command: str, micros: int) -> None:
    if command in WRITES:
        WRITE_SECONDS.observe(micros / 1e6)
    elif command in READS:
        READ_SECONDS.observe(micros / 1e6)
