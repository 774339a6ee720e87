"""A process dies while it changes several documents of MongoDB: each change is whole once it is repeated."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from libs.store.conversations import SuppressionKind
from libs.store.customer_links import Relation
from libs.store.mongo.consents import MongoConsents
from libs.store.mongo.conversations import MongoConversations
from libs.store.mongo.customer_links import MongoCustomerLinks
from libs.store.mongo.decisions import MongoDecisions
from libs.store.mongo.identities import MongoIdentities
from libs.store.mongo.outbox import MongoOutbox
from libs.store.mongo.restrictions import MongoRestrictions
from libs.store.mongo.suppressions import MongoSuppressions
from libs.store.outbox import OutboxEvent
from libs.store.restrictions import Restriction, of_customer
from tests.contract.store.builders import (
    NOW,
    a_facts_query,
    a_restriction,
    a_suppression,
    after,
    an_outbox_event,
)
from tests.contract.store.mongo_deaths import (
    BEFORE_AND_AFTER,
    MOST_CALLS,
    MOST_REKEY_CALLS,
    dying,
    losing,
    mongo,
    overtaken,
    survives,
)
from tests.contract.store.test_consents import a_consent, a_withdrawal

__all__ = ["mongo"]


@BEFORE_AND_AFTER
async def test_a_suppression_and_a_lift_whose_process_died_are_repeated_with_one_event_each(
    mongo: Any, *, reached: bool
) -> None:
    living = MongoSuppressions(mongo)

    async def lift(suppressions: MongoSuppressions, customer: str) -> None:
        await suppressions.lift(
            account_id="acc-1",
            customer_key=customer,
            kind=SuppressionKind.OPT_OUT,
            at=after(10),
            events=[an_outbox_event(f"lifted {customer}")],
        )

    for at in range(1, MOST_CALLS):
        row = a_suppression(f"sup-{at}", customer_key=f"customer-{at}")
        told = [an_outbox_event(f"suppressed customer-{at}")]
        dead = MongoSuppressions(dying(mongo, at, reached=reached))
        first = await survives(partial(dead.suppress, row, told))
        stands = await living.suppress(row, told)
        dead = MongoSuppressions(dying(mongo, at, reached=reached))
        second = await survives(partial(lift, dead, row.customer_key))
        await lift(living, row.customer_key)

        found = await living.get(row.id)
        waiting = [posted.id for posted in await MongoOutbox(mongo).unpublished(100)]
        assert stands.active
        assert found is not None
        assert not found.active
        assert waiting.count(f"suppressed customer-{at}") == 1
        assert waiting.count(f"lifted customer-{at}") == 1
        if first and second:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_a_restriction_and_a_lift_whose_process_died_are_repeated_with_one_event_each(
    mongo: Any, *, reached: bool
) -> None:
    living = MongoRestrictions(mongo)
    for at in range(1, MOST_CALLS):
        row = a_restriction(of_customer(f"customer-{at}"), id=f"res-{at}")
        added = [an_outbox_event(f"restricted customer-{at}")]
        dead = MongoRestrictions(dying(mongo, at, reached=reached))
        first = await survives(partial(dead.add, row, added))
        standing = (await living.add(row, added)).standing
        dead = MongoRestrictions(dying(mongo, at, reached=reached))
        second = await survives(partial(lift_restriction, dead, row))
        await lift_restriction(living, row)

        waiting = [event.id for event in await MongoOutbox(mongo).unpublished(100)]
        assert standing is not None
        assert not await living.standing("acc-1", [row.subject], NOW)
        assert waiting.count(f"restricted customer-{at}") == 1
        assert waiting.count(f"lifted {row.id}") == 1
        if first and second:
            return
    pytest.fail("it never got through")


async def lift_restriction(restrictions: MongoRestrictions, row: Restriction) -> None:
    def events(lifted: Restriction) -> list[OutboxEvent]:
        return [an_outbox_event(f"lifted {lifted.id}")]

    await restrictions.lift(row.account_id, row.subject, row.kind, at=after(10), events=events)


async def test_a_restriction_that_a_newer_notice_overtakes_is_not_lifted(mongo: Any) -> None:
    for at in range(1, MOST_CALLS):
        row = a_restriction(of_customer(f"customer-{at}"), id=f"res-{at}")
        await MongoRestrictions(mongo).add(row, [])
        overtaking: list[None] = []

        async def renew(row: Restriction = row, overtaking: list[None] = overtaking) -> None:
            await MongoRestrictions(mongo).add(replace(row, since=after(60), id="res-newer"), [])
            overtaking.append(None)

        await lift_restriction(MongoRestrictions(overtaken(mongo, at, renew)), row)

        standing = await MongoRestrictions(mongo).standing("acc-1", [row.subject], after(60))
        assert bool(standing) is bool(overtaking)
        if not overtaking:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_a_link_whose_process_died_is_whole_once_it_is_repeated(mongo: Any, *, reached: bool) -> None:
    living = MongoCustomerLinks(mongo)
    for at in range(1, MOST_CALLS):
        phone, user, former_user, alias = (f"{name}-{at}" for name in ("phone", "user", "former-user", "alias"))
        await living.join("acc-1", former_user, phone, Relation.USER_ID, NOW)
        await living.join("acc-1", alias, user, Relation.ALIAS, NOW)
        dead = MongoCustomerLinks(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.join, "acc-1", user, phone, Relation.USER_ID, after(5)))

        joined = await living.join("acc-1", user, phone, Relation.USER_ID, after(5))

        found = {row.customer_key: row.main_key for row in await living.find("acc-1", [alias])}
        assert joined
        assert found == {phone: phone, user: phone, alias: phone}
        if through:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_what_was_being_moved_to_another_key_is_never_lost_and_moved_once(mongo: Any, *, reached: bool) -> None:
    living, suppressions = MongoCustomerLinks(mongo), MongoSuppressions(mongo)
    await mongo["numbers"].insert_one({"_id": "num-1", "account_id": "acc-1", "phone_number_id": "1"})
    for at in range(1, MOST_REKEY_CALLS):
        former, key = f"former-{at}", f"key-{at}"
        await MongoConversations(mongo).open_window("num-1", [former], NOW)
        await suppressions.suppress(a_suppression(f"sup-{at}", customer_key=former), ())
        await MongoIdentities(mongo).link("acc-1", [former, f"user-{at}"], NOW)
        dead = MongoCustomerLinks(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.rekey, "acc-1", former, key))

        between = await suppressions.standing("acc-1", [former, key])
        await living.rekey("acc-1", former, key)

        facts = await MongoDecisions(mongo).facts(a_facts_query("nobody", customer_keys=(key,)))
        opted_out = frozenset({SuppressionKind.OPT_OUT})
        assert between == opted_out
        assert (facts.conversation.last_inbound_at, facts.suppressed) == (NOW, opted_out)
        assert await suppressions.standing("acc-1", [former]) == frozenset()
        assert (await MongoIdentities(mongo).link("acc-1", [key], NOW)).keys == (key, f"user-{at}")
        if through:
            return
    pytest.fail("it never got through")


async def test_who_loses_the_making_of_a_customers_ledger_writes_into_the_one_that_was_made(mongo: Any) -> None:
    living = MongoConsents(mongo)
    consent, withdrawal = a_consent("con_mine", key="k2"), a_withdrawal(key="k1")

    begin = partial(living.record, [a_consent("con_other", key="k1"), a_consent("con_other", key="k2")])
    await MongoConsents(losing(mongo, begin)).withdraw([withdrawal])
    added = await MongoConsents(losing(mongo, partial(living.withdraw, [a_withdrawal(key="k2")]))).record([consent])
    again = await MongoConsents(losing(mongo, partial(living.record, [consent]))).record([consent])

    first, second = [await living.of_customer("acc-1", [key]) for key in ("k1", "k2")]
    assert [each.at for each in first.withdrawals] == [withdrawal.at]
    assert {each.id for each in second.consents} == {"con_mine", "con_other"}
    assert (set(added), set(again)) == ({"con_mine"}, set())
