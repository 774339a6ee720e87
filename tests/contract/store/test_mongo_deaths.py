"""MongoDB without transactions: every port keeps its contract when a process dies between any two writes.

A process is one adapter over a `Watched` database: at its n-th call it dies (before the call reaches the server, or
after) or pauses while others act. Each test tries every n until the process gets through.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from libs.contracts.errors import GatewayError
from libs.store.conversations import SuppressionKind
from libs.store.customer_links import Relation
from libs.store.decisions import CoolingDown, Limit, QuotaExhausted, StandingDecision, Usage
from libs.store.ledger import Claimed, ClaimInProgress, Finished, Pace, RateLimited
from libs.store.mongo.buckets import MongoPacing
from libs.store.mongo.conversations import MongoConversations
from libs.store.mongo.customer_links import MongoCustomerLinks
from libs.store.mongo.database import client_from, close
from libs.store.mongo.decisions import MongoDecisions
from libs.store.mongo.identities import MongoIdentities
from libs.store.mongo.indexes import make_indexes
from libs.store.mongo.ledger import MongoLedger
from libs.store.mongo.outbox import MongoOutbox
from libs.store.mongo.restrictions import MongoRestrictions
from libs.store.mongo.suppressions import MongoSuppressions
from libs.store.outbox import OutboxEvent
from libs.store.restrictions import Restriction, of_customer
from tests.contract.store.builders import (
    NOW,
    UNPACED,
    a_budget,
    a_claim,
    a_cooldown,
    a_decision,
    a_facts_query,
    a_refusal,
    a_restriction,
    a_suppression,
    after,
    an_approval,
    an_outbox_event,
    standing,
)
from tests.contract.store.mongo_server import mongo_database

LATER = after(120)
"""When everything that was left behind is seen as such."""
MOST_CALLS = 12
"""More than any method makes; a test that gets here never got through."""
MOST_REKEY_CALLS = 30
"""The same for `CustomerLinks.rekey`, which moves what four collections hold."""
BEFORE_AND_AFTER = pytest.mark.parametrize("reached", [False, True], ids=["lost on the way", "its answer lost"])

Hook = Callable[[int, bool], Awaitable[None]]


class Watched:
    """A database, or a collection of it, whose every awaited call tells `hook` its number, before and after."""

    def __init__(self, real: Any, hook: Hook, calls: list[int] | None = None) -> None:
        self._real = real
        self._hook = hook
        self._calls = [0] if calls is None else calls

    def __getitem__(self, name: str) -> Any:
        return Watched(self._real[name], self._hook, self._calls)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name in {"find", "aggregate"}:
            return method

        async def call(*given: Any, **options: Any) -> Any:
            self._calls[0] += 1
            number = self._calls[0]
            await self._hook(number, False)  # noqa: FBT003 -- before the call
            answer = await method(*given, **options)
            await self._hook(number, True)  # noqa: FBT003 -- after it
            return answer

        return call


def dying(database: Any, at: int, *, reached: bool) -> Watched:
    """A process that dies at its call number `at`, and makes no other."""

    async def die(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if (number, done) >= (at, reached):
            raise AutoReconnect("gone")

    return Watched(database, die)


def overtaken(database: Any, at: int, others: Callable[[], Awaitable[None]]) -> Watched:
    """A process that pauses before its call number `at` while others act."""

    async def pause(number: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if (number, done) == (at, False):
            await others()

    return Watched(database, pause)


async def survives(act: Callable[[], Awaitable[Any]]) -> bool:
    """Whether the process got through."""
    try:
        await act()
    except GatewayError:
        return False
    return True


@pytest.fixture
async def mongo(tmp_path: Path) -> AsyncIterator[Any]:
    """An empty database."""
    async with mongo_database(tmp_path) as url:
        client = client_from(url)
        database = client.get_default_database()
        await make_indexes(database)
        yield database
        await close(client)


async def usage(decisions: MongoDecisions, now: Any = LATER) -> Usage:
    return (await decisions.facts(a_facts_query("nobody", now=now))).usage


@BEFORE_AND_AFTER
async def test_an_approval_whose_process_died_is_counted_once_when_it_comes_again(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.decide, an_approval(event)))

        again = await living.decide(an_approval(event, decision=a_decision("again")))

        assert isinstance(again, StandingDecision)
        assert (await usage(living, NOW)).day == at
        assert (await usage(living)).day == at
        if through:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_an_approval_whose_process_died_and_that_was_withdrawn_uses_nothing_up(
    mongo: Any, *, reached: bool
) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.decide, an_approval(event)))

        stands = await living.decide(a_refusal(event, decision=a_decision("withdrawn")))

        approved = stands == standing("approved", fresh=False)
        used = await usage(living)
        assert (used.day, used.month, used.ten_minutes) == (int(approved),) * 3
        if approved:
            await living.release(event, LATER)
            await _reset_speed(mongo)
        if through:
            return
    pytest.fail("it never got through")


async def _reset_speed(database: Any) -> None:
    await database["usage"].update_many({}, {"$set": {"speed.count": 0}})


async def test_a_full_day_has_room_again_after_a_death(mongo: Any) -> None:
    dead = MongoDecisions(dying(mongo, 2, reached=False))
    budget = a_budget(daily_limit=1)
    await survives(lambda: dead.decide(an_approval("dead", budget=budget)))
    heir = MongoDecisions(mongo)

    at_once = await heir.decide(an_approval("next", budget=budget, now=after(5)))
    later = await heir.decide(an_approval("next", budget=budget, now=LATER))

    assert at_once == QuotaExhausted(Limit.DAILY, 1)
    assert later == standing("approved", fresh=True)
    assert (await usage(heir)).day == 1


async def test_however_long_a_process_pauses_no_approval_is_counted_twice_or_not_at_all(
    mongo: Any,
) -> None:
    budget = a_budget(daily_limit=1)
    for at in range(1, MOST_CALLS):
        await mongo.drop_collection("usage")
        others: list[Any] = []

        async def take_the_last(at: int = at, others: list[Any] = others) -> None:
            answer = await MongoDecisions(mongo).decide(an_approval(f"other-{at}", budget=budget, now=LATER))
            others.append(answer)

        slow = MongoDecisions(overtaken(mongo, at, take_the_last))
        own = await slow.decide(an_approval(f"event-{at}", budget=budget))

        approved = [answer for answer in (own, *others) if isinstance(answer, StandingDecision)]
        assert len(approved) == 1
        assert (await usage(MongoDecisions(mongo), after(300))).day == 1
        if not others:
            return
    pytest.fail("it never got through")


async def test_a_process_that_pauses_while_its_event_is_settled_by_another_counts_nothing(
    mongo: Any,
) -> None:
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        paused: list[bool] = []

        async def settle_it(event: str = event, paused: list[bool] = paused) -> None:
            other = MongoDecisions(mongo)
            await other.decide(an_approval(event, decision=a_decision("other"), now=LATER))
            paused.append(True)

        own = await MongoDecisions(overtaken(mongo, at, settle_it)).decide(an_approval(event))

        used = await usage(MongoDecisions(mongo), after(400))
        assert isinstance(own, StandingDecision)
        assert used.day == at
        if not paused:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
@pytest.mark.parametrize("again", ["approved", "withdrawn"])
async def test_a_cooldown_whose_process_died_is_its_events_alone(mongo: Any, again: str, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event, cooldown = f"event-{at}", a_cooldown(customer_key=f"customer-{at}")
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.decide, an_approval(event, cooldown=cooldown)))

        own = await living.decide(an_approval(event, cooldown=cooldown) if again == "approved" else a_refusal(event))
        next_one = await living.decide(an_approval(f"{event}-next", cooldown=cooldown))

        assert isinstance(own, StandingDecision)
        if own.decision == a_decision("approved"):
            assert next_one == CoolingDown(until=after(cooldown.seconds))
        else:
            assert next_one == standing("approved", fresh=True)
        if through:
            return
    pytest.fail("it never got through")


MONTH = 30 * 86_400


@pytest.mark.parametrize("ends", ["returned", "refused"])
async def test_a_long_cooldown_without_a_message_does_not_count_again_once_the_decision_is_gone(
    mongo: Any, ends: str
) -> None:
    """MongoDB deletes decisions after ten days; then nothing tells that the cooldown's owner sent no message."""
    decisions, cooldown = MongoDecisions(mongo), a_cooldown(seconds=MONTH)
    budget = a_budget(daily_limit=0) if ends == "refused" else a_budget()
    await decisions.decide(an_approval("event-1", cooldown=cooldown, budget=budget))
    if ends == "returned":
        await decisions.release("event-1", NOW)
    await mongo["decisions"].delete_many({})

    assert await decisions.decide(an_approval("event-2", cooldown=cooldown)) == standing("approved", fresh=True)


