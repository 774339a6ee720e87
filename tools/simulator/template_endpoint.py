"""`TemplateEndpoint`: `GET /{version}/{business account}/message_templates`, with Meta's paging by cursors."""

import base64
import time
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from tools.simulator.fault_responses import json_answer, respond_with_fault
from tools.simulator.graph import token_error
from tools.simulator.meta_errors import invalid_request
from tools.simulator.send_requests import Send
from tools.simulator.simulator_state import SimulatorState


@dataclass(frozen=True, slots=True)
class TemplateEndpoint:
    """The templates that the control API has given a business account."""

    state: SimulatorState

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """One page: `limit` templates after the cursor `after`, with the fields that are asked for."""
        account = request.match_info["business_account_id"]
        send = Send(account, None, is_probe=True)
        error = token_error(request, self.state.settings)
        limit, after = request.query.get("limit", "25"), request.query.get("after", "")
        if error is None and not (limit.isdecimal() and 0 < int(limit) <= 1000):
            error = invalid_request("Param limit must be between 1 and 1000.")
        if error is not None:
            self.state.history.add_request(send, f"error:{error.code}", at=time.time())
            return json_answer(error.envelope(self.state.ids.fbtrace_id()), status=error.status)
        fault = self.state.fault_for(send)
        self.state.history.add_request(send, f"fault:{fault.kind}" if fault else "templates", at=time.time())
        answer = json_answer(orjson.dumps(self._page(request, account, int(limit), _position_in(after))))
        if fault is None:
            return answer
        return await respond_with_fault(
            request, fault, answer, fbtrace_id=self.state.ids.fbtrace_id(), released=self.state.released
        )

    def _page(self, request: web.Request, account: str, limit: int, start: int) -> dict[str, Any]:
        known = self.state.templates.get(account, ())
        fields = request.query.get("fields", "name,status,category,language").split(",")
        data = [{name: each[name] for name in fields if name in each} | {"id": f"{n}"} for n, each in enumerate(known)]
        end = min(start + limit, len(known))
        paging: dict[str, Any] = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
        if end < len(known):
            paging["next"] = str(request.url.update_query(after=_cursor(end)))
        return {"data": data[start:end], "paging": paging} if known else {"data": []}


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"at {position}".encode()).decode()


def _position_in(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("at ")) if cursor else 0
    except ValueError:
        return 0
