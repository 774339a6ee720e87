"""The whole gateway under load: agents' replies over HTTP, through policy, ledger, provider call and record."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from bench.costs import Cost, Meter
from bench.http import Connection
from bench.timing import Timing, closed_loop, open_loop
from tools.stack import Stack

ACCOUNTS = 50
INTEGRATIONS = 1_000
"""Each is allowed 60 requests a minute; together that exceeds the machine's throughput."""
CUSTOMERS = 40_000
"""A pair is allowed a burst of ten messages and then one in six seconds, so the load uses many customers."""


@dataclass(frozen=True, slots=True)
class Target:
    """One integration and its number."""

    path: str
    secret: str = field(repr=False)
    account_id: str
    number_id: str


async def prepare(stack: Stack) -> list[Target]:
    """Create accounts, numbers and integrations through the operators' API."""
    headers = {"Authorization": f"Bearer {stack.admin_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            async with session.post(f"{stack.console_url}/api/v1{path}", json=body) as answer:
                found: dict[str, Any] = await answer.json()
                if answer.status != 201:
                    raise RuntimeError(f"{path}: {answer.status} {found}")
                return found

        async def integration(index: int, account_id: str) -> Target:
            number = {"provider": "cloud_api", "phone_number_id": f"{2_000_000_000_000 + index}"}
            limits = {"access_token": "EAAbench", "messages_per_second": 1000}
            instance = await post(f"/accounts/{account_id}/instances", number | limits)
            created = await post(
                "/integrations", {"account_id": account_id, "instance_id": instance["id"], "auth_mode": "secret"}
            )
            return Target(f"/integrations/3cx/webhook/{created['id']}", created["secret"], account_id, instance["id"])

        plan = {"plan": "scale", "timezone": "UTC", "default_region": "SA", "daily_limit": 10_000_000}
        names = [{"name": f"bench {i}", "business_name": f"Bench {i}"} for i in range(ACCOUNTS)]
        accounts = [await post("/accounts", plan | name) for name in names]
        slots = asyncio.Semaphore(16)

        async def one(index: int) -> Target:
            async with slots:
                return await integration(index, accounts[index % ACCOUNTS]["id"])

        return list(await asyncio.gather(*(one(i) for i in range(INTEGRATIONS))))


def phone(index: int) -> str:
    """The E.164 number of customer `index`."""
    return f"+9665{index:08d}"


class Load:
    """Agents' replies, spread over integrations and customers so that none of their limits applies.

    A request takes a free connection, and opens one to the next replica when all are in use.
    """

    def __init__(self, urls: Sequence[str], targets: Sequence[Target]) -> None:
        self._urls = itertools.cycle(urls)
        self._targets = targets
        self._free: list[Connection] = []
        self._all: list[Connection] = []
        self._serial = itertools.count()
        self.statuses: dict[str, int] = {}

    async def once(self) -> bool:
        """Post one reply; True when it was sent."""
        serial = next(self._serial)
        target = self._targets[serial % len(self._targets)]
        body = orjson.dumps(
            {
                "event_type": "outbound_message",
                "to": phone(serial % CUSTOMERS),
                "message_text": f"Hello, your order {serial} is on its way and will be there this afternoon.",
                "message_purpose": "support",
                "agent_extension": "101",
                "conversation_id": f"c{serial}",
            }
        )
        headers = {"X-WhatsApp-Gateway-3CX-Secret": target.secret, "Content-Type": "application/json"}
        connection = self._free.pop() if self._free else await self._opened()
        try:
            status, answer = await connection.post(target.path, body, headers)
        finally:
            self._free.append(connection)
        content = orjson.loads(answer)
        word = content.get("status") or content.get("error") or str(status)
        self.statuses[word] = self.statuses.get(word, 0) + 1
        return bool(word == "sent")

    async def _opened(self) -> Connection:
        connection = await Connection.open(next(self._urls))
        self._all.append(connection)
        return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            connection.close()


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of the gateway showed."""

    timing: Timing
    costs: list[Cost]
    statuses: dict[str, int]


async def measure(stack: Stack, targets: Sequence[Target], *, in_flight: int, seconds: float) -> Measured:
    """Load the gateway from `in_flight` callers, each of which waits for its answer."""
    return await _measured(
        stack,
        targets,
        warm_up=lambda load: closed_loop(load.once, in_flight=in_flight, seconds=1.0),
        run=lambda load: closed_loop(load.once, in_flight=in_flight, seconds=seconds),
    )


async def measure_open(stack: Stack, targets: Sequence[Target], *, rate: float, seconds: float) -> Measured:
    """Load the gateway with `rate` requests a second, whether or not earlier ones are answered."""
    return await _measured(
        stack,
        targets,
        warm_up=lambda load: closed_loop(load.once, in_flight=64, seconds=1.0),
        run=lambda load: open_loop(load.once, rate=rate, seconds=seconds),
    )


Run = Callable[[Load], Awaitable[Timing]]


async def _measured(stack: Stack, targets: Sequence[Target], *, warm_up: Run, run: Run) -> Measured:
    load = Load(stack.ingress_urls, targets)
    try:
        await warm_up(load)
        meter = Meter(_pids_of(stack))
        timing = await run(load)
        return Measured(timing, meter.costs(timing.count), load.statuses)
    finally:
        load.close()


def _pids_of(stack: Stack) -> dict[str, int]:
    pids = {process.name: process.pid for process in stack.processes}
    if stack.broker is not None:
        pids["rabbitmq"] = stack.broker.pid
    return pids | {"load generator": os.getpid()}
