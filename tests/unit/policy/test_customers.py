"""Who customers are and what they want from us, by phone, by user id or both, in any order and repeated."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from libs.contracts.events import (
    MessageApproved,
    SuppressionAdded,
    SuppressionLifted,
    WhatsAppIdentityChanged,
    WhatsAppPreferenceChanged,
)
from libs.contracts.identity import keyed_hash
from libs.store.conversations import SuppressionKind
from services.policy.handlers import Heed, Recognise
from tests.builders import EVENT_ID, KEY, NOON, PHONE, a_webhook, received
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory
from tests.unit.policy.test_handlers import Listening, a_judge

USER, NEW_USER, NEW_PHONE = "SA.77", "SA.78", "+966598765432"
BY_PHONE, BY_USER = keyed_hash(KEY, "acc_1", PHONE), keyed_hash(KEY, "acc_1", USER)
BY_NEW_PHONE, BY_NEW_USER = keyed_hash(KEY, "acc_1", NEW_PHONE), keyed_hash(KEY, "acc_1", NEW_USER)
OPT_OUT, MARKETING = SuppressionKind.OPT_OUT, SuppressionKind.MARKETING


def suppressed(listening: Listening, kind: SuppressionKind = OPT_OUT) -> set[str]:
    return {key for (key, its), row in listening.suppressions.rows.items() if row.active and its is kind}


async def by_user_id(listening: Listening, text: str = "Hello", **changes: Any) -> list[Any]:
    fields = {"customer": None, "customer_user_id": USER, "message_id": f"wamid.{uuid4()}", "id": uuid4()}
    return await listening(text, **(fields | changes))


async def as_both(listening: Listening, text: str = "Hello", **changes: Any) -> list[Any]:
    fields = {"customer_user_id": USER, "message_id": f"wamid.{uuid4()}", "id": uuid4()}
    return await listening(text, **(fields | changes))


async def test_an_opt_out_by_user_id_holds_for_the_phone_once_both_were_seen_together() -> None:
    listening = Listening()
    await by_user_id(listening, "STOP")

    await as_both(listening, sent_at=NOON + timedelta(minutes=1))

    assert suppressed(listening) == {BY_PHONE, BY_USER}


async def test_an_opt_out_by_user_id_holds_for_the_phone_that_was_seen_with_it_before() -> None:
    listening = Listening()
    await as_both(listening)

    said = await by_user_id(listening, "STOP")

    assert suppressed(listening) == {BY_PHONE, BY_USER}
    assert [type(event) for event in said] == [SuppressionAdded, MessageApproved]


async def test_a_window_opened_by_user_id_is_open_for_the_phone() -> None:
    listening = Listening()
    await as_both(listening)

    await by_user_id(listening, sent_at=NOON + timedelta(hours=5))

    assert listening.conversations.opened["num_1", BY_PHONE] == NOON + timedelta(hours=5)


async def test_start_lifts_for_every_key_of_the_customer() -> None:
    listening = Listening()
    await as_both(listening, "STOP")

    said = await by_user_id(listening, "START", sent_at=NOON + timedelta(minutes=1))

    assert suppressed(listening) == set()
    assert [type(event) for event in said] == [SuppressionLifted]


async def test_a_link_made_while_an_opt_out_is_written_loses_nothing() -> None:
    listening = Listening()
    write = listening.suppressions.suppress

    async def seen_together_meanwhile(*args: Any) -> Any:
        stands = await write(*args)
        listening.suppressions.suppress = write  # type: ignore[method-assign]  # once is enough
        await as_both(listening)
        return stands

    listening.suppressions.suppress = seen_together_meanwhile  # type: ignore[method-assign,assignment]  # a race, forced
    await by_user_id(listening, "STOP")

    assert suppressed(listening) == {BY_PHONE, BY_USER}


@pytest.mark.parametrize("crash_after", range(3))
async def test_a_crash_between_any_two_steps_of_an_opt_out_is_made_good_by_its_repetition(crash_after: int) -> None:
    listening = Listening()
    await as_both(listening)
    steps = iter(range(100))
    write, opened = listening.suppressions.suppress, listening.conversations.customer_wrote

    async def dying_write(*args: Any) -> Any:
        if next(steps) == crash_after:
            raise RuntimeError
        return await write(*args)

    async def dying_open(*args: Any) -> Any:
        if next(steps) == crash_after:
            raise RuntimeError
        return await opened(*args)

    listening.suppressions.suppress = dying_write  # type: ignore[method-assign,assignment]  # a process that dies
    listening.conversations.customer_wrote = dying_open  # type: ignore[method-assign,assignment]  # a process that dies
    same = {"id": EVENT_ID, "message_id": "wamid.stop"}
    try:
        said = await by_user_id(listening, "STOP", **same)
    except RuntimeError:
        said = await by_user_id(listening, "STOP", **same)
    again = await by_user_id(listening, "STOP", **same)

    assert suppressed(listening) == {BY_PHONE, BY_USER}
    assert [type(event) for event in said] == [SuppressionAdded, MessageApproved]
    assert said == again


async def test_a_stop_that_is_repeated_after_a_start_of_the_same_second_stays_lifted() -> None:
    listening = Listening()
    stop = {"message_id": "wamid.1", "id": EVENT_ID}
    first = await listening("STOP", **stop)
    await listening("START", message_id="wamid.2", id=uuid4())

    again = await listening("STOP", **stop)

    assert suppressed(listening) == set()
    assert again == first[:1]  # on record, and no goodbye


async def test_a_start_that_is_repeated_after_a_stop_of_the_same_second_lifts_nothing_more() -> None:
    listening = Listening()
    start = {"message_id": "wamid.2", "id": uuid5(EVENT_ID, "start")}
    await listening("STOP", message_id="wamid.1")
    first = await listening("START", **start)
    await listening("STOP", message_id="wamid.3", id=uuid4())

    again = await listening("START", **start)

    assert suppressed(listening) == {BY_PHONE}
    assert again == first


async def test_a_button_opts_out_and_its_caption_like_text_does_not() -> None:
    pressed, captioned = Listening(), Listening()

    said = await pressed("Stop promotions", type="button", pressed=("Stop promotions", "p1"))
    nothing = await captioned("STOP", type="image")

    assert [type(event) for event in said] == [SuppressionAdded, MessageApproved]
    assert nothing == []


async def test_what_opens_no_window_opens_none() -> None:
    listening = Listening()

    await listening("👍", type="reaction", opens_window=False)

    assert listening.conversations.opened == {}


def a_preference(value: str, at: datetime = NOON, **changes: Any) -> Any:
    fields: dict[str, Any] = {"category": "marketing_messages", "customer": PHONE}
    event = WhatsAppPreferenceChanged(account_id="acc_1", number_id="num_1", value=value, at=at, **(fields | changes))
    return received(event, id=uuid5(EVENT_ID, f"{value}:{at}"))


def heeding(listening: Listening) -> Heed:
    return Heed(listening.suppressions, listening.know, KEY)


async def test_who_stops_marketing_is_suppressed_for_marketing_alone() -> None:
    listening = Listening()

    [added] = await heeding(listening)(a_preference("stop"))

    assert isinstance(added, SuppressionAdded)
    assert (added.kind, added.source, added.number_id) == ("marketing", "provider", "num_1")
    assert (suppressed(listening, MARKETING), suppressed(listening)) == ({BY_PHONE}, set())


async def test_who_resumes_marketing_is_not_suppressed_any_more() -> None:
    listening = Listening()
    await listening("STOP")
    await heeding(listening)(a_preference("stop"))
    resume = a_preference("resume", NOON + timedelta(minutes=1))

    first, again = await heeding(listening)(resume), await heeding(listening)(resume)

    assert [type(event) for event in first] == [SuppressionLifted]
    assert again == first
    assert (suppressed(listening, MARKETING), suppressed(listening)) == (set(), {BY_PHONE})


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(a_preference("stop", category="utility"), id="a category that we do not know"),
        pytest.param(a_preference("pause"), id="a wish that we do not know"),
        pytest.param(a_preference("stop", customer=None), id="nobody"),
    ],
)
async def test_a_preference_that_we_do_not_understand_changes_nothing(told: Any) -> None:
    listening = Listening()

    assert await heeding(listening)(told) == ()
    assert listening.suppressions.rows == {}


def a_change(**fields: Any) -> Any:
    event = WhatsAppIdentityChanged(account_id="acc_1", number_id="num_1", at=NOON + timedelta(hours=1), **fields)
    return received(event, id=UUID(int=5))


async def test_an_opt_out_follows_the_customer_to_a_new_phone() -> None:
    listening = Listening()
    await as_both(listening, "STOP")

    await Recognise(listening.know, KEY)(a_change(customer=PHONE, new_customer=NEW_PHONE))
    await Recognise(listening.know, KEY)(a_change(customer=PHONE, new_customer=NEW_PHONE))

    assert {BY_NEW_PHONE, BY_USER} <= suppressed(listening)
    assert (await listening.know.who("acc_1", [BY_USER], NOON)).keys == (BY_USER, BY_NEW_PHONE)


async def test_an_opt_out_follows_the_customer_to_a_new_user_id() -> None:
    listening = Listening()
    await as_both(listening, "STOP")

    await Recognise(listening.know, KEY)(a_change(customer_user_id=USER, new_customer_user_id=NEW_USER))

    assert {BY_PHONE, BY_NEW_USER} <= suppressed(listening)
    assert (await listening.know.who("acc_1", [BY_PHONE], NOON)).keys == (BY_PHONE, BY_NEW_USER)


async def test_a_window_does_not_follow_to_a_new_phone() -> None:
    listening = Listening()
    await as_both(listening)

    await Recognise(listening.know, KEY)(a_change(customer=PHONE, new_customer=NEW_PHONE))

    assert ("num_1", BY_NEW_PHONE) not in listening.conversations.opened


async def test_messages_to_one_customer_stand_in_the_line_of_their_approval() -> None:
    judge = a_judge(FakeDecisions(), FakeDirectory())
    first, second = uuid4(), uuid4()

    one = await judge(received(a_webhook(), id=first))
    two = await judge(received(a_webhook(), id=second))
    again = await judge(received(a_webhook(), id=first))

    assert isinstance(one, MessageApproved)
    assert isinstance(two, MessageApproved)
    assert (one.after, two.after) == (None, first)
    assert again == one
