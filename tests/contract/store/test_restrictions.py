"""The contract of `Restrictions`, `StandingRestrictions` and `RestrictionCounts`, on every adapter."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.store.restriction_events import added_events, lifted_events
from libs.store.restrictions import (
    KINDS,
    LIFTS_KEPT,
    Added,
    Restriction,
    RestrictionKind,
    RestrictionScope,
    Subject,
    of_business_account,
    of_country,
    of_customer,
    of_number,
    of_pair,
    of_template,
    restriction_id,
)
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_facts_query, after

CAUSE, LATER_CAUSE, LIFT = (UUID(int=number) for number in (1, 2, 3))
NUMBER, PAIR = of_number("num-1"), of_pair("num-1", "customer-1")
SUBJECTS = {
    RestrictionScope.NUMBER: NUMBER,
    RestrictionScope.WABA: of_business_account("102290129340398"),
    RestrictionScope.TEMPLATE: of_template("102290129340398", "late_reply", "pt_BR"),
    RestrictionScope.PAIR: PAIR,
    RestrictionScope.CUSTOMER: of_customer("customer-1"),
    RestrictionScope.COUNTRY: of_country("102290129340398", "BR"),
}
EVERY_KIND = [(scope, kind) for scope, kinds in KINDS.items() for kind in kinds]


def a_restriction(subject: Subject = NUMBER, *, cause: UUID = CAUSE, **fields: Any) -> Restriction:
    given: dict[str, Any] = {"account_id": "acc-1", "kind": KINDS[subject.scope][0], "cause": "131048", "since": NOW}
    given |= fields
    id_ = restriction_id(cause, given["account_id"], subject, given["kind"])
    return Restriction(id=id_, subject=subject, **given)


async def add(store: Store, restriction: Restriction, cause: UUID = CAUSE) -> Added:
    return await store.restrictions.add(restriction, added_events(restriction, cause))


async def lift(store: Store, restriction: Restriction, at: datetime, cause: UUID = LIFT) -> Restriction | None:
    return await store.restrictions.lift(
        restriction.account_id,
        restriction.subject,
        restriction.kind,
        at=at,
        events=lifted_events(cause, at=at, by="provider"),
    )


async def standing(store: Store, subject: Subject = NUMBER, now: datetime = NOW) -> list[Restriction]:
    return list(await store.standing_restrictions.standing("acc-1", [subject], now))


async def posted(store: Store) -> list[str]:
    return [event.name for event in await store.outbox.unpublished(100)]


@pytest.mark.parametrize(("scope", "kind"), EVERY_KIND, ids=str)
async def test_a_restriction_stands_for_its_subject_alone_until_it_is_lifted(
    store: Store, other: Store, scope: RestrictionScope, kind: RestrictionKind
) -> None:
    subject = SUBJECTS[scope]
    wanted = a_restriction(
        subject, kind=kind, until=after(600), probe_at=after(60), detail={"event": "DISABLED"}, by="op"
    )

    added = await add(store, wanted)

    assert added.fresh
    (found,) = await standing(other, subject)
    assert found == added.standing
    assert (found.id, found.subject, found.kind, found.cause) == (wanted.id, subject, kind, "131048")
    assert (found.since, found.until, found.probe_at) == (NOW, after(600), after(60))
    assert (found.by, found.detail) == ("op", {"event": "DISABLED"})
    others = [each for each in SUBJECTS.values() if each != subject]
    assert not await other.standing_restrictions.standing("acc-1", others, NOW)
    assert not await other.standing_restrictions.standing("acc-2", [subject], NOW)
    assert await lift(other, wanted, after(1)) == found
    assert not await standing(store, subject)
    assert await posted(store) == ["restriction.added", "restriction.lifted"]


@pytest.mark.parametrize(
    ("scope", "kind"), [(s, k) for s in RestrictionScope for k in RestrictionKind if k not in KINDS[s]], ids=str
)
def test_a_subject_has_no_restriction_of_a_kind_that_its_scope_does_not_have(
    scope: RestrictionScope, kind: RestrictionKind
) -> None:
    with pytest.raises(ValueError, match="no restriction of kind"):
        a_restriction(SUBJECTS[scope], kind=kind)


async def test_the_same_notice_again_is_no_second_restriction(store: Store, other: Store) -> None:
    await add(store, a_restriction())

    again = await add(other, a_restriction())

    assert again == Added((await standing(store))[0], fresh=False)
    assert await posted(store) == ["restriction.added"]


async def test_a_newer_notice_replaces_the_end_and_the_cause_and_is_no_event(store: Store, other: Store) -> None:
    await add(store, a_restriction(until=after(60)))

    newer = a_restriction(cause=LATER_CAUSE, since=after(30), until=after(600))
    added = await add(other, newer, LATER_CAUSE)

    assert not added.fresh
    (found,) = await standing(store, now=after(100))
    assert (found.id, found.since, found.until) == (a_restriction().id, NOW, after(600))
    assert await posted(store) == ["restriction.added"]


async def test_an_older_notice_than_the_one_that_stands_changes_nothing(store: Store, other: Store) -> None:
    await add(store, a_restriction(until=after(600)))

    late = await add(other, a_restriction(since=after(-60), until=None, cause=LATER_CAUSE), LATER_CAUSE)

    assert not late.fresh
    assert (await standing(store))[0].until == after(600)


async def test_an_older_notice_does_not_restore_what_was_lifted_since(store: Store, other: Store) -> None:
    await add(store, a_restriction())
    await lift(store, a_restriction(), after(60))

    repeated = await add(other, a_restriction())
    older = await add(other, a_restriction(since=after(30), cause=LATER_CAUSE), LATER_CAUSE)

    assert repeated == older == Added(None, fresh=False)
    assert not await standing(store)
    assert await posted(store) == ["restriction.added", "restriction.lifted"]


async def test_a_lift_that_arrives_first_is_remembered(store: Store, other: Store) -> None:
    assert await lift(store, a_restriction(), after(60)) is None

    late = await add(other, a_restriction())

    assert late == Added(None, fresh=False)
    assert not await standing(store)
    assert await posted(store) == []


async def test_a_newer_notice_restricts_again_after_a_lift(store: Store, other: Store) -> None:
    await add(store, a_restriction())
    await lift(store, a_restriction(), after(60))

    again = a_restriction(since=after(120), cause=LATER_CAUSE)
    added = await add(other, again, LATER_CAUSE)

    assert added.fresh
    assert (await standing(store, now=after(120)))[0].id == again.id != a_restriction().id
    assert await posted(store) == ["restriction.added", "restriction.lifted", "restriction.added"]


async def test_a_lift_that_is_older_than_the_last_notice_lifts_nothing(store: Store, other: Store) -> None:
    await add(store, a_restriction(since=after(60)))

    assert await lift(other, a_restriction(), NOW) is None

    assert await standing(store, now=after(60))
    assert await posted(store) == ["restriction.added"]


async def test_a_lift_in_the_second_of_its_restriction_lifts_it(store: Store) -> None:
    await add(store, a_restriction())

    assert await lift(store, a_restriction(), NOW.replace(microsecond=0)) is not None


async def test_a_lift_again_lifts_nothing_more(store: Store, other: Store) -> None:
    await add(store, a_restriction())

    assert await lift(store, a_restriction(), after(60)) is not None
    assert await lift(other, a_restriction(), after(60)) is None
    assert await posted(store) == ["restriction.added", "restriction.lifted"]


async def test_a_restriction_ends_by_itself_and_begins_anew_with_the_next_notice(store: Store, other: Store) -> None:
    await add(store, a_restriction(until=after(60)))
    again = a_restriction(since=after(90), until=after(150), cause=LATER_CAUSE)

    assert not await standing(other, now=after(60))
    assert await other.standing_restrictions.get(a_restriction().id, after(60)) is None
    assert await lift(store, a_restriction(), after(70)) is None
    assert (await add(other, again, LATER_CAUSE)).fresh
    assert [each.id for each in await standing(store, now=after(90))] == [again.id]


async def test_many_notices_at_once_are_one_restriction_and_one_event(store: Store, other: Store) -> None:
    causes = [UUID(int=100 + n) for n in range(20)]
    added = await asyncio.gather(
        *(
            (store, other)[n % 2].restrictions.add(r, added_events(r, cause))
            for n, cause in enumerate(causes)
            for r in [a_restriction(cause=cause)]
        )
    )

    assert sum(each.fresh for each in added) == 1
    assert len(await standing(store)) == 1
    assert await posted(store) == ["restriction.added"]


async def test_of_many_lifts_at_once_one_lifts(store: Store, other: Store) -> None:
    await add(store, a_restriction())

    lifted = await asyncio.gather(
        *(lift((store, other)[n % 2], a_restriction(), after(60), UUID(int=200 + n)) for n in range(20))
    )

    assert sum(each is not None for each in lifted) == 1
    assert await posted(store) == ["restriction.added", "restriction.lifted"]


async def test_notices_and_lifts_in_any_order_of_arrival_end_the_same(store: Store, other: Store) -> None:
    """Restricted at 0 and 120 s, lifted at 60 and 180 s: nothing stands, whichever order they arrive in."""
    orders = [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2), (3, 0, 1, 2), (2, 3, 0, 1)]
    for n, order in enumerate(orders):
        subject = of_number(f"num-{n}")
        for place in order:
            on = (store, other)[place % 2]
            one = a_restriction(subject, since=after(60 * place), cause=UUID(int=1000 + 10 * n + place))
            await (lift(on, one, after(60 * place), UUID(int=5000 + 10 * n + place)) if place % 2 else add(on, one))

        assert not await standing(store, subject, after(200)), order


async def test_of_many_claimants_one_gets_the_probe(store: Store, other: Store) -> None:
    restriction = a_restriction(probe_at=after(60))
    await add(store, restriction)

    async def claim(n: int, now: datetime) -> bool:
        port = (store, other)[n % 2].restrictions
        return await port.claim_probe(restriction, now=now, next_at=now + timedelta(hours=1))

    assert not await claim(0, after(59))
    assert sum(await asyncio.gather(*(claim(n, after(60)) for n in range(10)))) == 1
    assert (await standing(store))[0].probe_at == after(3660)
    await lift(store, restriction, after(61))
    assert not await claim(0, after(4000))


async def test_the_facts_of_a_decision_hold_the_restrictions_of_its_subjects(store: Store, other: Store) -> None:
    for subject in SUBJECTS.values():
        await add(store, a_restriction(subject))
    await add(store, a_restriction(of_number("num-2")))
    lifted = a_restriction(kind=RestrictionKind.CREDENTIALS, cause=LATER_CAUSE)
    await add(store, lifted, LATER_CAUSE)
    await lift(store, lifted, after(1))

    facts = await other.decisions.facts(a_facts_query(subjects=(NUMBER, PAIR)))
    none = await other.decisions.facts(a_facts_query())

    assert {each.subject for each in facts.restrictions} == {NUMBER, PAIR}
    assert {each.kind for each in facts.restrictions} == {
        KINDS[RestrictionScope.NUMBER][0],
        RestrictionKind.TEMPLATE_REST,
    }
    assert none.restrictions == ()


async def test_pages_hold_what_stands_in_the_order_of_ids(store: Store, other: Store) -> None:
    made = [a_restriction(of_number(f"num-{n}"), account_id=f"acc-{n % 2}", cause=UUID(int=300 + n)) for n in range(6)]
    made.append(a_restriction(PAIR, account_id="acc-1", cause=UUID(int=310)))
    ended = a_restriction(of_number("num-9"), until=after(60), cause=UUID(int=311))
    for each in (*made, ended):
        await add(store, each)

    async def page(**fields: Any) -> list[str]:
        given: dict[str, Any] = {"account_id": None, "scope": None, "after": None, "limit": 50, "now": after(60)}
        return [each.id for each in await other.standing_restrictions.page(**(given | fields))]

    everything = sorted(each.id for each in made)
    assert await page() == everything
    assert await page(limit=3) == everything[:3]
    assert await page(after=everything[2], limit=3) == everything[3:6]
    assert await page(account_id="acc-1") == sorted(each.id for each in made if each.account_id == "acc-1")
    assert await page(scope=RestrictionScope.PAIR) == [made[-1].id]
    assert await page(account_id="acc-0", scope=RestrictionScope.PAIR) == []


async def test_counts_are_by_scope_and_cause_and_of_what_stands(store: Store, other: Store) -> None:
    for n in range(3):
        await add(store, a_restriction(of_number(f"num-{n}"), cause=UUID(int=400 + n)))
    await add(store, a_restriction(of_customer("c"), until=after(60)))
    lifted = a_restriction(of_number("num-0"), cause=UUID(int=400))
    await lift(store, lifted, after(1))

    assert await other.restriction_counts.count(NOW) == {
        (RestrictionScope.NUMBER, "131048"): 2,
        (RestrictionScope.CUSTOMER, "131048"): 1,
    }
    assert await other.restriction_counts.count(after(60)) == {(RestrictionScope.NUMBER, "131048"): 2}


@pytest.mark.usefixtures("any_jump")
async def test_what_is_no_longer_needed_is_deleted_and_nothing_else(store: Store, store_url: str) -> None:
    """SQLite deletes with later writes; MongoDB has a time-to-live index on `ends`, by the server's clock."""
    await add(store, a_restriction(until=after(60)))
    await add(store, a_restriction(of_number("num-2"), cause=LATER_CAUSE))
    long_after = after(60) + LIFTS_KEPT + timedelta(seconds=1)

    for n in range(64):
        await add(store, a_restriction(of_number(f"num-{n + 10}"), since=long_after, cause=UUID(int=600 + n)))

    assert [each.since for each in await standing(store, of_number("num-2"), long_after)] == [NOW]
    if store_url.startswith("sqlite"):  # the row is gone: an old notice is a new one
        assert (await add(store, a_restriction(cause=UUID(int=7)), UUID(int=7))).fresh
