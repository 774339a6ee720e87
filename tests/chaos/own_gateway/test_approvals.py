"""Two consoles as processes, with the settings' defaults: one dies between decision and effect, at any moment."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from libs.chassis.amqp import Broker
from libs.chassis.amqp.declare_step import declare_everything
from libs.chassis.subscriptions import Received
from libs.chassis.topology import RECORDS
from libs.contracts.events import AccountChanged, ApprovalApproved, Event
from tests.event_keys import EveryonesKeys
from tests.integration.test_console_service import TOKEN, created, environ_of, free_port, until_up
from tools.broker import BrokerNode
from tools.broker.rights import DECLARER

SEED = int(os.environ.get("GATEWAY_CHAOS_SEED", random.randrange(1 << 32)))
ACCOUNTS = 12
ROOT = Path(__file__).parents[3]


async def a_console(folder: Path, amqp_url: str, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.console"),
        cwd=ROOT,
        env=environ_of(folder, amqp_url, port),
        stdout=asyncio.subprocess.DEVNULL,
    )


@asynccontextmanager
async def as_(token: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        yield http


async def answer(http: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    async with http.request(method, url, json=body) as response:
        return response.status, await response.json()


async def a_person(http: aiohttp.ClientSession, url: str, label: str) -> str:
    status, body = await answer(http, "POST", f"{url}/tokens", {"label": label, "role": "admin"})
    assert status == 201, body
    return str(body["token"])


@pytest.mark.long
async def test_what_was_approved_takes_effect_once_though_a_console_is_killed(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    heard: dict[Any, Event] = {}

    async def hear(batch: Sequence[Received[Event]]) -> None:
        heard.update({received.id: received.event for received in batch})

    ports = [free_port() for _ in range(2)]
    urls = [f"http://127.0.0.1:{port}/api/v1" for port in ports]
    async with await BrokerNode.start(tmp_path / "broker") as node, as_(TOKEN) as admin:
        users = await node.add_users()
        await declare_everything(users[DECLARER])
        await node.sync()
        consoles = [await a_console(tmp_path, users["console"], port) for port in ports]
        try:
            for url in urls:
                await until_up(admin, url)
            ann, bob = [await a_person(admin, urls[0], name) for name in ("Ann", "Bob")]
            accounts = [await created(admin, urls[0]) for _ in range(ACCOUNTS)]
            async with as_(ann) as http:
                edits = [
                    await answer(http, "PATCH", f"{urls[0]}/accounts/{id_}", {"retention_days": 30}) for id_ in accounts
                ]
            assert {status for status, _ in edits} == {202}
            ids = [str(body["approval_id"]) for _, body in edits]

            async with as_(bob) as http:
                calls = [
                    asyncio.create_task(answer(http, "POST", f"{urls[number % 2]}/approvals/{id_}/approve"))
                    for number, id_ in enumerate(ids)
                ]
                await asyncio.sleep(dice.uniform(0.0, 0.25))
                consoles[0].kill()
                await asyncio.gather(*calls, return_exceptions=True)
            async with as_(bob) as http, asyncio.timeout(60):
                for id_ in ids:
                    while (await answer(http, "POST", f"{urls[1]}/approvals/{id_}/approve"))[1]["state"] != "done":
                        await asyncio.sleep(0.2)
            shown = [(await answer(admin, "GET", f"{urls[1]}/accounts/{id_}"))[1]["retention_days"] for id_ in accounts]

            async with asyncio.timeout(60), Broker.connected("listener", node.url, keys=EveryonesKeys()) as broker:
                await broker.consume_in_batches(RECORDS, hear)
                while sum(isinstance(event, ApprovalApproved) for event in heard.values()) < ACCOUNTS:
                    await asyncio.sleep(0.05)
            consoles[1].send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await consoles[1].wait()
        finally:
            for console in consoles:
                if console.returncode is None:
                    console.kill()
                    await console.wait()

    effects = [event for event in heard.values() if isinstance(event, AccountChanged) and not event.created]
    approved = [event for event in heard.values() if isinstance(event, ApprovalApproved)]
    assert shown == [30] * ACCOUNTS, f"seed {SEED}"
    assert Counter(event.approval_id for event in effects) == Counter(ids), f"seed {SEED}"
    assert Counter(event.approval_id for event in approved) == Counter(ids), f"seed {SEED}"
