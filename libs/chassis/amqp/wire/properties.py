"""Encodes and decodes a message's content header (AMQP 0-9-1 §4.2.6) without an object for each of its values.

Whatever is rare goes to the library's own functions, so that the bytes mean the same. Nothing received raises.
"""

import struct
from typing import Any, Final

from aio_pika import Message
from pamqp import encode, header

from libs.chassis.amqp.wire_decoders import short_text, table_or_marker, time_or_none

_BASIC: Final = 60
_HEAD: Final = struct.Struct(">HHQH")
"""Class, weight, size of the body, flags of the properties."""
_SIZE, _LONG, _OCTET, _TIME = struct.Struct(">I"), struct.Struct(">q"), struct.Struct(">b"), struct.Struct(">Q")
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
_OCTETS: Final = frozenset({"delivery_mode", "priority"})
_RARE: Final = frozenset({"content_encoding", "reply_to", "expiration", "user_id", "cluster_id"})
_WRITTEN: Final = tuple((flag, name) for flag, name in _FIELDS if name not in _RARE)
TOO_LONG: Final = 256


def decoded(payload: bytes) -> tuple[int, dict[str, Any]]:
    """The size of the body, and the properties that a content header has. One that ends too early has none."""
    try:
        _, _, size, flags = _HEAD.unpack_from(payload)
        return size, _properties(payload, flags) if not flags & _MORE_FLAGS else {}
    except (struct.error, IndexError, ValueError):
        return int.from_bytes(payload[4:12]), {}


def _properties(payload: bytes, flags: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place = _HEAD.size
    for flag, name in _FIELDS:
        if not flags & flag:
            continue
        if name == "headers":
            place, found[name] = _headers(payload, place)
        elif name in _OCTETS:
            place, found[name] = place + 1, payload[place]
        elif name == "timestamp":
            found[name] = time_or_none(payload[place : place + 8])[1]
            place += 8
        else:
            place, found[name] = _short(payload, place)
    return found


def _short(payload: bytes, place: int) -> tuple[int, str]:
    end = place + 1 + payload[place]
    try:
        return end, payload[place + 1 : end].decode().replace("\N{REPLACEMENT CHARACTER}", "?")
    except UnicodeDecodeError:
        return end, short_text(payload[place:end])[1]


def _headers(payload: bytes, place: int) -> tuple[int, dict[str, Any]]:
    """The table at `place`: texts and whole numbers are read here, a table that holds anything else by the library."""
    start, (size,) = place + 4, _SIZE.unpack_from(payload, place)
    end, at, found = start + size, start, dict[str, Any]()
    try:
        while at < end:
            key_end = at + 1 + payload[at]
            key, kind, at = payload[at + 1 : key_end].decode(), payload[key_end], key_end + 1
            if kind == _TEXT:
                value_end = at + 4 + _SIZE.unpack_from(payload, at)[0]
                found[key] = payload[at + 4 : value_end].decode()
            else:
                number = _INTEGERS[kind]
                value_end = at + number.size
                (found[key],) = number.unpack_from(payload, at)
            at = value_end
    except (KeyError, IndexError, struct.error, UnicodeDecodeError):
        at = -1
    return end, found if at == end <= len(payload) else table_or_marker(payload[place:])[1]


def encoded(message: Message) -> bytes:
    """The content header of a message. Raises ValueError for a text that is longer than AMQP allows."""
    if message.expiration is not None or message.user_id or message.reply_to or message.content_encoding:
        return header.ContentHeader(0, len(message.body), message.properties).marshal()
    flags, parts = 0, list[bytes]()
    for flag, name in _WRITTEN:
        value: Any = getattr(message, name)
        if value is None or value == "":
            continue
        flags |= flag
        if name == "headers":
            parts.append(_table(value))
        elif name in _OCTETS:
            parts.append(bytes((value,)))
        else:
            parts.append(_TIME.pack(int(value.timestamp())) if name == "timestamp" else short(value))
    return _HEAD.pack(_BASIC, 0, len(message.body), flags) + b"".join(parts)


def short(text: str) -> bytes:
    """A text of up to 255 bytes with its length before it; raises ValueError for a longer one."""
    given = text.encode()
    if len(given) >= TOO_LONG:
        raise ValueError("a property is longer than 255 bytes")
    return bytes((len(given),)) + given


def _table(headers: dict[str, Any]) -> bytes:
    parts: list[bytes] = []
    for key in sorted(headers):
        value = headers[key]
        if type(value) is str:
            text = value.encode()
            parts += (short(key), b"S", _SIZE.pack(len(text)), text)
        elif type(value) is int and _SHORTEST <= value <= _LONGEST:
            parts += (short(key), b"b", _OCTET.pack(value))
        else:
            parts += (short(key), encode.encode_table_value(value))
    table = b"".join(parts)
    return _SIZE.pack(len(table)) + table