async def test_a_long_cooldown_counts_after_its_decision_is_gone_and_has_its_own_time_to_live(mongo: Any) -> None:
    decisions, cooldown = MongoDecisions(mongo), a_cooldown(seconds=MONTH)
    await decisions.decide(an_approval("event-1", cooldown=cooldown))
    await mongo["decisions"].delete_many({})

    found = await mongo["cooldowns"].find_one({"_id": cooldown.id})

    assert "touched_at" not in found
    assert abs(found["ends"].replace(tzinfo=UTC) - after(MONTH)) < timedelta(milliseconds=1)  # what BSON keeps
    again = await decisions.decide(an_approval("event-2", cooldown=cooldown, now=after(29 * 86_400)))
    assert again == CoolingDown(until=after(MONTH))


@BEFORE_AND_AFTER
async def test_a_return_whose_process_died_happens_once_when_it_comes_again(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        await living.decide(an_approval(event))
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.release, event, NOW))

        await living.release(event, NOW)

        assert (await usage(living, NOW)).day == 0
        assert (await usage(living)).day == 0
        if through:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_a_return_whose_process_died_is_whole_or_not_at_all(mongo: Any, *, reached: bool) -> None:
    living = MongoDecisions(mongo)
    kept = 0
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        await living.decide(an_approval(event))
        dead = MongoDecisions(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.release, event, NOW))

        used = (await usage(living)).day

        returned = "returned" in await mongo["decisions"].find_one({"_id": event})
        kept += not returned
        assert used == kept
        if through:
            return
    pytest.fail("it never got through")


