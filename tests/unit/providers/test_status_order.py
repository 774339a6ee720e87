"""The statuses of one request, in whatever order it lists them."""

import itertools
from datetime import UTC, datetime
from uuid import UUID

import pytest

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.inbound import InboundEvent
from libs.providers.parts import inbound_from

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_status(status: str, message_id: str = "wamid.1", number_id: str = "n1") -> InboundEvent:
    event = WhatsAppStatusReceived(number_id=number_id, message_id=message_id, status=status, at=NOON)
    return InboundEvent(UUID(int=hash((status, message_id, number_id)) % 2**128), event)


def a_message() -> InboundEvent:
    event = WhatsAppMessageReceived(
        number_id="n1", message_id="wamid.9", customer="+966500000001", type="text", text="Hello", sent_at=NOON
    )
    return InboundEvent(UUID(int=9), event)


@pytest.mark.parametrize("statuses", list(itertools.permutations(["sent", "delivered", "read"])))
def test_each_status_follows_the_one_before_it_in_rank(statuses: tuple[str, ...]) -> None:
    found = [part.event for part in inbound_from([*map(a_status, statuses)]).events]

    assert [(event.status, event.follows) for event in found if isinstance(event, WhatsAppStatusReceived)] == [
        ("sent", None),
        ("delivered", "sent"),
        ("read", "delivered"),
    ]


def test_statuses_of_other_messages_and_numbers_and_other_events_keep_their_places() -> None:
    parts = [
        a_status("read"),
        a_message(),
        a_status("failed", "wamid.2"),
        a_status("sent", number_id="n2"),
        a_status("sent"),
    ]

    found = [part.event for part in inbound_from(parts).events]

    assert [getattr(event, "status", "message") for event in found] == ["sent", "message", "failed", "sent", "read"]
    assert [getattr(event, "follows", None) for event in found] == [None, None, None, None, "sent"]


def test_a_status_that_is_listed_twice_is_kept_once() -> None:
    assert len(inbound_from([a_status("sent"), a_status("sent")]).events) == 1
