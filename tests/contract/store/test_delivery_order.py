"""The contract of `DeliveryOrder`, on every adapter."""

import asyncio

from libs.store.decisions import Position, QuotaExhausted
from libs.store.factory import open_store
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_budget, a_claim, a_facts_query, a_refusal, an_approval, standing

POSITION = Position(number_id="num-1", customer_key="customer-1")


async def turn(store: Store, event_id: str, customer_key: str = "customer-1", number_id: str = "num-1") -> str | None:
    return await store.delivery_order.enqueue(
        number_id=number_id, customer_key=customer_key, event_id=event_id, now=NOW
    )


async def test_each_event_stands_behind_the_one_before_it(store: Store, other: Store) -> None:
    first, second, third = await turn(store, "e1"), await turn(other, "e2"), await turn(store, "e3")

    assert (first, second, third) == (None, "e1", "e2")


async def test_an_event_keeps_its_position_however_often_it_is_enqueued(store: Store, other: Store) -> None:
    for event in ("e1", "e2", "e3"):
        await turn(store, event)

    again = [await turn(other, event) for event in ("e3", "e1", "e2")]

    assert again == ["e2", None, "e1"]


async def test_other_customers_and_other_numbers_have_orders_of_their_own(store: Store) -> None:
    await turn(store, "e1")

    assert await turn(store, "e2", customer_key="customer-2") is None
    assert await turn(store, "e3", number_id="num-2") is None


async def test_simultaneous_events_are_in_one_order(store: Store, other: Store) -> None:
    events = [f"e{n}" for n in range(30)]

    before = await asyncio.gather(*(turn((store, other)[n % 2], event) for n, event in enumerate(events)))

    ahead = dict(zip(events, before, strict=True))
    assert list(before).count(None) == 1
    assert len(set(before)) == len(events)
    assert _length_of(ahead) == len(events)


async def finished(store: Store, *customer_keys: str, number_id: str = "num-1") -> frozenset[str]:
    query = a_facts_query("next", customer_keys=customer_keys, number_id=number_id)
    return (await store.decisions.facts(query)).finished


async def test_the_facts_name_the_newest_event_of_an_order_only_if_its_message_is_finished(
    store: Store, other: Store, store_url: str
) -> None:
    tells = store_url.startswith("mongodb:")  # the other store's claim finds out for nothing
    for event in ("e1", "e2"):
        await turn(store, event)
    await turn(store, "e3", customer_key="customer-2")
    await store.ledger.finish("e1", b"sent", now=NOW)

    unclaimed = await finished(other, "customer-1", "customer-2")
    for event, key in (("e2", "customer-1"), ("e3", "customer-2")):
        await store.ledger.claim(a_claim(event, customer_key=key))
    called = await finished(other, "customer-1", "customer-2")
    for event in ("e2", "e3"):
        await store.ledger.mark_not_sent(event, owner="sender-1", until=NOW)
    waiting = await finished(other, "customer-1", "customer-2")
    for event in ("e2", "e3"):
        await store.ledger.finish(event, b"sent", now=NOW)
    done = [await finished(other, *keys) for keys in (("customer-1", "customer-2"), ("customer-2",), ())]
    await turn(store, "e4")
    behind = await finished(other, "customer-1")

    assert [unclaimed, called, waiting, behind] == [frozenset()] * 4
    assert done == ([{"e2", "e3"}, {"e3"}, frozenset()] if tells else [frozenset()] * 3)
    assert await finished(other, "customer-2", number_id="num-2") == frozenset()


async def test_an_approval_is_enqueued_in_the_step_that_decides_it(store: Store, other: Store) -> None:
    first = await store.decisions.decide(an_approval("e1", position=POSITION))
    second = await other.decisions.decide(an_approval("e2", position=POSITION))

    again = await store.decisions.decide(an_approval("e2", position=POSITION))

    assert first == standing("approved", fresh=True)
    assert second == standing("approved", fresh=True, after="e1")
    assert again == standing("approved", fresh=False)
    assert await turn(other, "e2") == "e1"


async def test_an_event_that_was_not_approved_has_no_position(store: Store) -> None:
    await store.decisions.decide(a_refusal("e1", position=POSITION))
    spent = await store.decisions.decide(an_approval("e2", budget=a_budget(daily_limit=0), position=POSITION))

    approved = await store.decisions.decide(an_approval("e3", position=POSITION))

    assert isinstance(spent, QuotaExhausted)
    assert approved == standing("approved", fresh=True)


async def test_the_order_outlives_its_process(store: Store, store_url: str) -> None:
    await turn(store, "e1")
    await store.close()

    reopened = await open_store(store_url)
    before = await turn(reopened, "e2")
    await reopened.close()

    assert before == "e1"


def _length_of(ahead: dict[str, str | None]) -> int:
    """How many stand in the line that ends with whom nobody is behind of."""
    last = next(event for event in ahead if event not in ahead.values())
    line = [last]
    while (before := ahead[line[-1]]) is not None:
        line.append(before)
    return len(line)
