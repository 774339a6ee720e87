"""The 3CX endpoint: the checks of DESIGN §2 in their order, and the status of an event."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from libs.chassis.clock import Clock
from libs.contracts.errors import ErrorCode
from libs.store.accounts import Integration
from libs.store.idempotency import Answers
from services.ingress.domain.addresses import Networks, client_address
from services.ingress.domain.answers import (
    METHOD_NOT_ALLOWED,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    Answer,
    answer_from_record,
)
from services.ingress.domain.authentication import (
    Attempt,
    caller_objection,
    message_objection,
    signing,
)
from services.ingress.domain.bodies import NotAnObject, object_from, require_json
from services.ingress.domain.dialects import translated
from services.ingress.handlers.admitting import Doors
from services.ingress.handlers.noting import Note
from services.ingress.handlers.refusing import Refuse
from services.ingress.handlers.rejecting import Reject
from services.ingress.handlers.taking import Take, Webhook
from services.ingress.http.reading import Reading, State, read_body
from services.ingress.ports import RateLimits

MAX_BODY: Final = 262_144  # DESIGN §2
PER_MINUTE: Final = 60  # DESIGN §2
SECRET: Final = "X-WhatsApp-Gateway-3CX-Secret"  # noqa: S105 -- a header's name
TIMESTAMP: Final = "X-WhatsApp-Gateway-Timestamp"
SIGNATURE: Final = "X-WhatsApp-Gateway-Signature"
KEY: Final = "Idempotency-Key"
VISIBLE: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
UNSIGNED: Final = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeCx:
    """Reads and authenticates requests, then hands them on."""

    doors: Doors
    rate_limits: RateLimits
    take: Take
    note: Note
    refuse: Refuse
    reject: Reject
    answers: Answers
    trusted: Networks
    clock: Clock
    body_seconds: float

    async def post(self, request: web.BaseRequest, integration_id: str, path_token: str | None = None) -> Answer:
        """Take one webhook; whoever is not authenticated gets the same answer at the same cost.

        With a `path_token` it is the proof instead of the headers, and GET may be allowed.
        """
        now = self.clock()
        attempt = self._attempt(request)
        integration, door = await self.doors.find(integration_id)
        if path_token is not None:
            attempt = Attempt(attempt.address, (path_token,))
            door = door and door.at_the_side()
        objection = caller_objection(attempt, door, now=now)
        mac = signing(attempt) if attempt.signatures else None
        reading = await read_body(request, limit=MAX_BODY, seconds=self.body_seconds, keep=objection is None, mac=mac)
        if objection is None and reading.state is not State.TOO_LARGE:
            digest = UNSIGNED if mac is None else mac.digest()
            objection = message_objection(attempt, door, now=now, digest=digest)
        if objection is not None:
            self.reject(integration, integration_id, address=attempt.address, reason=objection)
        if objection is not None or integration is None:
            return NOT_AUTHENTICATED
        if reading.state is State.TOO_LARGE:
            return await self.refuse(integration, ErrorCode.PAYLOAD_TOO_LARGE, {"limit": MAX_BODY}, closes=True)
        if request.method == "GET" and not integration.allow_get:
            return METHOD_NOT_ALLOWED
        return await self._authenticated(request, integration, reading, call_events_only=path_token is not None)

    async def _authenticated(
        self, request: web.BaseRequest, integration: Integration, reading: Reading, *, call_events_only: bool
    ) -> Answer:
        wait = await self.rate_limits.hit(integration.id)
        if wait is not None:
            details = {"limit": PER_MINUTE, "retry_after": max(1, math.ceil(wait))}
            return await self.refuse(integration, ErrorCode.WEBHOOK_RATE_LIMITED, details)
        try:
            read = read_from(request, reading)
            key = key_from(request.headers.getall(KEY, ()))
        except NotAnObject as error:
            why = {"field": error.field, "problem": error.problem}
            broken = reading.state is State.BROKEN
            return await self.refuse(integration, ErrorCode.INVALID_JSON, why, closes=broken)
        said = translated(read, integration, now=self.clock())
        if said.internal:
            return await self.note(integration, said)
        return await self.take(
            Webhook(
                integration,
                said.payload,
                reading.body or request.query_string.encode("utf-8", "replace"),
                key,
                dialect=said.dialect,
                subject=said.subject,
                call_events_only=call_events_only,
            )
        )

    async def status(self, request: web.BaseRequest, integration_id: str, event_id: str) -> Answer:
        """Tell what became of one of the integration's events; asking needs address and secret, nothing signed."""
        attempt = self._attempt(request)
        integration, door = await self.doors.find(integration_id)
        objection = caller_objection(attempt, door, now=self.clock())
        if objection is not None:
            self.reject(integration, integration_id, address=attempt.address, reason=objection)
        if objection is not None or integration is None:
            return NOT_AUTHENTICATED
        try:
            event = UUID(event_id)
        except ValueError:
            return NOT_FOUND
        recent = self.take.recent.find(event, integration.id)
        if recent is not None:
            return recent
        record = await self.answers.find(str(event), integration.id)
        return NOT_FOUND if record is None else answer_from_record(event, record)

    def _attempt(self, request: web.BaseRequest) -> Attempt:
        headers = request.headers
        forwarded = headers.getall("X-Forwarded-For", ()) if self.trusted.members else ()
        return Attempt(
            client_address(request.remote or "", forwarded, trusted=self.trusted),
            headers.getall(SECRET, ()),
            headers.getall(TIMESTAMP, ()),
            headers.getall(SIGNATURE, ()),
        )


def read_from(request: web.BaseRequest, reading: Reading) -> dict[str, Any]:
    """Read what a request says: its JSON object, or the query of a GET. Raises NotAnObject."""
    if request.method == "GET":
        query = request.query
        return {name: many[0] if len(many := query.getall(name)) == 1 else many for name in query}
    if reading.state is State.BROKEN:
        raise NotAnObject("body", "did not arrive whole and in time")
    require_json(request.headers.getall("Content-Type", ()))
    return object_from(reading.body)


def key_from(headers: Sequence[str]) -> str | None:
    """Read `Idempotency-Key`: at most 255 visible ASCII characters, once. Raises NotAnObject otherwise."""
    if not headers:
        return None
    if len(headers) != 1 or VISIBLE.fullmatch(headers[0]) is None:
        raise NotAnObject(KEY, "must be 1 to 255 visible ASCII characters, sent once")
    return headers[0]
