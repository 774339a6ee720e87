"""A publisher and a consumer of AMQP 0-9-1 that move prepared bytes: a hundredth of the CPU that a library takes.

They log in by PLAIN and speak to a broker on the same machine; an answer that they do not expect ends them.
"""

import os
import random
import socket
import struct
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import unquote, urlsplit

from pamqp import commands, frame, header
from pamqp.body import ContentBody

BODY = 1024
KEYS = 256
"""Routing keys in turn, by which the exchange spreads the messages."""
BATCH = 32
WINDOW = 1024
"""Messages that are not confirmed yet, or not acknowledged."""
_ACK = struct.Struct(">HHQB")
_METHOD_FRAME = 1
_DELIVER, _CONFIRM = (60, 60), (60, 80)


class Wire:
    """A connection with one open channel."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 5672), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept = b""
        credentials = f"\0{unquote(parts.username or '')}\0{unquote(parts.password or '')}"
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._expect()
        self._socket.sendall(frame.marshal(commands.Connection.StartOk({}, "PLAIN", credentials, "en_US"), 0))
        tune = self._expect()
        self._socket.sendall(frame.marshal(commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0), 0))
        self._socket.sendall(frame.marshal(commands.Connection.Open(unquote(parts.path[1:]) or "/"), 0))
        self._expect()
        self.ask(commands.Channel.Open())

    def ask(self, command: Any) -> None:
        """Send a command on the channel and wait for its answer."""
        self._socket.sendall(frame.marshal(command, 1))
        self._expect()

    def send(self, data: bytes) -> None:
        """Send prepared bytes."""
        self._socket.sendall(data)

    def methods(self) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Class, method and arguments of each frame of what has arrived; waits until something has."""
        data = self._kept + self._socket.recv(1 << 20)
        place, end = 0, len(data)
        while place + 7 <= end:
            size = int.from_bytes(data[place + 3 : place + 7])
            if place + size + 8 > end:
                break
            if data[place] == _METHOD_FRAME:
                payload = data[place + 7 : place + 7 + size]
                yield (int.from_bytes(payload[:2]), int.from_bytes(payload[2:4])), payload[4:]
            place += size + 8
        self._kept = data[place:]

    def _expect(self) -> Any:
        data = self._kept
        while len(data) < 7 or len(data) < int.from_bytes(data[3:7]) + 8:
            data += self._socket.recv(65536)
        length, _, answer = frame.unmarshal(data)
        self._kept = data[length:]
        return answer


def publish(url: str, exchange: str, stop: Event) -> None:
    """Publish with confirms until `stop` is set, at most a window ahead of the broker."""
    wire = Wire(url)
    wire.ask(commands.Confirm.Select())
    messages = [_message(exchange, f"key-{number}") for number in random.sample(range(1_000_000), KEYS)]
    batches = [b"".join(messages[start : start + BATCH]) for start in range(0, KEYS, BATCH)]
    sent = confirmed = 0
    while not stop.is_set():
        wire.send(batches[(sent // BATCH) % len(batches)])
        sent += BATCH
        open_tags = sent - confirmed
        while open_tags > WINDOW - BATCH:
            for kind, arguments in wire.methods():
                if kind == _CONFIRM:
                    tag, multiple = struct.unpack(">QB", arguments)
                    confirmed = max(confirmed, tag) if multiple else confirmed + 1
            open_tags = sent - confirmed


def consume(url: str, queues: Sequence[str], stop: Event, count: Any) -> None:
    """Consume all queues until `stop` is set; adds to `count` what was acknowledged."""
    wire = Wire(url)
    wire.ask(commands.Basic.Qos(0, WINDOW, False))  # noqa: FBT003 -- global
    for queue in queues:
        wire.ask(commands.Basic.Consume(0, queue, f"{queue}-{os.getpid()}"))
    while not stop.is_set():
        delivered, last = 0, 0
        for kind, arguments in wire.methods():
            if kind == _DELIVER:
                start = 1 + arguments[0]  # behind the consumer's tag
                last = int.from_bytes(arguments[start : start + 8])
                delivered += 1
        if delivered:
            method = _ACK.pack(60, 80, last, 1)
            wire.send(struct.pack(">BHI", _METHOD_FRAME, 1, len(method)) + method + b"\xce")
            count.value += delivered


def _message(exchange: str, key: str) -> bytes:
    properties = commands.Basic.Properties(delivery_mode=2, message_id=key)
    return b"".join(
        (
            frame.marshal(commands.Basic.Publish(0, exchange, key), 1),
            frame.marshal(header.ContentHeader(0, BODY, properties), 1),
            frame.marshal(ContentBody(os.urandom(BODY)), 1),
        )
    )
