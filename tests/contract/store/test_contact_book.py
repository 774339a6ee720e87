"""What the port `ContactBook` promises, on every adapter."""

import asyncio
from dataclasses import replace
from typing import Any

from libs.store.contact_book import ContactBookDeletion, DeletionStatus
from libs.store.store import Store
from tests.contract.store.builders import NOW, after


def a_deletion(number: int = 1, **fields: Any) -> ContactBookDeletion:
    known = {"erasure_id": "era-1", "account_id": "acc-1", "number_id": f"num-{number}", "sealed_user_id": "k1:sealed"}
    return ContactBookDeletion(id=f"era-1:num-{number}:0", at=NOW, **known | fields)


async def test_a_requested_deletion_is_due_at_once_and_known_by_its_erasure(store: Store, other: Store) -> None:
    await store.contact_book.request([a_deletion(2), a_deletion(1)])
    await other.contact_book.request([a_deletion(1)])

    assert list(await other.contact_book.of_erasure("era-1")) == [a_deletion(1), a_deletion(2)]
    assert {each.id for each in await other.contact_book.due(NOW, 10)} == {a_deletion(1).id, a_deletion(2).id}
    assert await other.contact_book.due(after(-1), 10) == []
    assert len(await other.contact_book.due(NOW, 1)) == 1
    assert await other.contact_book.of_erasure("era-2") == []


async def test_of_all_processes_one_takes_a_deletion_until_its_time_is_over(store: Store, other: Store) -> None:
    await store.contact_book.request([a_deletion()])
    book = (store.contact_book, other.contact_book)

    taken = await asyncio.gather(*(book[n % 2].take(a_deletion().id, now=NOW, until=after(60)) for n in range(10)))

    assert sum(taken) == 1
    assert await other.contact_book.due(after(59), 10) == []
    [again] = await other.contact_book.due(after(60), 10)
    assert (again.tries, again.status) == (1, DeletionStatus.PENDING)


async def test_a_failed_try_is_due_later_and_says_why(store: Store) -> None:
    await store.contact_book.request([a_deletion()])
    await store.contact_book.take(a_deletion().id, now=NOW, until=after(60))

    await store.contact_book.postpone(a_deletion().id, "refused_190", due_at=after(300))

    assert await store.contact_book.due(after(299), 10) == []
    assert await store.contact_book.due(after(300), 10) == [replace(a_deletion(), tries=1, problem="refused_190")]


async def test_a_deletion_that_ended_is_never_due_again_and_holds_no_user_id(store: Store, other: Store) -> None:
    await store.contact_book.request([a_deletion()])

    await store.contact_book.end(a_deletion().id, DeletionStatus.DELETED)
    await other.contact_book.end(a_deletion().id, DeletionStatus.FAILED, "too_late")
    await other.contact_book.postpone(a_deletion().id, "too_late", due_at=NOW)
    await other.contact_book.request([a_deletion()])

    ended = replace(a_deletion(), status=DeletionStatus.DELETED, sealed_user_id=None)
    assert list(await store.contact_book.of_erasure("era-1")) == [ended]
    assert await store.contact_book.due(after(10_000), 10) == []
