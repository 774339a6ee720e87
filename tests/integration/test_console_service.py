"""Console as its own process, on a real broker and a real store: an outage delays what is told, and loses nothing."""

import asyncio
import base64
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from libs.chassis.amqp import Broker
from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.subscriptions import Received
from libs.chassis.topology import RECORDS
from libs.contracts.events import AccountChanged, Event
from tests.event_keys import EveryonesKeys, key_setting
from tests.integration.forked import Forked
from tests.proxy import Proxy
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER

TOKEN = "an-admin-token-for-tests"
ACCOUNT = {"name": "Acme", "business_name": "Acme Clinic"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environ_of(tmp_path: Path, amqp_url: str, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return (
        kept
        | key_setting("console")
        | {
            "GATEWAY_AMQP_URL": amqp_url,
            "GATEWAY_STORE_URL": f"sqlite:///{tmp_path / 'gateway.db'}",
            "GATEWAY_HASH_KEY": "k" * 32,
            "GATEWAY_ADMIN_TOKEN": TOKEN,
            "GATEWAY_SECRET_KEYS": f"k1:{base64.b64encode(bytes(32)).decode()}",
            "GATEWAY_DO_NOT_CONTACT_KEYS": f"d1:{base64.b64encode(bytes(32)).decode()}",
            "GATEWAY_POST_KEYS": f"p1:{base64.b64encode(bytes(32)).decode()}",
            "GATEWAY_CONSOLE_HOST": "127.0.0.1",
            "GATEWAY_CONSOLE_PORT": str(port),
            "GATEWAY_CONSOLE_METRICS_PORT": "0",
            "GATEWAY_METRICS_HOST": "127.0.0.1",
            "GATEWAY_OUTBOX_SECONDS": "0.5",
        }
    )


async def created(http: aiohttp.ClientSession, url: str) -> str:
    async with http.post(f"{url}/accounts", json=ACCOUNT) as answer:
        body: dict[str, Any] = await answer.json()
        assert answer.status == 201, body
        return str(body["id"])


async def until_up(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with http.get(f"{url}/accounts") as answer:
                    assert answer.status == 200
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def changes_are_told(
    tmp_path: Path, amqp_url: str, goes: Callable[[], Awaitable[object]], returns: Callable[[], Awaitable[str]]
) -> None:
    """Change accounts before an outage and during it; `returns` ends it and says where to listen."""
    heard: dict[UUID, Event] = {}

    async def hear(batch: Sequence[Received[Event]]) -> None:
        heard.update({received.id: received.event for received in batch})

    port = free_port()
    url = f"http://127.0.0.1:{port}/api/v1"
    process = await Forked.start("services.console", environ=environ_of(tmp_path, amqp_url, port))
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
            await until_up(http, url)
            before = await created(http, url)
            await goes()
            async with asyncio.timeout(10):
                during = [await created(http, url) for _ in range(3)]

        listening = await returns()

        async with asyncio.timeout(60), Broker.connected("listener", listening, keys=EveryonesKeys()) as broker:
            await broker.consume_in_batches(RECORDS, hear)
            while len(heard) < 4:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            ended = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert {event.account_id for event in heard.values()} == {before, *during}
    assert all(isinstance(event, AccountChanged) for event in heard.values())
    assert ended == 0


async def test_changes_made_while_the_broker_is_away_are_told_when_it_is_back(
    tmp_path: Path, broker: BrokerNode, vhost: str
) -> None:
    urls = await broker.add_users(vhost.rpartition("/")[2])
    await declare_everything(urls[DECLARER])
    async with Proxy.to(broker.port) as line:

        async def returns() -> str:
            await line.heal()
            return vhost

        await changes_are_told(tmp_path, line.url(urls["console"]), line.refuse, returns)


@pytest.mark.long
async def test_changes_made_while_the_broker_is_killed_are_told_when_it_is_back(tmp_path: Path) -> None:
    async with await BrokerNode.start(tmp_path / "broker") as node:
        urls = await node.add_users()
        await declare_everything(urls[DECLARER])
        await node.sync()

        async def returns() -> str:
            await node.restart()
            return node.url

        await changes_are_told(tmp_path, urls["console"], partial(asyncio.to_thread, node.kill), returns)
