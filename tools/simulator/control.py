"""The control API under `/_control`: post customers' messages, script faults, and read what the simulator received.

It has no authentication: bind it to loopback only.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from tools.simulator.control_requests import (
    ConfigRequest,
    InboundBatch,
    RawWebhook,
    ScriptRequest,
    StatusRequest,
    VerifyRequest,
)
from tools.simulator.faults import FaultScript
from tools.simulator.history import HistoryFilter
from tools.simulator.meta_errors import error_from
from tools.simulator.simulator_state import SimulatorState
from tools.simulator.webhook_payloads import envelope_from, inbound_changes, message_from, status_from
from tools.simulator.webhooks import Signature
from tools.simulator.wire import digits_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _json(answer: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")


def rejecting_invalid_requests(handler: Handler) -> Handler:
    """The handler; an invalid request is answered 400 with its faults."""

    async def validated(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return _json({"error": "invalid_order", "faults": faults}, status=400)
        except ValueError as error:
            return _json({"error": "invalid_order", "faults": [{"msg": str(error)}]}, status=400)

    return validated


@dataclass(frozen=True, slots=True)
class Control:
    """The control calls, one method each; its docstring describes the answer."""

    state: SimulatorState

    async def inbound(self, request: web.Request) -> web.Response:
        """The wamids and the statuses of the first tries. Takes one message, or a batch under `messages`."""
        content = orjson.loads(await request.read())
        if isinstance(content, dict) and "messages" not in content:
            options = {key: content.pop(key) for key in ("times", "retry") if key in content}
            content = options | {"messages": [content]}
        batch = InboundBatch.model_validate(content)
        now = int(time.time())
        pairs = [(each, message_from(each, wamid=self.state.ids.wamid(), now=now)) for each in batch.messages]
        for inbound, message in pairs:
            for customer in filter(None, (inbound.sender, inbound.user_id)):
                self.state.windows.opened(inbound.phone_number_id, digits_of(customer), at=float(message["timestamp"]))
        payload = envelope_from(inbound_changes(pairs, shape=batch.shape), shape=batch.shape)
        answers = await self._post(orjson.dumps(payload), batch.times, retry=batch.retry)
        return _json({"wamids": [message["id"] for _, message in pairs], "answers": answers})

    async def webhook(self, request: web.Request) -> web.Response:
        """The statuses of the first tries."""
        wanted = RawWebhook.model_validate_json(await request.read())
        body = orjson.dumps(wanted.payload) if wanted.body is None else wanted.body.encode()
        answers = await self._post(body, wanted.times, retry=wanted.retry, signature=wanted.signature)
        return _json({"answers": answers})

    async def status(self, request: web.Request) -> web.Response:
        """The status of the first try; 404 for an id that is not in the history."""
        wanted = StatusRequest.model_validate_json(await request.read())
        message = next((each for each in reversed(self.state.history.messages) if each.id == wanted.id), None)
        if message is None:
            return _json({"error": "unknown_message"}, status=404)
        status = status_from(
            wanted.status,
            wamid=message.id,
            to=message.to,
            timestamp=int(time.time()) if wanted.timestamp is None else wanted.timestamp,
            callback=message.callback,
            error=None if wanted.code is None else error_from(wanted.code),
        )
        self._require_webhook_url()
        answer = await self.state.webhooks.post_status(message.phone_number_id, status, delay=0.0)
        return _json({"answers": [answer]})

    async def verify(self, request: web.Request) -> web.Response:
        """The answer's `status`, and whether it holds the challenge."""
        wanted = VerifyRequest.model_validate_json(await request.read())
        self._require_webhook_url()
        status, proven = await self.state.webhooks.handshake(wanted.verify_token, str(time.time_ns()))
        return _json({"status": status, "verified": proven and status == 200})

    async def set_script(self, request: web.Request) -> web.Response:
        """The new script; its counts begin at 0."""
        wanted = ScriptRequest.model_validate_json(await request.read())
        steps = (*self.state.script.steps, *wanted.steps) if wanted.append else wanted.steps
        self.state.script = FaultScript(steps)
        return await self.get_script(request)

    async def get_script(self, _: web.Request) -> web.Response:
        """The steps, and how often each has fired."""
        script = self.state.script
        steps = [step.model_dump(exclude_defaults=True) for step in script.steps]
        return _json({"steps": steps, "fired": script.fired})

    async def delete_script(self, _: web.Request) -> web.Response:
        """The empty script; drops hanging requests."""
        self.state.script = FaultScript()
        self.state.release()
        return _json({"steps": [], "fired": []})

    async def messages(self, request: web.Request) -> web.Response:
        """Accepted messages that match the query, and the total count."""
        found = _filter_from(request).select(self.state.history.messages)
        return _json({"total": self.state.history.accepted, "messages": [asdict(each) for each in found]})

    async def requests(self, request: web.Request) -> web.Response:
        """Requests that match the query, including refused ones, and the total count."""
        found = _filter_from(request).select(self.state.history.requests)
        total = self.state.history.outcomes.total()
        return _json({"total": total, "requests": [asdict(each) for each in found]})

    async def stats(self, _: web.Request) -> web.Response:
        """Counts since the start or the last reset."""
        memory, webhooks = self.state.history, self.state.webhooks
        return _json(
            {
                "requests": memory.outcomes.total(),
                "accepted": self.state.history.accepted,
                "kept": len(memory.messages),
                "outcomes": dict(memory.outcomes),
                "webhooks": dict(webhooks.counts) | {"pending": webhooks.pending},
            }
        )

    async def reset(self, _: web.Request) -> web.Response:
        """Returns to the initial state."""
        await self.state.reset()
        return _json({"reset": True})

    async def configure(self, request: web.Request) -> web.Response:
        """The whole behaviour, after changing the given fields."""
        wanted = ConfigRequest.model_validate_json(await request.read())
        self.state.set_behaviour(self.state.behaviour.with_changes(wanted.model_extra or {}))
        return await self.configuration(request)

    async def configuration(self, _: web.Request) -> web.Response:
        """The whole behaviour."""
        return _json(self.state.behaviour.model_dump())

    def _require_webhook_url(self) -> None:
        if not self.state.behaviour.webhook_urls:
            raise ValueError("no webhook_urls are configured")

    async def _post(self, body: bytes, times: int, *, retry: bool, signature: Signature = "valid") -> list[int]:
        self._require_webhook_url()
        posts = [self.state.webhooks.post(body, signature=signature, retry=retry) for _ in range(times)]
        return await asyncio.gather(*posts)


_FILTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("to", "callback", "phone_number_id"), str),
    "since": float,
    **dict.fromkeys(("after", "limit"), int),
}


def _filter_from(request: web.Request) -> HistoryFilter:
    unknown = request.query.keys() - _FILTERS.keys()
    if unknown:
        raise ValueError(f"unknown filters: {', '.join(sorted(unknown))}")
    return HistoryFilter(**{name: _FILTERS[name](value) for name, value in request.query.items()})


def control_routes(state: SimulatorState) -> list[web.RouteDef]:
    """The control calls with their methods and paths."""
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
    return [web.route(method, f"/_control/{name}", rejecting_invalid_requests(call)) for method, name, call in calls]
