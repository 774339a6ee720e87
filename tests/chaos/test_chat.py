"""Services die between a refusal's answer and its note in 3CX's chat: every refusal is told, and told once."""

import asyncio
import random
from collections import Counter

import aiohttp
import pytest

from libs.chassis.clock import monotonic
from tests.chaos.conftest import Environment
from tests.e2e import scenarios
from tests.e2e.chat_desk import NOTE, Desk, a_desk
from tests.e2e.driver import MARK
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

KILLS, FEWEST, AT_ONCE = 9, 60, 4
REFUSED = {"conversation_window_closed", "pending"}
"""What is accepted and will be refused: `pending` is 200 in the chat, and its note comes all the same."""
TOLD_WITHIN = 120.0
KILLED = ("policy", "sender", "ingress")


async def written(desk: Desk, customer: str) -> str:
    """An agent writes to somebody who never wrote; what the chat shows. A connection that broke shows as failed."""
    try:
        sent = await desk.agent_writes(customer, f"{MARK} {customer}")
    except (aiohttp.ClientError, TimeoutError):
        return "no answer"
    return str(sent.body.get("error") or sent.body.get("status"))


async def killing(desk: Desk, chance: random.Random) -> None:
    """Kill a random replica of the path again and again; the other one goes on."""
    for kill in range(KILLS):
        victim = chance.choice(desk.gateway.stack.services[KILLED[kill % len(KILLED)]])
        await asyncio.sleep(chance.uniform(0.05, 0.5))  # a random moment
        victim.kill()
        victim.start()
        await victim.wait_until_ready()


async def test_a_kill_between_answer_and_note_loses_no_note_and_repeats_none(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    gateway = environment.gateway
    async with a_desk(gateway) as desk:
        begun, results = monotonic(), dict[str, str]()
        killer = asyncio.create_task(killing(desk, chance))
        while not killer.done() or len(results) < FEWEST:
            customers = [gateway.a_customer() for _ in range(AT_ONCE)]
            shown = await asyncio.gather(*(written(desk, customer) for customer in customers))
            results |= zip(customers, shown, strict=True)
        await killer
        answers = Counter(results.values())
        refused = {customer for customer, result in results.items() if result in REFUSED}

        async def all_told() -> bool:
            return refused <= {line.customer for line in desk.threecx.lines if line.text.startswith(NOTE)}

        await eventually(all_told, seconds=TOLD_WITHIN)
        notes = Counter((line.customer, line.id) for line in desk.threecx.lines)
        of_customer = Counter(customer for customer, _ in notes)
        twice = [customer for customer, count in of_customer.items() if count > 1]
        figures = {
            "refused": len(refused),
            "kills": KILLS,
            "unanswered": answers["no answer"],
            "notes": len(notes),
            "posted_again": notes.total() - len(notes),
            "told_twice": len(twice),
            "seconds": round(monotonic() - begun, 1),
        }
        passed = not twice and len(refused) >= FEWEST // 2
        scenarios.report("kills between answer and note in the chat", seed=seed, passed=passed, **figures)
        assert twice == [], figures
        assert len(refused) >= FEWEST // 2, figures
