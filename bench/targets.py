"""`Target`: the integrations and customers that a load uses, and how they are made through the operators' API."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tools.stack import Stack

ACCOUNTS = 50
INTEGRATIONS = 1_000
"""Each is allowed 60 requests a minute; together that exceeds the machine's throughput."""
_FIRST_NUMBER = 2_000_000_000_000
_ERASED = "+966599999999"
"""A customer of no load, who opted out and was erased."""

Post = Callable[[str, dict[str, Any], int], Awaitable[dict[str, Any]]]
"""Posts a body to a path of the operators' API; the answer, which must have this status."""


@dataclass(frozen=True, slots=True)
class Target:
    """One integration and its number."""

    path: str
    secret: str = field(repr=False)
    account_id: str = ""
    number_id: str = ""


@dataclass(frozen=True, slots=True)
class Customers:
    """The customers that a load writes to in turn: `count` of them, from number `first` on."""

    first: int
    count: int

    def phone(self, serial: int) -> str:
        """The phone number of the customer of request `serial`."""
        return phone(self.first + serial % self.count)


MANY_CUSTOMERS = Customers(0, 40_000)
"""A pair is allowed a burst of ten messages and then one in six seconds, so the load uses many customers."""
ASKED_FOR = Customers(100_000, 400)
"""Customers of accounts with do-not-contact entries, where each one's first message costs a slow hash."""


def phone(index: int) -> str:
    """The E.164 number of customer `index`."""
    return f"+9665{index:08d}"


async def prepare(stack: Stack, *, accounts: int = ACCOUNTS, integrations: int = INTEGRATIONS) -> list[Target]:
    """Make accounts, numbers and integrations."""
    async with aiohttp.ClientSession(headers=_headers(stack)) as session:
        return await _made(_poster(session, stack.console_url), accounts, integrations, _FIRST_NUMBER)


async def prepare_with_entries(stack: Stack, *, accounts: int = 5, integrations: int = 100) -> list[Target]:
    """The same, in accounts with a do-not-contact entry each: a customer who opted out was erased."""
    async with aiohttp.ClientSession(headers=_headers(stack)) as session:
        post = _poster(session, stack.console_url)
        targets = await _made(post, accounts, integrations, _FIRST_NUMBER + 1_000_000)
        for account_id in sorted({target.account_id for target in targets}):
            customer = {"account_id": account_id, "phone": _ERASED, "reason": "asked for it by letter today"}
            await post("/suppressions", customer, 201)
            await post("/erasures", customer, 200)
        return targets


def _headers(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.admin_token}"}


def _poster(session: aiohttp.ClientSession, console_url: str) -> Post:
    async def post(path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        async with session.post(f"{console_url}/api/v1{path}", json=body) as answer:
            found: dict[str, Any] = await answer.json()
            if answer.status != status:
                raise RuntimeError(f"{path}: {answer.status} {found}")
            return found

    return post


async def _made(post: Post, accounts: int, integrations: int, first_number: int) -> list[Target]:
    plan = {"plan": "scale", "timezone": "UTC", "default_region": "SA", "daily_limit": 10_000_000}
    names = [{"name": f"bench {i}", "business_name": f"Bench {i}"} for i in range(accounts)]
    ids: Sequence[str] = [(await post("/accounts", plan | name, 201))["id"] for name in names]
    slots = asyncio.Semaphore(16)

    async def one(index: int) -> Target:
        async with slots:
            return await _integration(post, ids[index % accounts], f"{first_number + index}")

    return list(await asyncio.gather(*(one(i) for i in range(integrations))))


async def _integration(post: Post, account_id: str, phone_number_id: str) -> Target:
    number = {"provider": "cloud_api", "phone_number_id": phone_number_id}
    limits = {"access_token": "EAAbench", "messages_per_second": 1000}
    instance = await post(f"/accounts/{account_id}/instances", number | limits, 201)
    asked = {"account_id": account_id, "instance_id": instance["id"], "auth_mode": "secret"}
    created = await post("/integrations", asked, 201)
    return Target(f"/integrations/3cx/webhook/{created['id']}", created["secret"], account_id, instance["id"])
