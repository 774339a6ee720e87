"""The invariant of DESIGN §5 and RELIABILITY §A.6, checked from outside after every scenario.

Every event that was answered 2xx has exactly one terminal record, or is a dead letter with a reason; WhatsApp received
nothing that was not claimed first, and nothing twice; what the caller was told is what happened; no queue keeps
anything but dead letters.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aio_pika

from libs.chassis.amqp.envelope import REASON
from libs.chassis.topology import WORK_QUEUES, all_queues
from libs.contracts.callback import event_id_from
from libs.contracts.events import MessageApproved, WebhookAnswered
from tests.e2e.driver import Answer, Gateway, Line
from tests.e2e.waiting import eventually

DRAIN_SECONDS = 60.0
"""Longer than any lease and pause of the settings that tests use."""
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Findings:
    """What the check found; it holds when `faults` is empty."""

    figures: dict[str, Any]
    faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """True when the invariant stands."""
        return not self.faults


async def ledger_check(gateway: Gateway, lines: Iterable[Line], told: Mapping[str, Answer]) -> Findings:
    """Check all that happened on these lines; `told` is the last answer that each event's caller got."""
    letters = await drained(gateway)
    accounts = sorted({line.account_id for line in lines})
    numbers = sorted({line.number for line in lines})
    answers = [
        record for each in accounts for record in await gateway.records(account_id=each, type=WebhookAnswered.name)
    ]
    approved = {
        record["event_id"]
        for each in accounts
        for record in await gateway.records(account_id=each, type=MessageApproved.name)
    }
    received = [message for each in numbers for message in await gateway.whatsapp.messages(phone_number_id=each)]
    return judged(
        told=told,
        terminal=answers,
        approved=approved,
        received=[(event_of(gateway, message.callback), message.id) for message in received],
        claimed=claimed_in(gateway),
        letters=letters,
        chain=await chain_verifies(gateway),
    )


def judged(
    *,
    told: Mapping[str, Answer],
    terminal: list[dict[str, Any]],
    approved: set[str],
    received: list[tuple[str, str]],
    claimed: set[str],
    letters: Mapping[str, str],
    chain: bool | None,
) -> Findings:
    """Compare what was told, recorded, claimed and received; pure."""
    records = {record["event_id"]: record for record in terminal}
    counted = Counter(record["event_id"] for record in terminal)
    sent = dict(received)
    twice = [event for event, count in Counter(event for event, _ in received).items() if count > 1]
    accepted = {event for event, answer in told.items() if answer.status in {200, 202}}
    faults = {
        "accepted without a record": accepted - set(records) - set(letters),
        "more than one terminal record": {event for event, count in counted.items() if count > 1},
        "dead without a reason": {event for event, reason in letters.items() if not reason},
        "sent twice": set(twice),
        "sent without a claim": {event for event, _ in received} - claimed,
        "sent without an approval": {event for event, _ in received} - approved,
        "told otherwise than recorded": {e for e, a in told.items() if e in records and not _agree(a, records[e])},
        "recorded as sent, not received": {e for e, r in records.items() if r["code"] == "sent" and e not in sent},
        "received, recorded as refused": {e for e in sent if e in records and not _may_be_sent(records[e])},
        "another message id": {e for e, r in records.items() if r["code"] == "sent" and sent.get(e) != _message(r)},
        "the chain does not verify": {"verify"} if chain is False else set(),
    }
    figures = {
        "accepted": len(accepted),
        "terminal_records": len(terminal),
        "received": len(received),
        "lost": len(faults["accepted without a record"]),
        "twice": len(twice),
        "unknown": sum(_unknown(record) for record in terminal),
        "dead_letters": len(letters),
        "chain": chain,
    }
    return Findings(figures, {name: sorted(found)[:10] for name, found in faults.items() if found})


def _agree(answer: Answer, record: Mapping[str, Any]) -> bool:
    return answer.word in {"pending", record["code"]}


def _unknown(record: Mapping[str, Any]) -> bool:
    return bool((record["details"].get("details") or {}).get("outcome") == "unknown")


def _may_be_sent(record: Mapping[str, Any]) -> bool:
    return record["code"] == "sent" or _unknown(record)


def _message(record: Mapping[str, Any]) -> str | None:
    found = record["details"].get("message_id")
    return None if found is None else str(found)


