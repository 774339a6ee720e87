"""A gateway under load: agents' replies over HTTP, through policy, ledger, provider call and record."""

import itertools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson

from bench.costs import Cost, Meter
from bench.http import Connection
from bench.targets import MANY_CUSTOMERS, Customers, Target
from bench.timing import Timing, closed_loop, open_loop
from tools.stack import Stack

LOAD_GENERATOR = "load generator"
WARM_UP_SECONDS = 1.0


class Load:
    """Agents' replies, spread over integrations and customers so that none of their limits applies.

    A request takes a free connection, and opens one to the next replica when all are in use.
    """

    def __init__(
        self, urls: Sequence[str], targets: Sequence[Target], customers: Customers, serial: "itertools.count[int]"
    ) -> None:
        self._urls = itertools.cycle(urls)
        self._targets = targets
        self._customers = customers
        self._free: list[Connection] = []
        self._all: list[Connection] = []
        self._serial = serial
        self.statuses: dict[str, int] = {}

    async def once(self) -> bool:
        """Post one reply; True when it was sent."""
        serial = next(self._serial)
        target = self._targets[serial % len(self._targets)]
        body = orjson.dumps(
            {
                "event_type": "outbound_message",
                "to": self._customers.phone(serial),
                "message_text": f"Hello, your order {serial} is on its way and will be there this afternoon.",
                "message_purpose": "support",
                "agent_extension": "101",
                "conversation_id": f"c{serial}",
            }
        )
        headers = {"X-WhatsApp-Gateway-3CX-Secret": target.secret, "Content-Type": "application/json"}
        status, answer = await self._answer(target.path, body, headers)
        content = orjson.loads(answer)
        word = content.get("status") or content.get("error") or str(status)
        self.statuses[word] = self.statuses.get(word, 0) + 1
        return bool(word == "sent")

    async def _answer(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._free:
            connection = self._free.pop()
            with suppress(EOFError, ConnectionError):  # a server closes a connection that was idle for a while
                answer = await connection.post(path, body, headers)
                self._free.append(connection)
                return answer
        connection = await self._opened()
        answer = await connection.post(path, body, headers)
        self._free.append(connection)
        return answer

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
    """What one run showed."""

    timing: Timing
    costs: list[Cost]
    statuses: dict[str, int]


Run = Callable[[Load], Awaitable[Timing]]


class Site:
    """Something that answers agents' replies over HTTP, and its processes."""

    def __init__(
        self,
        urls: Sequence[str],
        targets: Sequence[Target],
        pids: Mapping[str, int],
        customers: Customers = MANY_CUSTOMERS,
    ) -> None:
        self._urls = urls
        self._targets = targets
        self._pids = dict(pids) | {LOAD_GENERATOR: os.getpid()}
        self._customers = customers
        self._serial = itertools.count()

    async def closed(self, *, in_flight: int, seconds: float) -> Measured:
        """Load it from `in_flight` callers, each of which waits for its answer."""
        return await self._measured(
            lambda load: closed_loop(load.once, in_flight=in_flight, seconds=WARM_UP_SECONDS),
            lambda load: closed_loop(load.once, in_flight=in_flight, seconds=seconds),
        )

    async def open(self, *, rate: float, seconds: float) -> Measured:
        """Load it with `rate` requests a second, whether or not earlier ones are answered."""
        return await self._measured(
            lambda load: closed_loop(load.once, in_flight=64, seconds=WARM_UP_SECONDS),
            lambda load: open_loop(load.once, rate=rate, seconds=seconds),
        )

    async def once_each(self, *, in_flight: int) -> Measured:
        """One reply to each customer."""
        return await self._measured(
            None, lambda load: closed_loop(load.once, in_flight=in_flight, seconds=120.0, most=self._customers.count)
        )

    async def _measured(self, warm_up: Run | None, run: Run) -> Measured:
        load = Load(self._urls, self._targets, self._customers, self._serial)
        try:
            if warm_up is not None:
                await warm_up(load)
            meter = Meter(self._pids)
            timing = await run(load)
            return Measured(timing, meter.costs(timing.count), load.statuses)
        finally:
            load.close()


def site_of(stack: Stack, targets: Sequence[Target], customers: Customers = MANY_CUSTOMERS) -> Site:
    """The gateway of a running stack."""
    pids = {process.name: process.pid for process in stack.processes}
    if stack.broker is not None:
        pids["rabbitmq"] = stack.broker.pid
    return Site(stack.ingress_urls, targets, pids, customers)
