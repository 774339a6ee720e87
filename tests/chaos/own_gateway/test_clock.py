"""Scenario 20: the clock of all services is set back and forward by an hour, and to and fro, while messages flow."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.load import Load, run_with
from tests.e2e import scenarios
from tests.e2e.driver import Gateway
from tests.faketime import faketime_environ, set_offset
from tools.broker import BrokerNode
from tools.stack import Stack, StackPlan

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

MESSAGES = 480
HOUR = 3600
CHANGES = {
    "back": (-HOUR,),
    "forward": (HOUR,),
    "to and fro": (-HOUR, HOUR, 0, -HOUR, 2 * HOUR, 0),
}
MOST_UNKNOWN = 16
"""Messages whose outcome may be unknown for each change: a call that was delivered again while the clock changed."""


@asynccontextmanager
async def a_gateway(folder: Path) -> AsyncIterator[tuple[Gateway, Path]]:
    clock = folder / "clock"
    environ = {**faketime_environ(clock)}
    async with await BrokerNode.start(folder / "broker") as node:
        plan = StackPlan(
            data_dir=folder / "data",
            environ=environ,
            amqp_url=node.url,
            amqp_urls=await node.add_users(),
            replicas={"policy": 2, "sender": 2},
        )
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            yield gateway, clock


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def faked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Path]]:
    """A gateway whose clock the test sets; the tests of this module share it."""
    async with a_gateway(tmp_path_factory.mktemp("clock")) as opened:
        yield opened


async def changed(load: Load, clock: Path, offsets: tuple[int, ...]) -> None:
    """Set the clock at even distances of the load."""
    for number, seconds in enumerate(offsets, start=1):
        await load.wait_for_answers(MESSAGES * number // (len(offsets) + 1))
        set_offset(clock, seconds)


@pytest.mark.parametrize("offsets", CHANGES.values(), ids=CHANGES.keys())
async def test_everybody_is_answered_whatever_the_clock_does(
    faked: tuple[Gateway, Path], offsets: tuple[int, ...]
) -> None:
    gateway, clock = faked
    set_offset(clock, 0)
    load = await Load.create(gateway, random.Random(1))

    await run_with(load, MESSAGES, changed(load, clock, offsets))
    await load.run(MESSAGES // 4)  # numbers and pairs send at once by the new clock
    findings, ends = await load.check()

    sent = ends["sent"] + ends["gateway_send_failed (unknown)"]
    unknown = ends["gateway_send_failed (unknown)"]
    passed = findings.holds and sent == MESSAGES + MESSAGES // 4 and unknown <= MOST_UNKNOWN * len(offsets)
    figures = findings.figures | {"offsets_s": list(offsets), "asked_again": dict(load.unanswered), "ends": dict(ends)}
    scenarios.report("20 clock set back, forward, to and fro", seed=1, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert sent == MESSAGES + MESSAGES // 4, (ends, load.unanswered)
    assert unknown <= MOST_UNKNOWN * len(offsets), ends
