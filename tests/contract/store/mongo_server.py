"""A MongoDB to test against: the real one that a variable names, else a stand-in.

The variable is `GATEWAY_TEST_MONGODB_URI`, for this suite alone, or `GATEWAY_TEST_STORE_URL` (`tools.stack`).

The stand-in (mongoeco, see `mongo_stand_in`) speaks MongoDB's wire protocol, so the driver is the real one. What it
cannot show: write and read concerns, failovers, retried writes, TTL by a monitor, shards, query plans.
`GATEWAY_TEST_MONGO_DRIVER=pymongo` runs the suite with PyMongo's own async client (docs/decisions/0003).
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pymongo

from libs.store.factory import open_store
from libs.store.mongo import database
from libs.store.mongo.store import store_over
from libs.store.store import Store
from tools.stack.given_store import given_server

ROOT = Path(__file__).parents[3]
REAL_SERVER = os.environ.get("GATEWAY_TEST_MONGODB_URI") or given_server()
"""`mongodb://…` of a server whose databases may be made and dropped; the database in it, if any, is not used."""
AVAILABLE = REAL_SERVER is not None or find_spec("mongoeco") is not None
"""The stand-in needs Python 3.13; on an older one the suite runs on MongoDB where a real server is named."""
NOT_RUN = (
    "The MongoDB suite did not run: its stand-in needs Python 3.13, "
    f"this is {sys.version_info[0]}.{sys.version_info[1]}. "
    "Name a server in GATEWAY_TEST_MONGODB_URI to run it."
)
"""Printed at the end of a run without it."""
EMPTY = "empty"
"""The name of a database without documents, for `open_copy`."""
PATIENT = "timeoutMS=60000"
"""For the stand-in alone: two hundred calls at once take it longer than the two seconds that a real server gets."""

if os.environ.get("GATEWAY_TEST_MONGO_DRIVER") == "pymongo":
    database.DRIVER = pymongo.AsyncMongoClient


class StandIn:
    """The stand-in's process, which ends with ours."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.store.mongo_stand_in"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.templates: set[str] = set()
        if not self.url:
            raise RuntimeError("the MongoDB stand-in did not start")

    def copy(self, database: str, name: str) -> None:
        """Copy a database, with its indexes, to a name that has none."""
        self._ask(f"copy {database} {name}", name)

    def drop(self, name: str) -> None:
        """Remove a database, if there is one."""
        self._ask(f"drop {name}", name)

    def _ask(self, line: str, expected: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != expected:
            raise RuntimeError(f"the MongoDB stand-in did not {line}: {answer}")

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@cache
def shared_stand_in() -> StandIn:
    """The one stand-in of this test run; tests share it and use a database each."""
    return StandIn()


async def open_copy(url: str, name: str, fill: Callable[[Store], Awaitable[None]] | None = None) -> Store:
    """The store of an empty database that `mongo_database` made, after `fill`; the test closes it.

    In the stand-in it becomes a copy of one of this name that was filled once, and whose indexes were made once: a
    start makes a hundred. Tests of the making, and of a database that is not empty, open a store directly.
    """
    if REAL_SERVER is None:
        stand_in, parts = shared_stand_in(), urlsplit(url)
        template = f"gateway-test-{name}"
        if name not in stand_in.templates:
            first = urlunsplit(parts._replace(path=f"/{template}"))
            opened = await (open_store(first) if fill is None else open_copy(first, EMPTY))
            if fill is not None:
                await fill(opened)
            await opened.close()
            stand_in.templates.add(name)
        stand_in.copy(template, parts.path.strip("/"))
        return opened_before(url)
    opened = await open_store(url)
    if fill is not None:
        await fill(opened)
    return opened


def opened_before(url: str) -> Store:
    """The store of a database that was opened before, and has what an opening looks for: forty calls fewer."""
    client = database.client_from(url)
    return store_over(client, client.get_default_database())


@asynccontextmanager
async def mongo_database(folder: Path) -> AsyncIterator[str]:
    """An empty database with a name of its own, dropped afterwards."""
    parts = urlsplit(REAL_SERVER or f"{shared_stand_in().url}&{PATIENT}")
    name = f"gateway-test-{uuid4().hex[:16]}"
    url = urlunsplit(parts._replace(path=f"/{name}"))
    yield url
    if REAL_SERVER is None:
        shared_stand_in().drop(name)
        return
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(url)
    await asyncio.to_thread(client.drop_database, name)
    await asyncio.to_thread(client.close)
