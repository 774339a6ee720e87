"""The ledger check: compares answers, records, claims and received messages from outside after every scenario.

Every event that was answered 2xx has exactly one terminal record, or is a dead letter with a reason. WhatsApp received
nothing that was not claimed first, and nothing twice. The caller's answer equals the record. No queue holds anything
but dead letters.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aio_pika

from libs.chassis.amqp.envelope import REASON
from libs.chassis.topology import POSTS, WORK_QUEUES, all_queues
from libs.contracts.callback_data import event_id_from
from libs.contracts.events import MessageApproved, MessageReplaced, WebhookAnswered
from libs.contracts.identity import Pseudonyms
from tests.e2e.driver import Answer, Gateway, Integration
from tests.e2e.waiting import eventually
from tools.stack.stored_data import stored_data

DRAIN_SECONDS = 60.0
"""Longer than any lease and retry delay of the settings that tests use."""
AT_ONCE = 4
MANY = 20
"""More accounts than in one scenario: the check is about a whole run."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a check: figures, and the event ids of each kind of fault."""

    figures: dict[str, Any]
    faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """True when there is no fault."""
        return not self.faults


async def ledger_check(
    gateway: Gateway, integrations: Iterable[Integration], answers: Mapping[str, Answer]
) -> Findings:
    """Check everything that these integrations caused; `answers` holds the last answer of each event."""
    dead = await wait_until_drained(gateway)
    accounts = sorted({integration.account_id for integration in integrations})
    numbers = sorted({integration.number for integration in integrations})
    terminal = await records_of(gateway, accounts, WebhookAnswered.name)
    approved = {
        record["event_id"]
        for event in (MessageApproved, MessageReplaced)
        for record in await records_of(gateway, accounts, event.name)
    }
    received = [message for each in numbers for message in await gateway.whatsapp.messages(phone_number_id=each)]
    return findings_from(
        answers=answers,
        terminal=terminal,
        approved=approved,
        received=[(event_of(gateway, message.callback), message.id) for message in received],
        claimed=await asyncio.to_thread(stored_data(gateway.stack.settings["GATEWAY_STORE_URL"]).claimed_events),
        dead_letters=dead,
        chain_intact=await chain_verifies(gateway),
    )


async def records_of(gateway: Gateway, accounts: Sequence[str], name: str) -> list[dict[str, Any]]:
    """The records of these accounts and one type. Those of many accounts are asked for at once: most have few."""
    if len(accounts) <= MANY:
        return [record for each in accounts for record in await gateway.records(account_id=each, type=name)]
    wanted = set(accounts)
    return [record for record in await gateway.records(type=name) if record["account_id"] in wanted]


def findings_from(
    *,
    answers: Mapping[str, Answer],
    terminal: list[dict[str, Any]],
    approved: set[str],
    received: list[tuple[str, str]],
    claimed: set[str],
    dead_letters: Mapping[str, str],
    chain_intact: bool | None,
) -> Findings:
    """Compare answers, terminal records, claims and received messages. Pure: it does no I/O."""
    records = {record["event_id"]: record for record in terminal}
    counted = Counter(record["event_id"] for record in terminal)
    sent = dict(received)
    twice = [event for event, count in Counter(event for event, _ in received).items() if count > 1]
    accepted = {event for event, answer in answers.items() if answer.status in {200, 202}}
    faults = {
        "accepted without a record": accepted - set(records) - set(dead_letters),
        "more than one terminal record": {event for event, count in counted.items() if count > 1},
        "dead without a reason": {event for event, reason in dead_letters.items() if not reason},
        "sent twice": set(twice),
        "sent without a claim": {event for event, _ in received} - claimed,
        "sent without an approval": {event for event, _ in received} - approved,
        "answer differs from the record": {e for e, a in answers.items() if e in records and not _agree(a, records[e])},
        "recorded as sent, not received": {e for e, r in records.items() if r["code"] == "sent" and e not in sent},
        "received, recorded as refused": {e for e in sent if e in records and not _may_be_sent(records[e])},
        "another message id": {e for e, r in records.items() if r["code"] == "sent" and sent.get(e) != _message(r)},
        "the chain does not verify": {"verify"} if chain_intact is False else set(),
    }
    figures = {
        "accepted": len(accepted),
        "terminal_records": len(terminal),
        "received": len(received),
        "lost": len(faults["accepted without a record"]),
        "twice": len(twice),
        "unknown": sum(_unknown(record) for record in terminal),
        "dead_letters": len(dead_letters),
        "chain": chain_intact,
    }
    return Findings(figures, {name: sorted(found)[:10] for name, found in faults.items() if found})


