"""Keys of one customer: what holds for the phone holds for the user id, in any order and repeated."""

from datetime import timedelta
from typing import Any
from uuid import uuid4, uuid5

import pytest

from libs.contracts.events import (
    MessageApproved,
    SuppressionAdded,
    SuppressionLifted,
)
from tests.builders import (
    EVENT_ID,
    NOON,
)
from tests.unit.policy.inbound import (
    BY_PHONE,
    BY_USER,
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
    assert [type(event) for event in result] == [SuppressionLifted]


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

    async def dying_open(*args: Any) -> Any:
        if next(steps) == crash_after:
            raise RuntimeError
        return await opened(*args)

    inbound.suppressions.suppress = dying_write  # type: ignore[method-assign,assignment]  # a process that dies
    inbound.conversations.open_window = dying_open  # type: ignore[method-assign,assignment]  # a process that dies
    same = {"id": EVENT_ID, "message_id": "wamid.stop"}
    try:
        result = await by_user_id(inbound, "STOP", **same)
    except RuntimeError:
        result = await by_user_id(inbound, "STOP", **same)
    again = await by_user_id(inbound, "STOP", **same)

    assert suppressed(inbound) == {BY_PHONE, BY_USER}
    assert [type(event) for event in result] == [SuppressionAdded, MessageApproved]
    assert result == again


async def test_a_stop_that_is_repeated_after_a_start_of_the_same_second_stays_lifted() -> None:
    inbound = InboundMessages()
    stop = {"message_id": "wamid.1", "id": EVENT_ID}
    first = await inbound("STOP", **stop)
    await inbound("START", message_id="wamid.2", id=uuid4())

    again = await inbound("STOP", **stop)

    assert suppressed(inbound) == set()
    assert again == first[:1]  # on record, and no goodbye


async def test_a_start_that_is_repeated_after_a_stop_of_the_same_second_lifts_nothing_more() -> None:
    inbound = InboundMessages()
    start = {"message_id": "wamid.2", "id": uuid5(EVENT_ID, "start")}
    await inbound("STOP", message_id="wamid.1")
    first = await inbound("START", **start)
    await inbound("STOP", message_id="wamid.3", id=uuid4())

    again = await inbound("START", **start)

    assert suppressed(inbound) == {BY_PHONE}
    assert again == first
