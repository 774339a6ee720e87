"""Faults of the store and of the record in it: locked, full, gone, altered."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from tests.chaos.alerts.fault import Act, Expected, Fault
from tests.chaos.alerts.process_faults import QUEUES
from tests.chaos.alerts.service_levels import OUTAGE
from tests.chaos.alerts.world import World
from tests.e2e.waiting import eventually

STORE = (
    Expected("GatewayStoreNotWritable"),
    Expected("GatewayDependencyDown", {"dependency": "store"}),
    Expected("GatewayNotReady"),
)
CALLERS = (Expected("GatewayUnavailableAnswers"), Expected("GatewayAvailabilityBurnsFast"))
"""What callers get, of the first fault: after others, these alerts may still be there."""
FAILED = (
    Expected("GatewayStoreErrors"),
    Expected("GatewayJobFails"),
    Expected("GatewayAvailabilityBurns"),
    Expected("GatewayAvailabilityBudget"),
)
"""What the first outage leaves behind."""
HELD = (
    Expected("GatewayEventsOld"),
    Expected("GatewayDeliveriesOld"),
    Expected("GatewayAccessRecordsWaiting"),
    Expected("GatewayStoreSlow"),
    Expected("GatewayJobStopped"),
)
"""What waits while nothing can be written for minutes."""
NO_STORE = OUTAGE | QUEUES | {"GatewayJobFails", "GatewayConsumerStuck", "GatewayRecordNotVerified", "GatewayStoreSlow"}
CHECKPOINTS_WITHIN = 600.0
"""Seconds at factor 1 until the first records are sealed: twice GATEWAY_CHECKPOINT_SECONDS."""
BALLOON = "balloon"
SEALED = (
    "SELECT id, code FROM records WHERE type = 'webhook.answered' AND code = 'sent' AND account_id IN "
    "(SELECT chain FROM checkpoints) ORDER BY seq LIMIT 1"
)
"""The oldest sent message of an account that has checkpoints: one of the first records under the first of them."""


def databases(world: World) -> list[Path]:
    """The files of the store."""
    return sorted(world.folder.glob("gateway*.db"))


def store_locked() -> Fault:
    """Another program holds a transaction on every file of the store."""
    held: list[sqlite3.Connection] = []

    async def begin(world: World) -> None:
        def lock() -> None:
            for path in databases(world):
                connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
                held.append(connection)
                connection.execute("BEGIN EXCLUSIVE")

        await asyncio.to_thread(lock)
        await world.gateway.api("GET", "/suppressions")  # a read, which cannot be recorded

    async def mend(world: World) -> None:
        while held:
            held.pop().close()

    return _unwritable("store locked", begin, mend, *CALLERS, *HELD, lasting=FAILED)


def store_full() -> Fault:
    """The file system of data and logs is full."""

    async def begin(world: World) -> None:
        assert world.mounted, "no small file system: mounting a tmpfs needs root"
        with (world.folder / BALLOON).open("wb") as file, suppress(OSError):
            while True:
                file.write(b"\0" * 65_536)
                file.flush()

    async def mend(world: World) -> None:
        (world.folder / BALLOON).unlink(missing_ok=True)

    return _unwritable("store full (disk)", begin, mend)


def store_gone() -> Fault:
    """The store's main file is moved away under the running services; the mend moves it back."""

    async def begin(world: World) -> None:
        path = world.folder / "gateway.db"
        path.rename(path.with_suffix(".away"))

    async def mend(world: World) -> None:
        path = world.folder / "gateway.db"
        if path.with_suffix(".away").exists():
            path.with_suffix(".away").replace(path)

    return _unwritable("store gone (file removed)", begin, mend)


def _unwritable(name: str, begin: Act, mend: Act, *more: Expected, lasting: Sequence[Expected] = ()) -> Fault:
    return Fault(
        name=name,
        begin=begin,
        mend=mend,
        expected=(*STORE, *more),
        lasting=tuple(lasting),
        companions=NO_STORE,
        severity="page",
    )


def record_altered() -> Fault:
    """A sealed record changed by SQL; the mend puts back what it was."""
    altered: list[tuple[str, str]] = []

    async def prepare(world: World) -> None:
        await eventually(lambda: sealed(world), seconds=CHECKPOINTS_WITHIN / world.prometheus.factor + 60.0, pause=0.5)

    async def begin(world: World) -> None:
        def alter() -> None:
            with closing(sqlite3.connect(world.folder / "gateway-records.db", timeout=10)) as connection, connection:
                record, code = connection.execute(SEALED).fetchone()
                altered.append((record, code))
                connection.execute("UPDATE records SET code = 'policy_violation' WHERE id = ?", (record,))

        await asyncio.to_thread(alter)
        await world.gateway.api("GET", "/audit/verify")  # what runs every night; the time counts from it

    async def mend(world: World) -> None:
        def restore() -> None:
            with closing(sqlite3.connect(world.folder / "gateway-records.db", timeout=10)) as connection, connection:
                for record, code in altered:
                    connection.execute("UPDATE records SET code = ? WHERE id = ?", (code, record))

        await asyncio.to_thread(restore)
        await world.gateway.api("GET", "/audit/verify")

    return Fault(
        name="sealed record altered",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayRecordTampered"),),
        companions=frozenset({"GatewayStoreErrors"}),  # another program writes
        severity="page",
    )


def sink_dead() -> Fault:
    """The sink cannot be written: a folder stands in place of its file; a customer says STOP meanwhile."""

    async def begin(world: World) -> None:
        sink = world.folder / "checkpoints.jsonl"
        if sink.exists():
            sink.rename(sink.with_suffix(".kept"))
        sink.mkdir()
        [integration, *_] = world.traffic.integrations
        await world.gateway.whatsapp.inbound(integration.number, world.gateway.a_customer(), "STOP")

    async def mend(world: World) -> None:
        sink = world.folder / "checkpoints.jsonl"
        if sink.is_dir():
            sink.rmdir()
        if sink.with_suffix(".kept").exists():
            sink.with_suffix(".kept").rename(sink)

    return Fault(
        name="sink of checkpoints dead",
        begin=begin,
        mend=mend,
        expected=(
            Expected("GatewayCheckpointsNotShipped"),
            Expected("GatewayRestoreLinesIncomplete", {"outcome": "delayed"}),
        ),
        severity="ticket",
    )


async def sealed(world: World) -> bool:
    """Whether a message's record is under a checkpoint."""
    with closing(sqlite3.connect(world.folder / "gateway-records.db", timeout=10)) as connection:
        return connection.execute(SEALED).fetchone() is not None


def store_faults() -> list[Fault]:
    """Those that keep the store from being written."""
    return [store_locked(), store_full(), store_gone()]
