"""The file of the record, which faults change by SQL, and which says how far audit is."""

import sqlite3
from contextlib import closing

from tests.chaos.alerts.world import World
from tests.e2e.driver import sum_of_samples
from tests.e2e.waiting import eventually

MINUTES = 600.0
"""Seconds at factor 1 until audit has signed, or refused to."""


def records(world: World) -> sqlite3.Connection:
    """The file."""
    return sqlite3.connect(world.folder / "gateway-records.db", timeout=10)


async def until_there(world: World, sql: str, *values: str) -> None:
    """Wait until the query finds a row."""

    async def found() -> bool:
        with closing(records(world)) as connection:
            return connection.execute(sql, values).fetchone() is not None

    await eventually(found, seconds=MINUTES / world.prometheus.factor + 60.0, pause=0.2)


async def until_counted(world: World, gauge: str) -> None:
    """Wait until audit's gauge is above 0."""

    async def counted() -> bool:
        page = await world.gateway.page(world.service("audit").ready_url.replace("/readyz", "/metrics"))
        return sum_of_samples(page, gauge) > 0

    await eventually(counted, seconds=MINUTES / world.prometheus.factor + 60.0, pause=0.2)
