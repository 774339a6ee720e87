"""No property of a message can end the connection: what cannot be decoded costs its own value."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, decode, frame, header

from libs.chassis.amqp.wire_decoders import UNREADABLE, table_or_marker, tolerate_unreadable_properties

tolerate_unreadable_properties()


def short(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def table(fields: bytes) -> bytes:
    return struct.pack(">I", len(fields)) + fields


def content_header(flags: int, properties: bytes) -> bytes:
    payload = struct.pack(">HHQH", 60, 0, 5, flags) + properties
    return struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce"


TYPE, MESSAGE_ID, TIMESTAMP, HEADERS = 1 << 5, 1 << 7, 1 << 6, 1 << 13


def decoded(flags: int, properties: bytes) -> commands.Basic.Properties:
    _, _, found = frame.unmarshal(content_header(flags, properties))
    assert isinstance(found, header.ContentHeader)
    return found.properties


def nest(levels: int) -> bytes:
    """A header that holds a list of a list of a list."""
    inner = b""
    for _ in range(levels):
        inner = b"A" + struct.pack(">I", len(inner)) + inner
    return table(short(b"x") + inner)


def test_text_that_is_no_utf8_costs_its_characters_and_gets_no_longer() -> None:
    found = decoded(MESSAGE_ID, short(b"a\xff\xfeb\xc3"))

    assert found.message_id == "a??b?"


@pytest.mark.parametrize("seconds", [2**62, 2**64 - 1, 0xFFFFFFFF * 10**6])
def test_a_time_beyond_the_calendar_is_none(seconds: int) -> None:
    found = decoded(TIMESTAMP, struct.pack(">Q", seconds))

    assert found.timestamp is None


def test_an_ordinary_time_and_text_are_what_they_were() -> None:
    found = decoded(MESSAGE_ID | TIMESTAMP, short("grün".encode()) + struct.pack(">Q", 1_760_000_000))

    assert (found.message_id, found.timestamp) == ("grün", datetime.fromtimestamp(1_760_000_000, UTC))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(nest(20_000), id="nested 20,000 deep"),
        pytest.param(table(short(b"\xff\xff") + b"t\x01"), id="a name that is no text"),
        pytest.param(table(short(b"x") + b"?rubbish"), id="a type that does not exist"),
        pytest.param(table(short(b"x") + b"S\xff\xff\xff\xff"), id="a text longer than the table"),
    ],
)
def test_headers_that_cannot_be_decoded_are_marked_and_what_follows_them_is_read(headers: bytes) -> None:
    found = decoded(HEADERS | MESSAGE_ID, headers + short(b"after"))

    assert found.headers is not None
    assert set(found.headers) <= {UNREADABLE, "x"}
    assert found.message_id == "after"


def test_a_time_in_a_header_that_is_beyond_the_calendar_is_none() -> None:
    found = decoded(HEADERS, table(short(b"x") + b"T" + struct.pack(">Q", 2**63) + short(b"y") + b"t\x01"))

    assert found.headers == {"x": None, "y": True}


def test_a_routing_key_that_is_no_text_is_decoded_too() -> None:
    deliver = commands.Basic.Deliver("tag", 1, False, "gateway.events", "key")  # noqa: FBT003 -- the library's signature
    raw = frame.marshal(deliver, 1).replace(b"\x03key", b"\x03k\xffy")

    _, _, found = frame.unmarshal(raw)

    assert isinstance(found, commands.Basic.Deliver)
    assert found.routing_key == "k?y"


@given(st.binary(max_size=200))
def test_any_bytes_as_headers_are_a_table_or_the_marker(fields: bytes) -> None:
    consumed, found = table_or_marker(table(fields))

    assert consumed == 4 + len(fields) or found != {UNREADABLE: True}
    assert isinstance(found, dict)


@given(st.binary(max_size=255))
def test_any_bytes_are_a_text_of_at_most_as_many_bytes(value: bytes) -> None:
    consumed, text = decode.METHODS["shortstr"](short(value))

    assert consumed == len(value) + 1
    assert len(str(text).encode()) <= len(value)
