"""Encodes and decodes a message's content header (AMQP 0-9-1 §4.2.6) without an object for each of its values.

Whatever is rare goes to the library's own functions, so that the bytes mean the same. Nothing received raises.
"""

import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from aio_pika import Message
from pamqp import encode, header

from libs.chassis.amqp.wire_decoders import short_text, table_or_marker, time_or_none

_BASIC: Final = 60
_HEAD: Final = struct.Struct(">HHQH")
"""Class, weight, size of the body, flags of the properties."""
_SIZE, _LONG, _OCTET, _TIME = struct.Struct(">I"), struct.Struct(">q"), struct.Struct(">b"), struct.Struct(">Q")
_KIND_AND_SIZE: Final = struct.Struct(">BI")
"""Of a text in a table."""
_INTEGERS: Final = {
    ord("b"): struct.Struct(">b"),
    ord("s"): struct.Struct(">h"),
    ord("u"): struct.Struct(">H"),
    ord("I"): struct.Struct(">i"),
    ord("i"): struct.Struct(">I"),
    ord("l"): _LONG,
}
_TEXT: Final = ord("S")
_MORE_FLAGS: Final = 1
_SHORTEST, _LONGEST = -128, 127
_LARGEST_LONG: Final = (1 << 63) - 1
_LATEST_SECOND: Final = (1 << 32) - 1
"""The library takes a larger time for one in milliseconds, and writes a larger header as a long number."""
_FIELDS: Final = (
    (1 << 15, "content_type"),
    (1 << 14, "content_encoding"),
    (1 << 13, "headers"),
    (1 << 12, "delivery_mode"),
    (1 << 11, "priority"),
    (1 << 10, "correlation_id"),
    (1 << 9, "reply_to"),
    (1 << 8, "expiration"),
    (1 << 7, "message_id"),
    (1 << 6, "timestamp"),
    (1 << 5, "type"),
    (1 << 4, "user_id"),
    (1 << 3, "app_id"),
    (1 << 2, "cluster_id"),
)
"""The properties in the order of their bytes."""
_A_TEXT, _A_TABLE, _AN_OCTET, _A_TIME = range(4)
_KINDS: Final = {"headers": _A_TABLE, "delivery_mode": _AN_OCTET, "priority": _AN_OCTET, "timestamp": _A_TIME}
"""What is no text."""
_FLAGS: Final = {name: flag for flag, name in _FIELDS}
_CONTENT_TYPE, _TYPE, _APP_ID = _FLAGS["content_type"], _FLAGS["type"], _FLAGS["app_id"]
_CORRELATION_ID, _MESSAGE_ID, _TIMESTAMP = _FLAGS["correlation_id"], _FLAGS["message_id"], _FLAGS["timestamp"]
_OF_EVERY_MESSAGE: Final = _FLAGS["headers"] | _FLAGS["delivery_mode"] | _FLAGS["priority"]
TOO_LONG: Final = 256


def decoded(payload: bytes) -> tuple[int, dict[str, Any]]:
    """The size of the body, and the properties that a content header has. One that ends too early has none."""
    try:
        _, _, size, flags = _HEAD.unpack_from(payload)
        return size, _properties(payload, flags) if not flags & _MORE_FLAGS else {}
    except (struct.error, IndexError, ValueError):
        return int.from_bytes(payload[4:12]), {}


@lru_cache(maxsize=64)
def _present(flags: int) -> tuple[tuple[int, str], ...]:
    """How to read each property that the flags name, and its name, in the order of their bytes."""
    return tuple((_KINDS.get(name, _A_TEXT), name) for flag, name in _FIELDS if flags & flag)


