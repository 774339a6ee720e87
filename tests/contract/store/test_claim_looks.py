"""The contract of `ClaimLooks`, and of claims that are given what a look has seen, on every adapter."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from libs.contracts.send_rates import bucket_key
from libs.store.claim_looks import LookQuery
from libs.store.claim_rules import is_held
from libs.store.conversations import SuppressionKind
from libs.store.ledger import Blocked, Claim, Claimed, ClaimInProgress, Finished, LeaseExpired, Pace, RateLimited
from libs.store.restrictions import of_business_account, of_number, of_pair
from libs.store.store import Store
from tests.contract.store.builders import NOW, UNPACED, a_claim, a_suppression, after
from tests.contract.store.test_restrictions import PAIR, a_restriction, add, lift

KEY, USER, OTHER = "c1" * 32, "c3" * 32, "c2" * 32


def a_query(**fields: Any) -> LookQuery:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "event_id": "event-1",
        "number_id": "num-1",
        "business_account_id": None,
        "after": None,
        "erased": [KEY, USER],
        "subjects": [of_number("num-1"), PAIR],
        "now": NOW,
    }
    return LookQuery(**(given | fields))


async def looked(store: Store, claim: Claim) -> Claim:
    """The claim as a sender makes it: with what it saw just before."""
    query = a_query(
        event_id=claim.event_id,
        number_id=claim.number_id,
        business_account_id=claim.business_account_id,
        after=claim.after,
        now=claim.now,
    )
    return replace(claim, seen=(await store.claim_looks.look(query)).seen)


async def test_a_look_finds_nothing_where_nothing_is(store: Store) -> None:
    found = await store.claim_looks.look(a_query())

    assert (found.erased_at, list(found.restrictions)) == (None, [])


async def test_a_look_finds_the_latest_erasure_under_each_name_of_that_account(store: Store, other: Store) -> None:
    for key, seconds in ((KEY, 5), (USER, 9), (OTHER, 12)):
        await store.erased_customers.mark("acc-1", [key], after(seconds))

    found = [await other.claim_looks.look(a_query(erased=names)) for names in ([KEY, USER], [KEY], [])]
    elsewhere = await other.claim_looks.look(a_query(account_id="acc-2"))

    assert [each.erased_at for each in found] == [after(9), after(5), None]
    assert elsewhere.erased_at is None


async def test_a_look_finds_the_restrictions_that_stand(store: Store, other: Store) -> None:
    stands, ended = a_restriction(PAIR), a_restriction(of_number("num-1"), until=after(5))
    lifted, unasked = a_restriction(of_business_account("w")), a_restriction(of_pair("num-1", "customer-2"))
    for each in (stands, ended, lifted, unasked):
        await add(store, each)
    await lift(store, lifted, after(1))

    subjects = [PAIR, ended.subject, lifted.subject]
    early = await other.claim_looks.look(a_query(subjects=subjects, now=after(2)))
    late = await other.claim_looks.look(a_query(subjects=subjects, now=after(6)))
    elsewhere = await other.claim_looks.look(a_query(account_id="acc-2", subjects=subjects))

    assert {each.id for each in early.restrictions} == {stands.id, ended.id}
    assert [each.id for each in late.restrictions] == [stands.id]
    assert list(elsewhere.restrictions) == []


async def test_a_look_finds_the_suppressions_that_it_is_asked_for(store: Store, other: Store) -> None:
    for key, kind in ((KEY, SuppressionKind.OPT_OUT), (USER, SuppressionKind.MARKETING)):
        await store.suppressions.suppress(a_suppression(f"sup-{key[:2]}", customer_key=key, kind=kind), [])

    looks = [await other.claim_looks.look(a_query(suppressed=names)) for names in ([KEY, USER], [USER], [OTHER], [])]
    elsewhere = await other.claim_looks.look(a_query(account_id="acc-2", suppressed=[KEY]))

    both, second, none = {SuppressionKind.OPT_OUT, SuppressionKind.MARKETING}, {SuppressionKind.MARKETING}, set[str]()
    assert [each.standing.kinds for each in looks] == [both, second, none, none]
    assert [each.standing.left_by_erasures for each in looks] == [False] * 4
    assert elsewhere.standing.kinds == none


async def test_a_look_says_whether_erasures_have_left_suppressions_in_the_account(store: Store, other: Store) -> None:
    await store.suppressions.suppress(a_suppression(customer_key=KEY), [])
    await store.do_not_contact_entries.rehash("acc-1", KEY, OTHER)

    found = await other.claim_looks.look(a_query(suppressed=[KEY]))
    hashed = await other.claim_looks.look(a_query(suppressed=[KEY, OTHER]))
    elsewhere = await other.claim_looks.look(a_query(account_id="acc-2", suppressed=[KEY]))

    left = [each.standing.left_by_erasures for each in (found, hashed, elsewhere)]
    assert left == [True, True, False]
    assert [each.standing.kinds for each in (found, hashed)] == [set(), {SuppressionKind.OPT_OUT}]


@pytest.mark.parametrize("scope", ["waba", "app"])
async def test_a_first_claim_waits_for_a_hold_or_the_look_after_it_finds_the_hold(
    store: Store, other: Store, scope: str
) -> None:
    pace = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=6.0, pair_burst=1, max_wait=1.0)
    key = bucket_key(scope, number_id="num-1", customer_key="customer-1", business_account_id="waba-1")
    await store.pacing.hold(scope=scope, key=key, until=after(30), now=NOW)
    claim = a_claim(business_account_id="waba-1", first=True, pace=pace)

    answer = await other.ledger.claim(claim)
    found = await other.claim_looks.look(a_query(event_id=None, business_account_id="waba-1"))
    if isinstance(answer, Claimed):
        assert found.seen is not None
        assert (is_held(found.seen, NOW), is_held(found.seen, after(30))) == (True, False)
        await other.ledger.mark_not_sent("event-1", owner="sender-1", until=NOW, counts=False)
    again = await other.ledger.claim(await looked(other, replace(claim, first=False)))
    later = await other.ledger.claim(await looked(other, replace(claim, first=False, now=after(30))))

    assert isinstance(again, RateLimited)
    assert (round(again.retry_after, 2), again.scope) == (30.0, scope)
    assert later == Claimed(0.0, 1)  # and the pair's only slot, which was taken in vain, is there again


async def test_a_first_claim_goes_by_the_order(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim("event-1", lease_seconds=20))
    second = a_claim("event-2", after="event-1", owner="sender-2", now=after(1), first=True)

    waits = await other.ledger.claim(second)
    await store.ledger.finish("event-1", b"sent", now=after(2))
    goes = await other.ledger.claim(second)

    assert (waits, goes) == (Blocked(after(20)), Claimed(wait=0.0, attempt=1))


@pytest.mark.parametrize("state", ["calling", "waiting", "expired", "finished"])
async def test_a_first_claim_of_an_event_that_is_not_new_gets_what_the_ledger_says(
    store: Store, other: Store, state: str
) -> None:
    await store.ledger.claim(a_claim(lease_seconds=20))
    if state == "waiting":
        await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(10))
    if state == "finished":
        await store.ledger.finish("event-1", b"sent", now=NOW)

    now = after(20) if state == "expired" else after(5)
    answer = await other.ledger.claim(a_claim(owner="sender-2", now=now, first=True))

    expected = {
        "calling": ClaimInProgress(after(20)),
        "waiting": ClaimInProgress(after(10)),
        "expired": LeaseExpired(1),
        "finished": Finished(b"sent"),
    }
    assert answer == expected[state]


@pytest.mark.parametrize("scope", ["number", "pair", "waba", "app"])
async def test_a_claim_after_a_look_waits_for_what_is_held(store: Store, other: Store, scope: str) -> None:
    key = bucket_key(scope, number_id="num-1", customer_key="customer-1", business_account_id="waba-1")
    await store.pacing.hold(scope=scope, key=key, until=after(30), now=NOW)

    held = await other.ledger.claim(await looked(other, a_claim(business_account_id="waba-1")))
    soon = await other.ledger.claim(await looked(other, a_claim(business_account_id="waba-1", now=after(29))))

    assert isinstance(held, RateLimited)
    assert (round(held.retry_after, 2), held.scope) == (30.0, scope)
    assert isinstance(soon, Claimed)


async def test_a_claim_after_a_look_goes_by_the_order(store: Store, other: Store) -> None:
    await store.ledger.claim(a_claim("event-1", lease_seconds=20))
    second = a_claim("event-2", after="event-1", owner="sender-2", now=after(1))

    waits = await other.ledger.claim(await looked(other, second))
    await store.ledger.finish("event-1", b"sent", now=after(2))
    goes = await other.ledger.claim(await looked(other, second))

    assert (waits, goes) == (Blocked(after(20)), Claimed(wait=0.0, attempt=1))


@pytest.mark.parametrize("state", ["calling", "waiting", "finished"])
async def test_a_claim_whose_look_is_out_of_date_gets_what_the_ledger_says(
    store: Store, other: Store, state: str
) -> None:
    stale = await looked(other, a_claim(owner="sender-2", now=after(1)))
    await store.ledger.claim(a_claim(lease_seconds=20))
    if state == "waiting":
        await store.ledger.mark_not_sent("event-1", owner="sender-1", until=after(30))
    if state == "finished":
        await store.ledger.finish("event-1", b"sent", now=NOW)

    answer = await other.ledger.claim(stale)
    later = await other.ledger.claim(replace(stale, now=after(31)))

    until = {"calling": after(20), "waiting": after(30)}
    assert answer == (Finished(b"sent") if state == "finished" else ClaimInProgress(until[state]))
    if state == "waiting":
        assert later == Claimed(wait=0.0, attempt=2)


@pytest.mark.parametrize("first", [False, True], ids=["after a look", "at once"])
async def test_deliveries_of_an_event_that_pass_each_other_take_one_slot(
    store: Store, other: Store, *, first: bool
) -> None:
    pace = Pace(number_rate=1e-3, number_burst=2, pair_interval=600.0, pair_burst=1, max_wait=0.0)
    made = [a_claim(owner=f"sender-{n}", pace=pace, first=first) for n in range(10)]
    claims = made if first else [await looked(store, each) for each in made]

    answers = await asyncio.gather(*((store, other)[n % 2].ledger.claim(claim) for n, claim in enumerate(claims)))
    another = await store.ledger.claim(a_claim("another", customer_key="customer-2", pace=pace))
    full = await store.ledger.claim(a_claim("a third", customer_key="customer-3", pace=pace))

    assert sorted(type(answer).__name__ for answer in answers) == ["ClaimInProgress"] * 9 + ["Claimed"]
    assert another == Claimed(0.0, 1)
    assert isinstance(full, RateLimited)


async def test_every_further_call_of_an_event_takes_a_slot(store: Store) -> None:
    pace = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=600.0, pair_burst=2, max_wait=0.0)
    first = await store.ledger.claim(await looked(store, a_claim(pace=pace)))
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=NOW, counts=False)
    second = await store.ledger.claim(await looked(store, a_claim(pace=pace)))
    await store.ledger.mark_not_sent("event-1", owner="sender-1", until=NOW)

    third = await store.ledger.claim(await looked(store, a_claim(pace=pace)))

    assert (first, second) == (Claimed(0.0, 1), Claimed(0.0, 1))
    assert isinstance(third, RateLimited)
    assert await store.ledger.claim(a_claim(owner="sender-2", pace=UNPACED, now=after(1))) == Claimed(0.0, 2)
