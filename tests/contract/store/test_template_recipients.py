"""What the port `TemplateRecipients` promises, on every adapter."""

import asyncio
from datetime import timedelta

from libs.store.store import Store
from libs.store.template_recipients import TemplateUse
from tests.contract.store.builders import NOW, after

DAY = 24 * 3600


async def count(store: Store, customer: str, seconds: float = 0, owner: str = "waba-1") -> None:
    await store.template_recipients.count(owner, "acc-1", customer, after(seconds))


async def use(store: Store, customer: str = "c-1", seconds: float = 0, limit: int = 10) -> TemplateUse:
    return await store.template_recipients.use("waba-1", customer, limit=limit, now=after(seconds))


async def test_nobody_was_counted_at_first(store: Store) -> None:
    assert await use(store) == TemplateUse(0, counted=False, oldest=None)


async def test_customers_are_counted_once_each(store: Store, other: Store) -> None:
    await asyncio.gather(*(count((store, other)[n % 2], f"c-{n % 4}", n / 10) for n in range(12)))
    await count(store, "c-1", owner="waba-2")

    assert (await use(other, "c-1", 60)).customers == 4
    assert (await use(other, "c-1", 60)).counted
    assert not (await use(other, "c-9", 60)).counted


async def test_a_customer_counts_for_24_hours_from_the_first_template(store: Store, other: Store) -> None:
    await count(store, "c-1")
    await count(store, "c-1", DAY - 1)

    assert await use(other, "c-1", DAY - 1) == TemplateUse(1, counted=True, oldest=NOW)
    assert await use(other, "c-1", DAY) == TemplateUse(0, counted=False, oldest=None)

    await count(store, "c-1", DAY)

    assert await use(other, "c-1", DAY + 1) == TemplateUse(1, counted=True, oldest=NOW + timedelta(days=1))


async def test_the_count_ends_at_the_limit(store: Store) -> None:
    for n in range(5):
        await count(store, f"c-{n}")

    assert (await use(store, limit=3)).customers == 3