@BEFORE_AND_AFTER
async def test_a_claimant_that_died_leaves_a_claim_or_none(mongo: Any, *, reached: bool) -> None:
    living = MongoLedger(mongo)
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        dead = MongoLedger(dying(mongo, at, reached=reached))
        through = await survives(partial(dead.claim, a_claim(event, owner="dead", lease_seconds=60)))

        heir = await living.claim(a_claim(event, now=after(10)))

        entry = await mongo["ledger"].find_one({"_id": event})
        if entry["owner"] == "dead":
            assert heir == ClaimInProgress(after(60))
        else:
            assert heir == Claimed(0.0, 1)
        if through:
            return
    pytest.fail("it never got through")


async def test_a_claimant_that_pauses_for_too_long_does_not_get_the_call(mongo: Any) -> None:
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        answers: list[Any] = []
        await mongo.drop_collection("buckets")  # the heir's time is not the slow one's

        async def claim_it(event: str = event, answers: list[Any] = answers) -> None:
            answers.append(await MongoLedger(mongo).claim(a_claim(event, owner="heir", now=after(60))))

        own = await MongoLedger(overtaken(mongo, at, claim_it)).claim(a_claim(event, owner="slow"))

        assert [type(answer) for answer in (own, *answers)].count(Claimed) == 1
        if not answers:
            return
    pytest.fail("it never got through")


async def test_a_call_is_its_owners_even_when_an_heir_died_before_it_got_it(mongo: Any) -> None:
    for at in range(1, MOST_CALLS):
        event = f"event-{at}"
        paused: list[None] = []
        await mongo.drop_collection("buckets")  # the heir's time is not the slow one's

        async def hold_and_die(event: str = event, paused: list[None] = paused) -> None:
            heir = MongoLedger(dying(mongo, 2, reached=False))
            await survives(partial(heir.claim, a_claim(event, owner="heir", now=after(60))))
            paused.append(None)

        own = await MongoLedger(overtaken(mongo, at, hold_and_die)).claim(a_claim(event, owner="slow"))

        entry = await mongo["ledger"].find_one({"_id": event})
        assert isinstance(own, Claimed) == (entry["state"] == "calling")
        assert entry["owner"] == ("slow" if isinstance(own, Claimed) else "heir")
        if not paused:
            return
    pytest.fail("it never got through")


