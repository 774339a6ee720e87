"""Who is told of what a customer does, and what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.events import Event, ForwardRequested, MessageStatusUpdated, SuppressionAdded
from libs.contracts.forwards import ForwardKind
from libs.store.accounts import Account, Integration, Number
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.notify_integrations import HandleAndNotify, NotifyIntegrations
from tests.builders import (
    EVENT_ID,
    NOON,
    PHONE,
    a_customers_message,
    a_number,
    an_account,
    an_integration,
    received,
)
from tests.unit.policy.fakes import FakeCustomerLinks, contacts_over

URL = "https://pbx.example.com/hook"


@dataclass
class Rows:
    """An account with a number, and whichever integrations the case is about."""

    integrations: Sequence[Integration] = field(default_factory=lambda: [an_integration(forward_url=URL)])
    owner: Account = field(default_factory=an_account)

    async def account(self, account_id: str) -> Account | None:
        return self.owner

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        return a_number(id=number_id)

    async def integration(self, integration_id: str) -> Integration | None:
        raise AssertionError

    async def of_number(self, number_id: str) -> Sequence[Integration]:
        return [row for row in self.integrations if row.instance_id == number_id]

    async def of_account(self, account_id: str) -> Sequence[Integration]:
        return [row for row in self.integrations if row.account_id == account_id]


def tell(*integrations: Integration, contacts: CustomerContacts | None = None, **fields: Any) -> NotifyIntegrations:
    rows = Rows(integrations, **fields) if integrations else Rows(**fields)
    return NotifyIntegrations(rows, rows, contacts or contacts_over(FakeCustomerLinks()))


def an_opt_out(**changes: Any) -> SuppressionAdded:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "suppression_id": "sup_1",
        "kind": "opt_out",
        "source": "keyword",
        "number_id": "num_1",
        "customer": PHONE,
        "evidence": {"word": "en.stop.stop", "language": "en", "message_id": "wamid.1", "at": "2026-11-23T12:00:00Z"},
    }
    return SuppressionAdded(**(known | changes))


def a_status(**changes: Any) -> MessageStatusUpdated:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "event_id": UUID(int=5),
        "number_id": "num_1",
        "message_id": "wamid.9",
        "status": "delivered",
        "at": NOON,
        "customer": PHONE,
    }
    return MessageStatusUpdated(**(known | changes))


async def test_every_integration_of_the_number_that_wants_to_know_is_told_once() -> None:
    teller = tell(
        an_integration(id="int_1", forward_url=URL),
        an_integration(id="int_2", forward_url=URL),
        an_integration(id="int_3", forward_url=URL, instance_id="num_2"),
        an_integration(id="int_4"),
        an_integration(id="int_5", forward_url=URL, inbound_enabled=False),
        an_integration(id="int_6", forward_url=URL, enabled=False),
        an_integration(id="int_7", forward_url=URL, account_id="acc_2"),
    )

    told = await teller.for_message(received(a_customers_message()))

    assert [event.integration_id for event in told] == ["int_1", "int_2"]
    assert len({event.derived_id(EVENT_ID) for event in told}) == 2


async def test_nobody_is_told_while_the_accounts_module_is_off() -> None:
    teller = tell(owner=an_account(threecx_enabled=False))

    assert await teller.for_message(received(a_customers_message())) == ()


MESSAGES = [
    pytest.param(
        {"text": "Hello", "profile_name": "Someone", "reply_to_message_id": "wamid.0"},
        {"id": "wamid.1", "type": "text", "text": "Hello", "reply_to": "wamid.0"},
        id="a text, as an answer to another message",
    ),
    pytest.param(
        {"type": "image", "text": "Look", "content": {"image": {"id": "m1", "caption": "Look"}}},
        {"id": "wamid.1", "type": "image", "text": "Look", "image": {"id": "m1", "caption": "Look"}},
        id="an image with what WhatsApp said of it",
    ),
    pytest.param(
        {"type": "location", "text": None, "content": {"location": {"latitude": 24.7, "longitude": 46.6}}},
        {"id": "wamid.1", "type": "location", "location": {"latitude": 24.7, "longitude": 46.6}},
        id="a place",
    ),
    pytest.param(
        {"content": {"referral": {"source_type": "ad"}}},
        {"id": "wamid.1", "type": "text", "text": "Hello", "content": {"referral": {"source_type": "ad"}}},
        id="a text that an advertisement led to",
    ),
    pytest.param(
        {"type": "image", "text": None, "content": {"image": {"id": "m1"}, "referral": {"source_type": "ad"}}},
        {"id": "wamid.1", "type": "image", "image": {"id": "m1"}, "content": {"referral": {"source_type": "ad"}}},
        id="an image that an advertisement led to",
    ),
    pytest.param(
        {"type": "unsupported", "text": None, "content": {"unsupported": {"type": "poll"}, "errors": [131051]}},
        {"id": "wamid.1", "type": "unsupported", "unsupported": {"type": "poll"}, "content": {"errors": [131051]}},
        id="an unsupported message",
    ),
    pytest.param(
        {"type": "content", "text": None, "content": {"content": {"x": 1}}},
        {"id": "wamid.1", "type": "content", "content": {"content": {"x": 1}}},
        id="a type with the name of a field",
    ),
    pytest.param(
        {"type": "button", "text": "Yes", "pressed": ("Yes", "yes-1")},
        {"id": "wamid.1", "type": "button", "text": "Yes", "pressed": ["Yes", "yes-1"]},
        id="a button that was pressed",
    ),
]


@pytest.mark.parametrize(("result", "shown"), MESSAGES)
async def test_a_message_is_shown_as_whatsapp_gave_it(result: dict[str, Any], shown: dict[str, Any]) -> None:
    (told,) = await tell().for_message(received(a_customers_message(**result)))

    assert isinstance(told, ForwardRequested)
    assert told.content["message"] == shown | {"sent_at": "2026-11-23T12:00:00+00:00"}
    assert told.content["number"] == {"instance_id": "num_1", "phone_number_id": "1000000000001"}
    assert (told.customer, told.event_id, told.at) == (PHONE, EVENT_ID, NOON)


async def test_an_opt_out_is_told_with_its_word_and_without_its_text() -> None:
    (told,) = await tell().for_opt_out(received(an_opt_out()))

    assert isinstance(told, ForwardRequested)
    assert told.kind is ForwardKind.RECIPIENT_OPTED_OUT
    assert told.content["opt_out"] == {
        "id": "sup_1",
        "scope": "all",
        "source": "keyword",
        "word": "en.stop.stop",
        "language": "en",
        "message_id": "wamid.1",
        "at": "2026-11-23T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        pytest.param({}, 1, id="a keyword"),
        pytest.param({"kind": "marketing", "source": "provider"}, 1, id="WhatsApp's own signal"),
        pytest.param({"actor": "admin"}, 0, id="an operator knows what they entered"),
        pytest.param({"kind": "blocked"}, 0, id="a block is none of the customer's doing"),
        pytest.param({"number_id": None}, 1, id="without a number the whole account is told"),
        pytest.param({"account_id": None}, 0, id="without an account nobody is"),
    ],
)
async def test_only_customers_own_opt_outs_are_told(changes: dict[str, Any], count: int) -> None:
    assert len(await tell().for_opt_out(received(an_opt_out(**changes)))) == count


async def test_a_status_is_told_to_whoever_had_the_message_sent() -> None:
    teller = tell(an_integration(id="int_1", forward_url=URL), an_integration(id="int_2", forward_url=URL))

    (told,) = await teller.for_status(received(a_status(integration_id="int_2", provider_codes=(131047,))))

    assert isinstance(told, ForwardRequested)
    assert (told.integration_id, told.kind, told.event_id) == (
        "int_2",
        ForwardKind.MESSAGE_STATUS_UPDATED,
        UUID(int=5),
    )
    assert told.content["message"] == {
        "id": "wamid.9",
        "event_id": str(UUID(int=5)),
        "status": "delivered",
        "at": "2026-11-23T12:00:00+00:00",
        "provider_codes": [131047],
    }


async def test_statuses_are_told_even_where_inbound_messages_are_not() -> None:
    teller = tell(an_integration(forward_url=URL, inbound_enabled=False))

    assert len(await teller.for_status(received(a_status(integration_id="int_1")))) == 1


async def test_a_message_is_understood_before_anybody_is_told_of_it() -> None:
    order: list[str] = []

    async def hear(_: Any) -> Event:
        order.append("heard")
        return an_opt_out()

    async def told(_: Any) -> Sequence[Event]:
        order.append("told")
        return (a_status(),)

    result = await HandleAndNotify(hear, told)(received(a_customers_message()))

    assert order == ["heard", "told"]
    assert result == (an_opt_out(), a_status())
