"""What is written for an event stays the same, byte for byte: hashes of the record are made of it.

`golden_records.json` has the canonical form of a record of every event about a known person, and where it is another
one about nobody known.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.content import InteractiveRequest, MediaKind, MediaRequest, ReplyButton, TemplateRequest
from libs.contracts.decisions import RuleReceipt
from libs.contracts.events import (
    BY_NAME,
    Event,
    MessageApproved,
    RecordsPurged,
    SuppressionAdded,
    WebhookAnswered,
    WebhookPayload,
    WebhookReceived,
    WhatsAppAccountUpdated,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Pseudonyms
from libs.record.canonical import canonical_bytes
from libs.store.chain_links import values_from
from libs.store.records import Record
from libs.store.subjects import SubjectKey
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents
from tests.contract.wire.examples import EXAMPLES

GOLDEN = json.loads((Path(__file__).parent / "golden_records.json").read_text("utf-8"))
NOON = datetime(2026, 11, 23, 12, 0, 0, 250, UTC)
ID = UUID(int=7)
PHONE = "+966500000000"
WAMID = "wamid.HBgMOTY2NTAwMDAwMDAwFQIAERgSQUJDREVG"
VALUES: dict[str, Any] = {
    "a number": "call +966 50 123 4567 or 0501-234-567",
    "in another script": "٠٥٠١٢٣٤٥٦٧",
    "wide": "０５０１２３４５６７",
    "a time": "2026-11-23T10:00:00.123456+03:00",
    "a time and a number": "2026-11-23 10:00:00Z 0501234567",
    "a day": "2026-11-23",
    "hours": "09:00-17:30",
    "an address": "192.0.2.101",
    "a long address": "2001:db8::1234:5678",
    "an address with a zone": "fe80::1234:5678:9abc%eth0",
    "an id": f"acc_{'1234567890abcdef' * 2}",
    "a uuid": "01234567-89ab-4cde-8f01-234567890123",
    "message_id": WAMID,
    "not named so": WAMID,
    "a word": "outbound_message",
    "short": "1.5",
    "whole": 966500000000,
    "part": 0.25,
    "true": True,
    "nothing": None,
    "a list": ["a", 1, None, "0501234567"],
    "no items": [],
}
NESTED: dict[str, Any] = VALUES | {
    "a list in a list": [["x", {"text_hash": "abc"}]],
    "an object": {"inner_hash": "abc", "plain": "x", "deeper": {"call_id": WAMID, "y": 1}},
    "no names": {},
}
TEMPLATE = {"name": "t", "language": "en", "category": "utility", "parameters": ["Somebody", 5], "header": ["1"]}
APPROVED: dict[str, Any] = {
    "account_id": "acc_1",
    "event_id": UUID(int=9),
    "event_type": "outbound_message",
    "reply_to": "i1",
    "number_id": f"num_{'0123456789abcdef' * 2}",
    "customer": PHONE,
    "customer_key": "ck",
    "text": "Hello Ä",
    "purpose": "support",
    "received_at": NOON.astimezone(timezone(timedelta(hours=3))),
}
WEBHOOK = WebhookPayload(
    event_type="missed_call",
    to=PHONE,
    from_=PHONE,
    phone=PHONE,
    text="Hello",
    message_purpose="call 0501234567",
    conversation_id=f"wa-{PHONE}",
    agent_extension="101",
    queue="Sales 0501234567",
    call_time="2026-11-23T10:00:00Z",
    direction="inbound",
    answered=False,
    template=TemplateRequest(name="t", language="en", body=["Somebody"]),
    media=MediaRequest(kind=MediaKind.IMAGE, url="https://example.com/a.png", caption="Hello"),
    interactive=InteractiveRequest(text="Yes?", buttons=(ReplyButton(id="1", title="Yes"),)),
    reply_to=WAMID,
)
FURTHER: dict[str, Event] = {
    "a webhook without anything": WebhookReceived(reply_to="i1", payload=WebhookPayload()),
    "a webhook with much": WebhookReceived(account_id="acc_1", integration_id="int_1", reply_to="i1", payload=WEBHOOK),
    "receipts of many values": MessageApproved(
        **APPROVED,
        receipt=(
            RuleReceipt(rule="a_rule", version=1, passed=True, inputs={"phone": "+9665•••••000", **VALUES}),
            RuleReceipt(rule="another", version=3, passed=False),
        ),
    ),
    "a template": MessageApproved(**APPROVED, template=TEMPLATE, chat={"customer": PHONE, "main_number": PHONE}),
    "media": MessageApproved(**APPROVED, media=WEBHOOK.media, interactive=WEBHOOK.interactive),
    "an answer with many details": WebhookAnswered(
        account_id="acc_1", event_id=UUID(int=9), reply_to="i1", code="sent", details=NESTED, message_id=WAMID
    ),
    "an answer about a key alone": WebhookAnswered(
        account_id="acc_1", event_id=UUID(int=9), reply_to="i1", code="daily_message_limit_exceeded", customer_key="ck"
    ),
    "evidence": SuppressionAdded(
        account_id="acc_1", suppression_id="s", kind="opt_out", source="keyword", evidence=NESTED, customer=PHONE
    ),
    "an update": WhatsAppAccountUpdated(topic="t", business_account_id="0501234567", update=NESTED),
    "what a customer wrote": WhatsAppMessageReceived(
        account_id="acc_1", number_id="n", message_id=WAMID, customer=PHONE, type="text", text="Hello", sent_at=NOON
    ),
    "a status": WhatsAppStatusReceived(
        account_id="acc_1", number_id="n", message_id=WAMID, status="failed", at=NOON, provider_codes=(131026, 1)
    ),
    "a purge": RecordsPurged(account_id="acc_1", up_to=7, count=7, before=NOON),
}
EVENTS = {example.name: example for example in EXAMPLES} | FURTHER


@dataclass
class KeptRecords:
    """Keeps records."""

    kept: list[Record] = field(default_factory=list)

    async def append(self, records: Sequence[Record]) -> int:
        self.kept += records
        return len(records)


@dataclass(frozen=True)
class Keys:
    """Every person has a key, or nobody."""

    known: bool

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        del new
        return {name: SubjectKey(name.encode().ljust(32)[:32]) for name in customer_keys if self.known}


class EverybodyErased:
    """So nobody gets a key."""

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        del account_id, customer_keys
        return datetime.max.replace(tzinfo=UTC)


async def written(*events: Event, known: bool, backdated: bool = False) -> list[str]:
    """The canonical forms of the events' records."""
    records: Any = KeptRecords()
    new_customers: Any = NewCustomers(EverybodyErased())  # type: ignore[arg-type]  # what it needs of the port
    record = RecordEvents(
        records, Keys(known), Pseudonyms(b"k" * 32), new_customers, clock=lambda: NOON + timedelta(seconds=1)
    )
    await record(
        [
            Received(event, id=ID, at=NOON, correlation_id="c", producer="policy", backdated=backdated)
            for event in events
        ]
    )
    return [canonical_bytes(1, values_from(each)).decode() for each in records.kept]


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("known", [True, False], ids=["of a known person", "of nobody known"])
async def test_the_record_of_an_event_is_what_it_always_was(name: str, *, known: bool) -> None:
    """A difference means that verifiers and readers of old and new records see two different things for one event."""
    golden = GOLDEN[name]

    assert await written(EVENTS[name], known=known) == [
        golden["known"] if known else golden.get("nobody", golden["known"])
    ]


@pytest.mark.parametrize("name", EVENTS)
async def test_an_event_that_was_read_from_its_message_leaves_the_same_record(name: str) -> None:
    event = EVENTS[name]
    again = BY_NAME[event.name].model_validate_json(event.model_dump_json())

    assert await written(again, known=True) == await written(event, known=True)


async def test_a_batch_has_the_records_of_its_events_each_by_itself() -> None:
    together = await written(*EVENTS.values(), known=True)

    assert together == [GOLDEN[name]["known"] for name in EVENTS]


async def test_the_mark_of_a_backdated_event_is_the_last_of_its_details() -> None:
    (plain,) = await written(FURTHER["a purge"], known=True)
    (flagged,) = await written(FURTHER["a purge"], known=True, backdated=True)

    mark = r",\"backdated\":true}"
    assert plain.count("}") == 1
    assert flagged == plain.replace("}", mark)
