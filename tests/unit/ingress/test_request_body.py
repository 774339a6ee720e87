"""A body is read within its limits, whether it has arrived when the reading begins or comes bit by bit."""

import asyncio
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from services.ingress.http.request_body import BodyState, RequestBody, read_body

LIMIT = 1_000
WHOLE = "whole before it is read"
LATER = "bit by bit"


class Request:
    """A request whose body comes when the test says so."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        connection = BaseProtocol(loop)
        connection.connection_made(asyncio.Transport())
        self.content = StreamReader(connection, 2**16, loop=loop)
        self.content_length = None
        self.headers: dict[str, str] = {}

    def end(self, *parts: bytes) -> None:
        for part in parts:
            self.content.feed_data(part)
        self.content.feed_eof()

    async def read(self, *, seconds: float = 5.0, **options: Any) -> RequestBody:
        request: Any = SimpleNamespace(**vars(self))
        return await read_body(request, limit=LIMIT, seconds=seconds, **options)


async def received(arrival: str, *parts: bytes, **options: Any) -> RequestBody:
    request = Request()
    if arrival == WHOLE:
        request.end(*parts)
        return await request.read(**options)
    reading = asyncio.create_task(request.read(**options))
    for part in parts:
        await asyncio.sleep(0)
        request.content.feed_data(part)
    await asyncio.sleep(0)
    request.content.feed_eof()
    return await reading


arrivals = pytest.mark.parametrize("arrival", [WHOLE, LATER])


@arrivals
async def test_a_body_within_the_limit_is_complete(arrival: str) -> None:
    read = await received(arrival, b"a" * 400, b"b" * 600)

    assert read == RequestBody(BodyState.COMPLETE, b"a" * 400 + b"b" * 600)


@arrivals
async def test_no_body_is_complete(arrival: str) -> None:
    assert await received(arrival) == RequestBody(BodyState.COMPLETE)


@arrivals
async def test_a_byte_more_than_the_limit_is_too_large(arrival: str) -> None:
    read = await received(arrival, b"a" * 400, b"b" * 601)

    assert read == RequestBody(BodyState.TOO_LARGE, limit=LIMIT)


@arrivals
async def test_a_body_that_nobody_needs_is_measured_and_dropped(arrival: str) -> None:
    assert await received(arrival, b"a", keep=False) == RequestBody(BodyState.COMPLETE)
    assert (await received(arrival, b"a" * 1_001, keep=False)).state is BodyState.TOO_LARGE


@arrivals
async def test_every_byte_is_signed_also_of_a_body_that_is_dropped(arrival: str) -> None:
    mac = hmac.new(b"key", b"1.", hashlib.sha256)

    await received(arrival, b"one", b"two", keep=False, mac=mac)

    assert mac.digest() == hmac.digest(b"key", b"1.onetwo", "sha256")


async def test_a_body_of_a_caller_who_has_gone_is_incomplete_even_if_it_arrived() -> None:
    request = Request()
    request.end(b"whole")
    request.content.set_exception(ConnectionResetError())

    assert await request.read() == RequestBody(BodyState.INCOMPLETE)


async def test_a_body_that_does_not_end_in_time_is_incomplete() -> None:
    request = Request()
    request.content.feed_data(b"half")

    assert await request.read(seconds=0.01) == RequestBody(BodyState.INCOMPLETE)
