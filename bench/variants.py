"""The gateway in other settings, each in turn with the gateway alone, whose stack runs beside.

The store is filled step by step, and is measured after each step: the last one has everything.
"""

from dataclasses import dataclass

from bench.gateway import site_of
from bench.results import ENTRIES, FULL, MANY_CONVERSATIONS, MANY_INTEGRATIONS, MONGO, ONCE_EACH, REPLICAS, Results
from bench.seed_data import fill, open_windows
from bench.stand import Bench, Extent, stack_under_load
from bench.targets import ASKED_FOR, prepare_with_entries
from tools.stack.given_store import given_server

FEW = 16
"""Callers of customers whose first message costs two slow hashes each: more would only wait for the processor."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is added to the store, and the name of what is measured then."""

    what: str
    integrations: int = 0
    conversations: int = 0
    records: int = 0


STEPS = (
    Step(MANY_INTEGRATIONS, integrations=10_000),
    Step(MANY_CONVERSATIONS, conversations=1_000_000),
    Step(FULL, records=1_000_000),
)


async def measure(alone: Bench, results: Results, extent: Extent) -> None:
    """Measure every setting beside the gateway alone."""
    await _with_entries(alone)
    async with stack_under_load(results, extent) as bench:
        await _filled(alone, bench)
    async with stack_under_load(results, extent, replicas=2) as bench:
        await alone.in_turn(REPLICAS, bench.site)
        await bench.one(REPLICAS)
        await bench.open_loops(REPLICAS)
    await _on_mongo(alone, results, extent)


async def _with_entries(alone: Bench) -> None:
    """Accounts with do-not-contact entries, of the same gateway: each customer's first message, then later ones."""
    targets = await prepare_with_entries(alone.stack)
    await open_windows(alone.stack, targets, ASKED_FOR)
    site = site_of(alone.stack, targets, ASKED_FOR)
    await alone.once_each(ENTRIES, ONCE_EACH, site, in_flight=FEW)
    await alone.in_turn(ENTRIES, site)


async def _filled(alone: Bench, bench: Bench) -> None:
    for step in STEPS:
        print(f"  filling the store: {step.what}", flush=True)
        await fill(bench.stack, integrations=step.integrations, conversations=step.conversations, records=step.records)
        await alone.in_turn(step.what, bench.site)
    await bench.one(FULL)
    await bench.most(FULL)
    await bench.open_loops(FULL)


async def _on_mongo(alone: Bench, results: Results, extent: Extent) -> None:
    server = given_server()
    if server is None:
        results.leave_out("MongoDB, for which `GATEWAY_TEST_STORE_URL` names a server")
        return
    async with stack_under_load(results, extent, server=server) as bench:
        await alone.in_turn(MONGO, bench.site)
        await bench.one(MONGO)
