"""Faults of time: a clock set back, and monthly reports that are due and cannot be written."""

import asyncio
import json
import sqlite3
from contextlib import closing

from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.process_faults import QUEUES
from tests.chaos.alerts.service_levels import OUTAGE
from tests.chaos.alerts.world import CLOCK_OF, World
from tests.e2e.driver import sum_of_samples
from tests.e2e.waiting import eventually
from tests.faketime import set_offset

HOUR = 3600


def clock_back() -> Fault:
    """The clock of sender's machine set back by two hours, and set right again."""

    async def begin(world: World) -> None:
        set_offset(world.clock, -2 * HOUR)

    async def mend(world: World) -> None:
        set_offset(world.clock, 0)

    return Fault(
        name="clock set back by two hours",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayClockWrong", {"service": CLOCK_OF}),),
        lasting=(Expected("GatewayBackdatedEvents"),),  # sender dates its events back
        companions=OUTAGE | QUEUES,
        severity="page",
    )


def reports_stuck() -> Fault:
    """A report of last month is due and there is no folder for it; the time counts from the first round that fails."""

    async def prepare(world: World) -> None:
        integration = await world.gateway.create_integration()
        await asyncio.to_thread(_made_old, world, integration.account_id)
        (world.folder / "reports").write_text("no folder", "utf-8")
        await eventually(lambda: _waits(world), seconds=1200.0 / world.prometheus.factor + 60.0, pause=0.5)

    async def begin(world: World) -> None:
        """A round has failed."""

    async def mend(world: World) -> None:
        (world.folder / "reports").unlink()

    return Fault(
        name="monthly reports cannot be written",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayScheduledReportsDelayed"),),
        companions=frozenset({"GatewayJobFails"}),
        severity="ticket",
    )


def _made_old(world: World, account_id: str) -> None:
    """Make the account older than last month."""
    with closing(sqlite3.connect(world.folder / "gateway.db", timeout=10)) as connection, connection:
        (body,) = connection.execute("SELECT body FROM accounts WHERE id = ?", (account_id,)).fetchone()
        old = json.dumps(json.loads(body) | {"created_at": "2026-01-01T00:00:00+00:00"})
        connection.execute("UPDATE accounts SET body = ? WHERE id = ?", (old, account_id))


async def _waits(world: World) -> bool:
    page = await world.gateway.page(world.service("console").ready_url.replace("/readyz", "/metrics"))
    return sum_of_samples(page, "gateway_scheduled_reports_waiting") > 0
