"""Both replicas are restarted in turn under load: no request fails, no message is lost or sent twice.

The edge learns of a stop a second or two after the signal, by its health checks or from its operator: until then it
sends requests to the replica that stops, on new connections and on those that it has kept.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson
import pytest

from tests.chaos.load import Load
from tests.e2e import scenarios
from tests.e2e.driver import SECRET, Answer, Gateway, sum_of_samples
from tests.e2e.edge.certificates import HOST
from tests.e2e.edge.proxies import Edge, Program, Replica
from tools.stack.processes import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAG_SECONDS = 1.0
"""How long after the signal the edge learns of a stop."""
KEPT_SECONDS = 3.0
"""Below the edge's idle time: these callers close their connections first."""


@dataclass(eq=False)
class Callers:
    """Callers behind the edge: every other one keeps its connections, the rest open one for each request."""

    load: Load
    edge: Edge
    sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession]
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def of(cls, gateway: Gateway, edge: Edge) -> AsyncIterator["Callers"]:
        """Callers with accounts, numbers, integrations and customers of their own."""
        load = await Load.create(gateway, random.Random(1))
        context = edge.certificates.context()
        if (
            edge.program is Program.NGINX
        ):  # a reload closes callers' connections, also under a request that was just sent
            keeping = aiohttp.TCPConnector(limit=0, ssl=context, force_close=True)
        else:
            keeping = aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=KEPT_SECONDS)
        opening = aiohttp.TCPConnector(limit=0, ssl=context, force_close=True)
        async with (
            aiohttp.ClientSession(connector=keeping) as first,
            aiohttp.ClientSession(connector=opening) as second,
        ):
            yield cls(load, edge, (first, second))

    async def send(self, first: int, count: int, *, per_second: float) -> None:
        """Send messages at a constant rate, whether earlier ones were answered or not."""
        begun, loop = time.monotonic(), asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
                group.create_task(self._one(first + number))

    async def _one(self, serial: int) -> None:
        integration, body = self.load.message(serial)
        headers = {SECRET: integration.secret, "Content-Type": "application/json", "Host": HOST}
        url, begun = f"https://127.0.0.1:{self.edge.port}{integration.path}", time.monotonic()
        try:
            async with self.sessions[serial % 2].post(url, data=orjson.dumps(body), headers=headers) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failures[type(error).__name__] += 1
            return
        self.seconds.append(time.monotonic() - begun)
        if response.status in {200, 202}:
            self.load.answers[serial] = (integration, Answer(response.status, orjson.loads(content)))
        else:
            self.failures[str(response.status)] += 1


async def restart_in_turn(gateway: Gateway, edge: Edge, sending: asyncio.Task[None] | None = None) -> None:
    """Restart each replica of ingress, the next one when this one is asked again or nobody sends any more."""
    for replica in gateway.stack.services["ingress"]:
        stopping = asyncio.create_task(replica.stop())
        await asyncio.sleep(LAG_SECONDS)
        edge.learn(without=Replica.of(replica))
        assert await stopping == 0
        replica.start()
        await replica.wait_until_ready()
        edge.learn()
        while not await _is_asked(gateway, replica) and not (sending and sending.done()):
            await asyncio.sleep(0.05)


async def _is_asked(gateway: Gateway, replica: ServiceProcess) -> bool:
    page = await gateway.page(replica.ready_url.replace("/readyz", "/metrics"))
    return sum_of_samples(page, "gateway_webhooks_total") > 0


async def assert_nothing_failed(callers: Callers, name: str, count: int, restarts: int) -> None:
    findings, results = await callers.load.check()
    quantiles = statistics.quantiles(callers.seconds, n=100)
    scenarios.report(
        name,
        passed=findings.holds and not callers.failures,
        requests=count,
        failed=callers.failures.total(),
        restarts=restarts,
        p50_s=round(quantiles[49], 3),
        p99_s=round(quantiles[98], 3),
        **findings.figures,
    )
    assert not callers.failures
    assert findings.holds, findings.faults
    assert results == {"sent": count}


@pytest.mark.long
async def test_both_replicas_are_restarted_and_no_request_fails(gateway: Gateway, edge: Edge) -> None:
    async with Callers.of(gateway, edge) as callers:
        restarting, count = asyncio.create_task(restart_in_turn(gateway, edge)), 0
        while not restarting.done():
            await callers.send(count, 20, per_second=20)
            count += 20
        await restarting

        await assert_nothing_failed(callers, f"rolling restart behind {edge.program}", count, 2)


@pytest.mark.long
@pytest.mark.alone
async def test_two_thousand_requests_meet_rolling_restarts_and_none_fails(gateway: Gateway, edge: Edge) -> None:
    async with Callers.of(gateway, edge) as callers:
        sending, rounds = asyncio.create_task(callers.send(0, 2000, per_second=50)), 0
        while not sending.done():
            await restart_in_turn(gateway, edge, sending)
            rounds += 1
        await sending

        await assert_nothing_failed(
            callers, f"2,000 requests at 50/s in rolling restarts behind {edge.program}", 2000, 2 * rounds
        )
