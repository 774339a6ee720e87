"""A receipt of a replied message runs beside the reply, is tried once, and is for the newest message before it."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.errors import unavailable
from libs.contracts.events import Event, MessageApproved
from libs.store.accounts import Integration, ReadReceiptMode
from libs.store.inbound_messages import SEALED_FIELD, InboundMessage
from services.sender.handlers.read_receipts import MarkRead
from services.sender.handlers.reply_receipts import AT_ONCE, MarkReadOnReply
from tests.builders import EVENT_ID, NOON, PHONE, PSEUDONYMS, SEALER, an_integration
from tests.unit.sender.gateway import approved
from tests.unit.sender.handlers.test_read_receipts import Rows, WhatsApp

KEY = PSEUDONYMS.customer_key("acc_1", PHONE)
ON_REPLY = an_integration(read_receipts=ReadReceiptMode.ON_REPLY)
TYPING = an_integration(read_receipts=ReadReceiptMode.ON_REPLY, typing_indicator=True)
MESSAGE = InboundMessage(
    event_id=str(EVENT_ID),
    message_hash="h",
    account_id="acc_1",
    number_id="num_1",
    customer_key=KEY,
    sealed_message_id=SEALER.seal("wamid.7", owner=str(EVENT_ID), field_name=SEALED_FIELD),
    at=NOON - timedelta(minutes=1),
)


@dataclass
class World:
    """The store, the broker and WhatsApp."""

    integration: Integration = ON_REPLY
    cached: bool = True
    messages: list[InboundMessage] = field(default_factory=lambda: [MESSAGE])
    whatsapp: WhatsApp = field(default_factory=WhatsApp)
    store_is_away: bool = False
    broker_is_away: bool = False
    reads: int = 0
    published: list[tuple[UUID, Event]] = field(default_factory=list)

    def cached_integration(self, integration_id: str) -> Integration | None:
        return self.integration if self.cached else None

    async def integration_(self, integration_id: str) -> Integration | None:
        if self.store_is_away:
            raise unavailable("store")
        return self.integration

    async def find(self, reference: str) -> InboundMessage | None:
        return None

    async def newest(self, number_id: str, customer_keys: Collection[str], *, until: datetime) -> InboundMessage | None:
        self.reads += 1
        known = [each for each in self.messages if each.customer_key in customer_keys and each.at <= until]
        return max(known, key=lambda each: each.at, default=None)

    async def publish(self, event: Event, *, id: UUID, at: datetime | None = None) -> None:  # noqa: A002
        if self.broker_is_away:
            raise unavailable("broker")
        self.published.append((id, event))


class Integrations:
    """The integrations of a world."""

    def __init__(self, world: World) -> None:
        self.cached_integration, self.integration = world.cached_integration, world.integration_


def receipts(world: World, rows: Any = None) -> MarkReadOnReply:
    rows = rows or Rows()
    marking = MarkRead(
        directory=rows,
        numbers=rows,
        receipts={"cloud_api": world.whatsapp},
        pseudonyms=PSEUDONYMS,
        clock=lambda: NOON,
        seconds=0.05,
    )
    return MarkReadOnReply(
        integrations=Integrations(world),
        marking=marking,
        inbound_messages=world,
        sealer=SEALER,
        pseudonyms=PSEUDONYMS,
        publisher=world,
        clock=lambda: NOON,
    )


def a_reply(**changes: Any) -> MessageApproved:
    known: dict[str, Any] = {"account_id": "acc_1", "integration_id": "int_1", "number_id": "num_1", "customer": PHONE}
    return approved(**known | {"customer_key": "main", "received_at": NOON} | changes)


async def begun(world: World, *replies: MessageApproved, waits: bool = False, rows: Any = None) -> None:
    started = receipts(world, rows)
    for each in replies or (a_reply(),):
        started.begin(each, waits=waits)
        await started.wait_until_idle()


async def test_the_newest_message_before_the_reply_is_marked_and_recorded() -> None:
    world = World()
    world.messages += [
        replace(MESSAGE, event_id="older", at=NOON - timedelta(hours=1)),
        replace(MESSAGE, event_id="later", at=NOON + timedelta(seconds=1)),
        replace(MESSAGE, event_id="foreign", customer_key="somebody else", at=NOON),
    ]

    await begun(world)

    assert world.whatsapp.marked == ["wamid.7"]
    [(id_, event)] = world.published
    assert (event.event_id, event.message_id, event.customer_key) == (EVENT_ID, "wamid.7", "main")  # type: ignore[attr-defined]  # of the one event
    assert id_ == event.derived_id(a_reply().event_id)


async def test_a_reply_that_is_delivered_again_has_the_same_event() -> None:
    world = World()

    await begun(world)
    await begun(world)

    assert len({id_ for id_, _ in world.published}) == 1


async def test_several_replies_to_one_message_mark_it_once() -> None:
    world = World()

    await begun(world, a_reply(), a_reply(event_id=UUID(int=5)), a_reply(event_id=UUID(int=6)))

    assert world.whatsapp.marked == ["wamid.7"]


NOT_MARKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the rule is off": ({"integration": an_integration()}, {}),
    "the rule is for forwards": ({"integration": an_integration(read_receipts=ReadReceiptMode.ON_FORWARD)}, {}),
    "a call event's message is no reply": ({}, {"event_type": "missed_call"}),
    "nobody wrote": ({"messages": []}, {}),
    "the customer was erased": ({}, {"customer": None, "customer_key": ""}),
}


@pytest.mark.parametrize(("state", "changes"), NOT_MARKED.values(), ids=NOT_MARKED.keys())
@pytest.mark.parametrize("cached", [True, False])
async def test_nothing_is_marked_when(state: dict[str, Any], changes: dict[str, Any], *, cached: bool) -> None:
    world = World(cached=cached, **state)

    await begun(world, a_reply(**changes))

    assert (world.whatsapp.marked, world.published) == ([], [])


async def test_without_the_rule_a_reply_costs_no_read_and_no_task() -> None:
    world = World(integration=an_integration())
    started = receipts(world)

    started.begin(a_reply())

    assert (world.reads, started._running) == (0, set())


@pytest.mark.parametrize(("integration", "count"), [(TYPING, 1), (ON_REPLY, 0)], ids=["wanted", "not wanted"])
async def test_typing_is_shown_while_a_reply_waits_where_the_integration_wants_it(
    integration: Integration, count: int
) -> None:
    world = World(integration=integration)

    await begun(world, waits=True)

    assert world.whatsapp.typing == [True] * count


FAILURES = {
    "refused": {"whatsapp": WhatsApp(takes=False)},
    "no answer": {"whatsapp": WhatsApp(hangs=True)},
    "the store is away": {"store_is_away": True, "cached": False},
    "the broker is away": {"broker_is_away": True},
}


@pytest.mark.parametrize("state", FAILURES.values(), ids=FAILURES.keys())
async def test_a_receipt_that_fails_is_tried_once_and_raises_nothing(state: dict[str, Any]) -> None:
    world = World(**state)

    await begun(world)

    assert len(world.whatsapp.marked) <= 1
    assert world.published == []


async def test_slow_receipts_do_not_pile_up() -> None:
    world = World(whatsapp=WhatsApp(hangs=True))
    started = receipts(world)

    for number in range(AT_ONCE + 10):
        started.begin(a_reply(event_id=UUID(int=number)))
        await asyncio.sleep(0)

    assert len(world.whatsapp.marked) == AT_ONCE
    await started.wait_until_idle()
