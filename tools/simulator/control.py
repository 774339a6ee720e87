"""The control API under `/_control`: customers write in, faults are scripted, what happened is read.

It is for tests and demos and knows no authentication: bind it to loopback only.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from tools.simulator.faults import Script
from tools.simulator.memory import Filter
from tools.simulator.meta_errors import error_from
from tools.simulator.orders import (
    ConfigOrder,
    InboundBatch,
    RawWebhook,
    ScriptOrder,
    StatusOrder,
    VerifyOrder,
)
from tools.simulator.payloads import envelope_from, inbound_changes, message_from, status_from
from tools.simulator.state import State
from tools.simulator.webhooks import Signature
from tools.simulator.wire import digits_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _json(answer: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")


def refusing_bad_orders(handler: Handler) -> Handler:
    """The handler, with a 400 that names the faults for orders that cannot be read."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return _json({"error": "invalid_order", "faults": faults}, status=400)
        except ValueError as error:
            return _json({"error": "invalid_order", "faults": [{"msg": str(error)}]}, status=400)

    return guarded


@dataclass(frozen=True, slots=True)
class Control:
    """The control calls; each is one method and says what it answers."""

    state: State

    async def inbound(self, request: web.Request) -> web.Response:
        """One message, or a batch under `messages`: the wamids and the first try's statuses."""
        order = orjson.loads(await request.read())
        if isinstance(order, dict) and "messages" not in order:
            options = {key: order.pop(key) for key in ("times", "retry") if key in order}
            order = options | {"messages": [order]}
        batch = InboundBatch.model_validate(order)
        now = int(time.time())
        pairs = [(each, message_from(each, wamid=self.state.ids.wamid(), now=now)) for each in batch.messages]
        for inbound, message in pairs:
            for customer in filter(None, (inbound.sender, inbound.user_id)):
                self.state.windows.opened(inbound.phone_number_id, digits_of(customer), at=float(message["timestamp"]))
        payload = envelope_from(inbound_changes(pairs, shape=batch.shape), shape=batch.shape)
        answers = await self._posted(orjson.dumps(payload), batch.times, retry=batch.retry)
        return _json({"wamids": [message["id"] for _, message in pairs], "answers": answers})

    async def webhook(self, request: web.Request) -> web.Response:
        """The statuses that the first tries were answered with."""
        order = RawWebhook.model_validate_json(await request.read())
        body = orjson.dumps(order.payload) if order.body is None else order.body.encode()
        answers = await self._posted(body, order.times, retry=order.retry, signature=order.signature)
        return _json({"answers": answers})

    async def status(self, request: web.Request) -> web.Response:
        """404 for an id that was never accepted, or too long ago."""
        order = StatusOrder.model_validate_json(await request.read())
        message = next((each for each in reversed(self.state.memory.messages) if each.id == order.id), None)
        if message is None:
            return _json({"error": "unknown_message"}, status=404)
        status = status_from(
            order.status,
            wamid=message.id,
            to=message.to,
            timestamp=int(time.time()) if order.timestamp is None else order.timestamp,
            callback=message.callback,
            error=None if order.code is None else error_from(order.code),
        )
        self._need_target()
        answer = await self.state.webhooks.post_status(message.phone_number_id, status, delay=0.0)
        return _json({"answers": [answer]})

    async def verify(self, request: web.Request) -> web.Response:
        """`status` and whether the challenge came back."""
        order = VerifyOrder.model_validate_json(await request.read())
        self._need_target()
        status, proven = await self.state.webhooks.handshake(order.verify_token, str(time.time_ns()))
        return _json({"status": status, "verified": proven and status == 200})

    async def set_script(self, request: web.Request) -> web.Response:
        """Replaces the script; counts begin anew."""
        order = ScriptOrder.model_validate_json(await request.read())
        steps = (*self.state.script.steps, *order.steps) if order.append else order.steps
        self.state.script = Script(steps)
        return await self.get_script(request)

    async def get_script(self, _: web.Request) -> web.Response:
        """The steps, and how often each has hit."""
        script = self.state.script
        steps = [step.model_dump(exclude_defaults=True) for step in script.steps]
        return _json({"steps": steps, "fired": script.fired})

    async def delete_script(self, _: web.Request) -> web.Response:
        """No faults from now on; what hangs is cut off."""
        self.state.script = Script()
        self.state.release()
        return _json({"steps": [], "fired": []})

    async def messages(self, request: web.Request) -> web.Response:
        """Accepted messages that pass the query, and how many there were in all."""
        found = _filter_from(request).chosen(self.state.memory.messages)
        return _json({"total": self.state.memory.accepted, "messages": [asdict(each) for each in found]})

    async def requests(self, request: web.Request) -> web.Response:
        """Requests that pass the query, refused ones too, and how many there were in all."""
        found = _filter_from(request).chosen(self.state.memory.requests)
        total = self.state.memory.outcomes.total()
        return _json({"total": total, "requests": [asdict(each) for each in found]})

    async def stats(self, _: web.Request) -> web.Response:
        """Counts since the start or the last reset."""
        memory, webhooks = self.state.memory, self.state.webhooks
        return _json(
            {
                "requests": memory.outcomes.total(),
                "accepted": self.state.memory.accepted,
                "kept": len(memory.messages),
                "outcomes": dict(memory.outcomes),
                "webhooks": dict(webhooks.counts) | {"pending": webhooks.pending},
            }
        )

    async def reset(self, _: web.Request) -> web.Response:
        """As after the start."""
        await self.state.reset()
        return _json({"reset": True})

    async def configure(self, request: web.Request) -> web.Response:
        """Changes the fields given, answers the whole behaviour."""
        order = ConfigOrder.model_validate_json(await request.read())
        self.state.behave(self.state.behaviour.changed_by(order.model_extra or {}))
        return await self.configuration(request)

    async def configuration(self, _: web.Request) -> web.Response:
        """The whole behaviour."""
        return _json(self.state.behaviour.model_dump())

    def _need_target(self) -> None:
        if not self.state.behaviour.webhook_urls:
            raise ValueError("no webhook_urls are configured")

    async def _posted(self, body: bytes, times: int, *, retry: bool, signature: Signature = "valid") -> list[int]:
        self._need_target()
        posts = [self.state.webhooks.post(body, signature=signature, retry=retry) for _ in range(times)]
        return await asyncio.gather(*posts)


