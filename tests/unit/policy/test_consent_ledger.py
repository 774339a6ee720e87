"""What customers write, and the ledger of consents: START is evidence, STOP takes it back, in any order."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.events import ConsentRecorded, ConsentSubmitted, ConsentWithdrawn, SuppressionLifted
from libs.store.consents import ConsentScope, ConsentSource
from services.policy.handlers.handle_consent import HandleConsent
from tests.builders import EVENT_ID, NOON, PHONE, received
from tests.unit.policy.inbound import BY_PHONE, BY_USER, OPT_OUT, USER, InboundMessages, as_both, by_user_id, suppressed


def submitted(**changes: Any) -> ConsentSubmitted:
    known = {"account_id": "acc_1", "scope": "all", "wording_version": "2026-11", "at": NOON, "customer": PHONE}
    return ConsentSubmitted(**(known | changes))


async def standing(inbound: InboundMessages, key: str = BY_PHONE) -> Any:
    return (await inbound.consents.of_customer("acc_1", [key])).standing("support")


async def test_start_is_evidence_also_without_an_opt_out_before() -> None:
    inbound = InboundMessages()

    [recorded] = await inbound("START")

    assert isinstance(recorded, ConsentRecorded)
    assert (recorded.source, recorded.scope, recorded.at, recorded.customer) == ("keyword", "all", NOON, PHONE)
    assert (await standing(inbound)).id == recorded.consent_id


async def test_a_repeated_delivery_records_nothing_more_and_tells_the_same() -> None:
    inbound = InboundMessages()

    first, again = await inbound("START"), await inbound("START")

    assert first == again
    assert len((await inbound.consents.of_customer("acc_1", [BY_PHONE])).consents) == 1


async def test_start_after_stop_lifts_and_is_evidence() -> None:
    inbound = InboundMessages()
    await inbound("STOP", id=uuid4(), message_id="wamid.1", sent_at=NOON - timedelta(minutes=2))

    events = await inbound("START", id=uuid4(), message_id="wamid.2")

    assert [type(each) for each in events] == [SuppressionLifted, ConsentRecorded]


async def test_stop_takes_the_evidence_back_and_tells_of_it_only_where_there_was_some() -> None:
    inbound, without = InboundMessages(), InboundMessages()
    await inbound("START", id=uuid4(), message_id="wamid.1", sent_at=NOON - timedelta(minutes=2))

    events = await inbound("STOP", id=uuid4(), message_id="wamid.2")
    nothing = await without("STOP")

    assert [each for each in events if isinstance(each, ConsentWithdrawn)]
    assert not [each for each in nothing if isinstance(each, ConsentWithdrawn)]
    assert await standing(inbound) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["START", "STOP"]), st.integers(0, 3)), min_size=1, max_size=4))
async def test_in_whatever_order_they_arrive_the_latest_word_counts_and_a_tie_goes_to_stop(
    words: list[tuple[str, int]],
) -> None:
    named = [(word, minute, uuid4()) for word, minute in words]
    latest = max(minute for _, minute, _ in named)
    agreed = all(word == "START" for word, minute, _ in named if minute == latest)

    for order in permutations(named):
        inbound = InboundMessages()
        for word, minute, id_ in order:
            await inbound(word, id=id_, message_id=f"wamid.{id_}", sent_at=NOON + timedelta(minutes=minute))
        assert ((await standing(inbound)) is not None) is agreed
        assert (OPT_OUT.value in suppressed_kinds(inbound)) is not agreed


def suppressed_kinds(inbound: InboundMessages) -> set[str]:
    return {OPT_OUT.value} if suppressed(inbound) else set()


async def test_a_web_form_is_evidence_and_lifts_nothing() -> None:
    inbound = InboundMessages()
    await inbound("STOP", sent_at=NOON - timedelta(hours=1))

    handle = HandleConsent(inbound.customer_identities, inbound.ledger)
    [recorded] = await handle(received(submitted(), id=UUID(int=7)))

    consent = await standing(inbound)
    assert (recorded.consent_id, recorded.source) == (consent.id, "web_form")
    assert (consent.source, consent.scope) == (ConsentSource.WEB_FORM, ConsentScope.ALL)
    assert suppressed(inbound) == {BY_PHONE}


async def test_a_form_about_a_phone_holds_for_the_user_id_that_is_linked_later_and_so_does_its_stop() -> None:
    inbound = InboundMessages()
    await HandleConsent(inbound.customer_identities, inbound.ledger)(received(submitted(), id=EVENT_ID))
    assert await standing(inbound, BY_USER) is None

    await as_both(inbound, "Hello")
    assert await standing(inbound, BY_USER) is not None

    await by_user_id(inbound, "STOP", sent_at=NOON + timedelta(minutes=5))
    assert await standing(inbound) is None
    assert USER not in str(inbound.consents.held)


async def test_what_was_said_before_an_erasure_is_not_recorded_after_it() -> None:
    inbound = InboundMessages()
    await inbound.erased.mark("acc_1", [BY_PHONE], NOON + timedelta(minutes=1))

    events = await inbound("START")

    assert events == []
    assert await standing(inbound) is None
