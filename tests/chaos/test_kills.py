"""Services killed by SIGKILL under load: no message is lost, none is sent twice, every caller gets an answer."""

import random

import pytest

from tests.chaos.conftest import Environment
from tests.chaos.load import Load, run_with
from tests.e2e import scenarios
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

MESSAGES = 2_000
KILLS_OF_EACH = 2
PREFETCH = 64
SLOW = FaultStep(match=Match(probability=0.5, seed=1), fault=Fault(kind="late", seconds=0.05))
"""Half of WhatsApp's answers take a while, so that there is always a call to be killed in."""


async def killed_at_random(environment: Environment, load: Load, chance: random.Random) -> None:
    """Kill replicas at random moments of the load, each service as often, and start each again at once."""
    services = environment.gateway.stack.services
    kinds = [kind for kind in ("policy", "sender", "ingress") for _ in range(KILLS_OF_EACH)]
    chance.shuffle(kinds)
    moments = sorted(chance.sample(range(MESSAGES // 20, MESSAGES * 9 // 10), len(kinds)))
    for moment, kind in zip(moments, kinds, strict=True):
        await load.wait_for_answers(moment)
        victim = chance.choice(services[kind])
        victim.kill()
        victim.start()
    for replica in (replica for kind in set(kinds) for replica in services[kind]):
        await replica.wait_until_ready()


async def test_services_killed_under_load_lose_no_message_and_send_none_twice(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    load = await Load.create(environment.gateway, chance)
    await environment.gateway.whatsapp.script(SLOW)

    await run_with(load, MESSAGES, killed_at_random(environment, load, chance))
    findings, ends = await load.check()

    await environment.gateway.whatsapp.clear_script()
    unknown = ends["gateway_send_failed (unknown)"]
    passed = findings.holds and ends["sent"] + unknown == MESSAGES
    figures = findings.figures | {"kills_of_each": KILLS_OF_EACH, "asked_again": dict(load.unanswered), "ends": ends}
    scenarios.report("7 kill -9 of policy, sender and ingress", seed=seed, passed=passed, **figures)
    assert findings.holds, findings.faults
    assert ends["sent"] + unknown == MESSAGES, ends
    assert unknown <= KILLS_OF_EACH * PREFETCH, ends
