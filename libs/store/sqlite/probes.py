"""The readiness probe of the SQLite store: one row is written to each file, because each service writes other files."""

import asyncio
import sqlite3
from collections.abc import Sequence

from libs.store.migration import MissingIndexes
from libs.store.sqlite.database import Database

FRESH_SECONDS = 5.0
"""A file that this process changed within this time is writable: the message path itself is the probe."""
_WRITE = "INSERT INTO probes VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET writes = writes + 1"


class WriteProbes:
    """`Store.probe`. A probe that still waits for its transaction is waited for again, not queued once more."""

    def __init__(self, databases: Sequence[Database], missing: MissingIndexes) -> None:
        self._databases = databases
        self._missing = missing
        self._running: dict[Database, asyncio.Task[None]] = {}

    async def __call__(self) -> None:
        """As `Store.probe`."""
        self._missing.look_if_due()
        for database in self._databases:
            database.require_unchanged()
        idle = [database for database in self._databases if not database.wrote_within(FRESH_SECONDS)]
        for database in idle:
            if database not in self._running:
                self._running[database] = asyncio.create_task(_write(database))
        tasks = [self._running[database] for database in idle]
        if tasks:
            await asyncio.wait(tasks)
        self._running = {database: task for database, task in self._running.items() if not task.done()}
        for task in tasks:
            task.result()


async def _write(database: Database) -> None:
    await database.change(_write_row)


def _write_row(connection: sqlite3.Connection) -> None:
    connection.execute(_WRITE)
