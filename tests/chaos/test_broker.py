"""Broker failures: crash, partition, memory alarm, deleted queue. 503 in time, nothing lost, no manual step."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from libs.chassis.topology import WEBHOOKS
from tests.chaos.conftest import Environment
from tests.chaos.load import Load, run_with
from tests.e2e import scenarios
from tests.e2e.driver import Answer
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

ANSWERED_WITHIN = 2.5
"""Seconds: a publish's own limit is 1.5, and taking the event back is quick; a loaded machine gets some more."""
RECOVERS_WITHIN = 90.0
"""A connection that is stuck is noticed and made anew within it."""


async def all_ingresses_answer(environment: Environment, load: Load) -> bool:
    """Each ingress gets a test event through."""
    [integration] = load.integrations[:1]
    answers = [await environment.gateway.post(integration, {"event_type": "test"}, at=at) for at in range(2)]
    return [answer.status for answer in answers] == [200, 200]


async def seconds_until(look: Callable[[], Awaitable[bool]]) -> float:
    start = time.monotonic()
    await eventually(look, seconds=RECOVERS_WITHIN, pause=0.1)
    return round(time.monotonic() - start, 2)


@asynccontextmanager
async def probing(environment: Environment, load: Load) -> AsyncIterator[list[Answer]]:
    """Somebody asks four times a second while it lasts; the answers."""
    answers: list[Answer] = []

    async def probe() -> None:
        while True:
            integration = load.integrations[len(answers) % len(load.integrations)]
            answers.append(await environment.gateway.post(integration, {"event_type": "test"}))
            await asyncio.sleep(0.25)

    task = asyncio.create_task(probe())
    try:
        yield answers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def refused_in_time(refusals: list[Answer]) -> bool:
    return all(
        answer.result == "gateway_unavailable" and "Retry-After" in answer.headers and answer.seconds <= ANSWERED_WITHIN
        for answer in refusals
    )


async def test_a_broker_killed_under_load_loses_nothing(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    load = await Load.create(environment.gateway, chance)
    await environment.node.sync()
    recovered: list[float] = []

    async def killed_twice() -> None:
        for moment in sorted(chance.sample(range(50, 500), 2)):
            await load.wait_for_answers(moment)
            environment.node.kill()
            await asyncio.sleep(1.0)  # how long the broker is away at least; part of the scenario
            await environment.node.restart()
            recovered.append(await seconds_until(lambda: all_ingresses_answer(environment, load)))

    await run_with(load, 800, killed_twice())
    findings, ends = await load.check()

    unknown = ends["gateway_send_failed (unknown)"]
    passed = findings.holds and refused_in_time(load.refusals) and ends["sent"] + unknown == 800
    figures = findings.figures | {"refused_503": len(load.refusals), "recovery_s": recovered, "ends": ends}
    scenarios.report("1 broker kill -9", seed=seed, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert ends["sent"] + unknown == 800, ends
    assert refused_in_time(load.refusals), [(a.status, a.seconds) for a in load.refusals if not refused_in_time([a])]
    assert load.refusals


async def test_during_a_partition_callers_get_503_in_time_and_nothing_is_lost(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    load = await Load.create(environment.gateway, chance)
    await load.run(100)

    async with probing(environment, load) as answers:
        environment.proxy.black_hole()
        while len([answer for answer in answers if answer.status == 503]) < 3:
            await asyncio.sleep(0.05)
        during = len(answers)
        await eventually(lambda: workers_are_unready_and_ingress_is_ready(environment), seconds=RECOVERS_WITHIN)
        await load_through(load, 40, environment)
        recovery = await seconds_until(lambda: all_ingresses_answer(environment, load))
    findings, ends = await load.check()

    refused = [answer for answer in [*answers, *load.refusals] if answer.status == 503]
    slowest = max(answer.seconds for answer in refused)
    passed = findings.holds and refused_in_time(refused) and ends == {"sent": 140}
    figures = findings.figures | {"refused_503": len(refused), "slowest_s": slowest, "recovery_s": recovery}
    scenarios.report("4 partition", seed=seed, passed=passed, asked=during, **figures)
    assert findings.holds, findings.faults
    assert refused_in_time(refused), slowest
    assert ends == {"sent": 140}


async def workers_are_unready_and_ingress_is_ready(environment: Environment) -> bool:
    """Ingress answers callers itself while the broker is frozen; it says so in its body, and stays in the Service."""
    services, http = environment.gateway.stack.services, environment.gateway.http
    pages = {}
    for name in ("ingress", "policy"):
        async with http.get(services[name][0].ready_url) as answer:
            pages[name] = answer.status, (await answer.json())["checks"]["broker"]
    return pages == {"ingress": (200, False), "policy": (503, False)}


async def load_through(load: Load, count: int, environment: Environment) -> None:
    """Messages asked for while nothing gets through, and the line healed once some were refused."""

    async def healed() -> None:
        while len(load.refusals) < count // 2:
            await asyncio.sleep(0.05)
        await environment.proxy.heal()

    await run_with(load, count, healed())


async def test_during_a_memory_alarm_callers_get_503_in_time_and_recovery_is_automatic(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    load = await Load.create(environment.gateway, chance)
    await load.run(50)

    await environment.node.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    try:
        async with probing(environment, load) as answers:
            start = time.monotonic()
            while len([answer for answer in answers if answer.status == 503]) < 3:
                assert time.monotonic() < start + RECOVERS_WITHIN, answers
                await asyncio.sleep(0.05)
    finally:
        await environment.node.rabbitmqctl("set_vm_memory_high_watermark", "0.4")
    recovery = await seconds_until(lambda: all_ingresses_answer(environment, load))
    await load.run(50)
    findings, ends = await load.check()

    refused = [answer for answer in answers if answer.status == 503]
    slowest = max(answer.seconds for answer in refused)
    passed = findings.holds and refused_in_time(refused) and ends == {"sent": 100}
    figures = findings.figures | {"refused_503": len(refused), "slowest_s": slowest, "recovery_s": recovery}
    scenarios.report("6 memory alarm", seed=seed, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert refused_in_time(refused), slowest
    assert ends == {"sent": 100}


async def test_a_deleted_queue_is_declared_again(environment: Environment, seed: int, chance: random.Random) -> None:
    load = await Load.create(environment.gateway, chance)
    await load.run(50)
    await load.check()

    await environment.node.rabbitmqctl("delete_queue", WEBHOOKS.name)
    start = time.monotonic()

    async def heard_again() -> bool:
        listed = await environment.node.rabbitmqctl("list_queues", "name", "consumers", "arguments")
        return any(
            line.split("\t")[:2] == [WEBHOOKS.name, "2"] and "x-delivery-limit" in line for line in listed.splitlines()
        )

    await eventually(heard_again, seconds=RECOVERS_WITHIN)
    recovery = round(time.monotonic() - start, 2)
    await load.run(50)
    findings, ends = await load.check()

    passed = findings.holds and ends == {"sent": 100}
    scenarios.report("10 queue deleted", seed=seed, passed=passed, recovery_s=recovery, **findings.figures)
    assert findings.holds, findings.faults
    assert ends == {"sent": 100}
