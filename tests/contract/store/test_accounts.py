"""The contract of `Directory` and `Registry`, on every adapter."""

import asyncio
from uuid import UUID

from libs.store.accounts import Account, Integration, Number, Page, SecretHash, Template
from libs.store.business_accounts import learn_business_account
from libs.store.factory import open_store
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_number, after, an_account, an_integration, an_outbox_event


async def test_an_unknown_id_is_no_row(store: Store) -> None:
    assert await store.directory.account("nobody") is None
    assert await store.directory.number(number_id="nobody") is None
    assert await store.directory.number(phone_number_id="nobody") is None
    assert await store.directory.integration("nobody") is None


async def test_an_account_comes_back_as_it_was_saved(store: Store) -> None:
    account = an_account(timezone="Asia/Riyadh", daily_limit=700, blocked_words=("casino", "رهان"), paused=True)

    assert await store.registry.save(account, [], created=True)

    assert await store.directory.account("acc-1") == account


async def test_a_number_is_found_by_either_id(store: Store) -> None:
    number = a_number(phone_number_id="1055", provider="evolution", messages_per_second=20.5)

    assert await store.registry.save(number, [], created=True)

    assert await store.directory.number(number_id="num-1") == number
    assert await store.directory.number(phone_number_id="1055") == number
    assert await store.directory.number(number_id="num-1", phone_number_id="another") is None


async def test_an_integration_comes_back_with_its_secrets_and_templates(store: Store) -> None:
    integration = an_integration(
        secrets=(SecretHash(sha256="ab" * 32), SecretHash(sha256="cd" * 32, valid_until=after(60))),
        templates={"missed_call": Template(enabled=True, text="We missed you, {{customer_phone}}")},
        allowed_ips=("10.0.0.0/8", "2001:db8::/32"),
        extension_roles={"100": "queue"},
        business_hours={"mon": [["09:00", "17:00"]], "dotted.key": {"$odd": 1}},
    )

    assert await store.registry.save(integration, [], created=True)

    assert await store.directory.integration("int-1") == integration


async def test_a_row_is_created_once(store: Store) -> None:
    await store.registry.save(an_account(name="first"), [], created=True)

    again = await store.registry.save(an_account(name="second"), [an_outbox_event()], created=True)

    kept = await store.directory.account("acc-1")
    assert not again
    assert kept is not None
    assert kept.name == "first"
    assert await store.outbox.unpublished(10) == []


async def test_two_numbers_never_share_the_providers_id(store: Store) -> None:
    await store.registry.save(a_number("num-1", phone_number_id="1055"), [], created=True)
    await store.registry.save(a_number("num-2", phone_number_id="1056"), [], created=True)

    created = await store.registry.save(a_number("num-3", phone_number_id="1055"), [], created=True)
    edited = await store.registry.save(
        a_number("num-2", phone_number_id="1055", version=2), [an_outbox_event()], created=False
    )

    assert not created
    assert not edited
    assert await store.directory.number(number_id="num-2") == a_number("num-2", phone_number_id="1056")
    assert await store.outbox.unpublished(10) == []


async def test_an_edit_of_a_version_that_is_gone_changes_nothing(store: Store) -> None:
    await store.registry.save(an_account(), [], created=True)
    first = await store.registry.save(an_account(name="first", version=2), [], created=False)

    stale = await store.registry.save(an_account(name="stale", version=2), [an_outbox_event()], created=False)
    ahead = await store.registry.save(an_account(name="ahead", version=4), [an_outbox_event()], created=False)
    unknown = await store.registry.save(an_account("acc-9", version=2), [an_outbox_event()], created=False)

    assert first
    assert (stale, ahead, unknown) == (False, False, False)
    assert await store.directory.account("acc-1") == an_account(name="first", version=2)
    assert await store.directory.account("acc-9") is None
    assert await store.outbox.unpublished(10) == []


async def test_of_twenty_edits_of_one_version_one_wins_with_its_event(store: Store, other: Store) -> None:
    await store.registry.save(an_account(), [], created=True)

    won = await asyncio.gather(
        *(
            (store, other)[number % 2].registry.save(
                an_account(name=f"editor {number}", version=2), [an_outbox_event(f"event-{number}")], created=False
            )
            for number in range(20)
        )
    )

    winner = won.index(True)
    kept = await other.directory.account("acc-1")
    assert won.count(True) == 1
    assert kept is not None
    assert kept.name == f"editor {winner}"
    assert [posted.id for posted in await store.outbox.unpublished(10)] == [f"event-{winner}"]


