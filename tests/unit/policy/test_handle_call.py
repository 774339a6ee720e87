"""A customer's call on WhatsApp: the window that it opens, who is told of it, and the template for a missed one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.events import ForwardRequested, WebhookReceived, WhatsAppCallReceived
from libs.contracts.forwards import ForwardKind
from libs.store.accounts import Integration, Template
from services.policy.handlers.handle_call import HandleCall
from services.policy.handlers.notify_integrations import NotifyIntegrations
from tests.builders import EVENT_ID, NOON, PHONE, an_integration, received
from tests.unit.policy.inbound import BY_PHONE, BY_USER, USER, InboundMessages
from tests.unit.policy.test_notify_integrations import URL, Rows

MISSED_CALL = {"missed_call": Template(enabled=True, text="Sorry that we missed your call.")}
ENDED = {"event": "terminate", "status": "FAILED"}


def a_call(**changes: Any) -> WhatsAppCallReceived:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "number_id": "num_1",
        "call_id": "wacid.1",
        "customer": PHONE,
        "direction": "USER_INITIATED",
        "event": "connect",
        "at": NOON,
    }
    return WhatsAppCallReceived(**(known | changes))


class Calls:
    """`HandleCall` with fakes; call it with what is peculiar in a call."""

    def __init__(self, *integrations: Integration) -> None:
        self.inbound = InboundMessages()
        rows = Rows(integrations or [an_integration(forward_url=URL)])
        self.handle = HandleCall(
            self.inbound.conversations,
            self.inbound.customer_identities,
            self.inbound.handle.customer_restrictions,
            self.inbound.contacts,
            rows,
            NotifyIntegrations(rows, rows, self.inbound.contacts),
        )

    async def __call__(self, **changes: Any) -> list[Any]:
        return list(await self.handle(received(a_call(**changes), at=NOON)))

    @property
    def windows(self) -> dict[tuple[str, str], Any]:
        return self.inbound.conversations.opened


async def test_a_customers_call_opens_the_window_from_its_time_under_every_key() -> None:
    calls = Calls()

    await calls(customer_user_id=USER, at=NOON - timedelta(hours=1))

    assert calls.windows == dict.fromkeys([("num_1", BY_PHONE), ("num_1", BY_USER)], NOON - timedelta(hours=1))


OPENS_NOTHING: dict[str, dict[str, Any]] = {
    "the business called": {"direction": "BUSINESS_INITIATED"},
    "a call that ended": {"event": "terminate", "status": "COMPLETED"},
    "an event that is new": {"event": "ringing"},
    "more than five minutes ahead": {"at": NOON + timedelta(minutes=5, seconds=1)},
    "older than a day": {"at": NOON - timedelta(hours=24)},
}


@pytest.mark.parametrize("changes", OPENS_NOTHING.values(), ids=OPENS_NOTHING)
async def test_nothing_else_opens_it(changes: dict[str, Any]) -> None:
    calls = Calls()

    await calls(**changes)

    assert calls.windows == {}


@pytest.mark.parametrize("at", [NOON + timedelta(minutes=5), NOON - timedelta(hours=24) + timedelta(seconds=1)])
async def test_a_time_within_the_bounds_opens_it(at: Any) -> None:
    calls = Calls()

    await calls(at=at)

    assert calls.windows == {("num_1", BY_PHONE): at}


async def test_a_call_is_notified() -> None:
    [forward] = await Calls()(**ENDED)

    assert isinstance(forward, ForwardRequested)
    assert (forward.kind, forward.event_id, forward.customer) == (ForwardKind.CALL_RECEIVED, EVENT_ID, PHONE)
    assert forward.content == {
        "number": {"instance_id": "num_1", "phone_number_id": "1000000000001"},
        "call": {
            "id": "wacid.1",
            "event": "terminate",
            "direction": "USER_INITIATED",
            "status": "FAILED",
            "at": "2026-11-23T12:00:00+00:00",
        },
    }


async def test_a_call_by_the_business_is_not_notified() -> None:
    assert await Calls()(direction="BUSINESS_INITIATED") == []


async def test_a_missed_call_is_decided_like_one_that_3cx_tells() -> None:
    calls = Calls(an_integration(id="int_2", templates=MISSED_CALL), an_integration(templates=MISSED_CALL))

    [missed] = await calls(**ENDED)

    assert isinstance(missed, WebhookReceived)
    assert (missed.integration_id, missed.account_id, missed.dialect) == ("int_1", "acc_1", "whatsapp")
    assert (missed.payload.event_type, missed.payload.caller, missed.payload.user_id) == ("missed_call", PHONE, None)
    assert missed.derived_id(EVENT_ID) != missed.derived_id(UUID(int=1))


async def test_a_missed_call_of_a_customer_without_a_phone_names_the_user_id() -> None:
    [missed] = await Calls(an_integration(templates=MISSED_CALL))(customer=None, customer_user_id=USER, **ENDED)

    assert (missed.payload.caller, missed.payload.user_id) == (None, USER)


NOT_MISSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "it began": ({}, {}),
    "it was answered": ({"event": "terminate", "status": "COMPLETED"}, {}),
    "how it ended is not said": ({"event": "terminate"}, {}),
    "the business called": (ENDED | {"direction": "BUSINESS_INITIATED"}, {}),
    "it is told a day later": (ENDED | {"at": NOON - timedelta(days=1)}, {}),
    "there is no template": (ENDED, {"templates": {}}),
    "the template is off": (ENDED, {"templates": {"missed_call": Template(enabled=False, text="Sorry")}}),
    "the template is empty": (ENDED, {"templates": {"missed_call": Template(enabled=True, text=" ")}}),
    "the integration is off": (ENDED, {"enabled": False}),
    "call events are off": (ENDED, {"call_events_enabled": False}),
    "it is another account's integration": (ENDED, {"account_id": "acc_2"}),
}


@pytest.mark.parametrize(("call", "integration"), NOT_MISSED.values(), ids=NOT_MISSED)
async def test_no_other_call_is_a_missed_one(call: dict[str, Any], integration: dict[str, Any]) -> None:
    calls = Calls(an_integration(**({"templates": MISSED_CALL} | integration)))

    assert await calls(**call) == []


async def test_a_repetition_has_the_same_effect() -> None:
    calls = Calls(an_integration(forward_url=URL, templates=MISSED_CALL))

    first, again = await calls(**ENDED), await calls(**ENDED)

    assert [each.derived_id(EVENT_ID) for each in first] == [each.derived_id(EVENT_ID) for each in again]
