from datetime import timedelta
from typing import Any
from uuid import UUID

from libs.contracts.events import (
    WhatsAppIdentityChanged,
)
from services.policy.handlers.link_identity import LinkIdentity
from tests.builders import (
    NOON,
    PHONE,
    received,
)
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
    suppressed,
)


def a_change(**fields: Any) -> Any:
    event = WhatsAppIdentityChanged(account_id="acc_1", number_id="num_1", at=NOON + timedelta(hours=1), **fields)
    return received(event, id=UUID(int=5))


async def test_an_opt_out_follows_the_customer_to_a_new_phone() -> None:
    inbound = InboundMessages()
    await as_both(inbound, "STOP")

    await LinkIdentity(inbound.customer_identities)(a_change(customer=PHONE, new_customer=NEW_PHONE))
    await LinkIdentity(inbound.customer_identities)(a_change(customer=PHONE, new_customer=NEW_PHONE))

    assert {BY_NEW_PHONE, BY_USER} <= suppressed(inbound)
    assert (await inbound.customer_identities.link("acc_1", [BY_USER], NOON)).keys == (BY_USER, BY_NEW_PHONE)


async def test_an_opt_out_follows_the_customer_to_a_new_user_id() -> None:
    inbound = InboundMessages()
    await as_both(inbound, "STOP")

    await LinkIdentity(inbound.customer_identities)(a_change(customer_user_id=USER, new_customer_user_id=NEW_USER))

    assert {BY_PHONE, BY_NEW_USER} <= suppressed(inbound)
    assert (await inbound.customer_identities.link("acc_1", [BY_PHONE], NOON)).keys == (BY_PHONE, BY_NEW_USER)


async def test_a_window_does_not_follow_to_a_new_phone() -> None:
    inbound = InboundMessages()
    await as_both(inbound)

    await LinkIdentity(inbound.customer_identities)(a_change(customer=PHONE, new_customer=NEW_PHONE))

    assert ("num_1", BY_NEW_PHONE) not in inbound.conversations.opened
