"""How many calls a message makes on a MongoDB store, counted on the wire between all services and the server.

Each call costs a majority's round trip, so one more is felt by every caller. docs/decisions/0068-calls-of-a-message.md
says why each is there. Needs what `test_store_server.py` needs.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.chaos.own_gateway.test_store_server import DATABASE_PORT, NEEDS, through
from tests.contract.store.mongo_server import AVAILABLE, REAL_SERVER, shared_stand_in
from tests.e2e import scenarios
from tests.e2e.driver import Gateway, Integration
from tests.e2e.ledger_check import wait_until_drained
from tests.store_calls import CountedCalls
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

SCENARIO = "calls of a message on MongoDB"
CUSTOMERS, TURNS = 8, 5
BEFORE = {
    "update windows": 1,  # ingress: the rate limit
    "aggregate decisions": 1,  # policy: the facts, and whether the message before it is finished
    "bulkWrite": 1,  # the quota is counted, the event decided, its position taken in the delivery order
    "findAndModify buckets": 1,  # sender: the slots of number and pair
    "update ledger": 1,  # the claim
    "aggregate buckets": 1,  # after the claim: erased?, opted out?, restrictions, holds
}
"""What a message that its customer gets at once needs before WhatsApp is called."""
AFTER = {
    "findAndModify ledger": 1,  # the outcome, and whether an erasure met the call
    "insert records": 1,  # audit, for a batch: at most once for each event of a message that comes alone
}
SPARE = 0.4
"""Of each kind: a look that had to be repeated. One more call for each message would be 1."""
OF_NO_MESSAGE = 0.9
"""Other kinds are of periodic jobs, and fewer than one for each message."""
PROBES = "update probes"
"""Every service writes one when it is asked whether it is ready, however few messages there are."""
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Counted:
    """The gateway, and the proxy that counts."""

    gateway: Gateway
    proxy: CountedCalls


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def counted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counted]:
    """A gateway that reaches its store through a proxy."""
    if not AVAILABLE:
        scenarios.did_not_run(SCENARIO, NEEDS)
        pytest.skip(NEEDS)
    server = REAL_SERVER or str(await asyncio.to_thread(lambda: shared_stand_in().url))
    host, _, port = urlsplit(server).netloc.rpartition("@")[2].partition(",")[0].partition(":")
    folder: Path = tmp_path_factory.mktemp("store-calls")
    proxied = CountedCalls.to(int(port or DATABASE_PORT), host)
    async with await BrokerNode.start(folder / "broker") as node, proxied as proxy:
        assert isinstance(proxy, CountedCalls)
        plan = StackPlan(
            data_dir=folder / "data",
            amqp_url=node.url,
            amqp_urls=await node.add_users(),
            store_server=through(proxy, server),
        )
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            yield Counted(gateway, proxy)


async def send_to(gateway: Gateway, integration: Integration, customers: list[str]) -> None:
    for start in range(0, len(customers), AT_ONCE):
        some = customers[start : start + AT_ONCE]
        answers = await asyncio.gather(*(gateway.reply(integration, each) for each in some))
        assert {answer.result for answer in answers} == {"sent"}


async def test_a_message_makes_no_more_calls_than_each_is_needed_for(counted: Counted) -> None:
    gateway, calls = counted.gateway, counted.proxy.calls
    integration = await gateway.create_integration(number={"messages_per_second": 1000})
    customers = [gateway.a_customer() for _ in range(CUSTOMERS)]
    await gateway.customers_write(integration, customers)
    await send_to(gateway, integration, customers)
    await wait_until_drained(gateway)
    calls.clear()

    messages = CUSTOMERS * (TURNS - 1)
    await send_to(gateway, integration, customers * (TURNS - 1))
    await wait_until_drained(gateway)

    found = {call: count / messages for call, count in calls.items()}
    needed = Counter(BEFORE) + Counter(AFTER)
    most = {call: needed[call] + SPARE if call in needed else OF_NO_MESSAGE for call in found.keys() - {PROBES}}
    too_many = {call: found[call] for call, limit in most.items() if found[call] > limit}
    scenarios.report(
        SCENARIO,
        passed=not too_many,
        before=sum(BEFORE.values()),
        in_all=round(sum(found.get(call, 0.0) for call in needed), 1),
    )
    assert too_many == {}
