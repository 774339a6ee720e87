"""Whatever somebody puts on a queue becomes a listed dead letter within its tries, and hides no other message."""

import base64
import json
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis.amqp import dead_letters
from libs.chassis.amqp.dead_letter_messages import MAX_BODY
from libs.chassis.subscriptions import DeadLettered, Received, on
from libs.chassis.topology import DEAD_LETTER_EXCHANGE, EXCHANGE, RECORDS, WEBHOOKS
from libs.contracts.errors import unavailable
from libs.contracts.events import WebhookReceived
from tests.integration.chassis.raw_amqp import (
    APP_ID,
    CONTENT_TYPE,
    HEADERS,
    MESSAGE_ID,
    TIMESTAMP,
    TYPE,
    RawMessage,
    field,
    nest,
    raw_channel,
    short,
    table,
)
from tests.integration.chassis.world import broker_at, eventually, outside, stays_empty, webhook

HOSTILE: dict[str, RawMessage] = {
    "ids that are no text": RawMessage(b"{}", MESSAGE_ID | TYPE, short(b"\xff\xfe\xc3") + short(b"\xed\xa0\x80" * 80)),
    "a time beyond the calendar": RawMessage(b"{}", TIMESTAMP, struct.pack(">Q", 2**62)),
    "the latest time of all": RawMessage(b"{}", TIMESTAMP, struct.pack(">Q", 2**64 - 1)),
    "headers with a time beyond the calendar": RawMessage(
        b"{}", HEADERS, table(field(b"x-died-at", b"T", struct.pack(">Q", 2**63)))
    ),
    "a time of death of 2**62": RawMessage(
        b"{}", HEADERS, table(field(b"x-reason", b"S", struct.pack(">I", 1) + b"r")
                              + field(b"x-died-at", b"l", struct.pack(">q", 2**62)))
    ),
    "a negative time of death": RawMessage(
        b"{}", HEADERS, table(field(b"x-reason", b"S", struct.pack(">I", 1) + b"r")
                              + field(b"x-died-at", b"l", struct.pack(">q", -(2**63))))
    ),
    "a reason of NUL bytes": RawMessage(
        b"{}", HEADERS, table(field(b"x-reason", b"S", struct.pack(">I", 3) + b"\0\0\0"))
    ),
    "a reason that is no text": RawMessage(
        b"{}", HEADERS, table(field(b"x-reason", b"S", struct.pack(">I", 2) + b"\xff\xff"))
    ),
    "an attempt of 2**63 - 1": RawMessage(
        b"{}", HEADERS, table(field(b"x-attempt", b"l", struct.pack(">q", 2**63 - 1)))
    ),
    "a decimal, a float that is no number, bytes and nothing": RawMessage(
        b"{}", HEADERS, table(field(b"a", b"D", b"\xff" + struct.pack(">I", 2**32 - 1))
                              + field(b"b", b"d", struct.pack(">d", float("nan")))
                              + field(b"c", b"x", struct.pack(">I", 2) + b"\0\xff") + field(b"d", b"V", b""))
    ),
    "a header's name that is no text": RawMessage(b"{}", HEADERS, table(field(b"\xff\xff", b"t", b"\1"))),
    "lists nested 400 deep": RawMessage(b"{}", HEADERS, nest(400)),
    "lists nested 20,000 deep": RawMessage(b"{}", HEADERS, nest(20_000)),
    "tables nested 10,000 deep": RawMessage(b"{}", HEADERS, nest(10_000, kind=b"F")),
    "an x-death of somebody else": RawMessage(
        b"{}", HEADERS, table(field(b"x-death", b"A", struct.pack(">I", 5) + b"l" + b"\0" * 4))
    ),
    "a body of lone surrogates": RawMessage(b'{"account_id": "\\ud800", "integration_id": "\\udc00"}'),
    "ids of 1 MB": RawMessage(json.dumps({"account_id": "x" * 1_000_000}).encode()),
    "a body of NUL bytes": RawMessage(b"\0" * 1000),
    "an empty body": RawMessage(b""),
    "a deep nest": RawMessage(b"[" * 200_000),
    "a body of 5 MB": RawMessage(b"x" * 5_000_000),
    "everything at once": RawMessage(
        b"\xff" * 10, CONTENT_TYPE | HEADERS | MESSAGE_ID | TIMESTAMP | TYPE | APP_ID,
        short(b"\xff") + nest(5_000) + short(b"\xff" * 255) + struct.pack(">Q", 2**64 - 1)
        + short(b"webhook.received") + short(b"\0" * 255),
    ),
}  # fmt: skip


