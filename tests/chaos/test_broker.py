"""A broker that dies, is cut off, runs out of memory, or loses a queue: 503 in time, nothing lost, no manual step."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from libs.chassis.topology import WEBHOOKS
from tests.chaos.conftest import Stage
from tests.chaos.load import Load, beside
from tests.e2e import scenarios
from tests.e2e.driver import Answer
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWERED_WITHIN = 2.5
"""Seconds: a publish's own limit is 1.5, and taking the event back is quick; a loaded machine gets some more."""
RECOVERS_WITHIN = 90.0
"""A connection that is stuck is noticed and made anew within it."""


async def works(stage: Stage, load: Load) -> bool:
    """Each ingress gets a test event through."""
    [line] = load.lines[:1]
    answers = [await stage.gateway.post(line, {"event_type": "test"}, at=at) for at in range(2)]
    return [answer.status for answer in answers] == [200, 200]


async def seconds_until(look: Callable[[], Awaitable[bool]]) -> float:
    begun = time.monotonic()
    await eventually(look, seconds=RECOVERS_WITHIN, pause=0.1)
    return round(time.monotonic() - begun, 2)


@asynccontextmanager
async def knocking(stage: Stage, load: Load) -> AsyncIterator[list[Answer]]:
    """Somebody asks four times a second while it lasts; the answers."""
    answers: list[Answer] = []

    async def knock() -> None:
        while True:
            line = load.lines[len(answers) % len(load.lines)]
            answers.append(await stage.gateway.post(line, {"event_type": "test"}))
            await asyncio.sleep(0.25)

    task = asyncio.create_task(knock())
    try:
        yield answers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def told_in_time(refusals: list[Answer]) -> bool:
    return all(
        answer.word == "gateway_unavailable" and "Retry-After" in answer.headers and answer.seconds <= ANSWERED_WITHIN
        for answer in refusals
    )


async def test_a_broker_killed_under_load_loses_nothing(stage: Stage, seed: int, chance: random.Random) -> None:
    load = await Load.prepared(stage.gateway, chance)
    await stage.node.sync()
    recovered: list[float] = []

    async def killed_twice() -> None:
        for moment in sorted(chance.sample(range(50, 500), 2)):
            await load.until_told(moment)
            stage.node.kill()
            await asyncio.sleep(1.0)  # how long the broker is away at least; part of the scenario
            await stage.node.restart()
            recovered.append(await seconds_until(lambda: works(stage, load)))

    await beside(load, 800, killed_twice())
    findings, ends = await load.check()

    unknown = ends["gateway_send_failed (unknown)"]
    passed = findings.holds and told_in_time(load.refusals) and ends["sent"] + unknown == 800
    figures = findings.figures | {"refused_503": len(load.refusals), "recovery_s": recovered, "ends": ends}
    scenarios.tell("1 broker kill -9", seed=seed, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert ends["sent"] + unknown == 800, ends
    assert told_in_time(load.refusals), [(a.status, a.seconds) for a in load.refusals if not told_in_time([a])]
    assert load.refusals


async def test_a_partition_is_answered_503_in_time_and_ends_without_a_trace(
    stage: Stage, seed: int, chance: random.Random
) -> None:
    load = await Load.prepared(stage.gateway, chance)
    await load.run(100)

    async with knocking(stage, load) as answers:
        stage.proxy.black_hole()
        while len([answer for answer in answers if answer.status == 503]) < 3:
            await asyncio.sleep(0.05)
        during = len(answers)
        await load_through(load, 40, stage)
        recovery = await seconds_until(lambda: works(stage, load))
    findings, ends = await load.check()

    refused = [answer for answer in [*answers, *load.refusals] if answer.status == 503]
    slowest = max(answer.seconds for answer in refused)
    passed = findings.holds and told_in_time(refused) and ends == {"sent": 140}
    figures = findings.figures | {"refused_503": len(refused), "slowest_s": slowest, "recovery_s": recovery}
    scenarios.tell("4 partition", seed=seed, passed=passed, asked=during, **figures)
    assert findings.holds, findings.faults
    assert told_in_time(refused), slowest
    assert ends == {"sent": 140}


async def load_through(load: Load, count: int, stage: Stage) -> None:
    """Messages asked for while nothing gets through, and the line healed once some were refused."""

    async def healed() -> None:
        while len(load.refusals) < count // 2:
            await asyncio.sleep(0.05)
        await stage.proxy.heal()

    await beside(load, count, healed())


async def test_a_memory_alarm_is_answered_503_in_time_and_needs_no_hand_afterwards(
    stage: Stage, seed: int, chance: random.Random
) -> None:
    load = await Load.prepared(stage.gateway, chance)
    await load.run(50)

    await stage.node.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    try:
        async with knocking(stage, load) as answers:
            begun = time.monotonic()
            while len([answer for answer in answers if answer.status == 503]) < 3:
                assert time.monotonic() < begun + RECOVERS_WITHIN, answers
                await asyncio.sleep(0.05)
    finally:
        await stage.node.rabbitmqctl("set_vm_memory_high_watermark", "0.4")
    recovery = await seconds_until(lambda: works(stage, load))
    await load.run(50)
    findings, ends = await load.check()

    refused = [answer for answer in answers if answer.status == 503]
    slowest = max(answer.seconds for answer in refused)
    passed = findings.holds and told_in_time(refused) and ends == {"sent": 100}
    figures = findings.figures | {"refused_503": len(refused), "slowest_s": slowest, "recovery_s": recovery}
    scenarios.tell("6 memory alarm", seed=seed, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert told_in_time(refused), slowest
    assert ends == {"sent": 100}


async def test_a_queue_that_an_operator_deleted_comes_back(stage: Stage, seed: int, chance: random.Random) -> None:
    load = await Load.prepared(stage.gateway, chance)
    await load.run(50)
    await load.check()

    await stage.node.rabbitmqctl("delete_queue", WEBHOOKS.name)
    begun = time.monotonic()

    async def heard_again() -> bool:
        listed = await stage.node.rabbitmqctl("list_queues", "name", "consumers", "arguments")
        return any(
            line.split("\t")[:2] == [WEBHOOKS.name, "2"] and "x-delivery-limit" in line for line in listed.splitlines()
        )

    await eventually(heard_again, seconds=RECOVERS_WITHIN)
    recovery = round(time.monotonic() - begun, 2)
    await load.run(50)
    findings, ends = await load.check()

    passed = findings.holds and ends == {"sent": 100}
    scenarios.tell("10 queue deleted", seed=seed, passed=passed, recovery_s=recovery, **findings.figures)
    assert findings.holds, findings.faults
    assert ends == {"sent": 100}
