"""The contract of `JobLeases`, on every adapter."""

import asyncio

from libs.store.store import Store
from tests.contract.store.builders import NOW, after

REPORT = "report:acc-1:2026-11"


async def test_of_many_at_once_one_acquires_the_lease(store: Store, other: Store) -> None:
    begun = await asyncio.gather(
        *(
            (store, other)[n % 2].job_leases.acquire(REPORT, owner=f"console-{n}", now=NOW, lease_seconds=60)
            for n in range(10)
        )
    )

    assert sum(begun) == 1


async def test_a_lease_that_ended_is_free(store: Store, other: Store) -> None:
    assert await store.job_leases.acquire(REPORT, owner="a", now=NOW, lease_seconds=60)

    early = await other.job_leases.acquire(REPORT, owner="b", now=after(59), lease_seconds=60)
    own = await store.job_leases.acquire(REPORT, owner="a", now=after(59), lease_seconds=1)
    late = await other.job_leases.acquire(REPORT, owner="b", now=after(61), lease_seconds=60)

    assert (early, own, late) == (False, True, True)
    assert not await store.job_leases.complete(REPORT, owner="a", now=after(62))


async def test_a_completed_job_is_not_acquired_again(store: Store, other: Store) -> None:
    await store.job_leases.acquire(REPORT, owner="a", now=NOW, lease_seconds=60)

    assert await store.job_leases.complete(REPORT, owner="a", now=after(1))

    assert not await store.job_leases.complete(REPORT, owner="a", now=after(2))
    assert not await other.job_leases.acquire(REPORT, owner="a", now=after(9_999), lease_seconds=60)
    assert await other.job_leases.acquire("report:acc-1:2026-12", owner="a", now=after(9_999), lease_seconds=60)
