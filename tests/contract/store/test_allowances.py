"""Allowances are shared by all processes, and slide: what was taken comes back one by one."""

import asyncio
from datetime import UTC, datetime, timedelta

from libs.store.store import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def take(store: Store, at: datetime, key: str = "a", limit: int = 3) -> float | None:
    return await store.allowances.take(key, limit=limit, within=HOUR, now=at)


async def test_as_many_are_free_as_the_limit_says_and_each_comes_back_after_its_time(store: Store) -> None:
    taken = [await take(store, NOON + timedelta(minutes=minute)) for minute in (0, 10, 20)]

    assert taken == [None, None, None]
    assert await take(store, NOON + timedelta(minutes=30)) == 1_800
    assert await take(store, NOON + timedelta(minutes=60)) is None
    assert await take(store, NOON + timedelta(minutes=61)) == 9 * 60


async def test_a_refused_call_takes_nothing(store: Store) -> None:
    for _ in range(3):
        await take(store, NOON)

    for minute in range(1, 30):
        assert await take(store, NOON + timedelta(minutes=minute)) is not None

    assert await take(store, NOON + HOUR) is None


async def test_keys_are_counted_apart(store: Store) -> None:
    assert [await take(store, NOON, key, limit=1) for key in ("a", "b", "a")] == [None, None, 3_600]


async def test_processes_that_take_at_once_share_one_allowance(store: Store, other: Store) -> None:
    stores = [store, other] * 10

    found = await asyncio.gather(*(take(each, NOON, limit=7) for each in stores))

    assert sum(wait is None for wait in found) == 7


async def test_a_clock_that_was_set_back_blocks_nobody_for_longer_than_the_time(store: Store) -> None:
    for _ in range(3):
        await take(store, NOON + timedelta(days=400))

    assert await take(store, NOON) == 3_600
    assert await take(store, NOON + HOUR) is None


async def test_a_renewed_allowance_is_free(store: Store) -> None:
    for _ in range(3):
        await take(store, NOON)

    await store.allowances.renew("a")

    assert await take(store, NOON) is None
