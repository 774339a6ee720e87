"""A MongoDB to test against: the real one that `GATEWAY_TEST_MONGODB_URI` names, else a stand-in in this process.

The stand-in (mongoeco) speaks MongoDB's wire protocol on a loopback port from a thread of its own, so the driver is the
real one. What it cannot show: write concerns, failovers, TTL by a monitor, shards. `GATEWAY_TEST_MONGO_DRIVER=pymongo`
runs the suite with PyMongo's own async client, which is the way out of motor (docs/decisions/0003).
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pymongo
from mongoeco.wire import AsyncMongoEcoProxyServer

from libs.store.mongo import database

REAL_SERVER = os.environ.get("GATEWAY_TEST_MONGODB_URI")
"""`mongodb://…` of a server whose databases may be made and dropped; the database in it, if any, is not used."""

if os.environ.get("GATEWAY_TEST_MONGO_DRIVER") == "pymongo":
    database.DRIVER = pymongo.AsyncMongoClient


class StandIn:
    """mongoeco's wire server, in memory, on a thread of its own that ends with the process."""

    def __init__(self) -> None:
        self._listening = threading.Event()
        self.url = ""
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="mongo stand-in", daemon=True).start()
        if not self._listening.wait(20):
            raise RuntimeError("the MongoDB stand-in did not start")

    async def _serve(self) -> None:
        async with AsyncMongoEcoProxyServer() as server:
            self.url = server.address.uri
            self._listening.set()
            await asyncio.Event().wait()


@cache
def stand_in() -> StandIn:
    """The one stand-in of this test run; tests share it and use a database each."""
    return StandIn()


@asynccontextmanager
async def mongo_database(folder: Path) -> AsyncIterator[str]:
    """An empty database with a name of its own, dropped afterwards."""
    parts = urlsplit(REAL_SERVER or stand_in().url)
    name = f"gateway-test-{uuid4().hex[:16]}"
    url = urlunsplit(parts._replace(path=f"/{name}"))
    yield url
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(url, timeoutMS=10_000)
    await asyncio.to_thread(client.drop_database, name)
    await asyncio.to_thread(client.close)