def _properties(payload: bytes, flags: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place = _HEAD.size
    for kind, name in _present(flags):
        if kind == _A_TEXT:
            end = place + 1 + payload[place]
            try:
                text = payload[place + 1 : end].decode()
            except UnicodeDecodeError:
                text = short_text(payload[place:end])[1]
            found[name] = text.replace("\N{REPLACEMENT CHARACTER}", "?")
            place = end
        elif kind == _A_TABLE:
            place, found[name] = _headers(payload, place)
        elif kind == _AN_OCTET:
            place, found[name] = place + 1, payload[place]
        else:
            found[name] = _time(payload[place : place + 8])
            place += 8
    return found


def _time(value: bytes) -> datetime | None:
    """A time; the library reads what is no number of seconds."""
    seconds = int.from_bytes(value)
    if seconds <= _LATEST_SECOND and len(value) == _TIME.size:
        return datetime.fromtimestamp(seconds, UTC)
    return time_or_none(value)[1]


def _headers(payload: bytes, place: int) -> tuple[int, dict[str, Any]]:
    """The table at `place`: texts and whole numbers are read here, a table that holds anything else by the library."""
    start, (size,) = place + 4, _SIZE.unpack_from(payload, place)
    end, at = start + size, start
    found: dict[str, Any] = {}
    head_at, head, integers = _KIND_AND_SIZE.unpack_from, _KIND_AND_SIZE.size, _INTEGERS
    try:
        while at < end:
            kind_at = at + 1 + payload[at]
            key = payload[at + 1 : kind_at].decode()
            if payload[kind_at] == _TEXT:
                at = kind_at + head + head_at(payload, kind_at)[1]
                found[key] = payload[kind_at + head : at].decode()
            else:
                number = integers[payload[kind_at]]
                (found[key],) = number.unpack_from(payload, kind_at + 1)
                at = kind_at + 1 + number.size
    except (KeyError, IndexError, struct.error, UnicodeDecodeError):
        at = -1
    return end, found if at == end <= len(payload) else table_or_marker(payload[place:])[1]


def encoded(message: Message) -> bytes:
    """The content header of a message. Raises ValueError for a text that is longer than AMQP allows."""
    if message.expiration is not None or message.user_id or message.reply_to or message.content_encoding:
        return header.ContentHeader(0, len(message.body), message.properties).marshal()
    flags = _OF_EVERY_MESSAGE
    parts: list[bytes] = []
    add = parts.append  # each written out: a loop over the names takes half as long again
    if message.content_type:
        flags |= _CONTENT_TYPE
        add(repeated(message.content_type))
    add(_table(message.headers))
    add(bytes((message.delivery_mode, message.priority or 0)))
    if message.correlation_id:
        flags |= _CORRELATION_ID
        add(short(message.correlation_id))
    if message.message_id:
        flags |= _MESSAGE_ID
        add(short(message.message_id))
    if message.timestamp is not None:
        flags |= _TIMESTAMP
        add(_TIME.pack(int(message.timestamp.timestamp())))
    if message.type:
        flags |= _TYPE
        add(repeated(message.type))
    if message.app_id:
        flags |= _APP_ID
        add(repeated(message.app_id))
    return _HEAD.pack(_BASIC, 0, len(message.body), flags) + b"".join(parts)


def short(text: str) -> bytes:
    """A text of up to 255 bytes with its length before it; raises ValueError for a longer one."""
    given = text.encode()
    if len(given) >= TOO_LONG:
        raise ValueError("a property is longer than 255 bytes")
    return bytes((len(given),)) + given


repeated = lru_cache(maxsize=512)(short)
"""`short` for texts of which there are few."""


def _table(headers: dict[str, Any]) -> bytes:
    parts: list[bytes] = []
    for key in sorted(headers):
        value = headers[key]
        if type(value) is str:
            text = value.encode()
            parts += (repeated(key), b"S", _SIZE.pack(len(text)), text)
        elif type(value) is int and _SHORTEST <= value <= _LONGEST:
            parts += (repeated(key), b"b", _OCTET.pack(value))
        elif type(value) is int and _LATEST_SECOND < value <= _LARGEST_LONG:
            parts += (repeated(key), b"l", _LONG.pack(value))
        else:
            parts += (repeated(key), encode.encode_table_value(value))
    table = b"".join(parts)
    return _SIZE.pack(len(table)) + table
