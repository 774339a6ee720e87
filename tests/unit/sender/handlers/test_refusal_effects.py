"""What a refusal means beyond its message: windows, suppressions, pauses and held buckets."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from libs.chassis.subscriptions import Received
from libs.contracts.callback_data import callback_from
from libs.contracts.events import (
    Event,
    SuppressionAdded,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Pseudonyms
from libs.providers.outcomes import Accepted
from services.sender.handlers.statuses import HandleStatus
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, Gateway, approved

CALLBACK = callback_from(EVENT, Pseudonyms(b"k" * 32))

TAKEN = Accepted(message_id="wamid.1")


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


def failed(*codes: int, **changes: Any) -> Received[WhatsAppStatusReceived]:
    return a_status("failed", provider_codes=codes, **changes)


async def after(*outcomes: Any) -> tuple[Gateway, HandleStatus]:
    """A gateway that has delivered one message, with these outcomes of its calls."""
    gateway = Gateway.answering(*(outcomes or (TAKEN,)))
    await gateway.process()(approved())
    return gateway, gateway.status_handler()


def kinds(said: Any) -> list[type[Event]]:
    return [type(event) for event in said]


async def test_a_window_that_whatsapp_says_is_closed_is_closed_at_whatsapps_time() -> None:
    gateway, follow = await after()

    await follow(failed(131047, at=NOON - timedelta(seconds=3)))

    assert gateway.conversations.closed == {("n1", "c1"): NOON - timedelta(seconds=3)}


async def test_who_wants_no_marketing_is_suppressed_for_marketing_alone() -> None:
    gateway, follow = await after()

    added, _ = await follow(failed(131050))

    assert isinstance(added, SuppressionAdded)
    assert (added.kind, added.source, added.number_id, added.integration_id) == ("marketing", "provider", "n1", "i1")
    assert gateway.suppressions.rows["c1"].kind == "marketing"
    assert "+966500000001" not in str(gateway.suppressions.rows["c1"].evidence)


async def test_a_suppression_that_stood_before_is_not_told_again() -> None:
    gateway, follow = await after()
    await follow(failed(131050))
    other = gateway.suppressions.rows["c1"]
    gateway.suppressions.rows["c1"] = type(other)(
        **{name: getattr(other, name) for name in other.__slots__} | {"id": "sup_x"}
    )

    assert SuppressionAdded not in kinds(await follow(failed(131050)))


async def test_a_throttle_told_by_status_holds_its_bucket() -> None:
    gateway, follow = await after()

    await follow(failed(131056))

    [held] = [name for name in gateway.ledger.holds() if name.startswith("pair:")]
    assert held == "pair:n1:c1"


async def test_an_old_throttle_holds_nothing() -> None:
    gateway, follow = await after()

    await follow(failed(131056, at=NOON - timedelta(hours=1)))

    assert gateway.ledger.holds() == {}
