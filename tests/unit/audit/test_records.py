from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.events import (
    EVENTS,
    Event,
    MessageApproved,
    SuppressionLifted,
    WebhookAnswered,
    WebhookPayload,
    WebhookReceived,
    WebhookRejected,
    WhatsAppMessageReceived,
)
from libs.contracts.identity import Personal, keyed_hash
from services.audit.domain import _personal_fields, record_from, without_numbers

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = UUID(int=7)
KEY = b"k" * 32
PHONE = "+966500000000"
TEXT = "our secret recipe"


def recorded(event: Event) -> Any:
    return record_from(event, id_=ID, at=NOON, correlation_id=None, key=KEY)


def an_approval() -> MessageApproved:
    return MessageApproved(
        account_id="acc_1",
        event_id=ID,
        event_type="outbound_message",
        reply_to="i1",
        number_id="num_1",
        customer=PHONE,
        customer_key="ck",
        text=TEXT,
        purpose="support",
        received_at=NOON,
        template={"text": TEXT},
    )


def a_webhook(**payload: Any) -> WebhookReceived:
    return WebhookReceived(account_id="acc_1", reply_to="i1", payload=WebhookPayload(**payload))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(an_approval(), id="an approved message"),
        pytest.param(a_webhook(to=PHONE, text=TEXT, conversation_id=f"wa-{PHONE}"), id="a webhook"),
        pytest.param(
            WebhookAnswered(event_id=ID, reply_to="i1", code="sent", customer=PHONE, account_id="acc_1"),
            id="an answer",
        ),
        pytest.param(
            WhatsAppMessageReceived(
                number_id="n", message_id="wamid.x", customer=PHONE, type="text", text=TEXT, sent_at=NOON
            ),
            id="a customer's message",
        ),
    ],
)
def test_no_phone_number_and_no_text_reaches_a_record(event: Event) -> None:
    line = repr(recorded(event))

    assert PHONE not in line
    assert PHONE.lstrip("+") not in line
    assert TEXT not in line


def test_a_customer_is_known_by_a_keyed_hash_and_a_masked_form() -> None:
    record = recorded(an_approval())

    assert record.customer_hash == keyed_hash(KEY, "acc_1", PHONE)
    assert record.masked_phone == "+9665•••••000"


def test_a_text_is_known_by_its_length_and_keyed_hash() -> None:
    record = recorded(an_approval())

    assert record.details["text_length"] == len(TEXT)
    assert record.details["text_hash"] == keyed_hash(KEY, "acc_1", TEXT)


def test_the_code_of_a_rejection_is_its_reason() -> None:
    record = recorded(WebhookRejected(reason="wrong_secret", client_address="192.0.2.1"))

    assert record.code == "wrong_secret"
    assert record.details["client_address"] == "192.0.2.1"


def test_a_webhooks_record_belongs_to_the_webhook_itself() -> None:
    assert recorded(a_webhook()).event_id == str(ID)


def test_an_answer_belongs_to_the_webhook_it_answers() -> None:
    other = uuid5(ID, "x")

    assert recorded(WebhookAnswered(event_id=other, reply_to="i1", code="ok")).event_id == str(other)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.name)
def test_every_field_that_may_name_a_person_is_marked(event: type[Event]) -> None:
    personal = {"customer", "customer_user_id", "new_customer", "new_customer_user_id"}
    personal |= {"text", "template", "content", "pressed"}

    suspicious = set(event.model_fields) & personal

    assert suspicious == set(_personal_fields(event))
    assert all(isinstance(kind, Personal) for kind in _personal_fields(event).values())


@given(st.text(), st.integers(min_value=10**6, max_value=10**15))
def test_no_long_number_survives_in_a_free_value(text: str, number: int) -> None:
    assert str(number) not in without_numbers(f"x{text} {number}")


def test_an_event_that_knows_its_customer_by_key_alone_is_recorded_with_it() -> None:
    suppression_id = f"sup_{'1234567890abcdef' * 2}"
    lifted = SuppressionLifted(
        account_id="acc_1",
        suppression_id=suppression_id,
        kind="blocked",
        source="operator",
        customer_key="c0ffee",
        masked_phone="+9665•••••000",
    )

    record = recorded(lifted)

    assert (record.customer_hash, record.masked_phone) == ("c0ffee", "+9665•••••000")
    assert record.details["suppression_id"] == suppression_id
    assert "customer_key" not in record.details
