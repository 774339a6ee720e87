"""The contract of `Ledger`, on every adapter."""

import asyncio

import pytest

from libs.store.claim_rules import MAX_ORDER_WAIT
from libs.store.factory import open_store
from libs.store.ledger import Blocked, Claimed, ClaimInProgress, Finished, LeaseExpired, Pace
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_claim, after


async def test_the_first_claim_gets_the_call(store: Store) -> None:
    assert await store.ledger.claim(a_claim()) == Claimed(wait=0.0, attempt=1)


async def test_of_a_hundred_simultaneous_claims_exactly_one_gets_the_call(store: Store, other: Store) -> None:
    answers = await asyncio.gather(
        *((store, other)[n % 2].ledger.claim(a_claim(owner=f"sender-{n}")) for n in range(100))
    )

    assert sum(isinstance(answer, Claimed) for answer in answers) == 1
    assert sum(isinstance(answer, ClaimInProgress) for answer in answers) == 99


async def test_a_call_under_way_is_held_until_its_lease_ends_even_against_its_owner(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim(lease_seconds=20))

    again = await store.ledger.claim(a_claim(now=after(19.5)))
    stranger = await other.ledger.claim(a_claim(now=after(1), owner="sender-2"))

    assert again == ClaimInProgress(after(20))
    assert stranger == ClaimInProgress(after(20))


async def test_a_call_whose_lease_ended_is_unknown_to_everyone(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim(lease_seconds=20))

    own = await store.ledger.claim(a_claim(now=after(20.5)))
    stranger = await other.ledger.claim(a_claim(now=after(100_000), owner="sender-2"))

    assert own == LeaseExpired(1)
    assert stranger == LeaseExpired(1)


async def test_a_lapsed_call_can_be_finished(store: Store) -> None:
    await store.ledger.claim(a_claim())
    await store.ledger.claim(a_claim(now=after(60)))

    await store.ledger.finish("event-1", b"unknown", now=after(60))

    assert await store.ledger.claim(a_claim(now=after(61))) == Finished(b"unknown")


async def test_a_finished_event_is_never_claimed_again(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim())

    stands = await store.ledger.finish("event-1", b"sent", now=after(1), message_id="wamid.1")

    assert stands == Finished(b"sent")
    assert await other.ledger.claim(a_claim(now=after(2), owner="sender-2")) == Finished(b"sent")
    assert await store.ledger.claim(a_claim(now=after(86_400))) == Finished(b"sent")


async def test_the_first_outcome_stands(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim())

    stands = await asyncio.gather(
        *((store, other)[n % 2].ledger.finish("event-1", f"outcome {n}".encode(), now=NOW) for n in range(20))
    )

    assert len(set(stands)) == 1
    assert await store.ledger.claim(a_claim()) == stands[0]


async def test_an_event_that_was_never_claimed_can_be_finished(store: Store) -> None:
    stands = await store.ledger.finish("event-1", b"paused", now=NOW)

    assert stands == Finished(b"paused")
    assert await store.ledger.claim(a_claim()) == Finished(b"paused")


async def test_after_a_sure_failure_the_owner_claims_again_at_once_and_others_later(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim())
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(30))

    stranger = await other.ledger.claim(a_claim(owner="sender-2", now=after(29)))
    own = await store.ledger.claim(a_claim(now=after(2), lease_seconds=20))

    assert stranger == ClaimInProgress(after(30))
    assert own == Claimed(wait=0.0, attempt=2)
    assert await other.ledger.claim(a_claim(owner="sender-2", now=after(3))) == ClaimInProgress(after(22))


async def test_what_its_owner_left_waiting_is_taken_over_by_one(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim())
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(30))

    answers = await asyncio.gather(
        *((store, other)[n % 2].ledger.claim(a_claim(owner=f"heir-{n}", now=after(31))) for n in range(40))
    )

    assert answers.count(Claimed(wait=0.0, attempt=2)) == 1
    assert sum(isinstance(answer, ClaimInProgress) for answer in answers) == 39


async def test_an_attempt_that_does_not_count_has_its_number_again(store: Store) -> None:
    await store.ledger.claim(a_claim())

    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(1), counts=False)
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(1), counts=False)

    assert await store.ledger.claim(a_claim(now=after(2))) == Claimed(wait=0.0, attempt=1)


