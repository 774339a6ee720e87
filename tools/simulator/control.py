"""The control API under `/_control`: post customers' messages, script faults, and read what the simulator received.

It has no authentication: bind it to loopback only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from tools.simulator.control_requests import ConfigRequest, ScriptRequest, TemplatesRequest
from tools.simulator.fault_responses import control_answer
from tools.simulator.faults import FaultScript
from tools.simulator.history import HistoryFilter
from tools.simulator.simulator_state import SimulatorState
from tools.simulator.webhook_control import WebhookControl
from tools.simulator.webhook_payloads import business_account_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def rejecting_invalid_requests(handler: Handler) -> Handler:
    """The handler; an invalid request is answered 400 with its faults."""

    async def validated(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return control_answer({"error": "invalid_order", "faults": faults}, status=400)
        except ValueError as error:
            return control_answer({"error": "invalid_order", "faults": [{"msg": str(error)}]}, status=400)

    return validated


@dataclass(frozen=True, slots=True)
class Control:
    """The control calls that post nothing, one method each; its docstring describes the answer."""

    state: SimulatorState

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
        return control_answer({"steps": steps, "fired": script.fired})

    async def delete_script(self, _: web.Request) -> web.Response:
        """The empty script; drops hanging requests."""
        self.state.script = FaultScript()
        self.state.release()
        return control_answer({"steps": [], "fired": []})

    async def restrictions(self, _: web.Request) -> web.Response:
        """The restrictions that stand."""
        standing = [each.model_dump(exclude_defaults=True) for each in self.state.restrictions]
        return control_answer({"restrictions": standing})

    async def messages(self, request: web.Request) -> web.Response:
        """Accepted messages that match the query, and the total count."""
        found = _filter_from(request).select(self.state.history.messages)
        return control_answer({"total": self.state.history.accepted, "messages": [asdict(each) for each in found]})

    async def requests(self, request: web.Request) -> web.Response:
        """Requests that match the query, including refused ones, and the total count."""
        found = _filter_from(request).select(self.state.history.requests)
        total = self.state.history.outcomes.total()
        return control_answer({"total": total, "requests": [asdict(each) for each in found]})

    async def stats(self, _: web.Request) -> web.Response:
        """Counts since the start or the last reset."""
        memory, webhooks = self.state.history, self.state.webhooks
        return control_answer(
            {
                "requests": memory.outcomes.total(),
                "accepted": self.state.history.accepted,
                "kept": len(memory.messages),
                "outcomes": dict(memory.outcomes),
                "webhooks": dict(webhooks.counts) | {"pending": webhooks.pending},
            }
        )

    async def set_templates(self, request: web.Request) -> web.Response:
        """How many templates the number's business account has now."""
        wanted = TemplatesRequest.model_validate_json(await request.read())
        self.state.templates[business_account_of(wanted.phone_number_id)] = wanted.templates
        return control_answer({"templates": len(wanted.templates)})

    async def contact_book(self, _: web.Request) -> web.Response:
        """What was deleted from contact books: pairs of number and user id, in order."""
        return control_answer({"deleted": [list(each) for each in self.state.contact_book]})

    async def uploads(self, _: web.Request) -> web.Response:
        """The uploaded files by id."""
        return control_answer({"uploads": {name: asdict(each) for name, each in self.state.uploads.items()}})

    async def reset(self, _: web.Request) -> web.Response:
        """Returns to the initial state."""
        await self.state.reset()
        return control_answer({"reset": True})

    async def configure(self, request: web.Request) -> web.Response:
        """The whole behaviour, after changing the given fields."""
        wanted = ConfigRequest.model_validate_json(await request.read())
        self.state.set_behaviour(self.state.behaviour.with_changes(wanted.model_extra or {}))
        return await self.configuration(request)

    async def configuration(self, _: web.Request) -> web.Response:
        """The whole behaviour."""
        return control_answer(self.state.behaviour.model_dump())


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
    control, webhooks = Control(state), WebhookControl(state)
    calls: list[tuple[str, str, Handler]] = [
        ("POST", "inbound", webhooks.inbound),
        ("POST", "call", webhooks.call),
        ("POST", "identity", webhooks.identity),
        ("POST", "account", webhooks.account),
        ("POST", "restrictions", webhooks.restrict),
        ("GET", "restrictions", control.restrictions),
        ("DELETE", "restrictions", webhooks.lift),
        ("POST", "webhook", webhooks.webhook),
        ("POST", "status", webhooks.status),
        ("POST", "verify", webhooks.verify),
        ("POST", "script", control.set_script),
        ("GET", "script", control.get_script),
        ("DELETE", "script", control.delete_script),
        ("GET", "messages", control.messages),
        ("GET", "requests", control.requests),
        ("GET", "stats", control.stats),
        ("POST", "templates", control.set_templates),
        ("GET", "uploads", control.uploads),
        ("GET", "contact_book", control.contact_book),
        ("POST", "reset", control.reset),
        ("POST", "config", control.configure),
        ("GET", "config", control.configuration),
    ]
    return [web.route(method, f"/_control/{name}", rejecting_invalid_requests(call)) for method, name, call in calls]
