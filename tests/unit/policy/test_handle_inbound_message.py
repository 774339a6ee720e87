from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from libs.contracts.events import (
    ConsentRecorded,
    MessageApproved,
    SuppressionAdded,
    SuppressionLifted,
)
from libs.store.conversations import Suppression, SuppressionKind
from tests.builders import (
    EVENT_ID,
    NOON,
    PHONE,
    PSEUDONYMS,
)
from tests.unit.policy.inbound import (
    CUSTOMER_KEY,
    USER,
    InboundMessages,
    by_user_id,
)


async def test_a_customers_message_opens_the_window_from_whatsapps_time() -> None:
    inbound = InboundMessages()

    result = await inbound(sent_at=NOON - timedelta(hours=3))

    assert result == []
    assert inbound.conversations.opened == {("num_1", CUSTOMER_KEY): NOON - timedelta(hours=3)}


async def test_an_opt_out_suppresses_and_is_confirmed_once() -> None:
    inbound = InboundMessages()

    result = await inbound("Stop!")

    added, confirmation = result
    assert isinstance(added, SuppressionAdded)
    assert added.evidence["word"] == "en.stop.stop"
    assert isinstance(confirmation, MessageApproved)
    assert confirmation.event_type == "opt_out_confirmation"


async def test_nothing_is_sent_to_confirm_an_opt_out_while_the_account_is_paused() -> None:
    [added] = await InboundMessages(paused=True)("Stop!")

    assert isinstance(added, SuppressionAdded)


async def test_an_opt_in_lifts_what_stayed_of_somebody_who_was_erased_and_says_so_again() -> None:
    inbound = InboundMessages()
    unnamed = PSEUDONYMS.do_not_contact_hash(CUSTOMER_KEY)
    stayed = Suppression(
        id="sup_1",
        account_id="acc_1",
        customer_key=unnamed,
        masked_phone="",
        kind=SuppressionKind.OPT_OUT,
        source="erasure",
        reason=None,
        actor=None,
        since=NOON - timedelta(days=1),
    )
    await inbound.suppressions.suppress(stayed, ())

    result = [await inbound("Start", sent_at=NOON) for _ in range(2)]

    assert [[type(event) for event in each] for each in result] == [[SuppressionLifted, ConsentRecorded]] * 2
    assert not inbound.suppressions.rows[unnamed, SuppressionKind.OPT_OUT].active


async def test_the_same_opt_out_delivered_again_says_the_same() -> None:
    inbound = InboundMessages()

    first, second = await inbound("STOP"), await inbound("STOP")

    assert first == second
    assert [e.derived_id(EVENT_ID) for e in first] == [e.derived_id(EVENT_ID) for e in second]


async def test_who_says_stop_twice_is_answered_once() -> None:
    inbound = InboundMessages()
    await inbound("STOP")

    result = await inbound("STOP", message_id="wamid.2", sent_at=NOON + timedelta(minutes=1), id=uuid4())

    assert result == []


async def test_start_lifts_the_opt_out() -> None:
    inbound = InboundMessages()
    await inbound("STOP")

    result = await inbound("start", message_id="wamid.2", sent_at=NOON + timedelta(minutes=1), id=uuid4())

    assert [type(event) for event in result] == [SuppressionLifted, ConsentRecorded]


async def test_an_old_stop_that_arrives_after_a_newer_start_changes_nothing() -> None:
    inbound = InboundMessages()
    await inbound("STOP")
    await inbound("START", message_id="wamid.2", sent_at=NOON + timedelta(minutes=2), id=uuid4())

    result = await inbound("STOP", message_id="wamid.0", sent_at=NOON + timedelta(minutes=1), id=uuid4())

    assert result == []


async def test_a_further_key_of_a_customer_who_opted_out_is_told_for_the_sink_and_confirmed_to_nobody() -> None:
    inbound = InboundMessages()
    await by_user_id(inbound, "STOP")

    both = {"customer_user_id": USER, "message_id": "wamid.2", "sent_at": NOON + timedelta(minutes=1), "id": uuid4()}
    [added] = await inbound("STOP", **both)
    again = await inbound("STOP", **both | {"message_id": "wamid.3", "id": uuid4()})

    assert isinstance(added, SuppressionAdded)
    assert set(added.customer_keys) == {CUSTOMER_KEY, PSEUDONYMS.customer_key("acc_1", USER)}
    assert again == []


