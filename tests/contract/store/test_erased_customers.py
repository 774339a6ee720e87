"""The contract of `ErasedCustomers`, and of the look for calls in progress, on every adapter."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.store.erased_customers import MARKERS_KEPT
from libs.store.factory import open_store
from libs.store.forwards import Forward, ForwardState
from libs.store.ledger import Claimed, Finished, Pace
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_claim, after
from tests.contract.store.stored_rows import rows_of

KEY, USER, OTHER = "c1" * 32, "c3" * 32, "c2" * 32
LEASE = timedelta(seconds=60)


async def in_flight(store: Store, *keys: str, seconds: float = 0, account_id: str = "acc-1") -> bool:
    return await store.personal_data.in_flight(account_id, keys or (KEY, USER), after(seconds))


def a_forward(**fields: Any) -> Forward:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "integration_id": "int-1",
        "kind": "message.received",
        "event_id": "event-1",
        "masked_phone": "+9665•••••678",
        "customer_key": KEY,
        "requested_at": NOW,
        "updated_at": NOW,
    }
    return Forward(id="forward-1", **(given | fields))


async def test_an_erased_customer_is_found_by_each_key_in_that_account_alone(store: Store, other: Store) -> None:
    await store.erased_customers.mark("acc-1", [KEY, USER], NOW)

    erased_at = other.erased_customers.erased_at
    assert [await erased_at("acc-1", keys) for keys in ([KEY], [USER], [OTHER, USER])] == [NOW] * 3
    assert [await erased_at(*wanted) for wanted in (("acc-1", [OTHER]), ("acc-2", [KEY]), ("acc-1", []))] == [None] * 3


async def test_the_latest_erasure_counts(store: Store) -> None:
    for seconds in (5, 9, 2):
        await store.erased_customers.mark("acc-1", [KEY], after(seconds))

    assert await store.erased_customers.erased_at("acc-1", [KEY]) == after(9)


async def test_markers_are_forgotten_once_nothing_waits_any_more(store: Store) -> None:
    await store.erased_customers.mark("acc-1", [KEY], NOW)
    await store.erased_customers.mark("acc-1", [OTHER], after(60))

    await store.erased_customers.forget(NOW + MARKERS_KEPT)
    before = await store.erased_customers.erased_at("acc-1", [KEY])
    await store.erased_customers.forget(after(1) + MARKERS_KEPT)

    assert before == NOW
    assert await store.erased_customers.erased_at("acc-1", [KEY]) is None
    assert await store.erased_customers.erased_at("acc-1", [OTHER]) == after(60)


async def test_a_message_is_in_flight_from_its_claim_to_its_end_or_the_end_of_the_lease(store: Store) -> None:
    await store.ledger.claim(a_claim("event-1", customer_key=KEY, account_id="acc-1", lease_seconds=60))

    during = await in_flight(store)
    others = [await in_flight(store, OTHER), await in_flight(store, account_id="acc-2")]
    lease_over = await in_flight(store, seconds=61)
    await store.ledger.finish("event-1", b"{}", now=NOW)

    assert (during, others, lease_over, await in_flight(store)) == (True, [False, False], False, False)


@pytest.mark.parametrize("seconds", [0, 61], ids=["in progress", "its lease ended"])
async def test_the_outcome_of_a_call_that_an_erasure_met_says_so(store: Store, other: Store, seconds: int) -> None:
    await store.ledger.claim(a_claim("event-1", customer_key=KEY, lease_seconds=60))
    await store.ledger.claim(a_claim("event-2", customer_key=OTHER, lease_seconds=60))

    met = await in_flight(other, seconds=seconds)
    stands = [
        await store.ledger.finish(event_id, b"{}", now=after(seconds), owner="sender-1")
        for event_id in ("event-1", "event-2", "event-1", "unclaimed")
    ]

    assert met == (seconds == 0)
    assert [each.erased for each in stands if isinstance(each, Finished)] == [True, False, None, None]


async def test_an_erasure_that_looks_after_the_outcome_met_no_call(store: Store) -> None:
    await store.ledger.claim(a_claim("event-1", customer_key=KEY))
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=NOW)
    await in_flight(store)
    await store.ledger.claim(a_claim("event-1", customer_key=KEY))

    stands = await store.ledger.finish("event-1", b"{}", now=NOW, owner="sender-1")

    assert (stands, isinstance(stands, Finished) and stands.erased) == (Finished(b"{}"), False)
    assert not await in_flight(store)


async def test_an_outcome_can_be_written_without_what_names_its_customer(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim("event-1", customer_key=KEY, contact="sealed", fallback="sealed"))
    await store.ledger.finish("event-1", b"{}", now=NOW, owner="sender-1", forget=True)

    found = await other.statuses.find("event-1")

    assert found is not None
    assert (found.outcome, found.customer_key, found.contact, found.fallback) == (b"{}", "", None, None)
    assert (await other.personal_data.find("acc-1", [KEY])).messages == []


async def test_an_outcome_that_names_nobody_leaves_no_pace_of_the_customer(
    store: Store, other: Store, store_url: str
) -> None:
    for event_id, key in (("event-1", KEY), ("event-2", OTHER)):
        await store.ledger.claim(a_claim(event_id, customer_key=key, pace=Pace()))
    before = str(rows_of(store_url))

    await other.ledger.finish("event-1", b"{}", now=NOW, owner="sender-1", forget=True)

    left = str(rows_of(store_url))
    assert (KEY in before, KEY in left, OTHER in left) == (True, False, True)


async def test_a_claim_of_a_message_that_names_nobody_removes_what_an_earlier_one_named(
    store: Store, other: Store
) -> None:
    await store.ledger.claim(a_claim("event-1", customer_key=KEY, contact="sealed", fallback="sealed"))
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=NOW, counts=False)

    again = await store.ledger.claim(a_claim("event-1", customer_key=""))

    found = await other.statuses.find("event-1")
    assert found is not None
    assert (again, found.customer_key, found.contact, found.fallback) == (Claimed(0.0, 1), "", None, None)


@pytest.mark.parametrize("state", [ForwardState.WAITING, ForwardState.DELIVERED, ForwardState.FAILED])
async def test_a_forward_is_in_flight_while_a_try_is_running(store: Store, state: ForwardState) -> None:
    await store.forwards.start(a_forward(), owner="s", now=NOW, lease=LEASE)

    during, lease_over = await in_flight(store), await in_flight(store, seconds=61)
    await store.forwards.finish_attempt("forward-1", state, owner="s", now=NOW)

    assert (during, lease_over, await in_flight(store)) == (True, False, False)


async def test_a_forward_is_stored_with_its_customer_key(store: Store, other: Store) -> None:
    await store.forwards.start(a_forward(), owner="s", now=NOW, lease=LEASE)

    assert await other.forwards.get("forward-1") == replace(a_forward(), state=ForwardState.TRYING)


async def test_no_marker_leads_to_a_customer_key(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.erased_customers.mark("acc-1", [KEY], NOW)
    await store.close()

    assert KEY.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