def event_of(gateway: Gateway, callback: str | None) -> str:
    """The event that a message's callback data names; the data itself when it is not ours."""
    found = event_id_from(callback or "", gateway.stack.secrets["GATEWAY_HASH_KEY"].encode())
    return str(found) if isinstance(found, UUID) else f"not ours: {callback}"


def claimed_in(gateway: Gateway) -> set[str]:
    """The events that the ledger has an entry for, read from its file without the gateway's help."""
    path = Path("/" + urlsplit(gateway.stack.settings["GATEWAY_STORE_URL"]).path.lstrip("/"))
    ledger = path.with_name(f"{path.stem}-ledger{path.suffix}")
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        return {row[0] for row in connection.execute("SELECT event_id FROM entries")}
    finally:
        connection.close()


async def drained(gateway: Gateway, *, seconds: float = DRAIN_SECONDS) -> dict[str, str]:
    """Wait until no queue and no service has work left; the dead letters that remain, with their reasons."""

    left: dict[str, float] = {}

    async def idle() -> bool:
        left.clear()
        left.update({name: count for name, count in (await depths(gateway) | await in_hand(gateway)).items() if count})
        return not left

    async def idle_twice() -> bool:
        return await idle() and await idle()  # what was between a queue and a hand is seen the second time

    try:
        await eventually(idle_twice, seconds=seconds, pause=0.1)
    except AssertionError:
        raise AssertionError(f"work is left after {seconds:g} s: {left}") from None
    return await dead_letters(gateway)


async def depths(gateway: Gateway) -> dict[str, float]:
    """How many messages are ready in each queue, dead letters left out, and queues that no service listens to yet."""
    async with await aio_pika.connect(gateway.amqp_url) as connection:
        channel = await connection.channel()
        if gateway.unheard is None:
            heard = [await channel.get_queue(work.name, ensure=True) for work in WORK_QUEUES]
            gateway.unheard = {queue.name for queue in heard if not queue.declaration_result.consumer_count}
        left_out = gateway.unheard | {work.dead for work in WORK_QUEUES}
        names = [queue.name for queue in all_queues() if queue.name not in left_out]
        found = [await channel.get_queue(name, ensure=True) for name in names]
        return {queue.name: queue.declaration_result.message_count or 0 for queue in found}


async def in_hand(gateway: Gateway) -> dict[str, float]:
    """How many deliveries each service is working on."""
    services = ("policy", "sender", "audit")
    return {f"in hand of {each}": await gateway.metric(each, "gateway_deliveries_in_hand") for each in services}


async def dead_letters(gateway: Gateway) -> dict[str, str]:
    """Message id and reason of everything that was set aside; it stays where it is."""
    found: dict[str, str] = {}
    async with await aio_pika.connect(gateway.amqp_url) as connection:
        for work in WORK_QUEUES:
            channel = await connection.channel()
            queue = await channel.get_queue(work.dead, ensure=False)
            while (letter := await queue.get(fail=False)) is not None:
                died = letter.headers.get(
                    "x-first-death-reason", ""
                )  # the broker's own word, for what broke a consumer
                found[letter.message_id or f"{work.name} {len(found)}"] = str(letter.headers.get(REASON) or died)
            await channel.close()  # gives all of them back
    cursor: dict[str, str] | None = {}
    while cursor is not None:  # those that console has taken out of the broker
        page = await gateway.done("GET", "/dead-letters", status="waiting", limit=200, **cursor)
        found |= {letter["message_id"] or letter["id"]: letter["reason"] for letter in page["items"]}
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
    return found


async def chain_verifies(gateway: Gateway) -> bool | None:
    """What the gateway says of its own record; None while it has no chain."""
    answer = await gateway.api("GET", "/audit/verify")
    return None if answer.status == 404 else bool(answer.body.get("ok"))


async def finals(gateway: Gateway, told: Iterable[tuple[Line, Answer]]) -> dict[str, Answer]:
    """The final answer of each event, by its id: those that are pending are asked for."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(line: Line, answer: Answer) -> Answer:
        async with slots:
            return await gateway.final(line, answer, seconds=60.0)

    return {answer.event_id: answer for answer in await asyncio.gather(*(one(*each) for each in told))}
