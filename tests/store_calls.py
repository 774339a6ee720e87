"""`CountedCalls`: a proxy before a MongoDB server that counts the calls of all processes, as they are on the wire."""

import struct
from asyncio import StreamReader, StreamWriter
from collections import Counter
from typing import Any, cast

from tests.proxy import Direction, Proxy

_OP_MSG = 2013
_HEADER = struct.Struct("<iiii")
_BODY = _HEADER.size + 4 + 1
"""Behind the header come the flags and the kind of the first section, which is the command's document."""
_DATA = frozenset(
    {"find", "getMore", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify", "bulkWrite"}
)
"""The commands that read or write data; the others are of the connection."""


def call_in(message: bytes) -> str | None:
    """Command and collection of a message to the server, such as `find ledger`; None for any other message.

    `bulkWrite` is for several collections, and named alone.
    """
    if _HEADER.unpack_from(message)[3] != _OP_MSG:
        return None
    name, _, rest = message[_BODY + 5 :].partition(b"\0")  # behind the document's length and the element's type
    if name.decode() not in _DATA:
        return None
    is_text = message[_BODY + 4] == 2
    collection = rest[4:].partition(b"\0")[0].decode() if is_text else ""
    return f"{name.decode()} {collection}".strip()


class CountedCalls(Proxy):
    """Counts calls by `call_in`."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        super().__init__(target, host)
        self.calls: Counter[str] = Counter()

    async def _pump(self, source: StreamReader, sink: StreamWriter, way: Direction) -> None:
        heard = cast(StreamReader, _Heard(source, self.calls)) if way is Direction.TO_SERVER else source
        await super()._pump(heard, sink, way)


class _Heard:
    """A reader whose messages are counted."""

    def __init__(self, source: StreamReader, calls: Counter[str]) -> None:
        self._source = source
        self._calls = calls
        self._kept = b""

    async def read(self, size: int) -> bytes:
        data = await self._source.read(size)
        self._kept += data
        while len(self._kept) >= _HEADER.size and len(self._kept) >= (length := _HEADER.unpack_from(self._kept)[0]):
            call = call_in(self._kept[:length])
            self._kept = self._kept[length:]
            if call is not None:
                self._calls[call] += 1
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