async def test_rows_are_paged_in_the_order_of_their_ids(store: Store) -> None:
    for name in ("acc-3", "acc-1", "acc-2"):
        await store.registry.save(an_account(name), [], created=True)

    first = await store.registry.page(Account, Page(limit=2))
    rest = await store.registry.page(Account, Page(limit=2, after="acc-2"))

    assert [account.id for account in first] == ["acc-1", "acc-2"]
    assert [account.id for account in rest] == ["acc-3"]


async def test_a_page_can_be_of_one_account(store: Store) -> None:
    for number, account in (("num-1", "acc-1"), ("num-2", "acc-2"), ("num-3", "acc-1")):
        await store.registry.save(a_number(number, account_id=account), [], created=True)
        await store.registry.save(an_integration(f"int-{number}", account_id=account), [], created=True)
    await store.registry.save(an_account("acc-1"), [], created=True)
    await store.registry.save(an_account("acc-2"), [], created=True)

    page = Page(account_id="acc-1")

    assert [row.id for row in await store.registry.page(Number, page)] == ["num-1", "num-3"]
    assert [row.id for row in await store.registry.page(Integration, page)] == ["int-num-1", "int-num-3"]
    assert [row.id for row in await store.registry.page(Account, page)] == ["acc-1"]
    assert [row.id for row in await store.registry.page(Number, Page(account_id="acc-1", after="num-1"))] == ["num-3"]


async def test_the_integrations_of_a_number_are_found_after_an_edit_too(store: Store) -> None:
    for name, number in (("int-1", "num-1"), ("int-2", "num-2"), ("int-3", "num-1")):
        await store.registry.save(an_integration(name, instance_id=number), [], created=True)

    before = await store.registry.integrations_of("num-1")
    await store.registry.save(an_integration("int-2", instance_id="num-1", version=2), [], created=False)
    later = await store.registry.integrations_of("num-1")

    assert sorted(row.id for row in before) == ["int-1", "int-3"]
    assert sorted(row.id for row in later) == ["int-1", "int-2", "int-3"]
    assert await store.registry.integrations_of("num-9") == []


async def test_what_was_saved_is_there_after_reopening(store: Store, store_url: str) -> None:
    await store.registry.save(an_account(updated_at=NOW), [an_outbox_event()], created=True)
    await store.close()

    reopened = await open_store(store_url)
    account, waiting = await reopened.directory.account("acc-1"), await reopened.outbox.unpublished(10)
    await reopened.close()

    assert account == an_account(updated_at=NOW)
    assert waiting == [an_outbox_event()]


async def learn(store: Store, business_account_id: str, cause: int = 1, number_id: str = "num-1") -> bool:
    return await learn_business_account(
        store.directory, store.registry, number_id, business_account_id, cause=UUID(int=cause), at=NOW
    )


async def test_a_numbers_business_account_is_learnt_once(store: Store, other: Store) -> None:
    number = a_number()
    await store.registry.save(number, [], created=True)

    learnt = await asyncio.gather(*(learn((store, other)[n % 2], "1029") for n in range(4)))

    kept = await other.directory.number(number_id="num-1")
    assert sum(learnt) == 1
    assert kept == number.model_copy(update={"business_account_id": "1029", "version": 2})
    (event,) = await store.outbox.unpublished(10)
    assert event.name == "number.changed"
    assert b"provider" in event.body


async def test_the_numbers_of_a_business_account_are_found_in_all_accounts(store: Store, other: Store) -> None:
    for n, account_id in enumerate(("acc-1", "acc-2", "acc-1")):
        await store.registry.save(a_number(f"num-{n}", account_id=account_id), [], created=True)
    for n, business_account_id in enumerate(("1029", "1029", "1030")):
        await learn(store, business_account_id, n, f"num-{n}")

    found = await other.business_accounts.numbers_of("1029")

    assert [number.id for number in found] == ["num-0", "num-1"]
    assert list(await other.business_accounts.numbers_of("1031")) == []


async def test_a_number_that_moved_belongs_to_its_new_business_account(store: Store) -> None:
    await store.registry.save(a_number(), [], created=True)
    await learn(store, "1029")

    assert await learn(store, "1030", 2)

    assert [number.id for number in await store.business_accounts.numbers_of("1030")] == ["num-1"]
    assert not await store.business_accounts.numbers_of("1029")


async def test_an_unknown_number_learns_nothing(store: Store) -> None:
    assert not await learn(store, "1029")
