"""The load of the chaos tests: callers that send messages with an Idempotency-Key and retry until they have an answer.

A correct 3CX integration does the same. No message may be lost or sent twice.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.e2e.driver import Answer, Gateway, Integration, outbound
from tests.e2e.ledger_check import Findings, final_answers, ledger_check

NO_ANSWER = (aiohttp.ClientError, TimeoutError, ConnectionError)
MOST_REQUESTS = 60
"""Requests that a caller makes for one message."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to send with: accounts with a number each, and of each number."""

    accounts: int
    integrations: int
    """Each may send 60 requests a minute."""
    customers: int
    """Each may be sent ten messages at once."""


FULL = Size(accounts=4, integrations=16, customers=64)
"""Enough for 2,000 messages and as many retries."""


@dataclass(eq=False)
class Load:
    """Concurrent callers and the answers that they got."""

    gateway: Gateway
    chance: random.Random
    integrations: list[Integration]
    people: dict[str, list[str]] = field(repr=False)
    answers: dict[int, tuple[Integration, Answer]] = field(default_factory=dict)
    unanswered: Counter[str] = field(default_factory=Counter)
    """Reasons for retries."""
    refusals: list[Answer] = field(default_factory=list)
    """Every 503, to check its `Retry-After` and its latency."""
    tried_again: set[int] = field(default_factory=set)
    """The messages that were asked for more than once."""

    @classmethod
    async def create(cls, gateway: Gateway, chance: random.Random, size: Size = FULL) -> "Load":
        """Create accounts, numbers, integrations, and customers who wrote."""
        integrations: list[Integration] = []
        people: dict[str, list[str]] = {}
        for _ in range(size.accounts):
            first = await gateway.create_integration(
                account={"daily_limit": 1_000_000, "plan": "scale"}, number={"messages_per_second": 1000}
            )
            more = [
                await gateway.add_integration(first.account_id, first.instance_id, first.number)
                for _ in range(size.integrations - 1)
            ]
            integrations += [first, *more]
            people[first.number] = [gateway.a_customer() for _ in range(size.customers)]
            await gateway.customers_write(first, people[first.number])
        return cls(gateway, chance, integrations, people)

    async def run(self, count: int, *, in_flight: int = 24) -> None:
        """Send `count` messages; returns when every caller has an answer, which may be `pending`."""
        order = iter(range(len(self.answers), len(self.answers) + count))

        async def caller() -> None:
            for serial in order:
                await self.send(serial)

        await asyncio.gather(*(caller() for _ in range(in_flight)))

    async def wait_for_answers(self, count: int) -> None:
        """Wait until `count` messages have an answer."""
        while len(self.answers) < count:
            await asyncio.sleep(0.005)

    async def check(self) -> tuple[Findings, Counter[str]]:
        """Run the ledger check over all answers, and count the final results."""
        answers = await final_answers(self.gateway, self.answers.values())
        return await ledger_check(self.gateway, self.integrations, answers), Counter(_end(a) for a in answers.values())

    def message(self, serial: int) -> tuple[Integration, dict[str, Any]]:
        """The message with this number: integrations and customers take turns, so that no limit is met."""
        turn, place = divmod(serial, len(self.integrations))
        integration, of_each_account = self.integrations[place], len(self.integrations) // len(self.people)
        people = self.people[integration.number]
        customer = people[(turn * of_each_account + place % of_each_account) % len(people)]
        return integration, outbound(customer, f"Message {serial}")

    async def send(self, serial: int) -> None:
        """Send one message until it has an answer, which may be `pending`."""
        integration, body = self.message(serial)
        for _ in range(MOST_REQUESTS):
            try:
                answer = await self.gateway.post(integration, body, Idempotency_Key=f"m{serial}")
            except NO_ANSWER as error:
                self.unanswered[type(error).__name__] += 1
                self.tried_again.add(serial)
                await asyncio.sleep(self.chance.uniform(0.05, 0.3))
                continue
            if answer.status == 503:
                self.unanswered["503"] += 1
                self.tried_again.add(serial)
                self.refusals.append(answer)
                await asyncio.sleep(self.chance.uniform(0.2, 1.5))
                continue
            self.answers[serial] = (integration, answer)
            return
        raise AssertionError(f"message {serial} was never answered: {self.unanswered}")


def _end(answer: Answer) -> str:
    outcome = answer.details.get("outcome")
    return f"{answer.result} ({outcome})" if outcome else answer.result


async def run_with(load: Load, count: int, disturbance: Coroutine[Any, Any, None], *, in_flight: int = 24) -> None:
    """Run the load and a disturbance concurrently; a failure of either fails the test."""
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(count, in_flight=in_flight))
        group.create_task(disturbance)