class Kept:
    """A store of dead letters that is as strict as ours: UTF-8, 64-bit numbers, 16 MB."""

    def __init__(self) -> None:
        self.letters: dict[str, DeadLettered] = {}

    async def __call__(self, letter: DeadLettered) -> None:
        listed = (letter.reason, letter.name, letter.message_id, letter.account_id, letter.integration_id)
        assert all(text is None or (text.isprintable() and len(text.encode()) <= 2_000) for text in listed)
        assert letter.attempts < 2**31
        assert len(letter.serialized.encode("ascii")) < 12_000_000
        self.letters[letter.id] = letter


def body_of(letter: DeadLettered) -> bytes:
    return base64.b64decode(json.loads(letter.serialized)["body"])


def sized(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


async def put(url: str, exchange: str, key: str, messages: dict[str, RawMessage]) -> dict[str, RawMessage]:
    """Publish each, and return those that the broker took. Bodies that say nothing get a number, to tell them apart."""
    taken = {}
    numbered = {
        name: replace(message, body=b'{"number": %d}' % number) if message.body == b"{}" else message
        for number, (name, message) in enumerate(messages.items())
    }
    for name, message in numbered.items():
        async with raw_channel(url) as channel:
            if await channel.publish(exchange, key, message):
                taken[name] = message
    return taken


async def test_whatever_is_on_a_dead_letter_queue_is_listed_with_its_whole_body(vhost: str) -> None:
    kept = Kept()
    async with broker_at(vhost) as broker, outside(vhost) as channel:
        taken = await put(vhost, DEAD_LETTER_EXCHANGE, WEBHOOKS.name, HOSTILE)
        assert len(taken) >= len(HOSTILE) - 3, "the broker itself refuses most of it: the test shows nothing"

        await broker.consume_dead_letters(kept)
        await eventually(lambda: len(kept.letters) == len(taken), seconds=30)
        await broker.drain(5)

        whole = sorted(message.body for message in taken.values() if len(message.body) <= MAX_BODY)
        bodies = [body_of(letter) for letter in kept.letters.values()]
        assert sorted(body for body in bodies if len(body) < MAX_BODY) == whole
        assert [len(body) for body in bodies if len(body) >= MAX_BODY] == [MAX_BODY]
        assert not any(letter.replayable for letter in kept.letters.values()), "nothing proves where they came from"
        assert await stays_empty(channel, WEBHOOKS.dead_letter_queue)


async def test_whatever_is_on_a_work_queue_becomes_a_dead_letter_and_its_neighbours_are_handled(vhost: str) -> None:
    kept, handled = Kept(), list[UUID]()

    async def handle(received: Received[WebhookReceived]) -> None:
        handled.append(received.id)

    async with broker_at(vhost) as broker, broker_at(vhost, "console") as console, outside(vhost) as channel:
        taken = await put(vhost, EXCHANGE, WebhookReceived.binding, HOSTILE)
        await broker.publish(webhook(), id=(event_id := uuid4()))
        await broker.consume(WEBHOOKS, (on(WebhookReceived, handle),), prefetch=4)
        await console.consume_dead_letters(kept)

        await eventually(lambda: len(kept.letters) == len(taken), seconds=60)
        assert handled == [event_id]
        assert {letter.queue for letter in kept.letters.values()} == {WEBHOOKS.name}
        await broker.drain(5)
        assert await stays_empty(channel, WEBHOOKS.name)


async def test_a_routing_key_that_is_no_text_ends_no_connection(vhost: str) -> None:
    kept, recorded = Kept(), list[UUID]()

    async def record(batch: Any) -> None:
        recorded.extend(received.id for received in batch)

    async with broker_at(vhost) as broker, raw_channel(vhost) as channel:
        assert await channel.publish(EXCHANGE, "x" * 20, RawMessage(), raw_key=b"\xff\xfe" * 10)
        await broker.publish(webhook(), id=(event_id := uuid4()))
        await broker.consume_in_batches(RECORDS, record, size=10)
        await broker.consume_dead_letters(kept)

        await eventually(lambda: kept.letters and event_id in recorded)


async def test_a_sample_of_random_properties_is_listed(vhost: str) -> None:
    kept, chance = Kept(), random.Random(20_261_128)
    flags = [CONTENT_TYPE, HEADERS, MESSAGE_ID, TIMESTAMP, TYPE, APP_ID]

    def a_field() -> bytes:
        kinds: dict[bytes, Callable[[bytes], bytes]] = {
            b"S": sized,
            b"x": sized,
            b"l": lambda value: value.ljust(8, b"\xff")[:8],
            b"T": lambda value: value.ljust(8, b"\xff")[:8],
            b"t": lambda value: value[:1] or b"\0",
            b"V": lambda _: b"",
        }
        kind = chance.choice(list(kinds))
        return field(chance.randbytes(chance.randrange(12)), kind, kinds[kind](chance.randbytes(chance.randrange(20))))

    def a_message() -> RawMessage:
        chosen = [flag for flag in flags if chance.random() < 0.6]
        values: dict[int, Callable[[], bytes]] = {
            HEADERS: lambda: table(b"".join(a_field() for _ in range(chance.randrange(4)))),
            TIMESTAMP: lambda: chance.randbytes(8),
        }
        made = [values.get(flag, lambda: short(chance.randbytes(chance.randrange(256))))() for flag in chosen]
        return RawMessage(chance.randbytes(chance.randrange(200)), sum(chosen), b"".join(made))

    messages = {str(number): a_message() for number in range(60)}
    async with broker_at(vhost) as broker:
        taken = await put(vhost, DEAD_LETTER_EXCHANGE, RECORDS.name, messages)
        await broker.consume_dead_letters(kept)

        await eventually(lambda: len(kept.letters) == len(taken), seconds=30)
        assert len(taken) > 40


async def test_a_letter_that_no_store_takes_as_it_is_hides_no_other_and_is_listed_with_less(
    vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "STORE_PAUSES", (0.01,))
    kept = Kept()

    async def strict(letter: DeadLettered) -> None:
        if letter.message_id is not None and letter.message_id.startswith("bad"):
            raise OverflowError("cannot be stored")
        await kept(letter)

    async with broker_at(vhost) as broker:
        async with raw_channel(vhost) as channel:
            for number in range(20):  # more than the prefetch
                name = b"bad-%d" % number
                await channel.publish(DEAD_LETTER_EXCHANGE, WEBHOOKS.name, RawMessage(b"{}", MESSAGE_ID, short(name)))
            await channel.publish(DEAD_LETTER_EXCHANGE, WEBHOOKS.name, RawMessage(b"{}", MESSAGE_ID, short(b"good")))
        await broker.consume_dead_letters(strict)

        await eventually(lambda: len(kept.letters) == 21)

    reasons = [letter.reason for letter in kept.letters.values()]
    assert reasons.count("could not be stored as it was: OverflowError") == 20
    assert all(body_of(letter) == b"{}" for letter in kept.letters.values())


async def test_an_outage_of_the_store_lessens_no_letter(vhost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "STORE_PAUSES", (0.01,))
    kept, refused = Kept(), 0

    async def away_for_a_while(letter: DeadLettered) -> None:
        nonlocal refused
        if refused < 20:
            refused += 1
            raise unavailable("store")
        await kept(letter)

    async with broker_at(vhost) as broker, raw_channel(vhost) as channel:
        await channel.publish(DEAD_LETTER_EXCHANGE, WEBHOOKS.name, RawMessage(b"{}", MESSAGE_ID, short(b"m")))
        await broker.consume_dead_letters(away_for_a_while)
        await eventually(lambda: kept.letters)

    (letter,) = kept.letters.values()
    assert letter.message_id == "m"
