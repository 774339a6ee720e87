"""The contract of `Identities`, on every adapter."""

import asyncio

from libs.store.factory import open_store
from libs.store.identities import Identity
from libs.store.store import Store
from tests.contract.store.builders import NOW, after

PHONE, USER = "by-phone", "by-user-id"


async def known(store: Store, key: str, account_id: str = "acc-1") -> tuple[str, ...]:
    return (await store.identities.link(account_id, [key], NOW)).keys


async def test_a_key_that_was_seen_alone_is_known_by_itself(store: Store) -> None:
    assert await store.identities.link("acc-1", [PHONE], NOW) == Identity((PHONE,))


async def test_two_keys_that_were_seen_together_are_one_customer(store: Store, other: Store) -> None:
    linked = await store.identities.link("acc-1", [PHONE, USER], NOW)

    assert linked == Identity((PHONE, USER), merged=False)
    assert await known(other, PHONE) == (PHONE, USER)
    assert await known(other, USER) == (USER, PHONE)
    assert await known(other, PHONE, account_id="acc-2") == (PHONE,)


async def test_a_link_is_to_be_merged_until_it_was(store: Store, other: Store) -> None:
    await store.identities.link("acc-1", [PHONE, USER], NOW)
    again = await other.identities.link("acc-1", [PHONE, USER], after(1))

    await store.identities.mark_merged("acc-1", [PHONE, USER])

    assert again == Identity((PHONE, USER), merged=False)
    assert await other.identities.link("acc-1", [USER, PHONE], after(2)) == Identity((USER, PHONE))


async def test_a_key_moves_to_whom_it_is_seen_with_later(store: Store) -> None:
    await store.identities.link("acc-1", [PHONE, USER], NOW)
    await store.identities.mark_merged("acc-1", [PHONE, USER])

    moved = await store.identities.link("acc-1", ["new-phone", USER], after(1))

    assert moved == Identity(("new-phone", USER), merged=False)
    assert await known(store, USER) == (USER, "new-phone")
    assert await known(store, PHONE) == (PHONE,)


async def test_a_key_that_comes_back_is_merged_anew(store: Store) -> None:
    await store.identities.link("acc-1", [PHONE, USER], NOW)
    await store.identities.mark_merged("acc-1", [PHONE, USER])
    await store.identities.link("acc-1", ["new-phone", USER], after(1))

    back = await store.identities.link("acc-1", [PHONE, USER], after(2))

    assert back == Identity((PHONE, USER), merged=False)
    assert await known(store, "new-phone") == ("new-phone",)


async def test_an_older_pair_that_comes_late_is_no_link(store: Store) -> None:
    await store.identities.link("acc-1", ["new-phone", USER], after(5))

    late = await store.identities.link("acc-1", [PHONE, USER], NOW)

    assert late == Identity((PHONE, USER))
    assert await known(store, USER) == (USER, "new-phone")
    assert await known(store, PHONE) == (PHONE,)


async def test_a_pair_that_is_seen_by_many_at_once_is_one_link(store: Store, other: Store) -> None:
    await asyncio.gather(
        *((store, other)[n % 2].identities.link("acc-1", [PHONE, USER][:: 1 if n % 3 else -1], NOW) for n in range(20))
    )

    assert await known(store, PHONE) == (PHONE, USER)
    assert await known(store, USER) == (USER, PHONE)


async def test_a_link_outlives_its_process(store: Store, store_url: str) -> None:
    await store.identities.link("acc-1", [PHONE, USER], NOW)
    await store.close()

    reopened = await open_store(store_url)
    found = await known(reopened, USER)
    await reopened.close()

    assert found == (USER, PHONE)
