"""What the ports `PseudoNumbers` and `ChatRefusals` promise, on every adapter."""

import asyncio

from libs.store.chats import ChatRefusal, PseudoCustomer, is_pseudo_number, random_pseudo_number
from libs.store.erasures import Erasure
from libs.store.store import Store
from tests.contract.store.builders import NOW, after, an_integration


def a_customer(key: str = "c-1", account_id: str = "acc-1") -> PseudoCustomer:
    return PseudoCustomer(account_id=account_id, customer_key=key, contact=f"sealed {key}")


def a_refusal(event_id: str = "event-1", seconds: float = 0) -> ChatRefusal:
    return ChatRefusal(event_id=event_id, code="recipient_suppressed", at=after(seconds), details={"reason": "opt_out"})


def test_random_numbers_have_the_form_of_a_pseudo_number() -> None:
    numbers = {random_pseudo_number() for _ in range(100)}

    assert len(numbers) == 100
    assert all(is_pseudo_number(number) and number[1:].isdigit() for number in numbers)
    assert not is_pseudo_number("+9991")


async def test_a_customer_keeps_the_number_that_was_given_first(store: Store, other: Store) -> None:
    proposals = [f"+999{n:011}" for n in range(6)]
    given = await asyncio.gather(
        *(
            (store, other)[n % 2].pseudo_numbers.number_of("int-1", a_customer(), proposed=each)
            for n, each in enumerate(proposals)
        )
    )

    assert len(set(given)) == 1
    assert given[0] in proposals
    assert await other.pseudo_numbers.customer_of("int-1", given[0] or "") == a_customer()


async def test_no_two_customers_have_one_number(store: Store, other: Store) -> None:
    first = await store.pseudo_numbers.number_of("int-1", a_customer("c-1"), proposed="+99900000000001")
    taken = await other.pseudo_numbers.number_of("int-1", a_customer("c-2"), proposed="+99900000000001")
    again = await other.pseudo_numbers.number_of("int-1", a_customer("c-2"), proposed="+99900000000002")

    assert (first, taken, again) == ("+99900000000001", None, "+99900000000002")
    assert await store.pseudo_numbers.customer_of("int-1", "+99900000000001") == a_customer("c-1")


async def test_a_persons_numbers_are_found_under_each_of_their_keys(store: Store, other: Store) -> None:
    given = [("int-2", "c-1", "acc-1"), ("int-1", "c-2", "acc-1"), ("int-1", "c-3", "acc-1"), ("int-1", "c-1", "acc-2")]
    for place, (integration_id, key, account_id) in enumerate(given):
        customer = a_customer(key, account_id)
        integration = integration_id if account_id == "acc-1" else "int-3"
        await store.pseudo_numbers.number_of(integration, customer, proposed=f"+9990000000000{place}")

    found = await other.pseudo_numbers.numbers_of("acc-1", ("c-1", "c-2"))

    assert list(found) == [("int-1", "+99900000000001"), ("int-2", "+99900000000000")]
    assert list(await other.pseudo_numbers.numbers_of("acc-1", ())) == []


async def test_a_number_means_nobody_to_another_integration(store: Store) -> None:
    await store.pseudo_numbers.number_of("int-1", a_customer(), proposed="+99900000000001")

    assert await store.pseudo_numbers.customer_of("int-2", "+99900000000001") is None
    assert await store.pseudo_numbers.customer_of("int-1", "+99900000000009") is None


async def test_the_latest_refusal_of_a_chat_is_kept(store: Store, other: Store) -> None:
    assert await store.chat_refusals.last("int-1", "c-1") is None

    for refusal in (a_refusal("event-2", 60), a_refusal("event-1", 0)):
        await store.chat_refusals.keep("int-1", "acc-1", "c-1", refusal)
    await store.chat_refusals.keep("int-1", "acc-1", "c-2", a_refusal("event-9", 99))

    assert await other.chat_refusals.last("int-1", "c-1") == a_refusal("event-2", 60)
    assert await other.chat_refusals.last("int-2", "c-1") is None


async def test_an_erasure_deletes_number_and_refusal_of_the_person_alone(store: Store) -> None:
    for key, number in (("c-1", "+99900000000001"), ("c-2", "+99900000000002")):
        await store.pseudo_numbers.number_of("int-1", a_customer(key), proposed=number)
        await store.chat_refusals.keep("int-1", "acc-1", key, a_refusal())
    await store.pseudo_numbers.number_of("int-2", a_customer("c-1", "acc-2"), proposed="+99900000000001")
    erasure = Erasure(
        id="era-1",
        account_id="acc-1",
        customer_keys=("c-1",),
        do_not_contact=("d-1",),
        pseudonyms=(),
        reason="asked",
        actor="op",
        asked_at=NOW,
    )

    await store.personal_data.erase(erasure, event_ids=(), dead_letters=())

    assert await store.pseudo_numbers.customer_of("int-1", "+99900000000001") is None
    assert await store.chat_refusals.last("int-1", "c-1") is None
    assert await store.pseudo_numbers.customer_of("int-1", "+99900000000002") == a_customer("c-2")
    assert await store.chat_refusals.last("int-1", "c-2") == a_refusal()
    assert await store.pseudo_numbers.customer_of("int-2", "+99900000000001") == a_customer("c-1", "acc-2")


async def test_an_integration_is_found_by_each_of_its_chat_numbers(store: Store) -> None:
    chat = {"+4930100": "num-2", "+4930200": "num-1"}
    await store.registry.save(an_integration("int-1", instance_id="num-1", chat_numbers=chat), [], created=True)
    await store.registry.save(an_integration("int-2", instance_id="num-2"), [], created=True)

    before = await store.registry.integrations_of("num-2")
    edited = an_integration("int-1", instance_id="num-1", chat_numbers={"+4930100": "num-3"}, version=2)
    await store.registry.save(edited, [], created=False)

    assert [row.id for row in before] == ["int-1", "int-2"]
    assert [row.id for row in await store.registry.integrations_of("num-2")] == ["int-2"]
    assert [row.id for row in await store.registry.integrations_of("num-3")] == ["int-1"]
    assert [row.id for row in await store.registry.integrations_of("num-1")] == ["int-1"]
