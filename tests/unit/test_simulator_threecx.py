"""The simulated 3CX is as strict as a real one: about the answer to a message, and about the shape of a line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import pytest
from aiohttp import web

from services.sender.domain.chat_posts import chat_body_from
from tests.unit.sender.domain.test_chat_posts import MAIN, a_line
from tools.simulator.threecx import running_threecx
from tools.stack.ports import free_port


@asynccontextmanager
async def a_provider(status: int, body: bytes) -> AsyncIterator[tuple[str, list[Any]]]:
    """A provider with one answer: its URL, and what it got."""
    got: list[Any] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        got.append((request.headers["Authorization"], orjson.loads(await request.read())))
        return web.Response(status=status, body=body)

    port, runner = free_port(), web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/provider", got
    finally:
        await runner.cleanup()


ANSWERS = {
    "200 with a body": (200, b'{"data":{}}', "sent"),
    "200 without a body": (200, b"", "failed"),
    "200 with an empty object": (200, b"{}", "failed"),
    "200 with a list": (200, b"[1]", "failed"),
    "202 with a body": (202, b'{"data":{}}', "failed"),
    "204": (204, b"", "failed"),
    "a refusal": (422, b'{"errors":[]}', "failed"),
}


@pytest.mark.parametrize(("status", "body", "shown"), ANSWERS.values(), ids=ANSWERS)
async def test_a_message_counts_as_sent_on_200_with_a_body_alone(status: int, body: bytes, shown: str) -> None:
    async with running_threecx(MAIN) as threecx, a_provider(status, body) as (url, got):
        threecx.provider_url, threecx.api_key = url, "key"

        sent = await threecx.write("+966512345678", "Hello")

    assert sent.shown == shown
    assert got == [("Bearer key", {"from": MAIN, "to": "+966512345678", "text": "Hello"})]


def without(path: str) -> bytes:
    """A line that lacks one field, given as names with dots."""
    line = orjson.loads(chat_body_from(a_line(), UUID(int=7)))
    *parents, last = path.split(".")
    part = line
    for name in parents:
        part = part[name]
    del part[last]
    return orjson.dumps(line)


async def taken(body: bytes) -> tuple[int, int]:
    """The status of the answer to a post, and how many lines are shown."""
    async with running_threecx(MAIN) as threecx, aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/json"}
        async with http.post(threecx.webhook_url, data=body, headers=headers) as answer:
            return answer.status, len(threecx.lines)


async def test_the_gateways_line_is_shown() -> None:
    assert await taken(chat_body_from(a_line(), UUID(int=7))) == (200, 1)


FIELDS = ("event_type", "id", "occurred_at", "record_type", "payload")
OF_PAYLOAD = ("id", "record_type", "direction", "type", "received_at", "text", "from", "to", "media")
PATHS = [f"data.{name}" for name in FIELDS] + [f"data.payload.{name}" for name in OF_PAYLOAD]


@pytest.mark.parametrize("path", PATHS)
async def test_a_line_that_lacks_a_field_is_refused(path: str) -> None:
    assert await taken(without(path)) == (400, 0)


async def test_what_is_no_json_and_what_is_for_another_trunk_is_refused() -> None:
    chat = {"from": "+966512345678", "to": "+4930999", "text": "Hello"}

    assert await taken(b"{") == (400, 0)
    assert await taken(chat_body_from(a_line(content={"chat": chat}), UUID(int=7))) == (400, 0)
