"""`python -m bench.audit_events`: what recording an event costs audit in CPU, by step.

Times are CPU times of this process, so it needs neither a broker nor a quiet machine. The events are those of one
message: `webhook.received`, `message.approved` with the receipts of all rules, and `webhook.answered`. The record is on
SQLite, in batches as audit takes them in.
"""

import argparse
import asyncio
import base64
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import uuid4

from libs.chassis.amqp.authentication import sign
from libs.chassis.amqp.envelope import message_from
from libs.chassis.amqp.origin import received_on
from libs.chassis.event_keys import EventKeys, event_keys_from
from libs.chassis.subscriptions import MessageMetadata, Received
from libs.chassis.topology import EXCHANGE
from libs.contracts.decisions import RuleReceipt
from libs.contracts.events import Event, MessageApproved, WebhookAnswered, WebhookPayload, WebhookReceived
from libs.contracts.identity import Pseudonyms
from libs.contracts.results import AnswerStatus
from libs.store.factory import open_store
from libs.store.records import Records
from libs.store.sealer import sealer_from
from services.audit.adapters.subject_keys import CachedSubjectKeys
from services.audit.domain.records import customer_key_of, record_from
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents
from services.policy.rules import rules_for
from tools.event_keys import new_event_keys

QUEUE: Final = "audit.records"
BATCH: Final = 60
CUSTOMERS: Final = 20
_PRODUCERS: Final = {WebhookReceived: "ingress", MessageApproved: "policy", WebhookAnswered: "sender"}
PSEUDONYMS: Final = Pseudonyms(b"b" * 32)


def events_of(serial: int) -> tuple[Event, ...]:
    """The three events of one message."""
    account, phone, event_id = "acc_" + "0" * 32, f"+9665{serial % CUSTOMERS:08d}", uuid4()
    names: dict[str, Any] = {"account_id": account, "integration_id": "int_" + "0" * 32}
    key, now, reply_to = PSEUDONYMS.customer_key(account, phone), datetime.now(UTC), "ingress-1"
    payload = WebhookPayload(
        event_type="outbound_message",
        to=phone,
        text=f"Hello, your order {serial} is on its way and will be there this afternoon.",
        message_purpose="support",
        conversation_id=f"c{serial}",
        agent_extension="101",
    )
    received = WebhookReceived(**names, reply_to=reply_to, payload=payload)
    approved = MessageApproved(
        **names,
        event_id=event_id,
        event_type="outbound_message",
        reply_to=reply_to,
        number_id="num_" + "0" * 32,
        customer=phone,
        customer_key=key,
        text=payload.text or "",
        purpose="support",
        conversation_id=f"c{serial}",
        received_at=now,
        window_closes_at=now,
        receipt=tuple(
            RuleReceipt(rule=rule.name, version=rule.version, passed=True, inputs={"limit": 60, "purpose": "support"})
            for rule in rules_for(received)
        ),
    )
    answered = WebhookAnswered(
        **names,
        event_id=event_id,
        event_type="outbound_message",
        reply_to=reply_to,
        code=AnswerStatus.SENT,
        message_id=f"wamid.{serial}",
        purpose="support",
        customer=phone,
        received_at=now,
    )
    return received, approved, answered


def deliveries(count: int, keys: dict[str, EventKeys]) -> list[Any]:
    """Deliveries of `count` messages' events on audit's queue."""
    made = []
    names = ("body", "headers", "type", "message_id", "correlation_id", "app_id", "content_type", "timestamp")
    for event in (event for serial in range(count) for event in events_of(serial)):
        producer = _PRODUCERS[type(event)]
        message = message_from(event, MessageMetadata(id=uuid4(), at=datetime.now(UTC)), f"{producer}-1")
        sign(message, keys[producer])
        fields = {name: getattr(message, name) for name in names}
        made.append(SimpleNamespace(**fields, exchange=EXCHANGE, routing_key=event.routing_key, redelivered=False))
    return made


def microseconds(step: Callable[[], object], events: int, tries: int = 5) -> float:
    """The least of some tries for one of `events`: what else runs on the machine only adds."""
    found = []
    for _ in range(tries):
        began = time.process_time()
        step()
        found.append(time.process_time() - began)
    return min(found) / events * 1e6


def in_batches(received: Sequence[Received[Event]]) -> list[Sequence[Received[Event]]]:
    """As audit takes them in."""
    return [received[start : start + BATCH] for start in range(0, len(received), BATCH)]


async def run(messages: int) -> None:
    """Measure each step, and all of them."""
    keys = {service: event_keys_from(value, service) for service, value in new_event_keys().items()}
    incoming = deliveries(messages, keys)
    count = len(incoming)

    def read() -> list[Received[Event]]:
        return [received_on(QUEUE, each, keys["audit"]) for each in incoming]

    print(f"{'read and checked':<24} {microseconds(read, count):7.1f} us CPU an event")
    received = read()
    with tempfile.TemporaryDirectory(prefix="gateway-audit-") as folder:
        store = await open_store(f"sqlite:///{Path(folder) / 'gateway.db'}")
        try:
            sealer = sealer_from(f"k1:{base64.b64encode(os.urandom(32)).decode()}")
            subject_keys = CachedSubjectKeys(store.subjects, sealer)
            customers = {key for each in received if (key := customer_key_of(each.event, PSEUDONYMS)) is not None}
            subjects = await subject_keys.of(customers, new=customers)

            def made() -> None:
                for each in received:
                    subject = subjects.get(customer_key_of(each.event, PSEUDONYMS) or "")
                    record_from(each, pseudonyms=PSEUDONYMS, subject=subject, recorded_at=each.at)

            print(f"{'made into records':<24} {microseconds(made, count):7.1f} us CPU an event")
            await _recorded(store.records, subject_keys, NewCustomers(store.erased_customers), received)
        finally:
            await store.close()


async def _recorded(
    records: Records,
    keys: CachedSubjectKeys,
    new_customers: NewCustomers,
    received: Sequence[Received[Event]],
) -> None:
    record = RecordEvents(records, keys, PSEUDONYMS, new_customers)
    began = time.process_time()
    for batch in in_batches(received):
        await record(batch)
    took = (time.process_time() - began) / len(received) * 1e6
    print(f"{'made and stored':<24} {took:7.1f} us CPU an event, in batches of {BATCH}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit_events", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000)
    asyncio.run(run(parser.parse_args().messages))


if __name__ == "__main__":
    main()
