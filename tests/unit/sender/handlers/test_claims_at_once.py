"""The first try of a message claims without a look before: what the look after the claim finds decides as before."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.results import AnswerStatus
from libs.providers.outcomes import Accepted
from libs.store.claim_looks import Look, LookQuery
from libs.store.conversations import SuppressionKind
from libs.store.ledger import Seen
from libs.store.restrictions import RestrictionKind
from services.sender.domain.results import unknown
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON, Crash
from tests.unit.sender.gateway import EVENT, LEASE, Gateway, a_number, answer_in, approved, received
from tests.unit.sender.handlers.test_deliveries import a_stop
from tests.unit.sender.handlers.test_prepare_media import gateway as a_gateway_with_media
from tests.unit.sender.handlers.test_prepare_media import with_media
from tests.unit.sender.restricted import a_gateway, a_restriction, restricted

EARLIER = UUID(int=7)
TAKEN = Accepted(message_id="wamid.A")
MOST_STEPS = 12


def held_for(seconds: float) -> Seen:
    until = (NOON + timedelta(seconds=seconds)).timestamp()
    return Seen(((until, NOON.timestamp()), (0.0, 0.0)), is_new=False, ahead_finished=False)


def looks_of(gateway: Gateway) -> list[str]:
    return ["after" if query.event_id is None else "before" for query in gateway.looks.queries]


async def until_answered(gateway: Gateway, **changes: Any) -> bool:
    """Deliver the message as the broker does, also after its process died; whether one died."""
    died = False
    for life in range(1, 20):
        try:
            await gateway.handler(f"sender-{life}")(received(approved(**changes), redelivered=life > 1))
        except (RetryLater, GatewayError):
            gateway.world.elapsed += 5.0
        except Crash:
            died = True
            gateway.world.elapsed += 1.0
        else:
            return died
    raise AssertionError("never answered")


async def test_a_message_that_comes_for_the_first_time_costs_one_look() -> None:
    gateway = Gateway.answering(TAKEN)

    answer = await gateway.answered(approved())

    assert answer.code is AnswerStatus.SENT
    assert looks_of(gateway) == ["after"]
    assert [(claim.first, claim.seen) for claim in gateway.ledger.claims] == [(True, None)]


@pytest.mark.parametrize(
    ("delivery", "age"),
    [
        pytest.param({"redelivered": True}, 0, id="the broker delivers it again"),
        pytest.param({"attempt": 2}, 0, id="it is retried"),
        pytest.param({"waiting_since": NOON}, 0, id="it waited for an outage to end"),
        pytest.param({}, 30, id="it waited for its consumer"),
    ],
)
async def test_a_message_that_may_have_been_tried_or_has_waited_is_looked_at_before_its_claim(
    delivery: dict[str, Any], age: int
) -> None:
    gateway = Gateway.answering(TAKEN)

    await gateway.answered(approved(received_at=NOON - timedelta(seconds=age)), **delivery)

    assert looks_of(gateway) == ["before", "after"]
    assert [claim.first for claim in gateway.ledger.claims] == [False]


async def test_a_message_with_media_is_looked_at_before_its_claim() -> None:
    world = a_gateway_with_media()

    await world.answered(with_media(received_at=NOON))

    assert looks_of(world)[0] == "before"


@pytest.mark.parametrize("dies_at", range(1, MOST_STEPS))
async def test_wherever_a_process_dies_nobody_who_was_erased_before_stays_in_the_ledger(dies_at: int) -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.times["c1"] = NOON
    gateway.world.dies_at = dies_at

    await until_answered(gateway, customer="+966500000001", received_at=NOON)

    claimed = gateway.ledger.claimed[str(EVENT)]
    assert (claimed.customer_key, claimed.contact, claimed.fallback) == ("", None, None)
    assert gateway.ledger.entries[str(EVENT)].state == "finished"
    assert gateway.provider.offered == []


async def test_the_deaths_reach_the_end() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.times["c1"] = NOON

    assert not await until_answered(gateway, received_at=NOON)

    assert gateway.world.steps < MOST_STEPS


async def test_the_answer_about_somebody_erased_before_the_claim_names_nobody() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.times["c1"] = NOON

    answer = await gateway.answered(approved(customer="+966500000001", received_at=NOON))

    assert (answer.code, answer.details["reason"]) == (ErrorCode.RECIPIENT_SUPPRESSED, "erased_while_waiting")
    assert (answer.customer, answer.customer_key, looks_of(gateway)) == (None, None, ["after"])
    assert gateway.decisions.released == {str(EVENT)}


async def test_who_was_erased_is_named_by_no_outcome_of_a_claim_that_is_too_fast() -> None:
    gateway = Gateway(numbers=FakeNumbers((a_number(messages_per_second=0.1),)))
    await gateway.answered(approved(event_id=UUID(int=2), customer_key="c2"))
    gateway.erased.times["c1"] = NOON

    answer = await gateway.answered(approved(customer="+966500000001", received_at=NOON))

    assert answer.code is ErrorCode.SENDING_THROTTLED
    assert (answer.customer, answer.customer_key) == (None, None)
    assert [claim.customer_key for claim in gateway.ledger.claims] == ["c2", "c1", ""]


async def test_who_opts_out_between_decision_and_claim_gets_nothing() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.suppressions.rows["c1"] = a_stop(SuppressionKind.OPT_OUT, "c1")

    answer = await gateway.answered(approved())

    assert (answer.details["reason"], gateway.provider.offered) == ("opted_out_while_waiting", [])
    assert looks_of(gateway) == ["after"]


async def test_what_is_restricted_between_decision_and_claim_is_refused() -> None:
    gateway = a_gateway()
    await restricted(gateway, 368)
    gateway.looks.queries.clear()

    answer = await gateway.answered(approved())

    assert (answer.code, answer.details["reason"]) == (ErrorCode.POLICY_VIOLATION, "account")
    assert (gateway.provider.offered, looks_of(gateway)) == ([], ["after"])


async def test_a_message_of_a_number_whose_credentials_are_refused_is_held_and_then_sent_as_the_first_try() -> None:
    gateway = a_gateway(TAKEN)
    held = a_restriction(RestrictionKind.CREDENTIALS, since=NOON)
    gateway.restrictions.rows[held.slot] = held

    with pytest.raises(RetryLater):
        await gateway.answered(approved())
    with pytest.raises(RetryLater):
        await gateway.answered(approved(), attempt=1, redelivered=True)
    waiting = gateway.ledger.entries[str(EVENT)]
    del gateway.restrictions.rows[held.slot]
    answer = await gateway.answered(approved(), redelivered=True)

    assert (waiting.state, waiting.attempt, gateway.ledger.entries[str(EVENT)].attempt) == ("waiting", 0, 1)
    assert answer.code is AnswerStatus.SENT
    assert [claim.first for claim in gateway.ledger.claims] == [True, False]


async def test_what_is_held_is_not_answered_as_too_fast() -> None:
    gateway = a_gateway(TAKEN)
    held = a_restriction(RestrictionKind.CREDENTIALS, since=NOON)
    gateway.restrictions.rows[held.slot] = held

    for n in range(1, 13):  # one pair's burst is ten
        with pytest.raises(RetryLater):
            await gateway.answered(approved(event_id=UUID(int=n)))

    assert all(entry.state == "waiting" for entry in gateway.ledger.entries.values())


async def test_a_claim_that_did_not_know_a_hold_is_undone_and_made_again() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.looks.seen = held_for(1.0)
    look = gateway.looks.look
    entries: list[tuple[str, int]] = []

    async def noted(query: LookQuery) -> Look:
        if query.event_id is not None:
            entry = gateway.ledger.entries[str(EVENT)]
            entries.append((entry.state, entry.attempt))
            gateway.world.elapsed += 1.0  # as long as a claim that knows the hold waits
        return await look(query)

    gateway.looks.look = noted  # type: ignore[method-assign]
    answer = await gateway.answered(approved())

    assert looks_of(gateway) == ["after", "before", "after"]
    assert entries == [("waiting", 0)]
    assert [(claim.first, claim.seen) for claim in gateway.ledger.claims] == [(True, None), (False, held_for(1.0))]
    assert (answer.code, len(gateway.provider.offered)) == (AnswerStatus.SENT, 1)
    assert gateway.ledger.entries[str(EVENT)].state == "finished"


async def test_a_redelivery_after_a_death_behind_the_claim_is_unknown_and_nothing_is_sent() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.world.dies_at = 2  # the claim is written

    died = await until_answered(gateway)

    assert died
    assert gateway.ledger.entries[str(EVENT)].outcome is not None
    assert gateway.world.elapsed >= LEASE
    assert gateway.provider.offered == []
    assert await gateway.process()(approved()) == unknown("sender_stopped")


async def test_two_first_deliveries_of_one_event_at_once_make_one_call() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.provider.gate = asyncio.Event()
    elsewhere = asyncio.ensure_future(gateway.handler("sender-1")(received(approved())))
    while not gateway.provider.offered:
        await asyncio.sleep(0)

    with pytest.raises(RetryLater):
        await gateway.handler("sender-2")(received(approved()))

    gateway.provider.gate.set()
    assert answer_in(await elsewhere).code is AnswerStatus.SENT
    assert len(gateway.provider.offered) == 1


async def test_a_message_behind_one_that_is_not_finished_is_looked_at_before_its_next_claim() -> None:
    gateway = Gateway.answering(TAKEN, TAKEN)
    gateway.provider.gate = asyncio.Event()
    first = asyncio.ensure_future(gateway.handler("sender-1")(received(approved(event_id=EARLIER))))
    while not gateway.provider.offered:
        await asyncio.sleep(0)
    gateway.looks.queries.clear()
    second = asyncio.ensure_future(gateway.handler("sender-2")(received(approved(after=EARLIER))))
    while looks_of(gateway) != ["before"]:
        await asyncio.sleep(0)

    before = len(gateway.provider.offered)
    gateway.provider.gate.set()
    await asyncio.gather(first, second)

    assert (before, len(gateway.provider.offered)) == (1, 2)
    assert [claim.first for claim in gateway.ledger.claims][:3] == [True, True, False]
    assert looks_of(gateway)[-1] == "after"
