"""`MessagesEndpoint`: `POST /{version}/{phone_number_id}/messages`, as Meta answers it. Counts every request once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from tools.simulator.fault_responses import json_answer, respond_with_fault
from tools.simulator.faults import Fault
from tools.simulator.graph import token_error
from tools.simulator.message_checks import error_in_known_template, error_in_media
from tools.simulator.meta_errors import MetaError, error_from, unknown_number
from tools.simulator.send_requests import MEDIA_TYPES, Send, answer_from, error_in, send_from
from tools.simulator.simulator_state import SimulatorState
from tools.simulator.status_schedule import schedule_from
from tools.simulator.webhook_payloads import business_account_of, display_number_of

_SUCCESS = b'{"success":true}'


@dataclass(frozen=True, slots=True)
class MessagesEndpoint:
    """The messages endpoint of every number."""

    state: SimulatorState

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Authenticate, apply the fault script, validate and accept."""
        body = await request.read()
        send = send_from(request.match_info["phone_number_id"], body)
        error = token_error(request, self.state.settings)
        fault = None if error else self.state.fault_for(send)
        if fault is None:
            error = error or self._error_of(send)
            return self._refused(send, error) if error else await self._accepted(send)
        return await self._respond_with_fault(request, send, fault)

    def _error_of(self, send: Send) -> MetaError | None:
        known = self.state.settings.phone_number_ids
        if known and send.phone_number_id not in known:
            return unknown_number(send.phone_number_id)
        error = error_in(send)
        if error is not None or send.is_read:
            return error
        if send.to == display_number_of(send.phone_number_id):
            return error_from(131021)
        if (error := self._content_error(send)) is not None:
            return error
        return self._limit_error(send)

    def _content_error(self, send: Send) -> MetaError | None:
        """Media must be uploaded to the number, and a template known where the business account has any."""
        payload = send.payload or {}
        if send.type in MEDIA_TYPES:
            return error_in_media(send.type, payload[send.type], self._is_uploaded_to(send.phone_number_id))
        known = self.state.templates.get(business_account_of(send.phone_number_id))
        if send.type == "template" and known:
            return error_in_known_template(payload["template"], known)
        return None

    def _is_uploaded_to(self, number: str) -> Callable[[str], bool]:
        uploads = self.state.uploads
        return lambda media_id: media_id in uploads and uploads[media_id].phone_number_id == number

    def _limit_error(self, send: Send) -> MetaError | None:
        behaviour = self.state.behaviour
        if behaviour.window == "answer" and self._window_is_closed(send):
            return error_from(131047)
        if behaviour.pair.enabled and not self.state.pairs.allows(
            send.phone_number_id, send.to, limit=behaviour.pair, now=time.monotonic()
        ):
            return error_from(131056)
        return None

    def _window_is_closed(self, send: Send) -> bool:
        opened = self.state.windows.is_open(send.phone_number_id, send.to, now=time.time())
        return send.type != "template" and not opened

    def _refused(self, send: Send, error: MetaError) -> web.Response:
        self.state.history.add_request(send, f"error:{error.code}", at=time.time())
        return json_answer(error.envelope(self.state.ids.fbtrace_id()), status=error.status)

    async def _accepted(self, send: Send, fault: Fault | None = None) -> web.Response:
        """Store the message and schedule its statuses; a mark-as-read has neither."""
        state, now = self.state, time.time()
        if send.is_read:
            outcome = "typing" if send.shows_typing else "read"
            state.history.add_request(send, outcome if fault is None else f"fault:{fault.kind}", at=now)
            return json_answer(_SUCCESS)
        wamid = state.ids.wamid()
        state.history.add_message(send, wamid, at=now)
        state.history.add_request(send, "accepted" if fault is None else f"fault:{fault.kind}", at=now)
        await self._schedule_statuses(send, wamid, fault)
        answer = answer_from(
            send,
            wamid,
            with_user_id=state.behaviour.user_ids and state.behaviour.answered_user_ids,
            wa_id=state.wa_id_of(send.to),
            user_id=state.user_ids.get(send.to),
            message_status=state.behaviour.template_status,
        )
        return json_answer(answer)

    async def _schedule_statuses(self, send: Send, wamid: str, fault: Fault | None) -> None:
        behaviour, webhooks = self.state.behaviour, self.state.webhooks
        plan = behaviour.statuses
        if not plan.enabled or not behaviour.webhook_urls:
            return
        error = self._status_error(send, fault)
        now, wa_id = time.time(), self.state.wa_id_of(send.to)
        pricing = self.state.pricing_of(send, now=now)
        arrivals = schedule_from(
            plan,
            send,
            wamid=wamid,
            now=now,
            error=error,
            wa_id=wa_id,
            pricing=pricing,
            user_id=self.state.user_ids.get(send.to),
            with_user_id=behaviour.user_ids,
        )
        if "early" in plan.modes and arrivals:
            first = arrivals.pop(0)
            await webhooks.post_status(send.phone_number_id, first.status, delay=0.0)
        post = webhooks.batch_status if "batched" in plan.modes else webhooks.post_status
        for arrival in arrivals:
            post(send.phone_number_id, arrival.status, delay=arrival.delay)

    def _status_error(self, send: Send, fault: Fault | None) -> MetaError | None:
        if fault is not None and fault.kind == "failed_status":
            return error_from(fault.code, fault.details)
        if self.state.behaviour.window == "status" and self._window_is_closed(send):
            return error_from(131047)
        return None

    async def _respond_with_fault(self, request: web.Request, send: Send, fault: Fault) -> web.StreamResponse:
        answer = web.Response()
        if fault.accepts:
            error = self._error_of(send)
            if error is not None:
                return self._refused(send, error)
            answer = await self._accepted(send, fault)
        else:
            self.state.history.add_request(send, f"fault:{fault.kind}", at=time.time())
        return await respond_with_fault(
            request, fault, answer, fbtrace_id=self.state.ids.fbtrace_id(), released=self.state.released
        )
