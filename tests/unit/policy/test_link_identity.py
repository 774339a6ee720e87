from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import RestrictionAdded, WhatsAppIdentityChanged
from libs.store.inbound_messages import InboundMessage
from libs.store.restriction_effects import Sending, answer_for, standing_against
from libs.store.restrictions import RestrictionKind, of_pair
from tests.builders import (
    NOON,
    PHONE,
    received,
)
from tests.unit.policy.fakes import FakeConversations
from tests.unit.policy.inbound import (
    BY_NEW_PHONE,
    BY_NEW_USER,
    BY_PHONE,
    BY_USER,
    NEW_PHONE,
    NEW_USER,
    USER,
    InboundMessages,
    as_both,
    by_user_id,
    suppressed,
)


def a_change(**fields: Any) -> Any:
    event = WhatsAppIdentityChanged(account_id="acc_1", number_id="num_1", at=NOON + timedelta(hours=1), **fields)
    return received(event, id=UUID(int=5))


async def test_an_opt_out_follows_the_customer_to_a_new_phone() -> None:
    inbound = InboundMessages()
    await as_both(inbound, "STOP")

    await inbound.link_identity(a_change(customer=PHONE, new_customer=NEW_PHONE))
    await inbound.link_identity(a_change(customer=PHONE, new_customer=NEW_PHONE))

    assert {BY_NEW_PHONE, BY_USER} <= suppressed(inbound)
    assert (await inbound.customer_identities.link("acc_1", [BY_USER], NOON)).keys == (BY_USER, BY_NEW_PHONE)


async def test_an_opt_out_follows_the_customer_to_a_new_user_id() -> None:
    inbound = InboundMessages()
    await as_both(inbound, "STOP")

    await inbound.link_identity(a_change(customer_user_id=USER, new_customer_user_id=NEW_USER))

    assert {BY_PHONE, BY_NEW_USER} <= suppressed(inbound)
    assert (await inbound.customer_identities.link("acc_1", [BY_PHONE], NOON)).keys == (BY_PHONE, BY_NEW_USER)


async def test_a_window_does_not_follow_to_a_new_phone() -> None:
    inbound = InboundMessages()
    await as_both(inbound)

    await inbound.link_identity(a_change(customer=PHONE, new_customer=NEW_PHONE))

    assert ("num_1", BY_NEW_PHONE) not in inbound.conversations.opened


async def test_a_phone_that_a_customer_shares_on_request_is_a_name_of_the_same_person_who_keeps_the_window() -> None:
    inbound = InboundMessages()
    await by_user_id(inbound)
    await by_user_id(inbound, "STOP")

    for _ in range(2):  # repeated
        await inbound.link_identity(a_change(customer_user_id=USER, new_customer=NEW_PHONE))

    linked = await inbound.customer_identities.link("acc_1", [BY_USER], NOON)
    assert set(linked.keys) == {BY_USER, BY_NEW_PHONE}
    assert {BY_USER, BY_NEW_PHONE} <= suppressed(inbound)
    main = await inbound.customer_identities.main_key("acc_1", BY_NEW_PHONE)
    assert ("num_1", main) in inbound.conversations.opened


async def test_a_shared_phone_that_is_linked_while_its_message_is_handled_has_the_window_too() -> None:
    class Concurrent(FakeConversations):
        """The phone is linked after the message's keys were read and before its window is open."""

        async def open_window(self, *args: Any, message: InboundMessage | None = None) -> None:
            if message is not None:
                await inbound.link_identity(a_change(customer_user_id=USER, new_customer=NEW_PHONE))
            await super().open_window(*args, message=message)

    inbound = InboundMessages()
    conversations = Concurrent()
    inbound.handle = replace(inbound.handle, conversations=conversations)

    await by_user_id(inbound, type="contacts")

    main = await inbound.customer_identities.main_key("acc_1", BY_NEW_PHONE)
    assert ("num_1", main) in conversations.opened


# ---------------------------------------------------------------- a change that names nobody who is known

ONLY_A_PHONE = {"customer": PHONE, "new_customer_user_id": NEW_USER}
ONLY_A_USER_ID = {"customer_user_id": USER, "new_customer_user_id": NEW_USER}


@pytest.mark.parametrize(
    ("change", "known", "held"),
    [
        pytest.param(ONLY_A_PHONE, set(), BY_PHONE, id="a phone's new user id"),
        pytest.param(ONLY_A_PHONE, {BY_PHONE}, BY_PHONE, id="a known phone's new user id"),
        pytest.param(ONLY_A_USER_ID, set(), BY_NEW_USER, id="a user id that nobody knows"),
        pytest.param({"new_customer_user_id": NEW_USER}, {BY_USER}, BY_NEW_USER, id="a new user id of nobody"),
        pytest.param(ONLY_A_USER_ID | {"new_customer": PHONE}, set(), BY_PHONE, id="the same, with the phone"),
        pytest.param(ONLY_A_USER_ID, {BY_USER}, None, id="a known user id"),
        pytest.param(ONLY_A_USER_ID | {"new_customer": PHONE}, {BY_USER}, None, id="a known user id, with the phone"),
        pytest.param(ONLY_A_USER_ID | {"customer": PHONE}, set(), None, id="a phone with its previous user id"),
        pytest.param({"customer": PHONE, "new_customer": NEW_PHONE}, set(), None, id="a new number"),
        pytest.param(ONLY_A_PHONE | {"new_customer": NEW_PHONE}, set(), None, id="a new number with its user id"),
    ],
)
async def test_a_new_user_id_without_a_known_previous_one_is_held_for_a_person(
    change: dict[str, Any], known: set[str], held: str | None
) -> None:
    inbound = InboundMessages()
    inbound.customers.keys = known

    await inbound.link_identity(a_change(**change))

    subjects = [each.subject for each in inbound.restrictions.rows]
    assert subjects == ([] if held is None else [of_pair("num_1", held)])


async def test_what_is_held_ends_after_30_days_and_is_told_once() -> None:
    inbound = InboundMessages()

    await inbound.link_identity(a_change(**ONLY_A_PHONE))
    await inbound.link_identity(a_change(**ONLY_A_PHONE))

    [held], [told] = inbound.restrictions.rows, inbound.restrictions.events
    event = RestrictionAdded.model_validate_json(told.body)
    assert (held.kind, held.cause, held.by) == (RestrictionKind.IDENTITY, "user_changed_user_id", "provider")
    assert held.until == NOON + timedelta(days=30, hours=1)
    assert (event.restriction_id, event.customer_key, event.key) == (held.id, BY_PHONE, None)
    assert PHONE not in told.body.decode()


async def test_a_message_to_who_is_held_is_refused_with_the_reason() -> None:
    inbound = InboundMessages()
    await inbound.link_identity(a_change(**ONLY_A_PHONE))
    sending = Sending(now=NOON + timedelta(hours=2), automatic=False, template=False, last_inbound_at=NOON)

    found = standing_against(inbound.restrictions.rows, sending)

    assert found is not None
    code, details = answer_for(found)
    assert (code, details["reason"]) == (ErrorCode.POLICY_VIOLATION, "identity_changed")


async def test_the_customer_cannot_end_what_waits_for_an_operator() -> None:
    inbound = InboundMessages()
    await inbound.link_identity(a_change(**ONLY_A_PHONE))

    await inbound(customer_user_id=NEW_USER, sent_at=NOON + timedelta(hours=3))

    assert len(inbound.restrictions.rows) == 1
