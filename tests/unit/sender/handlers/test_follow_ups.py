"""The events and effects of a result besides its answer."""

from typing import Any
from uuid import UUID, uuid5

from libs.chassis.subscriptions import Received
from libs.contracts.callback_data import callback_from
from libs.contracts.errors import ErrorCode
from libs.contracts.events import (
    Event,
    MessageSettled,
    SuppressionAdded,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Pseudonyms
from libs.providers.outcomes import OutcomeUnknown, Refused
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, Gateway, answer_in, approved, received

CALLBACK = callback_from(EVENT, Pseudonyms(b"k" * 32))


def a_status(status: str = "delivered", **changes: Any) -> Received[WhatsAppStatusReceived]:
    fields = {
        "account_id": "a1",
        "number_id": "n1",
        "message_id": "wamid.1",
        "status": status,
        "at": NOON,
        "customer": "+966500000001",
        "callback_data": CALLBACK,
    }
    event = WhatsAppStatusReceived.model_validate(fields | changes)
    return Received(event=event, id=uuid5(UUID(int=7), f"{event.message_id}:{status}"), at=NOON)


def kinds(said: Any) -> list[type[Event]]:
    return [type(event) for event in said]


async def test_a_status_between_the_look_and_the_note_still_settles() -> None:
    gateway = Gateway.answering(OutcomeUnknown("timeout"))
    handler = gateway.handler()
    finish = gateway.ledger.finish

    async def status_comes_in_between(*args: Any, **fields: Any) -> Any:
        await gateway.status_handler()(a_status("sent"))
        return await finish(*args, **fields)

    gateway.ledger.finish = status_comes_in_between  # type: ignore[method-assign]  # a race, forced
    said = await handler(received(approved()))

    assert answer_in(said).code is ErrorCode.GATEWAY_SEND_FAILED
    assert MessageSettled in kinds(said)


async def test_a_call_that_is_refused_for_marketing_suppresses_too() -> None:
    gateway = Gateway.answering(Refused(code=131050, http_status=400))

    said = await gateway.handler()(received(approved()))

    assert kinds(said)[1:] == [SuppressionAdded]


async def test_a_call_that_is_refused_for_a_restriction_restricts_the_number() -> None:
    gateway = Gateway.answering(Refused(code=131048, http_status=400))

    await gateway.handler()(received(approved()))

    assert gateway.restrictions.kinds() == [("spam", "n1")]
    assert gateway.restrictions.names() == ["restriction.added", "number.paused"]
