"""Keys of one customer: what holds for the phone holds for the user id, in any order and repeated."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4, uuid5

import pytest

from libs.contracts.events import (
    ConsentRecorded,
    MessageApproved,
    SuppressionAdded,
    SuppressionLifted,
)
from tests.builders import (
    EVENT_ID,
    NOON,
    PSEUDONYMS,
)
from tests.unit.policy.inbound import (
    BY_PHONE,
    BY_USER,
    OPT_OUT,
    InboundMessages,
    as_both,
    by_user_id,
    suppressed,
)


async def test_an_opt_out_by_user_id_holds_for_the_phone_once_both_were_seen_together() -> None:
    inbound = InboundMessages()
    await by_user_id(inbound, "STOP")

    await as_both(inbound, sent_at=NOON + timedelta(minutes=1))

    assert suppressed(inbound) == {BY_PHONE, BY_USER}


async def test_an_opt_out_by_user_id_holds_for_the_phone_that_was_seen_with_it_before() -> None:
    inbound = InboundMessages()
    await as_both(inbound)

    result = await by_user_id(inbound, "STOP")

    assert suppressed(inbound) == {BY_PHONE, BY_USER}
    assert [type(event) for event in result] == [SuppressionAdded, MessageApproved]


async def test_a_window_opened_by_user_id_is_open_for_the_phone() -> None:
    inbound = InboundMessages()
    await as_both(inbound)

    await by_user_id(inbound, sent_at=NOON + timedelta(hours=5))

    assert inbound.conversations.opened["num_1", BY_PHONE] == NOON + timedelta(hours=5)


async def test_start_lifts_for_every_key_of_the_customer() -> None:
    inbound = InboundMessages()
    await as_both(inbound, "STOP")

    result = await by_user_id(inbound, "START", sent_at=NOON + timedelta(minutes=1))

    assert suppressed(inbound) == set()
    assert [type(event) for event in result] == [SuppressionLifted, ConsentRecorded]


async def test_a_link_made_while_an_opt_out_is_written_loses_nothing() -> None:
    inbound = InboundMessages()
    write = inbound.suppressions.suppress

    async def seen_together_meanwhile(*args: Any) -> Any:
        stands = await write(*args)
        inbound.suppressions.suppress = write  # type: ignore[method-assign]  # once is enough
        await as_both(inbound)
        return stands

    inbound.suppressions.suppress = seen_together_meanwhile  # type: ignore[method-assign,assignment]  # a race, forced
    await by_user_id(inbound, "STOP")

    assert suppressed(inbound) == {BY_PHONE, BY_USER}


@pytest.mark.parametrize("crash_after", range(3))
async def test_a_crash_between_any_two_steps_of_an_opt_out_is_made_good_by_its_repetition(crash_after: int) -> None:
    inbound = InboundMessages()
    await as_both(inbound)
    steps = iter(range(100))
    write, opened = inbound.suppressions.suppress, inbound.conversations.open_window

    async def dying_write(*args: Any) -> Any:
        if next(steps) == crash_after:
            raise RuntimeError
        return await write(*args)

    async def dying_open(*args: Any, **message: Any) -> Any:
        if next(steps) == crash_after:
            raise RuntimeError
        return await opened(*args, **message)

    inbound.suppressions.suppress = dying_write  # type: ignore[method-assign,assignment]  # a process that dies
    inbound.conversations.open_window = dying_open  # type: ignore[method-assign]  # a process that dies
    same = {"id": EVENT_ID, "message_id": "wamid.stop"}
    try:
        result = await by_user_id(inbound, "STOP", **same)
    except RuntimeError:
        result = await by_user_id(inbound, "STOP", **same)
    again = await by_user_id(inbound, "STOP", **same)

    assert suppressed(inbound) == {BY_PHONE, BY_USER}
    assert [type(event) for event in result] == [SuppressionAdded, MessageApproved]
    assert result == again


async def test_a_stop_that_is_repeated_after_a_start_stays_lifted() -> None:
    inbound = InboundMessages()
    stop = {"message_id": "wamid.1", "id": EVENT_ID}
    first = await inbound("STOP", **stop)
    await inbound("START", message_id="wamid.2", id=uuid4(), sent_at=NOON + timedelta(seconds=1))

    again = await inbound("STOP", **stop)

    assert suppressed(inbound) == set()
    assert [type(event) for event in first] == [SuppressionAdded, MessageApproved]
    assert [event for event in again if isinstance(event, MessageApproved)] == []


@pytest.mark.parametrize("order", list(permutations(["STOP", "START"])))
async def test_a_stop_and_a_start_of_the_same_second_leave_the_customer_suppressed(order: tuple[str, ...]) -> None:
    inbound = InboundMessages()
    await as_both(inbound)

    for text in order:
        await by_user_id(inbound, text)

    assert suppressed(inbound) == {BY_PHONE, BY_USER}


async def lifted_by_an_operator(inbound: InboundMessages, at: datetime) -> None:
    for key in (BY_PHONE, BY_USER):
        await inbound.suppressions.lift(account_id="acc_1", customer_key=key, kind=OPT_OUT, at=at, events=())


@pytest.mark.parametrize("seconds", [pytest.param(0, id="in its second"), pytest.param(-60, id="before it")])
async def test_a_stop_that_arrives_after_an_operators_lift_counts_for_every_key(seconds: int) -> None:
    inbound = InboundMessages()
    await as_both(inbound, "STOP", sent_at=NOON - timedelta(hours=1))
    await lifted_by_an_operator(inbound, NOON + timedelta(seconds=0.4))

    result = await by_user_id(inbound, "STOP", sent_at=NOON + timedelta(seconds=seconds))

    assert suppressed(inbound) == {BY_PHONE, BY_USER}
    assert [type(event) for event in result] == [SuppressionAdded, MessageApproved]


async def test_a_stop_that_is_repeated_after_an_operators_lift_suppresses_no_key_that_was_linked_since() -> None:
    inbound = InboundMessages()
    stop = {"message_id": "wamid.1", "id": EVENT_ID, "sent_at": NOON - timedelta(hours=1)}
    await inbound("STOP", **stop)
    await as_both(inbound)
    await lifted_by_an_operator(inbound, NOON + timedelta(seconds=1))

    again = await inbound("STOP", **stop)

    assert suppressed(inbound) == set()
    assert [event for event in again if isinstance(event, MessageApproved)] == []


@pytest.mark.parametrize(("minutes", "expected"), [(-1, {BY_PHONE}), (1, set())])
async def test_after_an_erasure_only_a_start_from_after_it_lifts_what_remains(minutes: int, expected: set[str]) -> None:
    inbound = InboundMessages()
    await inbound("STOP", sent_at=NOON - timedelta(hours=1))
    [row] = inbound.suppressions.rows.values()
    remains = replace(row, id="sup_x", customer_key=PSEUDONYMS.do_not_contact_hash(BY_PHONE), source="erasure")
    inbound.suppressions.rows.clear()
    await inbound.suppressions.suppress(replace(remains, since=NOON.replace(hour=0)), ())
    inbound.erased.times[BY_PHONE] = NOON

    await inbound("START", message_id="wamid.2", id=uuid4(), sent_at=NOON + timedelta(minutes=minutes))

    assert suppressed(inbound) == {PSEUDONYMS.do_not_contact_hash(key) for key in expected}


async def test_a_start_that_is_repeated_after_a_stop_of_the_same_second_lifts_nothing_more() -> None:
    inbound = InboundMessages()
    later = NOON + timedelta(seconds=1)
    start = {"message_id": "wamid.2", "id": uuid5(EVENT_ID, "start"), "sent_at": later}
    await inbound("STOP", message_id="wamid.1")
    first = await inbound("START", **start)
    await inbound("STOP", message_id="wamid.3", id=uuid4(), sent_at=later)

    again = await inbound("START", **start)

    assert suppressed(inbound) == {BY_PHONE}
    assert again == first != []
