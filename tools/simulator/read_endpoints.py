"""`ReadEndpoints`: `GET /{version}/{id}` of a phone number or a media file."""

import time
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from tools.simulator.fault_responses import json_answer, respond_with_fault
from tools.simulator.graph import token_error
from tools.simulator.media_downloads import MediaDownloads
from tools.simulator.meta_errors import MetaError, invalid_request, unknown_number
from tools.simulator.send_requests import Send
from tools.simulator.simulator_state import SimulatorState
from tools.simulator.webhook_payloads import display_number_of

DEFAULT_FIELDS: Final = ("display_phone_number", "quality_rating", "id")


@dataclass(frozen=True, slots=True)
class ReadEndpoints:
    """Reads of numbers and media. A read of a number counts as a request, because senders use it as a probe."""

    state: SimulatorState

    async def read(self, request: web.Request) -> web.StreamResponse:
        """A media file that a webhook has told, else the number with this id."""
        object_id = request.match_info["object_id"]
        mime_type = self.state.media.mime_type(object_id, now=time.time())
        if mime_type is None and "phone_number_id" in request.query:  # which reads of media alone have
            return self._refusal(unknown_number(object_id, verb="get"))
        if mime_type is None:
            return await self._number(request, Send(object_id, None, is_probe=True))
        return await MediaDownloads(self.state).describe(request, object_id, mime_type)

    async def _number(self, request: web.Request, probe: Send) -> web.StreamResponse:
        error = token_error(request, self.state.settings)
        fault = None if error else self.state.fault_for(probe)
        answer, outcome = self._answer_to(request, probe.phone_number_id, error)
        self.state.history.add_request(probe, f"fault:{fault.kind}" if fault else outcome, at=time.time())
        if fault is None:
            return answer
        return await respond_with_fault(
            request, fault, answer, fbtrace_id=self.state.ids.fbtrace_id(), released=self.state.released
        )

    def _answer_to(self, request: web.Request, number: str, error: MetaError | None) -> tuple[web.Response, str]:
        """The answer and its outcome in the history."""
        known = self.state.settings.phone_number_ids
        if error is None and known and number not in known:
            error = unknown_number(number, verb="get")
        fields = self._fields_of(number)
        asked = request.query.get("fields", ",".join(DEFAULT_FIELDS)).split(",")
        if error is None and (unknown := [name for name in asked if name not in fields]):
            error = invalid_request(f"Tried accessing nonexisting field ({unknown[0]})")
        if error is not None:
            return self._refusal(error), f"error:{error.code}"
        found = {name: fields[name] for name in dict.fromkeys((*asked, "id"))}
        return json_answer(orjson.dumps(found)), "probe"

    def _fields_of(self, phone_number_id: str) -> dict[str, Any]:
        return {
            "id": phone_number_id,
            "display_phone_number": display_number_of(phone_number_id),
            "verified_name": "Simulated business",
            "quality_rating": "GREEN",
            "status": "CONNECTED",
            "throughput": {"level": self.state.behaviour.throughput},
        }

    def _refusal(self, error: MetaError) -> web.Response:
        return json_answer(error.envelope(self.state.ids.fbtrace_id()), status=error.status)
