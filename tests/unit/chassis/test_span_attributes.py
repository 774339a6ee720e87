"""The attributes of spans are a closed list, whose values are numbers and short texts."""

import re
from uuid import UUID

import pytest

from libs.chassis.span_attributes import (
    ALLOWED,
    CODE,
    EVENT_ID,
    EVENT_TYPE,
    STATUS,
    allowed,
    attributes_of,
    is_server_error,
)
from libs.contracts.errors import ErrorCode
from libs.contracts.events import Event, WebhookAnswered
from libs.contracts.results import AnswerStatus
from tests.contract.wire.examples import EXAMPLES

PERSONAL = (
    "phone",
    "text",
    "name",
    "body",
    "url.full",
    "url.path",
    "url.query",
    "client.address",
    "enduser",
    "customer",
)


def answered(code: AnswerStatus | ErrorCode) -> WebhookAnswered:
    return WebhookAnswered(event_id=UUID(int=1), reply_to="ingress-1", code=code)


def test_what_is_not_on_the_list_is_dropped() -> None:
    given = {STATUS: 200, "customer.phone": "+966501234567", CODE: None, "url.full": "https://a/b"}

    assert allowed(given) == {STATUS: 200}


@pytest.mark.parametrize("name", PERSONAL)
def test_no_attribute_can_hold_what_is_personal(name: str) -> None:
    ends = {attribute for attribute in ALLOWED if attribute.split(".")[-1] == name or attribute == name}

    assert ends <= {"messaging.destination.name", "messaging.operation.name"}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.name)
def test_every_event_has_the_id_of_what_it_belongs_to(event: Event) -> None:
    own = getattr(event, "event_id", None)

    assert attributes_of(event, "the-first")[EVENT_ID] == ("the-first" if own is None else str(own))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.name)
def test_no_attribute_of_an_event_holds_a_phone_number_or_a_text(event: Event) -> None:
    attributes = attributes_of(event, "the-first")

    assert attributes.keys() <= {EVENT_TYPE, EVENT_ID, CODE}
    assert all(re.fullmatch(r"[a-z_.]+|[0-9a-f-]{36}|the-first", str(value)) for value in attributes.values())


@pytest.mark.parametrize(
    ("code", "error"),
    [(AnswerStatus.SENT, False), (ErrorCode.POLICY_VIOLATION, False), (ErrorCode.GATEWAY_UNAVAILABLE, True)],
)
def test_only_a_server_error_is_one(code: AnswerStatus | ErrorCode, *, error: bool) -> None:
    assert is_server_error(answered(code)) is error