@pytest.mark.parametrize("owner", ["sender-2", ""], ids=["another instance", "nobody"])
async def test_only_the_owner_says_that_its_call_failed(store: Store, owner: str) -> None:
    await store.ledger.claim(a_claim(lease_seconds=20))

    await store.ledger.mark_not_sent("event-1", owner=owner, until=after(1))

    assert await store.ledger.claim(a_claim(now=after(2), owner="sender-2")) == ClaimInProgress(after(20))


async def test_a_failure_after_the_finish_changes_nothing(store: Store) -> None:
    await store.ledger.claim(a_claim())
    await store.ledger.finish("event-1", b"sent", now=NOW)

    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=NOW)

    assert await store.ledger.claim(a_claim(now=after(1))) == Finished(b"sent")


async def test_a_claim_outlives_its_process(store: Store, store_url: str) -> None:
    await store.ledger.claim(a_claim("event-1", lease_seconds=20))
    await store.ledger.claim(a_claim("event-2"))
    await store.ledger.finish("event-2", b"sent", now=NOW)
    await store.close()

    reopened = await open_store(store_url)
    calling = await reopened.ledger.claim(a_claim("event-1", now=after(1), owner="sender-2"))
    finished = await reopened.ledger.claim(a_claim("event-2", now=after(1), owner="sender-2"))
    await reopened.close()

    assert calling == ClaimInProgress(after(20))
    assert finished == Finished(b"sent")


async def test_a_result_never_overwrites_another_senders_call_that_is_under_way(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim(lease_seconds=20))

    refused = await other.ledger.finish("event-1", b"throttled", now=after(1), owner="sender-2")
    stands = await store.ledger.finish("event-1", b"sent", now=after(2), owner="sender-1", message_id="wamid.1")

    assert refused == ClaimInProgress(after(20))
    assert stands == Finished(b"sent")


async def test_a_call_whose_lease_ended_is_anybodys_to_finish(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim(lease_seconds=20))

    stands = await other.ledger.finish("event-1", b"unknown", now=after(20), owner="sender-2")

    assert stands == Finished(b"unknown")
    assert await store.ledger.finish("event-1", b"sent", now=after(21), owner="sender-1") == Finished(b"unknown")


async def test_a_result_of_no_call_is_noted_by_whoever_found_it(store: Store) -> None:
    assert await store.ledger.finish("event-1", b"throttled", now=NOW, owner="sender-2") == Finished(b"throttled")


async def test_a_message_waits_while_the_one_before_it_is_being_sent(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim("event-1", lease_seconds=20))
    second = a_claim("event-2", after="event-1", owner="sender-2", now=after(1))

    waits = await other.ledger.claim(second)
    await store.ledger.finish("event-1", b"sent", now=after(2))
    goes = await other.ledger.claim(second)

    assert waits == Blocked(after(20))
    assert goes == Claimed(wait=0.0, attempt=1)


async def test_a_message_waits_while_the_one_before_it_will_be_tried_again(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim("event-1"))
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(5))

    waits = await other.ledger.claim(a_claim("event-2", after="event-1", owner="sender-2", now=after(6)))

    assert waits == Blocked(after(5) + MAX_ORDER_WAIT)


async def test_an_unclaimed_message_blocks_the_next_for_a_limited_time(store: Store) -> None:
    early = a_claim("event-2", after="event-1", now=after(1), blocked_since=NOW)
    late = a_claim("event-2", after="event-1", now=NOW + MAX_ORDER_WAIT, blocked_since=NOW)

    waits, goes = await store.ledger.claim(early), await store.ledger.claim(late)

    assert waits == Blocked(NOW + MAX_ORDER_WAIT)
    assert goes == Claimed(wait=0.0, attempt=1)


async def test_a_call_whose_lease_ended_blocks_nothing(store: Store) -> None:
    await store.ledger.claim(a_claim("event-1", lease_seconds=20))

    goes = await store.ledger.claim(a_claim("event-2", after="event-1", now=after(20), owner="sender-2"))

    assert goes == Claimed(wait=0.0, attempt=1)
    assert await store.ledger.claim(a_claim("event-1", now=after(21))) == LeaseExpired(1)


async def test_a_blocked_claim_uses_no_slot(store: Store) -> None:
    pace = Pace(pair_burst=1)
    for _ in range(5):
        await store.ledger.claim(a_claim("event-2", after="event-1", pace=pace))

    assert await store.ledger.claim(a_claim("event-3", pace=pace)) == Claimed(wait=0.0, attempt=1)
