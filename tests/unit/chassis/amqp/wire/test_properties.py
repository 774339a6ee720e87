"""What is written reads the same with the library, and what the library writes reads the same here."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from aio_pika import DeliveryMode, Message
from hypothesis import given
from hypothesis import strategies as st
from pamqp import header

from libs.chassis.amqp.wire.properties import decoded, encoded, short
from libs.chassis.amqp.wire_decoders import UNREADABLE, tolerate_unreadable_properties

tolerate_unreadable_properties()
NAMES = (
    *("content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to"),
    *("expiration", "message_id", "timestamp", "message_type", "user_id", "app_id"),
)
text = st.text(max_size=40)
scalar = st.one_of(text, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())
value = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
headers = st.dictionaries(st.text(max_size=20), value, max_size=6)
times = st.integers(0, 2**32 - 1).map(lambda second: datetime.fromtimestamp(second, UTC))
messages = st.builds(
    Message,
    st.binary(max_size=60),
    headers=headers,
    content_type=st.none() | text,
    content_encoding=st.none() | text,
    delivery_mode=st.sampled_from(DeliveryMode),
    correlation_id=st.none() | text,
    reply_to=st.none() | text,
    expiration=st.none() | st.integers(0, 10_000),
    message_id=st.none() | text,
    timestamp=st.none() | times,
    type=st.none() | text,
    app_id=st.none() | text,
)


def by_library(payload: bytes) -> tuple[int, dict[str, Any]]:
    """The library's reading of a content header."""
    found = header.ContentHeader()
    found.unmarshal(payload)
    properties = {name: getattr(found.properties, name) for name in NAMES}
    return found.body_size, {name: each for name, each in properties.items() if each is not None}


def named(properties: dict[str, Any]) -> dict[str, Any]:
    return {"message_type" if name == "type" else name: each for name, each in properties.items()}


@given(messages)
def test_the_library_reads_what_is_written_as_what_it_would_have_written_itself(message: Message) -> None:
    wanted = header.ContentHeader(0, len(message.body), message.properties).marshal()

    assert by_library(encoded(message)) == by_library(wanted)


@given(messages)
def test_what_the_library_writes_is_read_as_the_library_reads_it(message: Message) -> None:
    payload = header.ContentHeader(0, len(message.body), message.properties).marshal()

    size, found = decoded(payload)

    assert (size, named(found)) == by_library(payload)


@given(st.binary(max_size=80), st.integers(0, 0xFFFF))
def test_no_bytes_make_it_raise(noise: bytes, flags: int) -> None:
    decoded(struct.pack(">HHQH", 60, 0, 5, flags) + noise)


def test_headers_that_cannot_be_read_leave_a_mark_and_the_other_properties() -> None:
    table = struct.pack(">I", 3) + b"\x01k?"
    payload = struct.pack(">HHQH", 60, 0, 5, 1 << 13 | 1 << 5) + table + b"\x04name"

    assert decoded(payload) == (5, {"headers": {UNREADABLE: True}, "type": "name"})


def test_a_text_that_is_no_utf_8_is_as_long_as_its_bytes() -> None:
    payload = struct.pack(">HHQH", 60, 0, 5, 1 << 5) + b"\x02a\xff"

    assert decoded(payload) == (5, {"type": "a?"})


def test_a_time_beyond_the_calendar_is_none() -> None:
    payload = struct.pack(">HHQHQ", 60, 0, 5, 1 << 6, 2**63)

    assert decoded(payload) == (5, {"timestamp": None})


def test_a_text_of_more_than_255_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        short("x" * 256)


def test_a_message_without_properties_has_the_library_s_defaults() -> None:
    assert by_library(encoded(Message(b"")))[1] == {"headers": {}, "delivery_mode": 1, "priority": 0}


@pytest.mark.parametrize("number", [2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, -(2**63), -(2**31) - 1])
def test_a_number_in_a_header_has_the_bytes_that_the_library_gives_it(number: int) -> None:
    message = Message(b"", headers={"x": number}, delivery_mode=DeliveryMode.PERSISTENT)

    assert encoded(message) == header.ContentHeader(0, 0, message.properties).marshal()


@pytest.mark.parametrize("seconds", [0, 2**32 - 1, 2**32, 1_800_000_000_000, 2**64 - 1])
def test_a_time_reads_the_same_as_with_the_library(seconds: int) -> None:
    payload = struct.pack(">HHQHQ", 60, 0, 0, 1 << 6, seconds)

    assert {name: each for name, each in decoded(payload)[1].items() if each is not None} == by_library(payload)[1]