async def test_what_becomes_too_fast_while_it_is_claimed_uses_nothing_up(mongo: Any) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=6.0, pair_burst=1, max_wait=0.5)
    for at in range(1, MOST_CALLS):
        for name in ("ledger", "buckets"):
            await mongo.drop_collection(name)
        overtaking: list[Any] = []

        async def overtake(overtaking: list[Any] = overtaking) -> None:
            faster = a_claim("faster", customer_key="customer-2", pace=pace)
            overtaking.append(await MongoLedger(mongo).claim(faster))

        own = await MongoLedger(overtaken(mongo, at, overtake)).claim(a_claim("slower", pace=pace))

        if not overtaking:
            assert isinstance(own, Claimed)
            return
        assert [type(answer) for answer in (own, *overtaking)].count(Claimed) == 1
        if isinstance(own, RateLimited):
            same_pair = a_claim("third", now=after(1), pace=pace)
            assert await MongoLedger(mongo).claim(same_pair) == Claimed(0.0, 1)
    pytest.fail("it never got through")


async def test_a_claim_that_others_overtake_at_each_of_its_steps_gets_its_slot(mongo: Any) -> None:
    pace, faster = Pace(number_rate=80.0, number_burst=8, pair_burst=1_000), MongoLedger(mongo)
    overtaking: list[Any] = []

    async def overtake(_: int, done: bool) -> None:  # noqa: FBT001 -- a hook's words
        if not done:
            customer = f"customer-of-{len(overtaking)}"
            overtaking.append(await faster.claim(a_claim(customer, customer_key=customer, pace=pace)))

    own = await MongoLedger(Watched(mongo, overtake)).claim(a_claim("slower", pace=pace))

    assert [type(answer) for answer in (own, *overtaking)] == [Claimed] * (len(overtaking) + 1)
    assert len(overtaking) <= 4


@pytest.mark.parametrize(
    ("held_for", "next_at"),
    [
        pytest.param(60.0, 0.0, id="too fast: the number gets its slot back"),
        pytest.param(0.2, 1.21, id="claimed: the number gives one slot"),
    ],
)
async def test_a_pair_that_is_held_while_it_is_claimed_uses_up_no_more_than_its_answer_says(
    mongo: Any, *, held_for: float, next_at: float
) -> None:
    pace = Pace(number_rate=1.0, number_burst=1, pair_interval=1e-6, pair_burst=1_000_000, max_wait=0.5)
    for at in range(1, MOST_CALLS):
        for name in ("ledger", "buckets"):
            await mongo.drop_collection(name)
        overtaking: list[None] = []

        async def hold(overtaking: list[None] = overtaking) -> None:
            await MongoPacing(mongo).hold(scope="pair", key="num-1:customer-1", until=after(held_for), now=NOW)
            overtaking.append(None)

        own = await MongoLedger(overtaken(mongo, at, hold)).claim(a_claim(pace=pace))

        another = a_claim("another", customer_key="customer-2", now=after(next_at), pace=pace)
        if isinstance(own, RateLimited) or next_at:
            assert await MongoLedger(mongo).claim(another) == Claimed(0.0, 1)
        if not overtaking:
            return
    pytest.fail("it never got through")


async def test_a_call_that_failed_surely_and_is_too_fast_now_waits_as_before(mongo: Any) -> None:
    ledger = MongoLedger(mongo)
    pace = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=600.0, pair_burst=1)
    await ledger.claim(a_claim(pace=pace))
    await ledger.mark_not_sent("event-1", owner="sender-1", until=after(30))

    too_fast = await ledger.claim(a_claim(pace=pace, now=after(1)))

    await mongo.drop_collection("buckets")
    assert isinstance(too_fast, RateLimited)
    assert await ledger.claim(a_claim(owner="sender-2", now=after(29), pace=UNPACED)) == ClaimInProgress(after(30))
    assert await ledger.claim(a_claim(owner="sender-2", now=after(31), pace=UNPACED)) == Claimed(0.0, 2)


@BEFORE_AND_AFTER
async def test_an_outcome_whose_writer_died_can_be_written_again(mongo: Any, *, reached: bool) -> None:
    await survives(lambda: MongoLedger(dying(mongo, 1, reached=reached)).finish("event-1", b"first", now=NOW))

    stands = await MongoLedger(mongo).finish("event-1", b"second", now=NOW)

    assert stands == Finished(b"first" if reached else b"second")


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
