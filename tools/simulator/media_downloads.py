"""`MediaDownloads`: what Graph tells of a customer's file, and the download from the URL that it told."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from tools.simulator.fault_responses import json_answer
from tools.simulator.graph import token_error
from tools.simulator.limits import MEDIA_URL_SECONDS
from tools.simulator.meta_errors import MetaError, error_from, unknown_number
from tools.simulator.simulator_state import SimulatorState
from tools.simulator.webhook_payloads import media_bytes_of

UNKNOWN_ID: Final = 100
PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class MediaDownloads:
    """Answers as `Behaviour.media` says."""

    state: SimulatorState

    async def describe(self, request: web.Request, media_id: str, mime_type: str) -> web.Response:
        """Where the file is, for five minutes."""
        plan = self.state.behaviour.media
        if plan.silent:
            await self.state.released.wait()
        if (error := token_error(request, self.state.settings)) is not None:
            return self._refusal(error)
        if plan.code is not None:
            unknown = plan.code == UNKNOWN_ID
            return self._refusal(unknown_number(media_id, verb="get") if unknown else error_from(plan.code))
        if plan.status is not None:
            return web.Response(status=plan.status, text="<html>")
        content = media_bytes_of(media_id, plan.size)
        ends = int(time.time()) + MEDIA_URL_SECONDS
        answer: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "url": plan.url or f"{request.url.origin()}/_media/{media_id}?ext={ends}",
            "mime_type": plan.told_type or mime_type,
            "sha256": plan.told_sha256 or hashlib.sha256(content).hexdigest(),
            "file_size": len(content) if plan.told_size is None else plan.told_size,
            "id": media_id,
        }
        return json_answer(orjson.dumps(answer))

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The content of a media URL; 401 without token, 404 once the URL has ended."""
        media_id, plan = request.match_info["media_id"], self.state.behaviour.media
        if token_error(request, self.state.settings) is not None or plan.download == "refused":
            return web.Response(status=401)
        mime_type = self.state.media.mime_type(media_id, now=time.time())
        if mime_type is None or not time.time() < float(request.query.get("ext", "0")):
            return web.Response(status=404)
        if plan.ended_urls:
            self.state.set_behaviour(self.state.behaviour.with_changes({"media": {"ended_urls": plan.ended_urls - 1}}))
            return web.Response(status=404)
        if plan.redirect is not None and "redirected" not in request.query:
            return web.Response(status=302, headers={"Location": plan.redirect})
        return await self._send(request, media_bytes_of(media_id, plan.size), mime_type)

    async def _send(self, request: web.Request, content: bytes, mime_type: str) -> web.StreamResponse:
        plan = self.state.behaviour.media
        response = web.StreamResponse(headers={"Content-Type": mime_type})
        if plan.download != "endless":
            response.content_length = len(content)
        await response.prepare(request)
        pieces = [content[start : start + PIECE] for start in range(0, len(content), PIECE)]
        kept = pieces if plan.download in ("whole", "endless") else [pieces[0][:-1], *pieces[1 : len(pieces) // 2]]
        for piece in kept:
            await response.write(piece)
            await asyncio.sleep(plan.pause)
        while plan.download == "endless":
            await response.write(bytes(PIECE))
        if plan.download == "hang":
            await self.state.released.wait()
        if plan.download in ("cut", "hang") and request.transport is not None:
            request.transport.close()  # not aborted: a reset may overtake the head of the answer
        return response

    def _refusal(self, error: MetaError) -> web.Response:
        return json_answer(error.envelope(self.state.ids.fbtrace_id()), status=error.status)
