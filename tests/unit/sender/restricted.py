"""Numbers that share owners and tokens, and what restricts them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from libs.chassis.subscriptions import Received
from libs.contracts.callback_data import callback_from
from libs.contracts.events import WhatsAppStatusReceived
from libs.providers.outcomes import Accepted
from libs.store.restrictions import Restriction, RestrictionKind, of_number
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, PSEUDONYMS, Gateway, a_number, approved

TAKEN = Accepted(message_id="wamid.1")
TEMPLATE = {"name": "order", "language": "en", "parameters": ["12"]}
NUMBERS = (
    a_number(business_account_id="w1"),
    a_number(id="n2", phone_number_id="1066", business_account_id="w1", sealed_token="other"),
    a_number(id="n3", phone_number_id="1067", account_id="a2", business_account_id="w1", sealed_token="third"),
    a_number(id="n4", phone_number_id="1068", account_id="a3", business_account_id="w2"),
)
"""n2 and n3 are of the same business account as n1; n4 has the same token."""


def a_gateway(*outcomes: Any, **fields: Any) -> Gateway:
    return Gateway.answering(*outcomes, numbers=FakeNumbers(NUMBERS), **fields)


def a_template(**fields: Any) -> Any:
    return approved(**({"text": "", "template": TEMPLATE} | fields))


def failed_by(*codes: int, at: Any = NOON) -> Received[WhatsAppStatusReceived]:
    event = WhatsAppStatusReceived(
        account_id="a1",
        number_id="n1",
        message_id="wamid.1",
        status="failed",
        at=at,
        customer="+966500000001",
        callback_data=callback_from(EVENT, PSEUDONYMS),
        provider_codes=codes,
    )
    return Received(event=event, id=uuid5(UUID(int=7), "failed"), at=NOON)


def a_restriction(kind: RestrictionKind, **fields: Any) -> Restriction:
    given: dict[str, Any] = {
        "id": "res_1",
        "account_id": "a1",
        "subject": of_number("n1"),
        "kind": kind,
        "cause": "190",
        "since": NOON - timedelta(hours=2),
    }
    return Restriction(**(given | fields))


async def restricted(gateway: Gateway, code: int, **fields: Any) -> None:
    """Restrict as a status with `code` does, and forget the message that led to it."""
    await gateway.process()(a_template(event_id=UUID(int=77)))
    status = failed_by(code, **fields)
    event = status.event.model_copy(update={"callback_data": callback_from(UUID(int=77), PSEUDONYMS)})
    await gateway.status_handler()(replace(status, event=event))
    gateway.provider.offered.clear()
