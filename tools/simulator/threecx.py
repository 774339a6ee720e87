"""A simulated 3CX: its chat over a generic SMS provider, both ends as open-source bridges speak them.

The rule: it is as strict as a real one. A message counts as sent only on 200 with a JSON body that is not empty, and a
line is shown only when the whole of Telnyx's shape is there.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web

from tools.stack.ports import free_port

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
OCCURRED_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", re.ASCII)
ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line of a customer, as an agent sees it."""

    id: str
    customer: str
    main_number: str
    text: str
    media: tuple[str, ...] = ()
    """The addresses of its files."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """An agent's message: what the chat shows beside it, and the answer behind that."""

    shown: str
    """`sent` or `failed`."""
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


class SimulatedThreeCx:
    """One trunk with its SMS settings; `provider_url` and `api_key` are what an administrator enters."""

    def __init__(self, main_number: str) -> None:
        self.main_number = main_number
        self.port = free_port()
        self.webhook_url = f"http://127.0.0.1:{self.port}/sms/generic/3cx-chat-url-token"
        self.provider_url = ""
        self.api_key = ""
        self.status = 200
        """What the webhook answers to a line that it could show."""
        self.other_main_numbers: set[str] = set()
        """Of further trunks with the same webhook."""
        self.lines: list[ChatLine] = []
        self.refused: list[str] = []
        """Why posts were no lines."""
        self.posts: list[dict[str, Any]] = []
        """Every post, also those that were answered with another status than 2xx."""
        self.files: dict[str, tuple[str, bytes]] = {}
        """Files that agents send: type and content by the name in their address."""
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Listen for lines."""
        app = web.Application()
        app.router.add_post("/sms/generic/{token}", self._receive)
        app.router.add_get("/files/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Refuse connections; the address stays the same."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def close(self) -> None:
        """Stop, and close the connections to the gateway."""
        await self.stop()
        if self._http is not None:
            await self._http.close()

    def chat_with(self, customer: str) -> list[str]:
        """The texts of a customer's lines, oldest first."""
        return [line.text for line in self.lines if line.customer == customer]

    async def write(
        self, customer: str, text: str, *, media_urls: Sequence[str] = (), url: str | None = None
    ) -> SentMessage:
        """An agent writes in the chat with a customer; posted to `url`, the Provider URL by default."""
        body: dict[str, Any] = {"from": self.main_number, "to": customer, "text": text}
        if media_urls:
            body["media_urls"] = list(media_urls)
        return await self.post(body, url=url)

    async def wait_for_new_customer(self, known: Collection[str], seconds: float = 15.0) -> ChatLine | None:
        """Wait for a line of somebody who is not among the `known` customers; None when time is up."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            for line in self.lines:
                if line.customer not in known:
                    return line
            await asyncio.sleep(0.03)
        return None

    def file_url(self, name: str) -> str:
        """The address of one of `files`, as 3CX hands it to its provider."""
        return f"http://127.0.0.1:{self.port}/files/{name}"

    async def open_link(self, url: str) -> SentMessage:
        """An agent opens the link of a file; `body` is the JSON of an answer that is none."""
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return SentMessage("", answer.status, _object_in(await answer.read()), dict(answer.headers))

    async def post(self, body: dict[str, Any], *, url: str | None = None) -> SentMessage:
        """Post exactly this body to the provider."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        async with self._http.post(url or self.provider_url, data=orjson.dumps(body), headers=headers) as answer:
            content = await answer.read()
            read = _object_in(content)
            shown = "sent" if answer.status == web.HTTPOk.status_code and read else "failed"
            return SentMessage(shown, answer.status, read, dict(answer.headers))

    async def wait_for_line(self, customer: str, part: str, seconds: float = 15.0) -> ChatLine | None:
        """Wait for a line of a customer that has `part` in its text; None when time is up."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            for line in self.lines:
                if line.customer == customer and part in line.text:
                    return line
            await asyncio.sleep(0.03)
        return None

    async def _file(self, request: web.Request) -> web.Response:
        if (found := self.files.get(request.match_info["name"])) is None:
            raise web.HTTPNotFound
        return web.Response(body=found[1], content_type=found[0])

    async def _receive(self, request: web.Request) -> web.Response:
        body = _object_in(await request.read())
        self.posts.append(body)
        if self.status != web.HTTPOk.status_code:
            return web.Response(status=self.status)
        try:
            self.lines.append(self._line_from(request, body))
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            self.refused.append(repr(problem))
            return web.Response(status=400)
        return web.Response()

    def _line_from(self, request: web.Request, body: dict[str, Any]) -> ChatLine:
        """The line of a post. Raises for anything that differs from Telnyx's `message.received`."""
        data = body["data"]
        payload = data["payload"]
        customer, main_number = payload["from"]["phone_number"], payload["to"][0]["phone_number"]
        media = tuple(each["url"] for each in payload["media"])
        checks = {
            "content type": request.content_type == "application/json",
            "event": (data["event_type"], data["record_type"]) == ("message.received", "event"),
            "payload": (payload["record_type"], payload["direction"], payload["type"]) == ("message", "inbound", "SMS"),
            "times": all(OCCURRED_AT.fullmatch(at) for at in (data["occurred_at"], payload["received_at"])),
            "ids": bool(data["id"] and payload["id"]),
            "customer": E164.fullmatch(customer) is not None,
            "main number": main_number in {self.main_number, *self.other_main_numbers},
            "content": bool(payload["text"] or media),
        }
        if wrong := [name for name, fine in checks.items() if not fine]:
            raise ValueError(", ".join(wrong))
        return ChatLine(data["id"], customer, main_number, payload["text"], media)


def _object_in(content: bytes) -> dict[str, Any]:
    """The JSON object of a body; empty for anything else."""
    try:
        read = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


@asynccontextmanager
async def running_threecx(main_number: str) -> AsyncIterator[SimulatedThreeCx]:
    """A 3CX that runs as long as the block."""
    threecx = SimulatedThreeCx(main_number)
    await threecx.start()
    try:
        yield threecx
    finally:
        await threecx.close()
