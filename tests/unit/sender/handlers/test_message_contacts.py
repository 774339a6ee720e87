"""A message reaches WhatsApp's own form of a number, and what WhatsApp says about it names the customer whole."""

from typing import Any
from uuid import UUID, uuid5

import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.events import MessageStatusUpdated, WhatsAppIdentityLinked, WhatsAppStatusReceived
from libs.providers.cloud_api.message_bodies import body_from
from libs.providers.evolution.client import recipient_from
from libs.providers.outcomes import Accepted
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, Gateway, approved, received

BRAZILIAN, DIGITS, LID = "+5511987654321", "551187654321", "123456789010032@lid"


def a_status(word: str = "read", /, **names: Any) -> Received[WhatsAppStatusReceived]:
    event = WhatsAppStatusReceived(account_id="a1", number_id="n1", message_id="wamid.1", status=word, at=NOON, **names)
    return Received(event=event, id=uuid5(UUID(int=7), word), at=NOON)


async def status_of(message: Any, **names: Any) -> MessageStatusUpdated:
    """The event of a status that shows `names`, of a message that was sent."""
    gateway = Gateway.answering(Accepted(message_id="wamid.1"))
    await gateway.process()(message)
    *_, updated = await gateway.status_handler()(a_status(**names))
    assert isinstance(updated, MessageStatusUpdated)
    return updated


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param({}, (BRAZILIAN, DIGITS, None), id="a status that names nobody"),
        pytest.param({"customer_user_id": LID}, (BRAZILIAN, DIGITS, LID), id="a status under a hidden id"),
        pytest.param({"customer": "+5511999"}, (BRAZILIAN, "5511999", None), id="a status under other digits"),
    ],
)
async def test_a_status_names_the_customer_whom_the_message_was_for(names: dict[str, str], expected: object) -> None:
    updated = await status_of(approved(customer=BRAZILIAN, customer_wa_id=DIGITS), **names)

    assert (updated.customer, updated.customer_wa_id, updated.customer_user_id) == expected


async def test_a_status_of_a_message_to_a_user_id_names_the_phone_that_is_known() -> None:
    updated = await status_of(approved(customer=None, customer_user_id="SA.1", linked_phone=BRAZILIAN))

    assert (updated.customer, updated.customer_user_id) == (BRAZILIAN, "SA.1")


@pytest.mark.parametrize("word", ["sent", "delivered", "read"])
async def test_the_names_in_a_status_are_an_event_beside_it(word: str) -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1"))
    await gateway.process()(approved(customer=BRAZILIAN))

    events = [
        await gateway.status_handler()(a_status(word, customer=BRAZILIAN, customer_user_id="BR.9")) for _ in range(2)
    ]

    assert [type(event) for event in events[0]] == [WhatsAppIdentityLinked, MessageStatusUpdated]
    assert events[0] == events[1]


async def test_a_status_that_names_nobody_otherwise_is_alone() -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1"))
    await gateway.process()(approved(customer=BRAZILIAN, customer_user_id="BR.9"))

    events = await gateway.status_handler()(a_status(customer=BRAZILIAN, customer_user_id="BR.9"))

    assert [type(event) for event in events] == [MessageStatusUpdated]


async def test_the_ledger_holds_no_address_in_plain_form() -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1"))
    await gateway.process()(approved(customer=BRAZILIAN, customer_wa_id=DIGITS))

    message = await gateway.ledger.find(str(EVENT))

    assert message is not None
    assert message.contact
    assert DIGITS not in message.contact


async def test_a_message_goes_to_whatsapps_own_form_of_the_number() -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1"), Accepted(message_id="wamid.2"))
    await gateway.process()(approved(customer=BRAZILIAN, customer_wa_id=DIGITS))
    await gateway.process()(approved(event_id=UUID(int=9), customer=BRAZILIAN))

    sent = gateway.provider.took
    assert [body_from(outgoing)["to"] for outgoing in sent] == [DIGITS, BRAZILIAN.removeprefix("+")]
    assert [recipient_from(outgoing.to) for outgoing in sent] == [DIGITS, BRAZILIAN.removeprefix("+")]


async def test_a_message_to_a_user_id_goes_to_it_whatever_else_is_known() -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1"))
    known = {"customer_wa_id": DIGITS, "linked_phone": BRAZILIAN}
    await gateway.process()(approved(customer=None, customer_user_id="BR.9", **known))

    [outgoing] = gateway.provider.took
    body = body_from(outgoing)
    assert (body.get("to"), body["recipient"]) == (None, "BR.9")


async def test_the_names_in_whatsapps_answer_are_an_event_beside_the_answer() -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1", wa_id=DIGITS, user_id="BR.900000001"))

    events = await gateway.handler()(received(approved(customer=BRAZILIAN)))

    [linked] = [event for event in events if isinstance(event, WhatsAppIdentityLinked)]
    assert (linked.linked_customer, linked.linked_wa_id, linked.linked_user_id) == (BRAZILIAN, DIGITS, "BR.900000001")
    assert linked.customer == BRAZILIAN
    assert linked.derived_id(UUID(int=1)) == linked.derived_id(UUID(int=2))
