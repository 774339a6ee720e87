"""The broker and the senders die while 3CX sides are down: nothing is lost, and each is told once per id."""

import asyncio
import random
from collections import Counter

import pytest

from tests.chaos.conftest import Stage
from tests.e2e import scenarios
from tests.e2e.driver import MARK, Gateway, Line
from tests.e2e.pbx import a_pbx
from tests.e2e.waiting import eventually
from tools.simulator.payloads import Inbound

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLD_WITHIN = 90.0


async def written(gateway: Gateway, line: Line, texts: list[str]) -> None:
    """A customer for each text writes it; WhatsApp posts again whatever was not taken."""
    for text in texts:
        inbound = {"phone_number_id": line.number, "sender": gateway.a_customer(), "text": text}
        await gateway.whatsapp.write(Inbound.model_validate(inbound))


async def test_forwards_outlive_the_broker_the_senders_and_an_outage_of_their_target(
    stage: Stage, seed: int, chance: random.Random
) -> None:
    gateway = stage.gateway
    async with a_pbx() as pbx:
        line = await gateway.open_line(forward_url=pbx.url)
        texts = [f"{MARK} {number}" for number in range(60)]
        pbx.status = 503
        await written(gateway, line, texts[:30])
        await stage.node.sync()
        stage.node.kill()
        await asyncio.sleep(1.0)  # how long the broker is away at least; part of the scenario
        await stage.node.restart()
        await written(gateway, line, texts[30:])
        for sender in gateway.stack.services["sender"]:
            await asyncio.sleep(chance.uniform(0.1, 1.0))  # a random moment
            sender.kill()
            sender.begin()
        await pbx.down()
        await asyncio.gather(*(sender.ready() for sender in gateway.stack.services["sender"]))

        pbx.status = 200
        await pbx.up()

        async def all_told() -> bool:
            return set(pbx.texts()) == set(texts)

        await eventually(all_told, seconds=TOLD_WITHIN)
        ids = Counter(told.id for told in pbx.taken)
        twice = sum(count - 1 for count in ids.values())
        passed = len(ids) == len(texts) and twice == 0
        figures = {"told": len(ids), "tries": len(pbx.posts), "twice": twice}
        scenarios.tell("forwards through outages", seed=seed, passed=passed, **figures)
        assert len(ids) == len(texts)
        assert twice == 0, figures