def _filter_from(request: web.Request) -> Filter:
    query = request.query
    unknown = set(query) - {"to", "callback", "phone_number_id", "since", "after", "limit"}
    if unknown:
        raise ValueError(f"unknown filters: {', '.join(sorted(unknown))}")
    return Filter(
        to=query.get("to"),
        callback=query.get("callback"),
        phone_number_id=query.get("phone_number_id"),
        since=float(query["since"]) if "since" in query else None,
        after=int(query["after"]) if "after" in query else None,
        limit=int(query["limit"]) if "limit" in query else None,
    )


def control_routes(state: State) -> list[web.RouteDef]:
    """Every control call with its method and path."""
    control = Control(state)
    calls: list[tuple[str, str, Handler]] = [
        ("POST", "inbound", control.inbound),
        ("POST", "webhook", control.webhook),
        ("POST", "status", control.status),
        ("POST", "verify", control.verify),
        ("POST", "script", control.set_script),
        ("GET", "script", control.get_script),
        ("DELETE", "script", control.delete_script),
        ("GET", "messages", control.messages),
        ("GET", "requests", control.requests),
        ("GET", "stats", control.stats),
        ("POST", "reset", control.reset),
        ("POST", "config", control.configure),
        ("GET", "config", control.configuration),
    ]
    return [web.route(method, f"/_control/{name}", refusing_bad_orders(call)) for method, name, call in calls]
