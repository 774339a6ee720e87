"""A receipt follows a delivered forward where the integration wants it, is tried once, and changes nothing else."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, ForwardDelivered, ForwardFailed, ForwardRequested, MessageMarkedRead
from libs.contracts.forwards import ForwardKind
from libs.providers.outgoing import NumberCredentials
from libs.store.accounts import Account, Integration, Number, ReadReceiptMode
from services.sender.handlers.read_receipts import ForwardAndMarkRead, MarkRead
from tests.builders import EVENT_ID, NOON, PHONE, PSEUDONYMS, a_number, an_integration

ON = ReadReceiptMode.ON_FORWARD


@dataclass
class WhatsApp:
    """Takes receipts; hangs, or refuses them, where a case says so."""

    takes: bool = True
    hangs: bool = False
    marked: list[str] = field(default_factory=list)
    typing: list[bool] = field(default_factory=list)

    async def mark_read(self, number: NumberCredentials, message_id: str, *, typing: bool = False) -> bool:
        self.marked.append(message_id)
        self.typing.append(typing)
        if self.hangs:
            await asyncio.Event().wait()
        return self.takes


@dataclass
class Rows:
    """One number and one integration."""

    mode: ReadReceiptMode = ON
    provider: str = "cloud_api"
    readable: bool = True

    async def account(self, account_id: str) -> Account | None:
        return None

    async def integration(self, integration_id: str) -> Integration | None:
        return an_integration(read_receipts=self.mode)

    async def number(self, number_id: str | None = None, **_: Any) -> Number | None:
        return a_number(provider=self.provider)

    def credentials(self, number: Number) -> NumberCredentials | None:
        made = NumberCredentials(number_id=number.id, phone_number_id="1", access_token="t")
        return made if self.readable else None


def forwarded(kind: ForwardKind = ForwardKind.MESSAGE_RECEIVED, **changes: Any) -> Received[ForwardRequested]:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "integration_id": "int_1",
        "event_id": EVENT_ID,
        "number_id": "num_1",
        "at": NOON,
        "customer": PHONE,
        "content": {"message": {"id": "wamid.5", "type": "text"}},
    }
    event = ForwardRequested(kind=kind, **(known | changes))
    return Received(event=event, id=UUID(int=7), at=NOON, attempt=1)


async def deliver(received: Received[ForwardRequested]) -> Event:
    fields = {"forward_id": received.id, "kind": received.event.kind, "attempts": 1}
    return ForwardDelivered(event_id=received.event.event_id, status=200, **fields)


def handler(whatsapp: WhatsApp, rows: Rows | None = None, delivery: Any = deliver) -> ForwardAndMarkRead:
    own: Any = rows or Rows()
    mark = MarkRead(
        directory=own,
        numbers=own,
        receipts={"cloud_api": whatsapp},
        pseudonyms=PSEUDONYMS,
        clock=lambda: NOON,
        seconds=0.05,
    )
    return ForwardAndMarkRead(delivery, mark)


async def test_a_message_that_was_forwarded_is_marked_as_read() -> None:
    whatsapp = WhatsApp()

    delivered, marked = await handler(whatsapp)(forwarded())

    assert isinstance(delivered, ForwardDelivered)
    assert whatsapp.marked == ["wamid.5"]
    assert marked == MessageMarkedRead(
        account_id="acc_1",
        integration_id="int_1",
        event_id=EVENT_ID,
        number_id="num_1",
        message_id="wamid.5",
        customer_key=PSEUDONYMS.customer_key("acc_1", PHONE),
        at=NOON,
    )


NOT_MARKED: dict[str, tuple[WhatsApp, Rows, Received[ForwardRequested]]] = {
    "an integration that did not ask for it": (WhatsApp(), Rows(an_integration().read_receipts), forwarded()),
    "a provider that takes no receipts": (WhatsApp(), Rows(provider="evolution"), forwarded()),
    "a token that cannot be read": (WhatsApp(), Rows(readable=False), forwarded()),
    "a status": (WhatsApp(), Rows(), forwarded(ForwardKind.MESSAGE_STATUS_UPDATED)),
    "an opt-out": (WhatsApp(), Rows(), forwarded(ForwardKind.RECIPIENT_OPTED_OUT, content={"opt_out": {"id": "s"}})),
    "a message without an id": (WhatsApp(), Rows(), forwarded(content={"message": {}})),
    "no number": (WhatsApp(), Rows(), forwarded(number_id=None)),
}


@pytest.mark.parametrize(("whatsapp", "rows", "received"), NOT_MARKED.values(), ids=NOT_MARKED.keys())
async def test_nothing_is_marked(whatsapp: WhatsApp, rows: Rows, received: Received[ForwardRequested]) -> None:
    events = await handler(whatsapp, rows)(received)

    assert [type(event) for event in events] == [ForwardDelivered]
    assert whatsapp.marked == []


@pytest.mark.parametrize("whatsapp", [WhatsApp(takes=False), WhatsApp(hangs=True)], ids=["refused", "no answer"])
async def test_a_receipt_that_fails_is_tried_once_and_the_forward_stays_delivered(
    whatsapp: WhatsApp,
) -> None:
    events = await handler(whatsapp)(forwarded())

    assert [type(event) for event in events] == [ForwardDelivered]
    assert whatsapp.marked == ["wamid.5"]


async def test_what_was_not_forwarded_is_not_marked() -> None:
    whatsapp = WhatsApp()

    async def fail(received: Received[ForwardRequested]) -> Event:
        return ForwardFailed(
            event_id=EVENT_ID, forward_id=received.id, kind=received.event.kind, attempts=0, reason="x"
        )

    async def wait(_: Received[ForwardRequested]) -> Event:
        raise RetryLater("http_503")

    await handler(whatsapp, delivery=fail)(forwarded())
    with pytest.raises(RetryLater):
        await handler(whatsapp, delivery=wait)(forwarded())

    assert whatsapp.marked == []


async def test_a_repeated_forward_leads_to_the_same_event() -> None:
    made = [await handler(WhatsApp())(forwarded()) for _ in range(2)]

    ids = {events[1].derived_id(UUID(int=7)) for events in made}
    assert len(ids) == 1
