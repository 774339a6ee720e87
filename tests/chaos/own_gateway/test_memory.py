"""Memory of each service in a burst: the most that Linux counts (`VmHWM`), with as many replies in flight as fit."""

import itertools
import sys
from pathlib import Path

import pytest

from bench.costs import Meter
from bench.gateway import Load
from bench.page import MOST_MB
from bench.seed_data import open_windows
from bench.targets import Customers, prepare
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


async def test_no_service_takes_more_than_its_memory_in_a_burst(tmp_path: Path) -> None:
    customers = Customers(0, CUSTOMERS)
    plan = StackPlan(data_dir=tmp_path, simulator_arguments=("--statuses", "off"))
    async with Stack(plan) as stack:
        targets = await prepare(stack, accounts=10, integrations=200)
        await open_windows(stack, targets, customers)
        load = Load(stack.ingress_urls, targets, customers, itertools.count())

        timing = await closed_loop(load.once, in_flight=IN_FLIGHT, seconds=600.0, most=REPLIES)

        load.close()
        meter = Meter({process.name: process.pid for process in stack.processes if process is not stack.simulator})
        peaks = {cost.name: cost.peak_mb for cost in meter.costs(REPLIES)}

    assert timing.count == REPLIES
    assert {name.rpartition("-")[0] for name in peaks} == set(SERVICES)
    assert {name: peak for name, peak in peaks.items() if peak > MOST_MB - LONG_RUN_MB} == {}
