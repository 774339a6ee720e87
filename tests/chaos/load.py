"""Callers under load: each message has a key, and is said again with it until its caller knows the end.

That is what a careful 3CX integration does, and all it needs: no message may be lost or doubled by it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.e2e.driver import Answer, Gateway, Line, outbound
from tests.e2e.ledger_check import Findings, finals, ledger_check

ACCOUNTS = 4
LINES = 64
"""Each may ask 60 times a minute: 2,000 messages and as many repetitions find room."""
LINES_OF_ONE = LINES // ACCOUNTS
CUSTOMERS = 64
"""Of each number; a pair may take ten messages at once."""
NO_ANSWER = (aiohttp.ClientError, TimeoutError, ConnectionError)
PATIENCE = 60
"""Times that a caller asks again."""


@dataclass(eq=False)
class Load:
    """A crowd of callers and what they were told."""

    gateway: Gateway
    chance: random.Random
    lines: list[Line]
    people: dict[str, list[str]] = field(repr=False)
    told: dict[int, tuple[Line, Answer]] = field(default_factory=dict)
    unanswered: Counter[str] = field(default_factory=Counter)
    """Why callers had to ask again."""
    refusals: list[Answer] = field(default_factory=list)
    """Each 503, for its `Retry-After` and how long it took."""

    @classmethod
    async def prepared(cls, gateway: Gateway, chance: random.Random) -> "Load":
        """Accounts, numbers, integrations, and customers who wrote."""
        lines: list[Line] = []
        people: dict[str, list[str]] = {}
        for _ in range(ACCOUNTS):
            first = await gateway.open_line(
                account={"daily_limit": 1_000_000, "plan": "scale"}, number={"messages_per_second": 1000}
            )
            more = [
                await gateway.connect(first.account_id, first.instance_id, first.number)
                for _ in range(LINES_OF_ONE - 1)
            ]
            lines += [first, *more]
            people[first.number] = [gateway.a_customer() for _ in range(CUSTOMERS)]
            await gateway.customers_write(first, people[first.number])
        return cls(gateway, chance, lines, people)

    async def run(self, count: int, *, in_flight: int = 24) -> None:
        """Have `count` messages sent; returns when each caller knows its end, or that it is pending."""
        order = iter(range(len(self.told), len(self.told) + count))

        async def caller() -> None:
            for serial in order:
                await self._send(serial)

        await asyncio.gather(*(caller() for _ in range(in_flight)))

    async def until_told(self, count: int) -> None:
        """Wait until so many callers have an answer."""
        while len(self.told) < count:
            await asyncio.sleep(0.005)

    async def check(self) -> tuple[Findings, Counter[str]]:
        """The ledger check over everything said so far, and how it ended."""
        answers = await finals(self.gateway, self.told.values())
        return await ledger_check(self.gateway, self.lines, answers), Counter(_end(a) for a in answers.values())

    async def _send(self, serial: int) -> None:
        turn, place = divmod(serial, LINES)
        line = self.lines[place]
        customer = self.people[line.number][(turn * LINES_OF_ONE + place % LINES_OF_ONE) % CUSTOMERS]
        body = outbound(customer, f"Message {serial}")
        for _ in range(PATIENCE):
            try:
                answer = await self.gateway.post(line, body, Idempotency_Key=f"m{serial}")
            except NO_ANSWER as error:
                self.unanswered[type(error).__name__] += 1
                await asyncio.sleep(self.chance.uniform(0.05, 0.3))
                continue
            if answer.status == 503:
                self.unanswered["503"] += 1
                self.refusals.append(answer)
                await asyncio.sleep(self.chance.uniform(0.2, 1.5))
                continue
            self.told[serial] = (line, answer)
            return
        raise AssertionError(f"message {serial} was never answered: {self.unanswered}")


def _end(answer: Answer) -> str:
    outcome = answer.details.get("outcome")
    return f"{answer.word} ({outcome})" if outcome else answer.word


async def beside(load: Load, count: int, disturbance: Coroutine[Any, Any, None]) -> None:
    """Run the load and a disturbance side by side; what fails in either fails the test."""
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(count))
        group.create_task(disturbance)
