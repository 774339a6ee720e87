"""A stand-in for an Evolution API v2 server: it takes messages, is told what to answer, and posts webhooks."""

import base64
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

NOON_S = 1_795_435_200
"""2026-11-23T12:00:00Z in Unix seconds."""


def taken(jid: str, message_id: str, text: str = "") -> dict[str, Any]:
    """What a server answers with 201 when it took a message."""
    return {
        "key": {"remoteJid": jid, "fromMe": True, "id": message_id},
        "pushName": "",
        "status": "PENDING",
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": NOON_S,
        "instanceId": "5f8a",
        "source": "web",
    }


def refused(status: int, title: str, message: Any) -> tuple[int, dict[str, Any]]:
    """How a server tells an error."""
    return status, {"status": status, "error": title, "response": {"message": message}}


@dataclass(frozen=True)
class Sent:
    """One message that reached the server."""

    call: str
    instance: str
    body: dict[str, Any]


@dataclass(frozen=True)
class StoredMedia:
    """A file that the server has; `raw` is answered in place of what it makes of the file."""

    content: bytes = b""
    mime_type: str = "image/jpeg"
    name: str = "file.jpg"
    caption: str = ""
    raw: bytes | None = None
    status: int = 201


@dataclass
class EvolutionStub:
    """`instances` are names with their keys; `answers` are given first, one a message, then messages are taken."""

    instances: dict[str, str] = field(default_factory=lambda: {"main": "an-instance-key"})
    answers: deque[tuple[int, Any]] = field(default_factory=deque)
    not_on_whatsapp: set[str] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """What the messages that were taken are called, as the callers were told."""
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, StoredMedia] = field(default_factory=dict)
    """Files by the id of their message."""
    templates: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def application(self) -> web.Application:
        """What the server serves."""
        app = web.Application()
        app.router.add_post("/message/{call}/{instance}", self._message)
        app.router.add_post("/webhook/set/{instance}", self._webhook)
        app.router.add_get("/template/find/{instance}", self._templates)
        app.router.add_post("/chat/getBase64FromMediaMessage/{instance}", self._media)
        return app

    async def tell(self, instance: str, event: str, data: Any, **envelope: Any) -> int:
        """Post a webhook as it was set for the instance, and return what was answered."""
        webhook = self.webhooks[instance]
        body = envelope_of(instance, event, data, destination=webhook["url"], server_url=self.url) | envelope
        async with (
            aiohttp.ClientSession() as session,
            session.post(webhook["url"], json=body, headers=webhook["headers"]) as answer,
        ):
            return answer.status

    def _refusal(self, request: web.Request) -> tuple[int, dict[str, Any]] | None:
        name = request.match_info["instance"]
        if name not in self.instances:
            return refused(404, "Not Found", [f'The "{name}" instance does not exist'])
        if request.headers.get("apikey") != self.instances[name]:
            return refused(401, "Unauthorized", "Unauthorized")
        return None

    async def _message(self, request: web.Request) -> web.Response:
        status, body = self._refusal(request) or await self._answer(request)
        return web.json_response(body, status=status)

    async def _answer(self, request: web.Request) -> tuple[int, Any]:
        body = await request.json()
        number, text = body["number"], body.get("text", "")
        if number in self.not_on_whatsapp:
            jid = f"{number}@s.whatsapp.net"
            return refused(400, "Bad Request", [{"jid": jid, "exists": False, "number": number}])
        self.sent.append(Sent(request.match_info["call"], request.match_info["instance"], body))
        if self.answers:
            return self.answers.popleft()
        jid = number if "@" in number else f"{number}@s.whatsapp.net"
        self.ids.append(f"3EB0{next(self._ids):016X}")
        return 201, taken(jid, self.ids[-1], text)

    async def _media(self, request: web.Request) -> web.StreamResponse:
        """A file in base64, as 2.3.6 answers; unknown messages are a bad request."""
        if (refusal := self._refusal(request)) is not None:
            return web.json_response(refusal[1], status=refusal[0])
        asked = await request.json()
        assert asked["convertToMp4"] is False
        media = self.media.get(asked["message"]["key"]["id"])
        if media is None:
            status, body = refused(400, "Bad Request", ["Message not found"])
            return web.json_response(body, status=status)
        if media.raw is not None:
            return web.Response(body=media.raw, content_type="application/json", status=media.status)
        body = {
            "mediaType": "imageMessage",
            "fileName": media.name,
            "caption": media.caption,
            "size": {"fileLength": str(len(media.content))},
            "mimetype": media.mime_type,
            "base64": base64.b64encode(media.content).decode(),
            "buffer": None,
        }
        return web.json_response(body, status=201)

    async def _templates(self, request: web.Request) -> web.Response:
        """The first page of Meta's list, of an instance on WhatsApp's business API."""
        if (refusal := self._refusal(request)) is not None:
            return web.json_response(refusal[1], status=refusal[0])
        return web.json_response(self.templates[:25])

    async def _webhook(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return web.json_response(refusal[1], status=refusal[0])
        webhook = (await request.json())["webhook"]
        self.webhooks[request.match_info["instance"]] = webhook
        return web.json_response(webhook, status=201)


def envelope_of(instance: object, event: object, data: Any, **changes: Any) -> dict[str, Any]:
    """The body of a webhook, with everything that a careless server adds."""
    return {
        "event": event,
        "instance": instance,
        "data": data,
        "destination": "https://gateway.example.com/hook",
        "date_time": "2026-11-23T15:00:00.000Z",
        "sender": "966500000000@s.whatsapp.net",
        "server_url": "https://evolution.example.com",
        "apikey": "an-instance-key",
    } | changes


def upsert(message_id: str = "3A01", jid: str = "966511112222@s.whatsapp.net", **changes: Any) -> dict[str, Any]:
    """What `messages.upsert` tells of a customer's text; `key` is merged into the message's key."""
    key = {"remoteJid": jid, "fromMe": False, "id": message_id} | changes.pop("key", {})
    return {
        "key": key,
        "pushName": "Layla",
        "status": "DELIVERY_ACK",
        "message": {"conversation": "Is it ready?"},
        "messageType": "conversation",
        "messageTimestamp": NOON_S,
        "instanceId": "5f8a",
        "source": "android",
    } | changes


def update(message_id: str, status: str | None, **changes: Any) -> dict[str, Any]:
    """What `messages.update` tells of a message of ours."""
    return {
        "keyId": message_id,
        "remoteJid": "966511112222@s.whatsapp.net",
        "fromMe": True,
        "participant": None,
        "status": status,
        "messageId": "clx1",
        "instanceId": "5f8a",
    } | changes


@asynccontextmanager
async def evolution(stub: EvolutionStub) -> AsyncIterator[EvolutionStub]:
    """Serve the stand-in on the loopback."""
    runner = web.AppRunner(stub.application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stub
    finally:
        await runner.cleanup()