def _agree(answer: Answer, record: Mapping[str, Any]) -> bool:
    return answer.result in {"pending", record["code"]}


def _unknown(record: Mapping[str, Any]) -> bool:
    return bool((record["details"].get("details") or {}).get("outcome") == "unknown")


def _may_be_sent(record: Mapping[str, Any]) -> bool:
    return record["code"] == "sent" or _unknown(record)


def _message(record: Mapping[str, Any]) -> str | None:
    found = record["details"].get("message_id")
    return None if found is None else str(found)


def event_of(gateway: Gateway, callback: str | None) -> str:
    """The event id in a message's callback data; the data itself when the gateway did not make it."""
    found = event_id_from(callback or "", Pseudonyms(gateway.stack.secrets["GATEWAY_HASH_KEY"].encode()))
    return str(found) if isinstance(found, UUID) else f"not ours: {callback}"


async def wait_until_drained(gateway: Gateway, *, seconds: float = DRAIN_SECONDS) -> dict[str, str]:
    """Wait until no queue and no service has work left; returns the remaining dead letters with their reasons."""

    left: dict[str, float] = {}

    async def idle() -> bool:
        left.clear()
        left.update(
            {name: count for name, count in (await queue_depths(gateway) | await in_flight(gateway)).items() if count}
        )
        return not left

    async def idle_twice() -> bool:
        return await idle() and await idle()  # a delivery between queue and service is seen the second time

    try:
        await eventually(idle_twice, seconds=seconds, pause=0.1)
    except AssertionError:
        raise AssertionError(f"work is left after {seconds:g} s: {left}") from None
    return await dead_letters(gateway)


async def queue_depths(gateway: Gateway) -> dict[str, float]:
    """Messages ready in each queue, without dead-letter queues and queues that have no consumer yet."""
    async with await aio_pika.connect(gateway.amqp_url) as connection:
        channel = await connection.channel()
        if gateway.queues_without_consumer is None:
            queues = [await channel.get_queue(work.name, ensure=True) for work in WORK_QUEUES]
            gateway.queues_without_consumer = {
                queue.name for queue in queues if not queue.declaration_result.consumer_count
            }
        excluded = gateway.queues_without_consumer | {work.dead_letter_queue for work in WORK_QUEUES}
        names = [queue.name for queue in all_queues() if queue.name not in excluded]
        found = [await channel.get_queue(name, ensure=True) for name in names]
        return {queue.name: queue.declaration_result.message_count or 0 for queue in found}


async def in_flight(gateway: Gateway) -> dict[str, float]:
    """Deliveries that each service is processing."""
    services = ("policy", "sender", "audit")
    return {f"in flight in {each}": await gateway.metric(each, "gateway_deliveries_in_flight") for each in services}


async def dead_letters(gateway: Gateway) -> dict[str, str]:
    """Message id and reason of every dead letter; all of them stay in their queues.

    Without providers' posts that could not be read: tests post such on purpose, and no event was accepted for them.
    """
    found: dict[str, str] = {}
    async with await aio_pika.connect(gateway.amqp_url) as connection:
        for work in (each for each in WORK_QUEUES if each != POSTS):
            channel = await connection.channel()
            queue = await channel.get_queue(work.dead_letter_queue, ensure=False)
            while (message := await queue.get(fail=False)) is not None:
                died = message.headers.get(
                    "x-first-death-reason", ""
                )  # set by the broker when the delivery limit was reached
                found[message.message_id or f"{work.name} {len(found)}"] = str(message.headers.get(REASON) or died)
            await channel.close()  # requeues all of them
    cursor: dict[str, str] | None = {}
    while cursor is not None:  # those that console has moved into the store
        page = await gateway.done("GET", "/dead-letters", status="waiting", limit=200, **cursor)
        found |= {
            letter["message_id"] or letter["id"]: letter["reason"]
            for letter in page["items"]
            if letter["queue"] != POSTS.name
        }
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
    return found


async def chain_verifies(gateway: Gateway) -> bool | None:
    """The result of `GET /audit/verify`; None while there is no chain."""
    answer = await gateway.api("GET", "/audit/verify")
    return None if answer.status == 404 else bool(answer.body.get("ok"))


async def final_answers(gateway: Gateway, answers: Iterable[tuple[Integration, Answer]]) -> dict[str, Answer]:
    """The final answer of each event, by event id; the status address is polled for pending ones."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(integration: Integration, answer: Answer) -> Answer:
        async with slots:
            return await gateway.final_answer(integration, answer, seconds=60.0)

    return {answer.event_id: answer for answer in await asyncio.gather(*(one(*each) for each in answers))}
