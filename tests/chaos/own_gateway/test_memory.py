"""Memory of each service in a burst: the most that Linux counts (`VmHWM`), with as many replies in flight as fit."""

import itertools
import sys
from pathlib import Path

import pytest

from bench.costs import Meter
from bench.gateway import Load
from bench.page import MOST_MB
from bench.seed_data import open_windows
from bench.targets import Customers, Target, prepare, prepare_with_entries
from bench.timing import closed_loop
from tools.stack import Stack, StackPlan
from tools.stack.stack import SERVICES

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most that a process held"),
]
IN_FLIGHT, REPLIES, CUSTOMERS = 512, 3_000, 3_000
LONG_RUN_MB = 8
"""What a longer run adds to this one: the rows of more integrations, and the keys of more customers in audit."""


NEW_CUSTOMERS = Customers(CUSTOMERS, 24)
"""Customers of accounts with do-not-contact entries, where the first message to each costs two slow hashes."""


async def test_no_service_takes_more_than_its_memory_in_a_burst(tmp_path: Path) -> None:
    customers = Customers(0, CUSTOMERS)
    plan = StackPlan(data_dir=tmp_path, simulator_arguments=("--statuses", "off"))
    async with Stack(plan) as stack:
        targets = await prepare(stack, accounts=10, integrations=200)
        burst = await _sent(stack, targets, customers, in_flight=IN_FLIGHT, replies=REPLIES)
        targets = await prepare_with_entries(stack, accounts=2, integrations=20)
        with_hashes = await _sent(stack, targets, NEW_CUSTOMERS, in_flight=16, replies=NEW_CUSTOMERS.count)

    assert {name.rpartition("-")[0] for name in burst} == set(SERVICES)
    assert {name: peak for name, peak in burst.items() if peak > MOST_MB - LONG_RUN_MB} == {}
    assert {name: peak for name, peak in with_hashes.items() if peak > MOST_MB} == {}


async def _sent(
    stack: Stack, targets: list[Target], customers: Customers, *, in_flight: int, replies: int
) -> dict[str, float]:
    """Send replies; the most that each service has held since it started, in MB."""
    await open_windows(stack, targets, customers)
    load = Load(stack.ingress_urls, targets, customers, itertools.count())
    timing = await closed_loop(load.once, in_flight=in_flight, seconds=600.0, most=replies)
    load.close()
    assert timing.count == replies
    meter = Meter({process.name: process.pid for process in stack.processes if process is not stack.simulator})
    return {cost.name: cost.peak_mb for cost in meter.costs(replies)}
