"""Cuts received bytes into AMQP frames, and makes the frames of a publish (AMQP 0-9-1 §2.3.5, §4.2)."""

import struct
from functools import lru_cache
from typing import Final

from libs.chassis.amqp.wire.properties import repeated

METHOD, HEADER, BODY = 1, 2, 3
FRAME_END: Final = 0xCE
HEAD: Final = struct.Struct(">BHI")
"""Type, channel, size of the payload."""
AROUND: Final = HEAD.size + 1
"""Bytes of a frame besides its payload."""
HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
DELIVER: Final = b"\x00\x3c\x00\x3c"
RETURN: Final = b"\x00\x3c\x00\x32"
ACK: Final = b"\x00\x3c\x00\x50"
NACK: Final = b"\x00\x3c\x00\x78"
_REJECT: Final = b"\x00\x3c\x00\x5a"
CHANNEL_OPENED: Final = b"\x00\x14\x00\x0b"
CHANNEL_CLOSE: Final = b"\x00\x14\x00\x28"
TUNE: Final = b"\x00\x0a\x00\x1e"
LARGEST_AT_FIRST: Final = 131_072
"""Bytes of a frame before the broker has said how long one may be. The protocol asks for 4,096, RabbitMQ sends more."""
LARGEST: Final = 128 * 2**20
"""Bytes of a frame of a broker that sets no limit: no message of RabbitMQ is longer."""
_PUBLISH: Final = b"\x00\x3c\x00\x28\x00\x00"
_MANDATORY: Final = b"\x01"
_END: Final = bytes((FRAME_END,))
_CONFIRM: Final = struct.Struct(">QB")
_TAG: Final = struct.Struct(">QB")

Method = tuple[str, int, bool, str, str]
"""Of a delivery: the consumer's tag, the delivery's tag, whether it was delivered before, exchange and routing key."""


def consumer_tag_of(payload: bytes) -> bytes:
    """The consumer's tag in a `DELIVER`."""
    return payload[5 : 5 + payload[4]]


def delivered(payload: bytes) -> Method:
    """What a `DELIVER` says."""
    tag_end = 5 + payload[4]
    tag, redelivered = _TAG.unpack_from(payload, tag_end)
    exchange, key = _published_to(payload[tag_end + 9 :])
    return payload[5:tag_end].decode("utf-8", "replace"), tag, bool(redelivered & 1), exchange, key


@lru_cache(maxsize=512)
def _published_to(end: bytes) -> tuple[str, str]:
    """Exchange and routing key, of which there are few."""
    key_at = 1 + end[0]
    return (
        end[1:key_at].decode("utf-8", "replace"),
        end[key_at + 1 : key_at + 1 + end[key_at]].decode("utf-8", "replace"),
    )


def confirmed(payload: bytes) -> tuple[int, bool]:
    """The tag in an `ACK` or `NACK`, and whether it stands for all before it too."""
    tag, bits = _CONFIRM.unpack_from(payload, 4)
    return tag, bool(bits & 1)


def largest_of(payload: bytes) -> int:
    """How long a frame may be, by a `TUNE`."""
    return int.from_bytes(payload[6:10]) or LARGEST


def acknowledged(channel: int, tag: int, *, multiple: bool) -> bytes:
    """The frame that acknowledges a delivery, and with `multiple` all before it on its channel."""
    return b"".join((HEAD.pack(METHOD, channel, 13), ACK, _CONFIRM.pack(tag, multiple), _END))


def requeued(channel: int, tag: int) -> bytes:
    """The frame that rejects a delivery, which the broker then delivers again."""
    return b"".join((HEAD.pack(METHOD, channel, 13), _REJECT, _CONFIRM.pack(tag, 1), _END))


def published(channel: int, *, exchange: str, key: str, header: bytes, body: bytes, largest: int) -> bytes:
    """The frames of a mandatory publish; `largest` is how long a frame may be. Raises ValueError for a long key."""
    method = b"".join((_PUBLISH, repeated(exchange), repeated(key), _MANDATORY, _END))
    parts = [HEAD.pack(METHOD, channel, len(method) - 1), method, HEAD.pack(HEADER, channel, len(header)), header, _END]
    room = largest - AROUND
    for start in range(0, len(body), room):
        piece = body[start : start + room]
        parts += (HEAD.pack(BODY, channel, len(piece)), piece, _END)
    return b"".join(parts)
