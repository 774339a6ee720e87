"""Broker and senders die while forward targets are down: nothing is lost, and each id is accepted once."""

import asyncio
import random
from collections import Counter

import pytest

from tests.chaos.conftest import Environment
from tests.e2e import scenarios
from tests.e2e.driver import MARK, Gateway, Integration
from tests.e2e.pbx import running_pbx
from tests.e2e.waiting import eventually
from tools.simulator.webhook_payloads import Inbound

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

TOLD_WITHIN = 180.0


async def written(gateway: Gateway, integration: Integration, texts: list[str]) -> None:
    """A customer for each text writes it; WhatsApp posts again whatever was not taken."""
    for text in texts:
        inbound = {"phone_number_id": integration.number, "sender": gateway.a_customer(), "text": text}
        await gateway.whatsapp.write(Inbound.model_validate(inbound))


async def test_forwards_survive_outages_of_the_broker_the_senders_and_their_target(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    gateway = environment.gateway
    async with running_pbx() as pbx:
        integration = await gateway.create_integration(forward_url=pbx.url)
        texts = [f"{MARK} {number}" for number in range(60)]
        pbx.status = 503
        await written(gateway, integration, texts[:30])
        await environment.node.sync()
        environment.node.kill()
        await asyncio.sleep(1.0)  # how long the broker is away at least; part of the scenario
        await environment.node.restart()
        await written(gateway, integration, texts[30:])
        for sender in gateway.stack.services["sender"]:
            await asyncio.sleep(chance.uniform(0.1, 1.0))  # a random moment
            sender.kill()
            sender.start()
        await pbx.stop()
        await asyncio.gather(*(sender.wait_until_ready() for sender in gateway.stack.services["sender"]))

        pbx.status = 200
        await pbx.start()

        async def all_told() -> bool:
            return set(pbx.texts()) == set(texts)

        await eventually(all_told, seconds=TOLD_WITHIN)
        ids = Counter(accepted.id for accepted in pbx.accepted)
        twice = sum(count - 1 for count in ids.values())
        passed = len(ids) == len(texts) and twice == 0
        figures = {"accepted": len(ids), "tries": len(pbx.posts), "twice": twice}
        scenarios.report("forwards through outages", seed=seed, passed=passed, **figures)
        assert len(ids) == len(texts)
        assert twice == 0, figures
