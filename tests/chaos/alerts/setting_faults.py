"""Services started without what they need: a sink, a version of WhatsApp's API that lasts, `gateway migrate` before."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing

from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.process_faults import QUEUES, RECONNECTING, SERVICES
from tests.chaos.alerts.service_levels import OUTAGE
from tests.chaos.alerts.world import World
from tools.stack.stack_store import migrate

SINK, VERSION = "GATEWAY_CHECKPOINT_SINK", "GATEWAY_WHATSAPP_API_VERSION"
ENDED = "v18.0"
"""Ended on 26 Jan 2026."""
DROP_INDEX = "DROP INDEX integrations_of_account"
"""One that only makes queries fast: services start without it."""


def started_unprepared() -> Fault:
    """Audit and sender start so; the mend is `gateway migrate`, and another start of both."""
    were: dict[str, dict[str, str]] = {}

    async def begin(world: World) -> None:
        were.update({name: dict(world.service(name).environ) for name in ("audit", "sender")})
        await asyncio.to_thread(_without_index, world)
        sinkless = {name: value for name, value in were["audit"].items() if name != SINK}
        await asyncio.gather(
            _started(world, "audit", sinkless), _started(world, "sender", were["sender"] | {VERSION: ENDED})
        )

    async def mend(world: World) -> None:
        await migrate(world.stack.settings["GATEWAY_STORE_URL"])
        again = were | {name: dict(world.service(name).environ) for name in await _late(world) - were.keys()}
        await asyncio.gather(*(_started(world, name, environ) for name, environ in again.items()))

    return Fault(
        name="audit and sender started without sink and migration, with an ended API version",
        begin=begin,
        mend=mend,
        expected=(
            Expected("GatewayCheckpointSinkMissing"),
            Expected("GatewayApiVersionEnds", {"version": ENDED}),
            Expected("GatewayStoreIndexesMissing"),
        ),
        companions=OUTAGE | QUEUES | RECONNECTING | {"GatewayServiceDown"},
        severity="ticket",
    )


async def _late(world: World) -> set[str]:
    """The services that would tell of the index for up to five minutes more: how often they look is not divided."""
    if world.prometheus.factor == 1:
        return set()
    return {name for name in SERVICES if await world.gateway.metric(name, "gateway_store_indexes_missing")}


async def _started(world: World, name: str, environ: Mapping[str, str]) -> None:
    process = world.service(name)
    await process.stop()
    process.environ = dict(environ)
    process.start()
    await process.wait_until_ready()


def _without_index(world: World) -> None:
    with closing(sqlite3.connect(world.folder / "gateway.db", timeout=10)) as connection, connection:
        connection.execute(DROP_INDEX)
