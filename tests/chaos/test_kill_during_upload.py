"""Senders killed while they upload pictures: every picture is sent once, and none is lost."""

import asyncio
import random
from collections import Counter

import pytest

from tests.chaos.conftest import Environment
from tests.e2e import scenarios
from tests.e2e.driver import Answer
from tests.e2e.test_content import PNG, content, files
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

PICTURES = 60
KILLS = 6
SLOW = FaultStep(match=Match(kind="upload"), fault=Fault(kind="late", seconds=0.4))
"""Every upload takes a while, so that a sender is killed within one."""


async def test_a_kill_during_an_upload_loses_no_picture_and_sends_none_twice(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    gateway = environment.gateway
    integration = await gateway.create_integration(account={"plan": "scale"})
    customers = [gateway.a_customer() for _ in range(PICTURES)]
    await gateway.customers_write(integration, customers)
    await gateway.whatsapp.script(SLOW)

    async def ask(customer: str, url: str) -> Answer:
        answer = await gateway.post(integration, content(customer, media={"kind": "image", "url": url}))
        return await gateway.final_answer(integration, answer, seconds=120)

    async def kill() -> None:
        senders = gateway.stack.services["sender"]
        for number in range(KILLS):
            wanted = (number + 1) * PICTURES // (KILLS + 2)
            while len(await gateway.whatsapp.uploads()) < wanted:
                await asyncio.sleep(0.02)
            victim = chance.choice(senders)
            victim.kill()
            victim.start()
        for sender in senders:
            await sender.wait_until_ready()

    async with files(picture=("image/png", PNG)) as server:
        killing = asyncio.create_task(kill())
        answers = await asyncio.gather(*(ask(each, f"{server.url}/picture") for each in customers))
        await killing
    await gateway.whatsapp.clear_script()

    messages = await gateway.whatsapp.messages(phone_number_id=integration.number)
    sent = Counter(message.to for message in messages)
    unknown = [each for each in answers if each.details.get("outcome") == "unknown"]
    ends = Counter(each.result for each in answers)
    uploads = len(await gateway.whatsapp.uploads())
    passed = max(sent.values()) == 1 and ends["sent"] + len(unknown) == PICTURES
    figures = {"kills": KILLS, "pictures": PICTURES, "uploads": uploads, "unknown": len(unknown), "ends": dict(ends)}
    scenarios.report("kill -9 of sender during uploads", seed=seed, passed=passed, **figures)
    assert max(sent.values()) == 1, figures
    assert ends["sent"] + len(unknown) == PICTURES, figures
