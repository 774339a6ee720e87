"""Decodes what anybody may have published: a property that cannot be read costs its value, never the connection.

The library ends the connection when a property of a delivered message cannot be decoded; the broker then delivers the
message again, and all consumers of the connection stand still. RabbitMQ itself looks into few properties: text that is
no UTF-8, times beyond the calendar and headers that are nested too deep pass through it.
"""

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pamqp import decode

UNREADABLE: Final = "x-unreadable"
"""The only header of a message whose headers could not be decoded."""
Decoder = Callable[[bytes], tuple[int, Any]]


def tolerate_unreadable_properties() -> None:
    """Replace the library's decoders of short texts, times and tables by these; again is harmless."""
    decode.METHODS |= {"shortstr": short_text, "timestamp": time_or_none, "table": table_or_marker}
    decode.TABLE_MAPPING |= {b"T": time_or_none}


def short_text(value: bytes) -> tuple[int, str]:
    """A text of up to 255 bytes; `?` stands for what is no UTF-8, so that the text is no longer than its bytes."""
    length = value[0]
    return length + 1, value[1 : length + 1].decode("utf-8", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")


def time_or_none(value: bytes) -> tuple[int, datetime | None]:
    """A time; None for one beyond the calendar."""
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def table_or_marker(value: bytes) -> tuple[int, dict[str, Any]]:
    """The headers; only the marker `UNREADABLE` when one of them cannot be decoded."""
    try:
        return decode.field_table(value)
    except (ValueError, OverflowError, OSError, RecursionError, ArithmeticError):
        (length,) = struct.unpack(">I", value[:4])
        return 4 + length, {UNREADABLE: True}