async def test_an_account_has_its_own_words() -> None:
    assert await InboundMessages(opt_out_words=("basta ya",))("Basta ya!")


async def test_a_confirmation_is_in_the_words_language() -> None:
    _, confirmation = await InboundMessages()("إيقاف")

    assert "START" in confirmation.text
    assert "لن تصلك" in confirmation.text


async def test_a_customer_known_by_phone_and_user_id_is_suppressed_under_both() -> None:
    inbound = InboundMessages()

    await inbound("STOP", customer_user_id="SA.77")

    kinds = {key for key, _ in inbound.suppressions.rows}
    assert kinds == {CUSTOMER_KEY, PSEUDONYMS.customer_key("acc_1", "SA.77")}


async def test_the_evidence_holds_no_text_and_no_number() -> None:
    inbound = InboundMessages()
    await inbound("STOP")

    row = next(iter(inbound.suppressions.rows.values()))

    assert set(row.evidence) == {"message_id", "at", "word", "language"}
    assert PHONE not in repr(replace(row, masked_phone=""))


async def test_a_button_opts_out() -> None:
    result = await InboundMessages()("Stop promotions", type="button", pressed=("Stop promotions", "p1"))

    assert [type(event) for event in result] == [SuppressionAdded, MessageApproved]


@pytest.mark.parametrize("kind", ["text", "image", "audio", "video", "document", "sticker", "location", "edit"])
async def test_what_a_customer_wrote_opts_out_whether_it_is_a_text_a_caption_or_an_edit(kind: str) -> None:
    result = await InboundMessages()("STOP", type=kind, opens_window=kind != "edit")

    assert [type(event) for event in result] == [SuppressionAdded, MessageApproved]


@pytest.mark.parametrize("kind", ["reaction", "order", "system", "contacts", "interactive", "unsupported", "hologram"])
async def test_a_text_that_the_customer_did_not_write_as_a_message_is_no_keyword(kind: str) -> None:
    assert await InboundMessages()("STOP", type=kind) == []


@pytest.mark.parametrize("title", ["Cancel", "Remove", "Quit", "End"])
@pytest.mark.parametrize("kind", ["button", "interactive"])
async def test_a_pressed_button_whose_title_answers_a_question_is_no_opt_out(kind: str, title: str) -> None:
    assert await InboundMessages()(title, type=kind, pressed=(title,)) == []


async def test_what_opens_no_window_opens_none() -> None:
    inbound = InboundMessages()

    await inbound("👍", type="reaction", opens_window=False)

    assert inbound.conversations.opened == {}


async def test_start_ends_whatsapps_own_block_of_the_business_as_well() -> None:
    inbound = InboundMessages()
    block = Suppression(
        id="sup_9",
        account_id="acc_1",
        customer_key=CUSTOMER_KEY,
        masked_phone="",
        kind=SuppressionKind.PROVIDER_BLOCK,
        source="provider",
        reason=None,
        actor=None,
        since=NOON - timedelta(hours=1),
    )
    await inbound.suppressions.suppress(block, ())
    await inbound("STOP")

    lifted = await inbound("START", message_id="wamid.2", sent_at=NOON + timedelta(minutes=2), id=uuid4())

    kinds = [event.kind for event in lifted if isinstance(event, SuppressionLifted)]
    assert kinds == ["opt_out", "provider_block"]
    assert len({event.derived_id(UUID(int=1)) for event in lifted}) == len(lifted)


async def test_the_time_until_an_opt_out_takes_effect_is_observed_and_that_of_other_messages_is_not() -> None:
    inbound = InboundMessages()
    inbound.handle = replace(inbound.handle, clock=lambda: NOON + timedelta(seconds=12))
    count, seconds = (
        REGISTRY.get_sample_value(f"gateway_opt_out_effect_seconds_{part}") or 0.0 for part in ("count", "sum")
    )

    await inbound("Hello")
    await inbound("STOP", id=uuid4())

    assert REGISTRY.get_sample_value("gateway_opt_out_effect_seconds_count") == count + 1
    assert REGISTRY.get_sample_value("gateway_opt_out_effect_seconds_sum") == seconds + 12
