"""`ContactBookEndpoint`: `DELETE /{version}/{phone_number_id}/contact_book?messaging_product=whatsapp&bsuid=…`.

A deletion of what is not in the book succeeds too: the simulator keeps no book, only what was deleted from it.
"""

import time
from dataclasses import dataclass

from aiohttp import web

from tools.simulator.fault_responses import json_answer, respond_with_fault
from tools.simulator.graph import token_error
from tools.simulator.meta_errors import MetaError, invalid_request, missing_parameter, unknown_number
from tools.simulator.send_requests import Send
from tools.simulator.simulator_state import SimulatorState

_SUCCESS = b'{"success":true}'


@dataclass(frozen=True, slots=True)
class ContactBookEndpoint:
    """The contact book of every number."""

    state: SimulatorState

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Authenticate, apply the fault script, validate and note the deletion."""
        number, user_id = request.match_info["phone_number_id"], request.query.get("bsuid", "")
        send = Send(number, None, to=user_id, is_contact_book=True)
        error = token_error(request, self.state.settings)
        fault = None if error else self.state.fault_for(send)
        error = error or self._error_in(request, number)
        if fault is not None:
            self.state.history.add_request(send, f"fault:{fault.kind}", at=time.time())
            return await respond_with_fault(
                request,
                fault,
                json_answer(_SUCCESS),
                fbtrace_id=self.state.ids.fbtrace_id(),
                released=self.state.released,
            )
        outcome = f"error:{error.code}" if error else "contact_book"
        self.state.history.add_request(send, outcome, at=time.time())
        if error is not None:
            return json_answer(error.envelope(self.state.ids.fbtrace_id()), status=error.status)
        self.state.contact_book.append((number, user_id))
        return json_answer(_SUCCESS)

    def _error_in(self, request: web.Request, number: str) -> MetaError | None:
        known = self.state.settings.phone_number_ids
        if known and number not in known:
            return unknown_number(number)
        if request.query.get("messaging_product") != "whatsapp":
            return invalid_request("Param messaging_product must be one of {WHATSAPP}.")
        return None if request.query.get("bsuid") else missing_parameter("bsuid")
