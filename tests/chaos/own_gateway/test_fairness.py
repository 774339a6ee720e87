"""Fairness between accounts: one account's flood does not keep another account's callers waiting.

Account A sends at ten times B's rate, with hostile texts, 500 blocked words and posts of 15,000 messages, and simulates
as fast as it may. B's 99th percentile is to stay within twice that of B alone. Short phases alternate, alone and with
A, so that what else the machine does counts for both. Each pair gives a ratio of its slowest answers, and the median
of the ratios decides: one pause of the machine spoils one pair.
"""

import asyncio
import io
import itertools
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import aiohttp
import orjson
import psutil
import pytest
import pytest_asyncio

from libs.chassis.topology import INBOUND
from tests.conftest import run_apart
from tests.e2e import scenarios
from tests.e2e.driver import Answer, Gateway, Integration, outbound
from tests.e2e.ledger_check import wait_until_drained
from tools.broker import BrokerNode
from tools.simulator.webhook_payloads import signature_of
from tools.stack import Stack, StackPlan

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long, pytest.mark.alone]

RATE = 3.0
"""Messages a second of account B."""
TIMES = 10
"""How many times B's rate A sends at."""
PHASE_SECONDS = 12.0
PAIRS = 7
"""Pairs of phases: B alone, B with A."""
SLOWEST = 3
"""Of each phase's 36 answers: their mean stands for its tail, and swings less than the slowest one."""
MESSAGES_IN_POST = 15_000
POSTS = 2 * PAIRS
"""More than A has answered: one takes minutes while callers wait."""
SIMULATIONS = 20.0
"""Simulations that A asks for in a second, forty times what its token may."""
TARGET = 2.0
"""B's percentile beside A is to be at most so many times the one alone."""
LIMIT = 3.5
"""The test fails beyond this. Without shares, slices and the limit of simulations the ratio is 6 and more."""
MIN_IDLE = 0.4
"""Share of the machine that B alone must leave idle. With less, A's processes and B's wait for those of others."""
PATIENCE = aiohttp.ClientTimeout(total=240)
WORDS = [f"offer {number:03} {'x' * 40}" for number in range(500)]
TEXTS = [("offer " * 683)[:4096], ("a " * 2048)[:4096], ("1a" * 2048)[:4096], ("аb " * 1366)[:4096]]


