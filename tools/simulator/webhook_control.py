"""`WebhookControl`: the control calls that post webhooks: messages, calls, identities, statuses and accounts."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from tools.simulator.account_payloads import AccountUpdate, account_envelope
from tools.simulator.call_payloads import Call, call_change
from tools.simulator.control_requests import InboundBatch, RawWebhook, StatusRequest, VerifyRequest
from tools.simulator.fault_responses import control_answer
from tools.simulator.identity_payloads import IdentityChange, identity_change
from tools.simulator.meta_errors import error_from
from tools.simulator.restrictions import Restriction
from tools.simulator.send_requests import Send, digits_of
from tools.simulator.simulator_state import SimulatorState
from tools.simulator.status_payloads import status_from
from tools.simulator.webhook_payloads import MEDIA, Inbound, envelope_from, inbound_changes, message_from
from tools.simulator.webhook_sender import Signature


@dataclass(frozen=True, slots=True)
class WebhookControl:
    """One method for each call; its docstring describes the answer."""

    state: SimulatorState

    async def inbound(self, request: web.Request) -> web.Response:
        """The wamids and the statuses of the first tries. Takes one message, or a batch under `messages`."""
        content = orjson.loads(await request.read())
        if isinstance(content, dict) and "messages" not in content:
            options = {key: content.pop(key) for key in ("times", "retry") if key in content}
            content = options | {"messages": [content]}
        batch = InboundBatch.model_validate(content)
        now = int(time.time())
        size = self.state.behaviour.media.size
        pairs = [
            (each, message_from(each, wamid=self.state.ids.wamid(), now=now, media_size=size))
            for each in batch.messages
        ]
        for inbound, message in pairs:
            self._remember(inbound, message)
        payload = envelope_from(inbound_changes(pairs, shape=batch.shape), shape=batch.shape)
        answers = await self._post(orjson.dumps(payload), batch.times, retry=batch.retry)
        return control_answer({"wamids": [message["id"] for _, message in pairs], "answers": answers})

    async def call(self, request: web.Request) -> web.Response:
        """The call's `id` and the status of the first try. A customer's call opens the window."""
        wanted = Call.model_validate_json(await request.read())
        change = call_change(wanted, call_id=self.state.ids.call_id(), now=int(time.time()))
        entry = change["value"]["calls"][0]
        if wanted.direction == "USER_INITIATED" and wanted.event == "connect":
            self._open_windows(wanted.phone_number_id, (wanted.sender, wanted.user_id), at=float(entry["timestamp"]))
        answers = await self._post(orjson.dumps(envelope_from([change])), 1, retry=True)
        return control_answer({"id": entry["id"], "answers": answers})

    async def identity(self, request: web.Request) -> web.Response:
        """The wamid of the system message and the status of the first try."""
        wanted = IdentityChange.model_validate_json(await request.read())
        wamid = self.state.ids.wamid()
        change = identity_change(wanted, wamid=wamid, now=int(time.time()))
        answers = await self._post(orjson.dumps(envelope_from([change])), 1, retry=True)
        return control_answer({"wamids": [wamid], "answers": answers})

    async def account(self, request: web.Request) -> web.Response:
        """The status of the first try of an account's webhook."""
        wanted = AccountUpdate.model_validate_json(await request.read())
        return control_answer({"answers": await self._post_updates([wanted])})

    async def restrict(self, request: web.Request) -> web.Response:
        """All restrictions that now stand; one told by webhook is told at once."""
        wanted = Restriction.model_validate_json(await request.read())
        update = wanted.update()
        if update is not None:
            self._require_webhook_url()
        self.state.restrictions = (*self.state.restrictions, wanted)
        answers = await self._post_updates([] if update is None else [update])
        standing = [each.model_dump(exclude_defaults=True) for each in self.state.restrictions]
        return control_answer({"restrictions": standing, "answers": answers})

    async def lift(self, _: web.Request) -> web.Response:
        """No restrictions; the ends of those told by webhook are told too."""
        updates = [each.update(ended=True) for each in self.state.restrictions]
        self.state.restrictions = ()
        answers = await self._post_updates([each for each in updates if each is not None])
        return control_answer({"restrictions": [], "answers": answers})

    async def webhook(self, request: web.Request) -> web.Response:
        """The statuses of the first tries."""
        wanted = RawWebhook.model_validate_json(await request.read())
        body = orjson.dumps(wanted.payload) if wanted.body is None else wanted.body.encode()
        answers = await self._post(body, wanted.times, retry=wanted.retry, signature=wanted.signature)
        return control_answer({"answers": answers})

    async def status(self, request: web.Request) -> web.Response:
        """The status of the first try; 404 for an id that is not in the history."""
        wanted = StatusRequest.model_validate_json(await request.read())
        message = next((each for each in reversed(self.state.history.messages) if each.id == wanted.id), None)
        if message is None:
            return control_answer({"error": "unknown_message"}, status=404)
        send = Send(message.phone_number_id, {"type": message.type}, message.to)
        status = status_from(
            wanted.status,
            wamid=message.id,
            to=self.state.wa_id_of(message.to),
            timestamp=int(time.time()) if wanted.timestamp is None else wanted.timestamp,
            callback=message.callback,
            error=None if wanted.code is None else error_from(wanted.code),
            pricing=self.state.pricing_of(send, now=time.time()),
            user_id=self.state.user_ids.get(message.to),
            with_user_id=self.state.behaviour.user_ids,
        )
        self._require_webhook_url()
        answer = await self.state.webhooks.post_status(message.phone_number_id, status, delay=0.0)
        return control_answer({"answers": [answer]})

    async def verify(self, request: web.Request) -> web.Response:
        """The answer's `status`, and whether it holds the challenge."""
        wanted = VerifyRequest.model_validate_json(await request.read())
        self._require_webhook_url()
        status, proven = await self.state.webhooks.handshake(wanted.verify_token, str(time.time_ns()))
        return control_answer({"status": status, "verified": proven and status == 200})

    def _remember(self, inbound: Inbound, message: dict[str, Any]) -> None:
        """What the message opens: the window, a free entry point, and its media."""
        number, at, customers = inbound.phone_number_id, float(message["timestamp"]), (inbound.sender, inbound.user_id)
        self._open_windows(number, customers, at=at)
        if inbound.sender and inbound.user_id:
            self.state.user_ids[digits_of(inbound.sender)] = inbound.user_id
        if "referral" in message:
            for customer in filter(None, customers):
                self.state.entry_points.opened(number, digits_of(customer), at=at)
        part = message.get(message["type"])
        if message["type"] in MEDIA and isinstance(part, dict):
            self.state.media.add(str(part.get("id")), str(part.get("mime_type")), at=at)

    def _open_windows(self, number: str, customers: Sequence[str | None], *, at: float) -> None:
        for customer in filter(None, customers):
            self.state.windows.opened(number, digits_of(customer), at=at)

    async def _post_updates(self, updates: Sequence[AccountUpdate]) -> list[int]:
        now = int(time.time())
        bodies = [orjson.dumps(account_envelope(update, now=now)) for update in updates]
        return [status for body in bodies for status in await self._post(body, 1, retry=True)]

    def _require_webhook_url(self) -> None:
        if not self.state.behaviour.webhook_urls:
            raise ValueError("no webhook_urls are configured")

    async def _post(self, body: bytes, times: int, *, retry: bool, signature: Signature = "valid") -> list[int]:
        self._require_webhook_url()
        posts = [self.state.webhooks.post(body, signature=signature, retry=retry) for _ in range(times)]
        return await asyncio.gather(*posts)
