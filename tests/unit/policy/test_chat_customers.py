"""The number of a customer in the chat, and the customer behind a number."""

import pytest

from libs.contracts.errors import GatewayError
from libs.contracts.events import WebhookPayload
from libs.store.contacts import Contact
from services.policy.domain.chats import can_be_shown
from services.policy.handlers.chat_customers import TRIES
from tests.builders import PHONE, an_integration
from tests.unit.policy.fakes import FakePseudoNumbers, chat_customers
from tests.unit.policy.inbound import USER
from tests.unit.policy.test_notify_chats import PARTIES

ROW = an_integration()


async def test_a_phone_is_the_number_and_costs_nothing() -> None:
    numbers = FakePseudoNumbers()

    assert await chat_customers(numbers).number_of(ROW, Contact(phone=PHONE, user_id=USER)) == PHONE
    assert await chat_customers(numbers).number_of(ROW, Contact()) is None
    assert numbers.given == {}


async def test_a_number_that_is_taken_is_not_given_twice() -> None:
    customers = chat_customers(FakePseudoNumbers(taken=2))

    assert await customers.number_of(ROW, Contact(user_id=USER)) == "+99900000000003"


async def test_a_store_in_which_every_number_is_taken_is_no_store() -> None:
    with pytest.raises(GatewayError):
        await chat_customers(FakePseudoNumbers(taken=TRIES)).number_of(ROW, Contact(user_id=USER))


async def test_a_pseudo_number_leads_back_to_the_customer() -> None:
    customers = chat_customers()
    number = await customers.number_of(ROW, Contact(user_id=USER)) or ""

    payload = await customers.payload_for(ROW, WebhookPayload(to=number, from_="+4930123456", text="Hello"))

    assert await customers.contact_of(ROW, number) == Contact(user_id=USER)
    assert (payload.to, payload.user_id, payload.from_, payload.text) == (None, USER, None, "Hello")


@pytest.mark.parametrize("to", ["966512345678", "0512345678", "101", "", "+0512345678", "+99900000000099", "tel:+966"])
async def test_what_is_no_customers_number_names_nobody(to: str) -> None:
    payload = await chat_customers().payload_for(ROW, WebhookPayload(to=to, from_=PHONE))

    assert (payload.to, payload.user_id, payload.from_) == (None, None, None)


async def test_a_phone_number_is_left_as_it_was_written_for_the_rules_to_read() -> None:
    payload = await chat_customers().payload_for(ROW, WebhookPayload(to="+551187654321"))

    assert payload.to == "+551187654321"


@pytest.mark.parametrize("number", ["", "101", "966512345678", "+0", "x"])
def test_a_line_needs_two_numbers(number: str) -> None:
    assert can_be_shown(PARTIES)
    assert not can_be_shown(PARTIES.model_copy(update={"customer": number}))
    assert not can_be_shown(PARTIES.model_copy(update={"main_number": number}))
