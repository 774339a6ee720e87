"""The server of a MongoDB store is cut off, freezes and answers late while messages flow; then the ledger check.

A gateway of its own reaches the server through a proxy. The server is the one that GATEWAY_TEST_STORE_URL names (its
first host, which must be the primary), else the stand-in, which needs Python 3.13. Without both, nothing here runs, and
the summary says so.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import pytest_asyncio

from tests.chaos.load import Load, Size, run_with
from tests.contract.store.mongo_server import AVAILABLE, REAL_SERVER, shared_stand_in
from tests.e2e import scenarios
from tests.e2e.driver import Gateway
from tests.proxy import Proxy
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

SCENARIO = "the store's server"
NEEDS = "needs Python 3.13 for the stand-in, or GATEWAY_TEST_STORE_URL=mongodb://…"
SIZE = Size(accounts=2, integrations=4, customers=8)
MESSAGES = 96
AWAY_SECONDS = 6.0
"""Three times as long as a call of the store may take (`libs.store.mongo.database.TIMEOUT_MS`)."""
LATE_SECONDS = 0.1
"""How late each piece of data is, in each direction."""
DATABASE_PORT = 27017


@dataclass(frozen=True, slots=True)
class Behind:
    """The gateway, and the proxy before its store's server."""

    gateway: Gateway
    proxy: Proxy


def through(proxy: Proxy, server: str) -> str:
    """The server's URL by way of the proxy, which the driver must not go round."""
    parts = urlsplit(server)
    credentials, at, _ = parts.netloc.rpartition("@")
    query = "&".join([part for part in parts.query.split("&") if part and "replicaSet" not in part])
    direct = query if "directConnection" in query else "&".join(filter(None, [query, "directConnection=true"]))
    netloc = f"{credentials}{at}127.0.0.1:{proxy.port}"
    return urlunsplit(parts._replace(netloc=netloc, path=parts.path.strip("/") or "/chaos", query=direct))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    """A gateway that reaches its store through a proxy; the tests of this module share it."""
    if not AVAILABLE:
        scenarios.did_not_run(SCENARIO, NEEDS)
        pytest.skip(NEEDS)
    server = REAL_SERVER or str(await asyncio.to_thread(lambda: shared_stand_in().url))
    host, _, port = urlsplit(server).netloc.rpartition("@")[2].partition(",")[0].partition(":")
    folder: Path = tmp_path_factory.mktemp("store-server")
    async with await BrokerNode.start(folder / "broker") as node, Proxy.to(int(port or DATABASE_PORT), host) as proxy:
        plan = StackPlan(
            data_dir=folder / "data",
            environ={"GATEWAY_REPLY_TIMEOUT": "3", "GATEWAY_PROVIDER_TIMEOUT": "2"},
            amqp_url=node.url,
            amqp_urls=await node.add_users(),
            replicas={"policy": 2, "sender": 2},
            store_server=through(proxy, server),
        )
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            yield Behind(gateway, proxy)
            await proxy.heal()


async def cut(proxy: Proxy) -> None:
    """All connections break, and no new one comes about."""
    await proxy.refuse()


async def freeze(proxy: Proxy) -> None:
    """Connections stay, and nothing comes through."""
    proxy.black_hole()


async def delay(proxy: Proxy) -> None:
    """Everything comes late."""
    proxy.latency = LATE_SECONDS


@pytest.mark.parametrize("fault", [cut, freeze, delay], ids=lambda fault: fault.__name__)
async def test_a_store_whose_server_fails_under_load_loses_and_doubles_nothing(
    behind: Behind, seed: int, chance: random.Random, fault: Callable[[Proxy], Awaitable[None]]
) -> None:
    load = await Load.create(behind.gateway, chance, SIZE)

    async def disturbed() -> None:
        for moment in (MESSAGES // 6, MESSAGES // 2):
            await load.wait_for_answers(moment)
            await fault(behind.proxy)
            await asyncio.sleep(AWAY_SECONDS)  # the fault's length; part of the scenario
            await behind.proxy.heal()

    await run_with(load, MESSAGES, disturbed(), in_flight=6)

    findings, ends = await load.check()
    slowest = max((answer.seconds for answer in load.refusals), default=0.0)
    scenarios.report(
        f"{SCENARIO}: {fault.__name__}",
        seed=seed,
        passed=findings.holds,
        **findings.figures,
        retried=sum(load.unanswered.values()),
        slowest_503=round(slowest, 2),
    )
    assert findings.holds, findings.faults
    assert findings.figures["dead_letters"] == 0
    assert sum(ends.values()) == MESSAGES
    assert {end.partition(" ")[0] for end in ends} <= {"sent", "gateway_send_failed"}
    assert fault is delay or load.unanswered