@pytest.fixture(scope="module")
def stack(
    broker: BrokerNode, unused_vhosts: Iterator[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One replica of each service: nothing else takes B's messages when A holds one up."""
    amqp_url = next(unused_vhosts)
    plan = StackPlan(
        data_dir=tmp_path_factory.mktemp("fairness"),
        amqp_url=amqp_url,
        amqp_urls=run_apart(broker.add_users(amqp_url.rpartition("/")[2])),
    )
    stack = Stack(plan)
    run_apart(stack.__aenter__())
    yield stack
    run_apart(stack.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(stack: Stack, broker: BrokerNode) -> AsyncIterator[Gateway]:
    """The driver of the gateway."""
    async with Gateway.of(stack, broker, stack.settings["GATEWAY_AMQP_URL"]) as gateway:
        await gateway.whatsapp.configure(statuses={"enabled": False})
        yield gateway


@dataclass
class Sender:
    """An account with enough integrations and customers that no limit of one of them applies."""

    gateway: Gateway
    integrations: list[Integration]
    customers: list[str] = field(repr=False)
    serial: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    async def create(cls, gateway: Gateway, name: str, *, per_second: float, **account: Any) -> "Sender":
        known: dict[str, Any] = {"name": name, "daily_limit": 1_000_000, "plan": "scale"}
        first = await gateway.create_integration(
            account=known | account, number={"messages_per_second": 1000}, call_events_enabled=True
        )
        more = [
            await gateway.add_integration(first.account_id, first.instance_id, first.number, call_events_enabled=True)
            for _ in range(int(per_second * 1.5))
        ]
        customers = [gateway.a_customer() for _ in range(int(per_second * 20))]
        await gateway.customers_write(first, customers)
        return cls(gateway, [first, *more], customers)

    async def send(self, text: str) -> Answer:
        """One message to the next customer, through the next integration."""
        number = next(self.serial)
        integration = self.integrations[number % len(self.integrations)]
        return await self.gateway.post(integration, outbound(self.customers[number % len(self.customers)], text))


async def at_rate(per_second: float, seconds: float, call: Callable[[], Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Calls that begin at fixed times, whether earlier ones are answered or not."""
    tasks: list[asyncio.Task[Answer]] = []
    started = time.monotonic()
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
        tasks.append(asyncio.create_task(call()))
    return list(await asyncio.gather(*tasks))


@dataclass
class Flood:
    """Everything that account A does at once."""

    a: Sender
    bodies: Iterator[bytes]
    """Posts made beforehand: to make one takes a tenth of a second, in which this process would measure nothing."""
    results: Counter[str] = field(default_factory=Counter)
    stopping: bool = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Flood the gateway while the block runs; returns when A has all its answers."""
        self.stopping = False
        tasks = [asyncio.create_task(work()) for work in (self.messages, self.posts, self.simulations)]
        try:
            yield
        finally:
            self.stopping = True
            await asyncio.gather(*tasks)

    async def messages(self) -> None:
        texts = itertools.cycle(TEXTS)

        async def one() -> Answer:
            answer = await self.a.send(next(texts))
            self.results[answer.result] += 1
            return answer

        while not self.stopping:
            await at_rate(RATE * TIMES, 1.0, one)

    async def posts(self) -> None:
        gateway = self.a.gateway
        url, secret = (
            gateway.url("/integrations/whatsapp/webhook"),
            gateway.stack.secrets["GATEWAY_WHATSAPP_APP_SECRET"],
        )
        while not self.stopping:
            body = next(self.bodies)
            headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature_of(body, secret)}
            async with gateway.http.post(url, data=io.BytesIO(body), headers=headers, timeout=PATIENCE) as answer:
                self.results[f"post {answer.status}"] += 1

    async def simulations(self) -> None:
        integration = self.a.integrations[0]
        body = {"integration_id": integration.id, "event": outbound(self.a.customers[0], TEXTS[0])}

        async def one() -> Answer:
            answer = await self.a.gateway.api("POST", "/policy/simulate", body)
            self.results[f"simulation {answer.status}"] += 1
            return answer

        while not self.stopping:
            await at_rate(SIMULATIONS, 1.0, one)


def a_post(number: str, count: int, serial: int) -> bytes:
    """One webhook request of Meta's with so many messages."""
    messages = [
        {
            "from": f"96655{each:07d}",
            "id": f"wamid.fair{serial:06d}{each:06d}",
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": "offer " * 8},
        }
        for each in range(count)
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number, "phone_number_id": number},
        "messages": messages,
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    return orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})


async def drop_backlog(gateway: Gateway) -> None:
    """Drop what A's posts have left to do, which would take minutes, and wait until the rest is done."""
    async with await aio_pika.connect(gateway.amqp_url) as connection:
        channel = await connection.channel()
        for _ in range(20):
            for queue in (INBOUND.name, *map(INBOUND.wait_queue, INBOUND.delays())):
                await (await channel.get_queue(queue, ensure=False)).purge()
            with suppress(AssertionError):  # more of it was in flight
                await wait_until_drained(gateway, seconds=10)
                return
    await wait_until_drained(gateway, seconds=60)


def p99(phases: list[list[float]]) -> float:
    """The percentile of all answers together."""
    return statistics.quantiles(itertools.chain(*phases), n=100)[98]


def tail(seconds: list[float]) -> float:
    """The mean of a phase's slowest answers."""
    return statistics.mean(sorted(seconds)[-SLOWEST:])


async def test_one_accounts_flood_leaves_another_accounts_answers_in_time(gateway: Gateway) -> None:
    a = await Sender.create(gateway, "Flood", per_second=RATE * TIMES, blocked_words=WORDS)
    b = await Sender.create(gateway, "Quiet", per_second=RATE)
    number = a.integrations[0].number
    flood = Flood(a, iter([a_post(number, MESSAGES_IN_POST, serial) for serial in range(POSTS)]))
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    answers: Counter[str] = Counter()

    idle: list[float] = []

    async def phase(into: list[list[float]]) -> None:
        found = await at_rate(RATE, PHASE_SECONDS, lambda: b.send("Hello, your order is ready."))
        into.append([answer.seconds for answer in found])
        answers.update(answer.result for answer in found)

    for _ in range(PAIRS):
        psutil.cpu_percent()
        await phase(alone)
        idle.append(1 - psutil.cpu_percent() / 100)
        async with flood.running():
            await phase(beside)
        await drop_backlog(gateway)

    ratios = sorted(tail(with_a) / tail(without) for without, with_a in zip(alone, beside, strict=True))
    figures: dict[str, Any] = {
        "p50_alone_ms": round(statistics.median(itertools.chain(*alone)) * 1000),
        "p50_beside_ms": round(statistics.median(itertools.chain(*beside)) * 1000),
        "p99_alone_ms": round(p99(alone) * 1000),
        "p99_beside_ms": round(p99(beside) * 1000),
        "idle_alone": round(min(idle), 2),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(each, 2) for each in ratios],
        "ratio_of_p99": round(p99(beside) / p99(alone), 2),
        "within_target": statistics.median(ratios) <= TARGET,
        "b": dict(answers),
        "a": dict(flood.results),
    }
    decides = min(idle) >= MIN_IDLE
    passed = not decides or (figures["ratio"] <= LIMIT and set(answers) == {"sent"})
    scenarios.report("fairness between accounts", passed=passed, decides=decides, **figures)
    if not decides:
        pytest.skip(f"other work keeps the machine busy, so answering times say nothing about fairness: {figures}")
    assert set(answers) == {"sent"}, figures
    assert figures["ratio"] <= LIMIT, figures
