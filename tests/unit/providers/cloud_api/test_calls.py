"""Meta's webhook field `calls`: who called whom, and what happened to the call."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.events import WhatsAppCallReceived
from libs.providers.inbound import Skip
from tests.unit.providers.cloud_api.samples import change_of, parsed

NUMBER = "106540352242922"
AT = datetime.fromtimestamp(1749416383, UTC)
CALL: dict[str, Any] = {
    "id": "wacid.A",
    "from": "16505551234",
    "to": "15550001111",
    "event": "connect",
    "direction": "USER_INITIATED",
    "timestamp": "1749416383",
    "session": {"sdp_type": "offer", "sdp": "v=0"},
}


def calls(*items: Any, **value: Any) -> Any:
    return parsed(change_of("calls", {"metadata": {"phone_number_id": NUMBER}, "calls": list(items)} | value))


def test_a_call_is_an_event() -> None:
    [call] = calls(CALL).events

    assert call.event == WhatsAppCallReceived(
        number_id=NUMBER,
        call_id="wacid.A",
        customer="+16505551234",
        direction="USER_INITIATED",
        event="connect",
        at=AT,
    )


def test_the_customer_is_the_other_side_of_the_number() -> None:
    inbound = calls(
        CALL,
        CALL | {"id": "wacid.B", "from": "15550001111", "to": "16505551235", "direction": "BUSINESS_INITIATED"},
        CALL | {"id": "wacid.C", "from": "US.9"},
        CALL | {"id": "wacid.D", "from": None, "from_user_id": "US.8"},
        CALL | {"id": "wacid.E", "from": "16505551236"},
        contacts=[{"wa_id": "16505551236", "user_id": "US.7"}],
    )

    assert [(each.event.customer, each.event.customer_user_id) for each in inbound.events] == [
        ("+16505551234", None),
        ("+16505551235", None),
        (None, "US.9"),
        (None, "US.8"),
        ("+16505551236", "US.7"),
    ]


OWN = "+1 555-000-1111"
END = {"id": "wacid.A", "event": "terminate", "timestamp": "1749416383", "status": ["COMPLETED"]}
SIDES: dict[str, tuple[dict[str, Any], tuple[str | None, str | None, str]]] = {
    "the customer called": (
        {"from": "16505551234", "to": "15550001111", "direction": "USER_INITIATED"},
        ("+16505551234", None, "USER_INITIATED"),
    ),
    "the customer called, with the sides the other way round": (
        {"from": "15550001111", "to": "16505551234", "direction": "USER_INITIATED"},
        ("+16505551234", None, "USER_INITIATED"),
    ),
    "the business called": (
        {"from": "15550001111", "to": "16505551234", "direction": "BUSINESS_INITIATED"},
        ("+16505551234", None, "BUSINESS_INITIATED"),
    ),
    "the business called, with the sides the other way round": (
        {"from": "16505551234", "to": "15550001111", "direction": "BUSINESS_INITIATED"},
        ("+16505551234", None, "BUSINESS_INITIATED"),
    ),
    "a customer without a phone on the other side": (
        {"from": "15550001111", "to_user_id": "US.8", "direction": "USER_INITIATED"},
        (None, "US.8", "USER_INITIATED"),
    ),
    "a customer without a phone, in the place of one": (
        {"from": "15550001111", "to": "US.9", "direction": "USER_INITIATED"},
        (None, "US.9", "USER_INITIATED"),
    ),
    "the business as a number": (
        {"from": 15550001111, "to": 16505551234, "direction": "USER_INITIATED"},
        ("+16505551234", None, "USER_INITIATED"),
    ),
    "the business by Meta's id": (
        {"from": NUMBER, "to": "16505551234", "direction": "USER_INITIATED"},
        ("+16505551234", None, "USER_INITIATED"),
    ),
    "nothing says who called, the customer is in from": (
        {"from": "16505551234", "to": "15550001111"},
        ("+16505551234", None, "USER_INITIATED"),
    ),
    "nothing says who called, the business is in from": (
        {"from": "15550001111", "to": "16505551234"},
        ("+16505551234", None, "BUSINESS_INITIATED"),
    ),
}


@pytest.mark.parametrize(("call", "expected"), SIDES.values(), ids=SIDES)
def test_the_customer_is_never_the_business_itself(
    call: dict[str, Any], expected: tuple[str | None, str | None, str]
) -> None:
    metadata = {"phone_number_id": NUMBER, "display_phone_number": OWN}

    [found] = calls(END | call, metadata=metadata).events

    assert (found.event.customer, found.event.customer_user_id, found.event.direction) == expected


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"from": "15550001111", "to": "15550001111", "direction": "USER_INITIATED"}, id="both sides"),
        pytest.param({"from": "15550001111", "direction": "USER_INITIATED"}, id="the only side"),
        pytest.param({"from": "16505551234", "to": "16505551235"}, id="neither side, and nobody says who called"),
    ],
)
def test_a_call_whose_customer_nothing_names_is_kept(call: dict[str, Any]) -> None:
    inbound = calls(END | call, metadata={"phone_number_id": NUMBER, "display_phone_number": OWN})

    assert (inbound.events, len(inbound.unreadable)) == ((), 1)


def test_the_same_event_of_a_call_is_one_event() -> None:
    ended = CALL | {"event": "terminate", "status": ["FAILED"]}

    inbound = calls(CALL, CALL, ended, ended, CALL | {"id": "wacid.B"})

    assert [(each.event.call_id, each.event.event, each.event.status) for each in inbound.events] == [
        ("wacid.A", "connect", None),
        ("wacid.A", "terminate", "FAILED"),
        ("wacid.B", "connect", None),
    ]
    assert len({each.id for each in inbound.events}) == 3


UNREADABLE = {
    "no object": 5,
    "no id": CALL | {"id": None},
    "no time": CALL | {"timestamp": "soon"},
    "no event": CALL | {"event": None},
    "no direction": CALL | {"direction": None},
    "a direction that is new": CALL | {"direction": "BOTH"},
    "no customer": CALL | {"from": "anonymous"},
}


@pytest.mark.parametrize("call", UNREADABLE.values(), ids=UNREADABLE)
def test_a_call_that_cannot_be_read_is_kept_and_hides_no_other(call: Any) -> None:
    inbound = calls(call, CALL)

    assert (len(inbound.events), len(inbound.unreadable)) == (1, 1)


def test_a_status_of_a_call_is_not_a_status_of_a_message() -> None:
    ringing = {"id": "wacid.A", "type": "call", "status": "RINGING", "timestamp": "1749416383", "recipient_id": "1650"}
    failed = ringing | {"status": "failed"}

    inbound = parsed(change_of("calls", {"metadata": {"phone_number_id": NUMBER}, "statuses": [ringing, failed]}))

    assert (inbound.events, inbound.skipped) == ((), Counter({Skip.UNKNOWN_STATUS: 2}))
